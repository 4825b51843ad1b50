package ocpp_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/coder/websocket"
)

func TestCallsAreHandledInOrderOneAtATime(t *testing.T) {
	busy, order := 0, ""
	handler := ocpp.HandlerFunc(func(ctx context.Context, c *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
		if busy++; busy != 1 {
			t.Errorf("%d calls at a time", busy)
		}
		pause(time.Second)
		busy--
		order += call.ID
		return central(ctx, c, call)
	})
	inBubble(t, handler, ocpp.ConnOptions{PingInterval: -1}, func(t *testing.T, r *rig) {
		for i := range 5 {
			r.say(fmt.Sprintf(`[2,"%d","Heartbeat",{}]`, i))
		}
		pause(time.Minute)
		for i := range 5 {
			if m := string(<-r.out); !strings.HasPrefix(m, fmt.Sprintf(`[3,"%d",`, i)) {
				t.Errorf("answer %d is %s", i, m)
			}
		}
		if order != "01234" {
			t.Errorf("the order is %s", order)
		}
	})
}

func TestErrorsOfTheHandler(t *testing.T) {
	for name, test := range map[string]struct {
		response ocpp.Response
		err      error
		panics   bool
		want     string
	}{
		"a CALLERROR":           {err: ocpp.Errorf(ocpp.SecurityError, "not accepted yet"), want: `"SecurityError","not accepted yet",{}]`},
		"a wrapped CALLERROR":   {err: fmt.Errorf("x: %w", ocpp.Errorf(ocpp.NotSupported, "no")), want: `"NotSupported","no",{}]`},
		"with details":          {err: &ocpp.CallError{Code: ocpp.GenericError, Details: []byte(`{"a":1}`)}, want: `"GenericError","",{"a":1}]`},
		"another error":         {err: errors.New("dial db.internal: secret"), want: `"InternalError","the call could not be processed",{}]`},
		"a panic":               {panics: true, want: `"InternalError","the call could not be processed",{}]`},
		"no response":           {want: `"InternalError","the call could not be processed",{}]`},
		"a response of another": {response: &v16.ResetConf{Status: v16.Accepted}, want: `"InternalError","the call could not be processed",{}]`},
		"an invalid response":   {response: &v16.HeartbeatConf{}, want: `"InternalError","the call could not be processed",{}]`},
		"a nil response":        {response: (*v16.HeartbeatConf)(nil), want: `"InternalError","the call could not be processed",{}]`},
	} {
		t.Run(name, func(t *testing.T) {
			handler := ocpp.HandlerFunc(func(context.Context, *ocpp.Conn, ocpp.Call) (ocpp.Response, error) {
				if test.panics {
					panic("secret")
				}
				return test.response, test.err
			})
			inBubble(t, handler, ocpp.ConnOptions{}, func(t *testing.T, r *rig) {
				r.say(heartbeat)
				r.hears(`[4,"h1",` + test.want)
				r.say(`[2,"h2","Heartbeat",{}]`) // and it goes on
				r.hears(`[4,"h2",` + test.want)
				if logged := strings.Contains(r.logged.String(), "action=Heartbeat"); logged != strings.Contains(test.want, "InternalError") {
					t.Errorf("the log is %s", r.logged.String())
				}
			})
		})
	}
}

func TestErrorCodesOfCallsThatCannotBeHandled(t *testing.T) {
	long := strings.Repeat("x", 37)
	inBubble(t, ocpp.HandlerFunc(central), ocpp.ConnOptions{}, func(t *testing.T, r *rig) {
		for _, test := range []struct{ message, want string }{
			{`[2,"1","Bogus",{}]`, `[4,"1","NotImplemented","the action is not one of OCPP 1.6",{}]`},
			{`[2,"2","Reset",{"type":"Hard"}]`, `[4,"2","NotSupported","Reset is not for the central system",{}]`},
			{`[2,"3","Authorize",[]]`, `[4,"3","FormationViolation","the payload is not a JSON object",{}]`},
			{`[2,"4","Authorize",{}]`, `[4,"4","OccurenceConstraintViolation","idTag is missing",{}]`},
			{`[2,"5","Authorize",{"idTag":5}]`, `[4,"5","TypeConstraintViolation","idTag is not a string",{}]`},
			{`[2,"6","Authorize",{"idTag":"` + long + `"}]`, `[4,"6","PropertyConstraintViolation","idTag has more than 20 characters",{}]`},
			{`[2,"7","Authorize"]`, `[4,"7","FormationViolation","a CALL has 4 elements, not 3",{}]`},
			{`[2,"8",8,{}]`, `[4,"8","FormationViolation","the action is no string",{}]`},
			{`[2,"` + long + `","Heartbeat",{}]`, `[4,"` + long + `","FormationViolation","the message ID must have 1 to 36 characters",{}]`},
			{`[2,"9","Authorize",{"idTag":"A"}]`, `[4,"9","NotSupported","not in this test",{}]`},
		} {
			r.say(test.message)
			r.hears(test.want)
		}
	})
}

func TestWhatIsNoMessageIsIgnored(t *testing.T) {
	inBubble(t, ocpp.HandlerFunc(central), ocpp.ConnOptions{}, func(t *testing.T, r *rig) {
		for _, m := range []string{``, `hello`, `{}`, `[]`, `[2]`, `[2,7,"Heartbeat",{}]`, `[2,"","Heartbeat",{}]`, `[9,"a",{}]`, `["2","a","Heartbeat",{}]`, "\xff"} {
			r.say(m)
			r.hears()
		}
		r.problem("unknown message type")
		r.problem("not a JSON array")
		r.problem("not valid UTF-8")
		r.say(heartbeat)
		r.hears(heartbeatOK)
	})
}

func TestFactThatViolatesTheStandardIsServed(t *testing.T) {
	var violation error
	handler := ocpp.HandlerFunc(func(ctx context.Context, c *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
		violation = call.Violation
		return central(ctx, c, call)
	})
	inBubble(t, handler, ocpp.ConnOptions{}, func(t *testing.T, r *rig) {
		r.say(`[2,"s","StartTransaction",{"connectorId":1,"idTag":"a tag of more than 20 characters","meterStart":1,"timestamp":"?"}]`)
		r.hears(`[3,"s",{"idTagInfo":{"status":"Accepted"},"transactionId":42}]`)
		r.problem("served though it violates the standard: PropertyConstraintViolation: idTag")
		if violation == nil {
			t.Error("the handler is not told")
		}
	})
}

func TestDuplicateMessageIDs(t *testing.T) {
	var handled []string
	var slow time.Duration
	handler := ocpp.HandlerFunc(func(ctx context.Context, c *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
		handled = append(handled, fmt.Sprintf("%s %v", call.ID, call.Repeated))
		pause(slow)
		return central(ctx, c, call)
	})
	inBubble(t, handler, ocpp.ConnOptions{PingInterval: -1}, func(t *testing.T, r *rig) {
		slow = time.Second
		r.say(heartbeat, heartbeat, `[2,"h1","DataTransfer",{"vendorId":"v"}]`)
		pause(time.Minute)
		r.hears(heartbeatOK, `[4,"h1","GenericError","another call with this message ID is being processed",{}]`)
		r.problem("one answer is for both")
		r.problem("the ID of another call")

		slow = 0
		r.say(heartbeat) // a retry after a time-out of the station
		r.hears(heartbeatOK)
		r.problem("the ID of an earlier call")
		if got := strings.Join(handled, ", "); got != "h1 false, h1 true" {
			t.Errorf("handled are %s", got)
		}
	})
}

func TestTooManyCallsAtOnce(t *testing.T) {
	var held chan struct{} // made in the bubble
	handler := ocpp.HandlerFunc(func(ctx context.Context, c *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
		<-held
		return central(ctx, c, call)
	})
	inBubble(t, handler, ocpp.ConnOptions{MaxCalls: 2}, func(t *testing.T, r *rig) {
		held = make(chan struct{})
		r.say(`[2,"1","Heartbeat",{}]`, `[2,"2","Heartbeat",{}]`, `[2,"3","Heartbeat",{}]`)
		close(held)
		ok := `{"currentTime":"2026-01-02T03:04:05.000Z"}]`
		r.hears(`[3,"1",`+ok, `[3,"2",`+ok, `[4,"3","InternalError","too many calls at once: wait for answers",{}]`)

		held = make(chan struct{})
		for i := range 5 {
			r.say(fmt.Sprintf(`[2,"f%d","Heartbeat",{}]`, i))
		}
		close(held)
		<-r.over
		if r.status != websocket.StatusPolicyViolation || r.err == nil || !strings.Contains(r.err.Error(), "too many calls") {
			t.Errorf("it ends with %v, status %d", r.err, r.status)
		}
	})
}

// keeper notes what a Handler is told.
type keeper struct {
	ocpp.HandlerFunc
	log  []string
	seen atomic.Int64
}

func (k *keeper) Connected(context.Context, *ocpp.Conn) { k.log = append(k.log, "connected") }
func (k *keeper) Seen(*ocpp.Conn)                       { k.seen.Add(1) }
func (k *keeper) Disconnected(_ *ocpp.Conn, reason error) {
	k.log = append(k.log, "disconnected: "+reason.Error())
}

func TestWhatWasReceivedIsHandledThoughTheConnectionIsLost(t *testing.T) {
	k := &keeper{}
	k.HandlerFunc = func(ctx context.Context, c *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
		pause(time.Second)
		if ctx.Err() != nil {
			t.Errorf("%s: %v", call.ID, ctx.Err())
		}
		k.log = append(k.log, call.ID)
		return central(ctx, c, call)
	}
	inBubble(t, k, ocpp.ConnOptions{PingInterval: -1}, func(t *testing.T, r *rig) {
		r.in <- []byte(`[2,"a","Heartbeat",{}]`)
		r.in <- []byte(`[2,"b","Heartbeat",{}]`)
		synctest.Wait()
		r.CloseNow()
		<-r.over
		r.hears()
		if got := strings.Join(k.log, ", "); got != "connected, a, b, disconnected: ocpp: connection lost: line closed" {
			t.Errorf("the handler is told: %s", got)
		}
		r.problem("not sent: ")
	})
}

func TestHandlersHaveADeadline(t *testing.T) {
	handler := ocpp.HandlerFunc(func(ctx context.Context, _ *ocpp.Conn, _ ocpp.Call) (ocpp.Response, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	inBubble(t, handler, ocpp.ConnOptions{HandleTimeout: 20 * time.Second, PingInterval: -1}, func(t *testing.T, r *rig) {
		start := time.Now()
		r.say(heartbeat)
		if m := string(<-r.out); !strings.HasPrefix(m, `[4,"h1","InternalError"`) || time.Since(start) != 20*time.Second {
			t.Errorf("%s after %v", m, time.Since(start))
		}
	})
}

func TestPongDeadlineCutsAHalfOpenConnection(t *testing.T) {
	k := &keeper{HandlerFunc: central}
	inBubble(t, k, ocpp.ConnOptions{PingInterval: 40 * time.Second, PongTimeout: 20 * time.Second}, func(t *testing.T, r *rig) {
		r.ping = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		start := time.Now()
		done := r.call(t.Context(), reset)
		<-r.over
		if d := time.Since(start); d < 50*time.Second || d > 60*time.Second || !errors.Is(r.err, ocpp.ErrNoPong) {
			t.Errorf("it ends with %v after %v", r.err, d)
		}
		if o := r.ended(done); !errors.Is(o.err, ocpp.ErrNoAnswer) {
			t.Errorf("the call ends with %v", o.err)
		}
	})
}

func TestAnyMessageCountsAsASignOfLife(t *testing.T) {
	k := &keeper{HandlerFunc: central}
	inBubble(t, k, ocpp.ConnOptions{PingInterval: 40 * time.Second, PongTimeout: 20 * time.Second}, func(t *testing.T, r *rig) {
		r.ping = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() } // a station that does not know pings
		for i := range 100 {
			pause(15 * time.Second)
			r.say(fmt.Sprintf(`[3,"x%d",{}]`, i))
		}
		if r.conn.Err() != nil || k.seen.Load() != 100 || time.Since(r.conn.LastSeen()) != 0 {
			t.Errorf("%v, seen %d times, last at %v", r.conn.Err(), k.seen.Load(), r.conn.LastSeen())
		}
	})
	inBubble(t, k, ocpp.ConnOptions{PingInterval: 40 * time.Second}, func(t *testing.T, r *rig) {
		k.seen.Store(0)
		pause(time.Hour)
		if r.conn.Err() != nil || k.seen.Load() < 90 || k.seen.Load() > 120 {
			t.Errorf("%v, seen %d times", r.conn.Err(), k.seen.Load())
		}
	})
}

func TestCloseTellsWhy(t *testing.T) {
	k := &keeper{HandlerFunc: central}
	inBubble(t, k, ocpp.ConnOptions{}, func(t *testing.T, r *rig) {
		r.conn.Close(websocket.StatusServiceRestart, "see you")
		<-r.over
		if !errors.Is(r.err, ocpp.ErrClosed) || r.status != websocket.StatusServiceRestart || r.conn.Epoch() != 7 || r.conn.Identity() != "CP-1" {
			t.Errorf("it ends with %v, status %d", r.err, r.status)
		}
		r.conn.Close(websocket.StatusNormalClosure, "again")
	})
}

package ocpp_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

var reset = &v16.ResetReq{Type: v16.ResetSoft}

func TestCallIsAnswered(t *testing.T) {
	inBubble(t, ocpp.HandlerFunc(central), ocpp.ConnOptions{}, func(t *testing.T, r *rig) {
		done := r.call(t.Context(), reset)
		id, action := r.asked()
		if action != "Reset" || len(id) > ocpp.MaxID {
			t.Errorf("the call is %s with the ID %q", action, id)
		}
		r.pending(done)
		r.say(`[3,"` + id + `",{"status":"Accepted"}]`)
		if o := r.ended(done); o.err != nil || o.response.(*v16.ResetConf).Status != v16.Accepted {
			t.Errorf("%+v", o)
		}
	})
}

func TestMessageIDsAreUniqueOnAConnection(t *testing.T) {
	inBubble(t, ocpp.HandlerFunc(central), ocpp.ConnOptions{}, func(t *testing.T, r *rig) {
		ids := map[string]bool{}
		for range 500 {
			done := r.call(t.Context(), reset)
			id, _ := r.asked()
			if ids[id] || len(id) > ocpp.MaxID {
				t.Fatalf("the ID is %q", id)
			}
			ids[id] = true
			r.say(`[3,"` + id + `",{"status":"Accepted"}]`)
			r.ended(done)
		}
	})
}

func TestCallErrorIsAnAnswer(t *testing.T) {
	inBubble(t, ocpp.HandlerFunc(central), ocpp.ConnOptions{}, func(t *testing.T, r *rig) {
		done := r.call(t.Context(), reset)
		id, _ := r.asked()
		r.say(`[4,"` + id + `","NotSupported","no reset here",{"why":"x"}]`)
		o := r.ended(done)
		var e *ocpp.CallError
		if !errors.As(o.err, &e) || e.Code != ocpp.NotSupported || e.Description != "no reset here" || string(e.Details) != `{"why":"x"}` {
			t.Errorf("%+v", o)
		}
		if errors.Is(o.err, ocpp.ErrNoAnswer) || errors.Is(o.err, ocpp.ErrNotSent) {
			t.Errorf("%v counts as not answered", o.err)
		}
	})
}

func TestAnswerThatCannotBeReadIsNoAnswer(t *testing.T) {
	for _, answer := range []string{`,{"status":"Perhaps"}]`, `,{}]`, `]`, `,7]`, `,{},{}]`} {
		inBubble(t, ocpp.HandlerFunc(central), ocpp.ConnOptions{}, func(t *testing.T, r *rig) {
			done := r.call(t.Context(), reset)
			id, _ := r.asked()
			r.say(`[3,"` + id + `"` + answer)
			o := r.ended(done)
			var e *ocpp.CallError
			if !errors.Is(o.err, ocpp.ErrNoAnswer) || errors.As(o.err, &e) {
				t.Errorf("%s: %+v", answer, o)
			}
			r.problem("cannot be read")
		})
	}
}

func TestOneCallIsUnderWayAtATime(t *testing.T) {
	inBubble(t, ocpp.HandlerFunc(central), ocpp.ConnOptions{}, func(t *testing.T, r *rig) {
		first := r.call(t.Context(), reset)
		id, _ := r.asked()
		second := r.call(t.Context(), &v16.UnlockConnectorReq{ConnectorID: 1})
		r.hears()
		r.say(`[3,"` + id + `",{"status":"Accepted"}]`)
		r.ended(first)
		next, action := r.asked()
		if action != "UnlockConnector" || next == id {
			t.Errorf("then comes %s with the ID %s", action, next)
		}
		r.say(`[3,"` + next + `",{"status":"Unlocked"}]`)
		if o := r.ended(second); o.err != nil {
			t.Errorf("%v", o.err)
		}
	})
}

func TestCallsOfBothSidesCross(t *testing.T) {
	var release chan struct{} // made in the bubble
	handler := ocpp.HandlerFunc(func(ctx context.Context, c *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
		<-release
		return central(ctx, c, call)
	})
	inBubble(t, handler, ocpp.ConnOptions{}, func(t *testing.T, r *rig) {
		release = make(chan struct{})
		done := r.call(t.Context(), reset)
		id, _ := r.asked()
		r.say(heartbeat) // it came before the answer, and takes its time
		r.hears()
		r.say(`[3,"` + id + `",{"status":"Accepted"}]`)
		if o := r.ended(done); o.err != nil {
			t.Errorf("the answer waits for the station's call: %v", o.err)
		}
		close(release)
		r.hears(heartbeatOK)
	})
}

func TestHandlerCanCallTheStationThatCallsIt(t *testing.T) {
	handler := ocpp.HandlerFunc(func(ctx context.Context, c *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
		if _, err := v16.Call(ctx, c, reset); err != nil {
			return nil, err
		}
		return central(ctx, c, call)
	})
	inBubble(t, handler, ocpp.ConnOptions{}, func(t *testing.T, r *rig) {
		r.say(heartbeat)
		id, _ := r.asked()
		r.say(`[3,"` + id + `",{"status":"Accepted"}]`)
		r.hears(heartbeatOK)
	})
}

func TestNoAnswerInTimeLeavesItUnknown(t *testing.T) {
	inBubble(t, ocpp.HandlerFunc(central), ocpp.ConnOptions{CallTimeout: 10 * time.Second, PingInterval: -1}, func(t *testing.T, r *rig) {
		start := time.Now()
		done := r.call(t.Context(), reset)
		id, _ := r.asked()
		o := <-done
		if !errors.Is(o.err, ocpp.ErrNoAnswer) || !errors.Is(o.err, ocpp.ErrTimeout) || time.Since(start) != 10*time.Second {
			t.Errorf("%v after %v", o.err, time.Since(start))
		}
		next := r.call(t.Context(), &v16.UnlockConnectorReq{ConnectorID: 1}) // the way is free again
		nextID, _ := r.asked()

		r.say(`[3,"` + id + `",{"status":"Rejected"}]`)
		r.problem("after the time-out")
		r.say(`[3,"`+id+`",{"status":"Rejected"}]`, `[3,"nobody",{}]`, `[4,"nobody","GenericError","",{}]`)
		r.problem("a second answer")
		r.problem("to no call")
		r.pending(next)
		r.say(`[3,"` + nextID + `",{"status":"Unlocked"}]`)
		if o := r.ended(next); o.err != nil {
			t.Errorf("%v", o.err)
		}
		r.say(`[3,"` + nextID + `",{"status":"UnlockFailed"}]`)
		if len(r.late) != 1 || r.late[0] != "Reset Rejected" {
			t.Errorf("late are %q", r.late)
		}
	})
}

func TestAnswerThatComesAsItsTimeRunsOutIsLateAndNotLost(t *testing.T) {
	inBubble(t, ocpp.HandlerFunc(central), ocpp.ConnOptions{CallTimeout: 10 * time.Second, PingInterval: -1}, func(t *testing.T, r *rig) {
		done := r.call(t.Context(), &v16.ClearCacheReq{})
		id, _ := r.asked()
		r.say(`[3,"` + id + `",{"status":"Accepted"}]`)
		pause(2 * time.Minute)
		if o := r.ended(done); !errors.Is(o.err, ocpp.ErrTimeout) || len(r.late) != 1 || r.late[0] != "ClearCache answered" {
			t.Errorf("%v, late are %q", o.err, r.late)
		}
	})
}

func TestCallThatIsGivenUpKeepsItsTurn(t *testing.T) {
	inBubble(t, ocpp.HandlerFunc(central), ocpp.ConnOptions{CallTimeout: 10 * time.Second, PingInterval: -1}, func(t *testing.T, r *rig) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		done := r.call(ctx, reset)
		id, _ := r.asked()
		next := r.call(t.Context(), &v16.UnlockConnectorReq{ConnectorID: 1})
		o := <-done
		if !errors.Is(o.err, ocpp.ErrNoAnswer) || !errors.Is(o.err, context.DeadlineExceeded) {
			t.Errorf("%v", o.err)
		}
		r.hears()
		r.say(`[3,"` + id + `",{"status":"Accepted"}]`)
		if _, action := r.asked(); action != "UnlockConnector" {
			t.Errorf("then comes %s", action)
		}
		r.pending(next)
	})
}

// notSent checks that nothing has left.
func notSent(t *testing.T, o outcome, reason error) {
	t.Helper()
	if !errors.Is(o.err, ocpp.ErrNotSent) || errors.Is(o.err, ocpp.ErrNoAnswer) || reason != nil && !errors.Is(o.err, reason) {
		t.Errorf("%v, want it not sent: %v", o.err, reason)
	}
}

func TestNotSentIsCertain(t *testing.T) {
	inBubble(t, ocpp.HandlerFunc(central), ocpp.ConnOptions{PingInterval: -1}, func(t *testing.T, r *rig) {
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		notSent(t, r.ended(r.call(cancelled, reset)), context.Canceled)

		var e *ocpp.CallError
		o := r.ended(r.call(t.Context(), &v16.ResetReq{}))
		notSent(t, o, nil)
		if errors.As(o.err, &e) {
			t.Errorf("%v passes for the station's answer", o.err)
		}
		notSent(t, r.ended(r.call(t.Context(), &v16.HeartbeatReq{})), nil)
		r.hears()

		// One that waits for its turn when the connection is lost.
		first := r.call(t.Context(), reset)
		r.asked()
		second := r.call(t.Context(), reset)
		r.pending(second)
		r.CloseNow()
		if o := r.ended(first); !errors.Is(o.err, ocpp.ErrNoAnswer) || !errors.Is(o.err, errLineClosed) {
			t.Errorf("the first ends with %v", o.err)
		}
		notSent(t, r.ended(second), errLineClosed)
		notSent(t, r.ended(r.call(t.Context(), reset)), errLineClosed)
		r.hears()
	})
}

func TestFailedWriteLeavesItUnknown(t *testing.T) {
	inBubble(t, ocpp.HandlerFunc(central), ocpp.ConnOptions{}, func(t *testing.T, r *rig) {
		broken := errors.New("broken pipe")
		r.write = func() error { return broken }
		o := r.ended(r.call(t.Context(), reset))
		if !errors.Is(o.err, ocpp.ErrNoAnswer) || !errors.Is(o.err, broken) {
			t.Errorf("%v", o.err)
		}
		<-r.over
		if !errors.Is(r.err, broken) {
			t.Errorf("the connection ends with %v", r.err)
		}
	})
}

func TestWriteDeadlineCutsAPeerThatTakesNothing(t *testing.T) {
	inBubble(t, ocpp.HandlerFunc(central), ocpp.ConnOptions{WriteTimeout: 5 * time.Second}, func(t *testing.T, r *rig) {
		r.write = func() error { <-r.closed; return errLineClosed }
		start := time.Now()
		r.say(heartbeat)
		<-r.over
		if d := time.Since(start); d != 5*time.Second || !errors.Is(r.err, ocpp.ErrWriteTimeout) {
			t.Errorf("it ends with %v after %v", r.err, d)
		}
	})
}

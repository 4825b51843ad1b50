package charging_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/coder/websocket"
)

// refusedWith returns the status with which a station is refused.
func (w *world) refusedWith(id, password string) int {
	w.t.Helper()
	_, err := w.dial(id, nil, &ocpp.ClientOptions{Password: password})
	refused := (*ocpp.HandshakeError)(nil)
	if !errors.As(err, &refused) {
		w.t.Errorf("%s: %v", id, err)
		return 0
	}
	return refused.Status
}

func TestUnknownStationsAreAcceptedSoManyInAMinute(t *testing.T) {
	t.Parallel()
	clock := aethertest.NewClock(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	w := newWorld(t, charging.Config{AcceptUnknown: true, AcceptPerMinute: 2, Clock: clock})
	w.connect("CP-1", nil)
	w.connect("CP-2", nil)
	if status := w.refusedWith("CP-3", ""); status != http.StatusServiceUnavailable || len(w.types("CP-3")) != 0 {
		t.Errorf("the third: %d, %v", status, w.types("CP-3"))
	}
	w.connect("CP-1", nil) // it is known
	clock.Advance(time.Minute)
	w.connect("CP-3", nil)
}

// The clock of the machine that had the stations before may have been ahead.
func TestEpochGoesOnWhenTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{})
	w.register("CP-1")
	ahead := time.Now().AddDate(1, 0, 0).UnixMicro()
	if err := w.charging.WasConnected(t.Context(), "CP-1", ahead); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.until("it is offline", func() bool { return !w.station("CP-1").Online })
	b := w.connect("CP-1", nil)
	b.boot()
	w.until("it is online", func() bool { return w.station("CP-1").Online })
	b.pull()
	w.until("it is gone", func() bool { return !w.station("CP-1").Online })
}

// A station that shows the new one of two keys has it.
func TestPasswordThatIsShownIsConfirmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{})
	const old, new = "0123456789abcdefghij", "jihgfedcba9876543210"
	w.must(http.MethodPost, "/stations", map[string]any{"id": "CP-1", "password": old}, nil)
	if err := w.charging.TellKey(t.Context(), "CP-1", new); err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{old, new} {
		b, err := w.dial("CP-1", nil, &ocpp.ClientOptions{Password: password})
		if err != nil {
			t.Fatalf("with %s: %v", password, err)
		}
		say(b, &v16.BootNotificationReq{ChargePointVendor: "Volt", ChargePointModel: "Duo"})
	}
	if status := w.refusedWith("CP-1", old); status != http.StatusUnauthorized {
		t.Errorf("with the old one: %d", status)
	}
	if _, err := w.dial("CP-1", nil, &ocpp.ClientOptions{Password: new}); err != nil {
		t.Errorf("with the new one: %v", err)
	}
}

func TestServedStationIsDisconnected(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{})
	w.register("CP-1")
	b := w.connect("CP-1", nil)
	b.boot()
	w.charging.Disconnect("CP-2", "it is not there")
	w.charging.Disconnect("CP-1", "the password is another one now")
	closed := websocket.CloseError{}
	if err := <-b.over; !errors.As(err, &closed) || closed.Code != websocket.StatusPolicyViolation || !strings.Contains(closed.Reason, "password") {
		t.Errorf("it ends with %v", err)
	}
	w.until("it is offline", func() bool { return !w.station("CP-1").Online })
}

// However short the silence is that counts, a station that answers pings is not silent.
func TestServerPingsBeforeAStationIsSilent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{Silence: 3 * time.Second})
	w.register("CP-1")
	pinged := make(chan struct{}, 10)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(w.url, "http")+"/ocpp/CP-1", &websocket.DialOptions{
		Subprotocols: []string{"ocpp1.6"},
		OnPingReceived: func(context.Context, []byte) bool {
			pinged <- struct{}{}
			return true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	conn.CloseRead(ctx)
	for range 2 {
		select {
		case <-pinged:
		case <-ctx.Done():
			t.Fatal("no ping came")
		}
	}
	if slices.Contains(w.types("CP-1"), "StationWentOffline") {
		t.Errorf("it was offline: %v", w.types("CP-1"))
	}
}

// A node that has no stations any more knows nothing of them, and has nothing under way.
func TestServedStationsAreForgottenAtTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{})
	w.register("CP-1")
	w.connect("CP-1", nil).boot()
	if len(w.charging.Wire("CP-1").Messages) == 0 || w.charging.Seen("CP-1").IsZero() {
		t.Error("nothing is known of the station")
	}
	stopped, early := make(chan struct{}), make(chan bool, 1)
	w.charging.Background(func() {
		select {
		case <-stopped:
			early <- true
		case <-time.After(500 * time.Millisecond):
			early <- false
		}
	})
	w.stop()
	close(stopped)
	if <-early {
		t.Error("it ended before what was under way")
	}
	if log := w.charging.Wire("CP-1"); len(log.Messages) != 0 || !w.charging.Seen("CP-1").IsZero() {
		t.Errorf("it knows still %d messages, and when the station was seen", len(log.Messages))
	}
}

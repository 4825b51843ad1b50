package charging

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/station"
)

// Disconnect, Background and Seen are what the tests of the system reach for.
func (c *Charging) Disconnect(id, why string) { c.disconnect(id, why) }
func (c *Charging) Background(f func())       { c.background.Go(f) }
func (c *Charging) Seen(id string) time.Time  { last, _ := c.presence.seen(id); return last }

// WasConnected has a station have been connected by another server.
func (c *Charging) WasConnected(ctx context.Context, id string, epoch int64) error {
	for _, fact := range []station.Message{
		station.Connected{Epoch: epoch, At: c.now()}, station.Disconnected{Epoch: epoch, Reason: station.Closed, At: c.now()},
	} {
		if _, err := c.stations.Record(ctx, stationActor(id), fact, nil); err != nil {
			return err
		}
	}
	return nil
}

// TellKey has a station be about to be told a new key.
func (c *Charging) TellKey(ctx context.Context, id, password string) error {
	hash, err := ocpp.HashKey([]byte(password)).MarshalText()
	if err != nil {
		return err
	}
	_, err = c.records.Do(ctx, recordActor(id), registry.NewKey{Key: string(hash), At: c.now()}, nil)
	return err
}

// That a station of ours is refused is in the log, but not each time that it tries again.
func TestPasswordRefusalsAreLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	clock := aethertest.NewClock(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	d := &door{Charging: &Charging{clock: clock, logger: slog.New(slog.NewTextHandler(&log, nil))}}
	lines := func() int {
		n := strings.Count(log.String(), "\n")
		log.Reset()
		return n
	}
	for range 100 {
		d.refused(t.Context(), "CP-1", "192.0.2.1:5000", http.StatusUnauthorized, "the password is wrong")
		d.refused(t.Context(), "CP-2", "192.0.2.1:5000", http.StatusForbidden, "TLS is needed")
		d.refused(t.Context(), "CP-3", "192.0.2.1:5000", http.StatusServiceUnavailable, "later")
	}
	if text := log.String(); !strings.Contains(text, "level=INFO") || !strings.Contains(text, "station=CP-1") || !strings.Contains(text, "the password is wrong") || !strings.Contains(text, "192.0.2.1") {
		t.Errorf("the log is %s", text)
	}
	if n := lines(); n != 2 {
		t.Errorf("the log has %d lines, want 2", n)
	}
	clock.Advance(time.Minute)
	for i := range 3 * mostTold {
		d.refused(t.Context(), fmt.Sprint("CP-", i), "192.0.2.1:5000", http.StatusUnauthorized, "the password is wrong")
	}
	if n := lines(); n != mostTold || len(d.told) != mostTold {
		t.Errorf("of many stations the log has %d lines, and %d are remembered", n, len(d.told))
	}
}

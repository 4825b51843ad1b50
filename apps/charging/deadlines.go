package charging

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/deadline"
)

// The names of the other deadlines of a station have the command's ID or the
// reservation's behind them.
const (
	dueCommand     = "command/"
	dueReservation = "reservation/"
)

// dueRule says what is due later because of the events of stations.
func (c *Charging) dueRule() deadline.Rule {
	return deadline.Rule{
		Name: Name, Version: 1, Kinds: []string{station.Kind},
		Types: []string{
			"StationCameOnline", "StationWentOffline", "CommandAccepted", "CommandEffective", "CommandFailed", "CommandExpired",
			"ReservationMade", "ReservationEnded",
		},
		Derive: func(e aether.Event) ([]deadline.Change, error) {
			event, err := c.events.stations.Decode(e)
			if err != nil {
				return nil, err
			}
			return due(event), nil
		},
		Fire: c.fire,
	}
}

// due says which deadlines an event sets and clears.
func due(event station.Event) []deadline.Change {
	switch e := event.(type) {
	case station.StationCameOnline:
		return []deadline.Change{deadline.Set(dueSilence, e.At)}
	case station.StationWentOffline:
		return []deadline.Change{deadline.Clear(dueSilence)}
	case station.CommandAccepted:
		if !e.Until.IsZero() {
			return []deadline.Change{deadline.Set(dueCommand+e.ID, e.Until)}
		}
	case station.CommandEffective:
		return []deadline.Change{deadline.Clear(dueCommand + e.ID)}
	case station.CommandFailed:
		return []deadline.Change{deadline.Clear(dueCommand + e.ID)}
	case station.CommandExpired:
		return []deadline.Change{deadline.Clear(dueCommand + e.ID)}
	case station.ReservationMade:
		return []deadline.Change{deadline.Set(dueReservation+strconv.Itoa(e.Reservation), e.Until)}
	case station.ReservationEnded:
		return []deadline.Change{deadline.Clear(dueReservation + strconv.Itoa(e.Reservation))}
	}
	return nil
}

// fire does what is due.
func (c *Charging) fire(ctx context.Context, d deadline.Deadline) error {
	if d.Name == dueSilence {
		event, err := c.events.stations.Decode(d.Event)
		if err != nil {
			return err
		}
		online, ok := event.(station.StationCameOnline)
		if !ok {
			return fmt.Errorf("charging: %q is set by a %s", d.Name, d.Event.Type)
		}
		return c.silent(ctx, d, online.Epoch)
	}
	var message station.Message
	if id, ok := strings.CutPrefix(d.Name, dueCommand); ok {
		message = station.ExpireCommand{ID: id, At: c.now()}
	} else if number, err := strconv.Atoi(strings.TrimPrefix(d.Name, dueReservation)); err == nil {
		message = station.ExpireReservation{Reservation: number, At: c.now()}
	} else {
		return fmt.Errorf("charging: %q is no deadline of a station", d.Name)
	}
	_, err := c.stations.Do(ctx, d.ActorID, message, &actor.DoOptions{
		CommandID: d.CommandID, Metadata: aether.Metadata{CorrelationID: d.Event.Metadata.CorrelationID},
	})
	if refusal := (*aether.Refusal)(nil); errors.As(err, &refusal) && refusal.Reason == station.NotDue {
		return deadline.Later(d.At) // the clock was set back
	}
	return err
}

package charging

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/effect"
)

// What a station's stream has about a transaction comes to the session of that transaction,
// which is another actor: by effects, so that no crash in between loses it. They are keyed
// by what a session knows of already, and made in the order of the events.

// bookTypes are the types of the events of a station that a session is told of.
var bookTypes = []string{"TransactionStarted", "TransactionStopped", "TransactionAbandoned"}

func (c *Charging) bookEffects() []effect.Effect {
	return []effect.Effect{{
		Name: "book-session", Kinds: []string{station.Kind}, Types: bookTypes, FromStart: true, Keyed: true,
		Request: func(e aether.Event) (effect.Request, bool, error) {
			event, err := c.events.stations.Decode(e)
			if err != nil {
				return effect.Request{}, false, err
			}
			number, asked := bookedIn(event)
			return effect.Request{Target: sessionActor(key(e.ActorID), number), Timeout: time.Minute}, asked, nil
		},
		Call: c.book,
		// It is our own store that is asked, so it is asked until it answers.
		Retry: effect.Retry{Attempts: 1 << 20, Within: 10 * 365 * 24 * time.Hour, MaxBackoff: time.Minute},
	}}
}

// bookedIn returns the transaction that an event is about.
func bookedIn(event station.Event) (number int, asked bool) {
	switch e := event.(type) {
	case station.TransactionStarted:
		return e.Transaction, true
	case station.TransactionStopped:
		return e.Transaction, true
	case station.TransactionAbandoned:
		return e.Transaction, true
	}
	return 0, false
}

// book tells a session what its station has told, and prices it when it has ended.
func (c *Charging) book(ctx context.Context, call effect.Call) (json.RawMessage, error) {
	cause := call.Cause
	event, err := c.events.stations.Decode(cause)
	if err != nil {
		return nil, err
	}
	id := key(cause.ActorID)
	number, _ := bookedIn(event)
	actorID := sessionActor(id, number)
	options := func(suffix string) *actor.DoOptions {
		return &actor.DoOptions{CommandID: call.ID + suffix, Metadata: aether.Metadata{
			CorrelationID: cause.Metadata.CorrelationID, CausationID: cause.ID, Traceparent: cause.Metadata.Traceparent,
		}}
	}
	var fact session.Command
	switch e := event.(type) {
	case station.TransactionStarted:
		fact = session.Start{
			Station: id, Transaction: number, Connector: e.Connector, IDTag: e.IDTag, Account: e.Account,
			MeterStart: e.MeterStart, Authorisation: e.Authorisation, Timestamp: e.StationTime, At: e.At,
		}
	case station.TransactionStopped:
		fact = session.Stop{MeterStop: e.MeterStop, Reason: e.Reason, IDTag: e.IDTag, Timestamp: e.StationTime, At: e.At}
	case station.TransactionAbandoned:
		fact = session.Abandon{Reason: e.Reason, At: e.At}
	}
	if _, err := c.sessions.Record(ctx, actorID, fact, options("")); err != nil {
		return nil, err
	}
	if _, started := event.(station.TransactionStarted); started {
		return nil, nil
	}
	return nil, c.price(ctx, id, actorID, options("/price"))
}

// price prices a session that has ended by the tariff of its station. Where there is none
// it has no price.
func (c *Charging) price(ctx context.Context, id, actorID string, options *actor.DoOptions) error {
	tariff, err := c.tariffOf(ctx, id)
	if err != nil || tariff == nil {
		return err
	}
	zone, err := tariff.Location()
	if err != nil {
		return err
	}
	_, err = c.sessions.Do(ctx, actorID, session.Price{Tariff: tariff.Tariff, Zone: zone, At: c.now()}, options)
	if errors.Is(err, aether.ErrRefused) {
		// A meter that makes no sense, or a price that it has: an operator sees the flags.
		c.logger.Warn("charging: a session is not priced", "session", actorID, "error", err)
		return nil
	}
	return err
}

// tariffOf returns the tariff of a station, nil when it has none.
func (c *Charging) tariffOf(ctx context.Context, id string) (tariff *registry.Zoned, err error) {
	name := ""
	if err := c.records.View(ctx, recordActor(id), func(r *registry.Record, _ version) { name = r.Tariff }); err != nil {
		return nil, err
	}
	for _, name := range []string{name, registry.DefaultTariff} {
		if name == "" {
			continue
		}
		err := c.tariffs.View(ctx, registry.TariffKind+"/"+name, func(t *registry.Zoned, _ version) {
			if t != nil {
				copied := *t
				tariff = &copied
			}
		})
		if err != nil || tariff != nil {
			return tariff, err
		}
	}
	return nil, nil
}

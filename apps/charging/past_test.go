package charging

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/projection"
	"github.com/aether-es/aether/readdb"
	"github.com/aether-es/aether/schema"
)

// spring is when the histories begin: a Friday.
var spring = time.Date(2026, 2, 27, 6, 0, 0, 0, time.UTC)

// past is a history of some stations, saved to a store without any of the machinery that
// else leads to it: the domains decide, and a random hand says when which actor is told.
type past struct {
	t      testing.TB
	rng    *rand.Rand
	store  aether.EventStore
	events registries
	now    time.Time

	saved    []aether.Event
	versions map[string]aether.Version

	ids      []string
	stations map[string]*station.Station
	sessions map[string]*session.Session
	keys     []string // of the sessions
	waiting  []told   // what sessions are still to be told
	inbox    registry.Inbox
	tags     map[string]*registry.Tag
	meter    map[string]int
	number   int
}

// told is what a session is told.
type told struct {
	key     string
	command session.Command
}

func newPast(t testing.TB, seed uint64) *past {
	t.Helper()
	return &past{
		t: t, rng: rand.New(rand.NewPCG(seed, 7)), store: newStore(t), events: newRegistries(), now: spring,
		versions: map[string]aether.Version{}, stations: map[string]*station.Station{}, sessions: map[string]*session.Session{},
		inbox: registry.Inbox{}, tags: map[string]*registry.Tag{}, meter: map[string]int{},
	}
}

func newStore(t testing.TB) aether.EventStore {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { _ = engine.Close() })
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// newQueries returns the query side alone, on a store and a read DB. It has a clock that
// stands still.
func newQueries(t testing.TB, store aether.EventStore, db *readdb.DB, now time.Time, batch int) *Charging {
	t.Helper()
	c := &Charging{parts: node.Parts{Store: store, Namespace: "test", DB: db}, clock: aethertest.NewClock(now), logger: slog.New(slog.DiscardHandler),
		events: newRegistries(), presence: &presence{}}
	c.history = &integration.LogHistory{Mapping: c.events.mapping(), Log: store, Namespace: "test"}
	var err error
	c.projector, err = projection.New(db, c.events.projection(), c.history, nil, &projection.Options{Batch: batch, Logger: c.logger})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newMemory(t testing.TB) *readdb.DB {
	t.Helper()
	db, err := readdb.New(readdb.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// project applies what was saved.
func project(t testing.TB, c *Charging) {
	t.Helper()
	if _, err := c.Project(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// queries returns the query side of what has happened.
func (p *past) queries() *Charging {
	p.t.Helper()
	c := newQueries(p.t, p.store, newMemory(p.t), p.now, 0)
	project(p.t, c)
	return c
}

// save saves an event as the next one of its actor.
func save[E any](p *past, events *schema.Registry[E], actorID string, event E) {
	p.t.Helper()
	encoded, err := events.Encode(event)
	if err != nil {
		p.t.Fatal(err)
	}
	p.versions[actorID]++
	p.number++
	encoded.ID, encoded.ActorID, encoded.Version, encoded.Time = fmt.Sprint("e", p.number), actorID, p.versions[actorID], p.now
	if encoded.Position, err = p.store.SaveEvents(p.t.Context(), encoded); err != nil {
		p.t.Fatalf("%s: %T: %v", actorID, event, err)
	}
	p.saved = append(p.saved, encoded)
}

// station tells a station's actor something, of which sessions are told later.
func (p *past) station(id string, m station.Message) []station.Event {
	p.t.Helper()
	if p.stations[id] == nil {
		p.stations[id] = station.Initial(stationActor(id))
		p.ids = append(p.ids, id)
	}
	events, err := station.Decide(p.stations[id], m)
	if err != nil {
		return nil // a refusal
	}
	for _, event := range events {
		p.stations[id] = station.Evolve(p.stations[id], event)
		save(p, p.events.stations, stationActor(id), event)
		switch e := event.(type) {
		case station.TransactionStarted:
			p.keys = append(p.keys, session.Key(id, e.Transaction))
			p.waiting = append(p.waiting, told{session.Key(id, e.Transaction), session.Start{
				Station: id, Transaction: e.Transaction, Connector: e.Connector, IDTag: e.IDTag, Account: e.Account, MeterStart: e.MeterStart, Timestamp: e.StationTime, At: e.At,
			}})
		case station.TransactionStopped:
			p.waiting = append(p.waiting, told{session.Key(id, e.Transaction), session.Stop{
				MeterStop: e.MeterStop, Reason: e.Reason, IDTag: e.IDTag, Readings: p.readings(id, 2), Timestamp: e.StationTime, At: e.At,
			}})
		case station.TransactionAbandoned:
			p.waiting = append(p.waiting, told{session.Key(id, e.Transaction), session.Abandon{Reason: e.Reason, At: e.At}})
		}
	}
	return events
}

// session tells a session something.
func (p *past) session(key string, command session.Command) {
	p.t.Helper()
	if p.sessions[key] == nil {
		p.sessions[key] = session.Initial("")
	}
	events, err := session.Decide(p.sessions[key], command)
	if err != nil {
		return
	}
	for _, event := range events {
		p.sessions[key] = session.Evolve(p.sessions[key], event)
		save(p, p.events.sessions, session.Kind+"/"+key, event)
	}
}

// readings are some that a station sends now.
func (p *past) readings(id string, most int) (raw []session.RawReading) {
	for i := range p.rng.IntN(most + 1) {
		p.meter[id] += p.rng.IntN(900)
		r := session.RawReading{Time: p.stationTime().Add(time.Duration(i) * time.Second)}
		for _, s := range []session.Raw{
			{Value: fmt.Sprint(p.meter[id])}, {Value: fmt.Sprint(p.rng.IntN(22_000)), Measurand: session.Power, Unit: "W"},
			{Value: fmt.Sprint(p.rng.IntN(101)), Measurand: session.StateOfCharge, Location: "EV", Unit: "Percent"},
			{Value: fmt.Sprint(p.rng.IntN(7000)), Measurand: session.Power, Phase: "L1", Unit: "W"},
			{Value: "16", Measurand: session.CurrentOffered, Unit: "A"}, {Value: "230", Measurand: "Voltage", Phase: "L1-N", Unit: "V"},
		} {
			if p.chance(70) {
				r.Samples = append(r.Samples, s)
			}
		}
		raw = append(raw, r)
	}
	return raw
}

func (p *past) chance(percent int) bool { return p.rng.IntN(100) < percent }

// stationTime is what a station says what time it is.
func (p *past) stationTime() time.Time {
	switch p.rng.IntN(30) {
	case 0:
		return time.Date(1970, 1, 1, 0, 0, p.rng.IntN(1000), 0, time.UTC)
	case 1:
		return p.now.Add(time.Duration(p.rng.IntN(48)) * time.Hour)
	case 2:
		return p.now.Add(-time.Duration(p.rng.IntN(48)) * time.Hour)
	}
	return p.now.Add(time.Duration(p.rng.IntN(20)-10) * time.Second)
}

func (p *past) pick(from ...string) string { return from[p.rng.IntN(len(from))] }

// begin registers some stations.
func (p *past) begin(count int) {
	for i := range count {
		id := fmt.Sprintf("CP-%d", i+1)
		p.station(id, station.Register{Connectors: p.rng.IntN(4), Admission: station.Accepted, First: 1 + 1000*i, At: p.now})
		p.station(id, station.Connected{Epoch: 1, At: p.now})
		p.station(id, station.Boot{About: station.About{Vendor: "Acme", Model: fmt.Sprint("M", i%2)}, Epoch: 1, At: p.now})
	}
	save(p, p.events.tariffs, registry.TariffKind+"/default", registry.TariffEvent(registry.TariffSet{
		Zoned: registry.Zoned{Tariff: session.Tariff{ID: "default", Currency: "EUR", Rate: session.Rate{PerKWh: 50, PerMinute: 1}}, Zone: "UTC"}, At: p.now,
	}))
}

// step has something happen somewhere.
func (p *past) step() {
	p.now = p.now.Add(time.Duration(p.rng.IntN(1800)) * time.Second)
	if p.chance(40) {
		p.now = p.now.Add(-time.Duration(p.rng.IntN(1700)) * time.Second).Add(1700 * time.Second)
	}
	id := p.ids[p.rng.IntN(len(p.ids))]
	switch p.rng.IntN(12) {
	case 0, 1:
		p.connection(id)
	case 2, 3:
		p.station(id, p.status())
	case 4:
		p.station(id, station.Start{Connector: 1 + p.rng.IntN(3), IDTag: p.pick("ann", "ANN", "bob", "cid"), MeterStart: p.meter[id], Authorisation: "Accepted",
			Timestamp: p.stationTime(), MessageID: fmt.Sprint("s", p.number), At: p.now})
	case 5:
		p.stop(id)
	case 6:
		if n := len(p.keys); n > 0 {
			key := p.keys[n-1-p.rng.IntN(min(n, 4))]
			p.session(key, session.Record{Readings: p.readings(id, 3), At: p.now})
		}
	case 7:
		p.command(id)
	case 8:
		p.other(id)
	default:
		p.tellSessions(1 + p.rng.IntN(3))
	}
}

// tellSessions tells them some of what waits, in any order, and what they cost.
func (p *past) tellSessions(count int) {
	for ; count > 0 && len(p.waiting) > 0; count-- {
		i := p.rng.IntN(len(p.waiting))
		w := p.waiting[i]
		p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
		p.session(w.key, w.command)
	}
	if n := len(p.keys); n > 0 && p.chance(50) {
		tariff := session.Tariff{ID: "t", Currency: p.pick("EUR", "EUR", "CHF"), Rate: session.Rate{PerKWh: 45}}
		p.session(p.keys[p.rng.IntN(n)], session.Price{Tariff: tariff, Zone: time.UTC, At: p.now})
	}
}

func (p *past) connection(id string) {
	epoch := p.stations[id].Epoch
	switch {
	case p.stations[id].Online && p.chance(50):
		p.station(id, station.Disconnected{Epoch: epoch, Reason: p.pick(station.Closed, station.Silent), At: p.now})
		for _, other := range p.ids { // the same network
			if p.chance(40) {
				p.now = p.now.Add(time.Duration(p.rng.IntN(40)) * time.Second)
				p.station(other, station.Disconnected{Epoch: p.stations[other].Epoch, Reason: station.Closed, At: p.now})
			}
		}
	default:
		p.station(id, station.Connected{Epoch: epoch + int64(p.rng.IntN(2)), At: p.now})
	}
}

func (p *past) status() station.Status {
	m := station.Status{Connector: p.rng.IntN(4), Timestamp: p.stationTime(), At: p.now}
	m.Condition = station.Condition{Status: p.pick(station.Available, station.Charging, station.Preparing, station.Unavailable, station.Faulted), ErrorCode: station.NoError}
	if m.Condition.Status == station.Faulted {
		m.ErrorCode = p.pick("GroundFailure", "OtherError", "OverVoltage")
	}
	return m
}

func (p *past) stop(id string) {
	p.meter[id] += p.rng.IntN(20_000)
	m := station.Stop{Transaction: p.rng.IntN(3) - 1, MeterStop: p.meter[id], Timestamp: p.stationTime(), MessageID: fmt.Sprint("p", p.number), At: p.now}
	for _, t := range p.stations[id].Transactions {
		if t.Running() && p.chance(70) {
			m.Transaction = t.ID
		}
	}
	p.station(id, m)
	for _, u := range p.stations[id].Unmatched {
		for _, t := range p.stations[id].Transactions {
			if t.Running() && p.chance(20) {
				p.station(id, station.Assign{Number: u.Number, Transaction: t.ID, At: p.now})
				return
			}
		}
	}
}

func (p *past) command(id string) {
	for _, c := range p.stations[id].Commands {
		switch {
		case c.State == station.IsRequested && p.chance(60):
			p.station(id, station.Sent{ID: c.ID, At: p.now})
		case c.Unknown() && p.chance(40):
			p.station(id, station.Settle{ID: c.ID, Happened: p.chance(50), By: "op", At: p.now})
		case c.Open() && p.chance(50):
			switch p.rng.IntN(4) {
			case 0:
				p.station(id, station.TimedOut{ID: c.ID, At: p.now})
			case 1:
				p.station(id, station.InDoubt{ID: c.ID, Detail: "killed", At: p.now})
			case 2:
				p.station(id, station.Answered{ID: c.ID, Answer: "Rejected", At: p.now})
			default:
				p.station(id, station.Answered{ID: c.ID, Accepted: true, Answer: p.pick("Accepted", "RebootRequired"), Data: []byte(`{"a": 1}`), At: p.now})
			}
		}
		p.station(id, station.ExpireCommand{ID: c.ID, At: p.now})
	}
	p.number++
	m := station.Request{ID: fmt.Sprint("c", p.number), By: "op", At: p.now}
	switch p.rng.IntN(6) {
	case 0:
		m.Order = station.Order{Action: station.RemoteStart, Connector: 1, IDTag: fmt.Sprint("V", p.number), Account: "ann"}
	case 1:
		m.Order = station.Order{Action: station.ReserveNow, Connector: p.rng.IntN(3), IDTag: "bob", Reservation: 1 + p.rng.IntN(5), Expires: p.now.Add(2 * time.Hour)}
	case 2:
		m.Order = station.Order{Action: station.ChangeConfiguration, Key: p.pick("HeartbeatInterval", "MeterInterval"), Value: fmt.Sprint(p.rng.IntN(90))}
	case 3:
		m.Order = station.Order{Action: station.CancelReservation, Reservation: 1 + p.rng.IntN(5)}
	case 4:
		m.Order = station.Order{Action: station.SendLocalList, Version: 1 + p.rng.IntN(99)}
	default:
		m.Order = station.Order{Action: station.Reset, Type: station.Soft}
	}
	p.station(id, m)
}

// other is what happens seldom.
func (p *past) other(id string) {
	switch p.rng.IntN(7) {
	case 0:
		p.station(id, station.Boot{About: station.About{Vendor: "Acme", Model: p.pick("M1", "M2")}, Epoch: 1, MessageID: fmt.Sprint(p.number), At: p.now})
	case 1:
		p.station(id, station.Security{Type: "InvalidFirmwareSignature", Timestamp: p.now, At: p.now})
	case 2:
		value := fmt.Sprint(p.rng.IntN(90))
		p.station(id, station.Configured{Settings: []station.Setting{{Key: "MeterInterval", Value: &value}, {Key: "Zone" + value}}, Unknown: []string{"Nothing"}, At: p.now})
	case 3:
		for _, r := range p.stations[id].Reservations {
			p.station(id, station.ExpireReservation{Reservation: r.ID, At: p.now})
		}
	case 4:
		note := registry.Note{Label: p.pick("Left", "Right"), Connectors: []registry.Plug{{Type: "CCS", Current: "DC"}}[:p.rng.IntN(2)]}
		save(p, p.events.records, recordActor(id), registry.RecordEvent(registry.NoteChanged{Note: note, At: p.now}))
	case 5:
		tag := p.pick("ann", "bob", "dan")
		command := registry.IDTagCommand(registry.SetIDTag{Tag: registry.Tag{IDTag: tag, Status: registry.Accepted, Label: fmt.Sprint(p.number)}, At: p.now})
		if p.chance(30) {
			command = registry.RemoveIDTag{At: p.now}
		}
		events, _ := registry.DecideIDTag(p.tags[tag], command) // a refusal
		for _, e := range events {
			p.tags[tag] = registry.EvolveIDTag(p.tags[tag], e)
			save(p, p.events.tags, registry.IDTagKind+"/"+tag, e)
		}
	default:
		command := registry.InboxCommand(registry.Knock{Identity: p.pick("X-1", "X-2", "X-3"), At: p.now})
		if p.chance(30) {
			command = registry.Forget{Identity: p.pick("X-1", "X-2", "X-3"), Reason: registry.Dismissed, At: p.now}
		}
		events, _ := registry.DecideInbox(p.inbox, command)
		for _, e := range events {
			p.inbox = registry.EvolveInbox(p.inbox, e)
			save(p, p.events.inbox, registry.InboxID, e)
		}
	}
}

// randomPast is a history of so many steps; at its end the sessions know everything.
func randomPast(t testing.TB, seed uint64, steps int) *past {
	t.Helper()
	p := newPast(t, seed)
	p.begin(4)
	for range steps {
		p.step()
	}
	p.tellSessions(len(p.waiting))
	return p
}

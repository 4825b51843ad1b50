package station_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging/station"
)

// charge is a transaction as it really was.
type charge struct {
	start station.Start
	stop  station.Stop

	known               bool // the station got an ID
	startTold, stopTold bool // they were received
}

// world is a station with two connectors, a bad network, and somebody who reads the events
// and nothing else.
type world struct {
	t   *testing.T
	rng *rand.Rand
	s   *station.Station

	clock    time.Time
	meter    [3]int
	charges  []*charge
	told     []station.Message // what was received, for a repetition
	messages int

	// loses is what the station drops for ever: no message, starts, or stops. Of both a
	// stop on a connector could be of two transactions, and nobody could tell.
	loses string

	// The books: the events of each transaction by their content, and of each command.
	starts    map[string]station.TransactionStarted
	stops     map[int]station.TransactionStopped
	unmatched map[int]station.StopUnmatched
	used      map[int]bool
	effective map[string]int

	newest    int64
	connected map[int64]bool
	closed    map[int64]bool
	commands  int
}

// tell has the station's actor take a message, and keeps the books.
func (w *world) tell(m station.Message) {
	w.t.Helper()
	events, err := station.Decide(w.s, m)
	if err != nil {
		if _, intent := m.(station.Request); intent {
			return
		}
		w.t.Fatalf("%+v is a fact, and is refused: %v", m, err)
	}
	for _, event := range events {
		w.s = station.Evolve(w.s, event)
		w.read(event)
	}
	if again, err := station.Decide(w.s, m); err != nil || len(again) != 0 {
		w.t.Fatalf("told twice, %+v leads to %+v, %v", m, again, err)
	}
	if w.rng.IntN(50) == 0 {
		w.restart()
	}
}

func (w *world) read(event station.Event) {
	w.t.Helper()
	switch e := event.(type) {
	case station.TransactionStarted:
		key := content(e.Connector, e.IDTag, e.MeterStart)
		if former, twice := w.starts[key]; twice || e.Transaction < 1 {
			w.t.Fatalf("the same transaction has two IDs: %+v, %+v", former, e)
		}
		for _, other := range w.starts {
			if other.Transaction == e.Transaction {
				w.t.Fatalf("two transactions have one ID: %+v, %+v", other, e)
			}
		}
		w.starts[key] = e
	case station.TransactionStopped:
		if former, twice := w.stops[e.Transaction]; twice {
			w.t.Fatalf("a transaction has two ends: %+v, %+v", former, e)
		}
		w.stops[e.Transaction] = e
	case station.StopUnmatched:
		w.unmatched[e.Number] = e
	case station.UnmatchedStopUsed:
		if w.used[e.Number] {
			w.t.Fatalf("a kept stop is used twice: %+v", e)
		}
		w.used[e.Number] = true
	case station.CommandEffective:
		w.effective[e.ID]++
		c := w.s.Command(e.ID)
		if t := w.s.Transaction(e.Transaction); w.effective[e.ID] > 1 || t == nil || t.IDTag != c.IDTag {
			w.t.Fatalf("%+v %d times, by %+v", e, w.effective[e.ID], t)
		}
	}
}

// content is what a charge is known by in this world: a meter never shows the same when
// another begins.
func content(connector int, tag string, meter int) string {
	return fmt.Sprint(connector, " ", tag, " ", meter)
}

// restart goes on from a snapshot.
func (w *world) restart() {
	data, err := json.Marshal(w.s)
	if err != nil {
		w.t.Fatal(err)
	}
	back := station.Initial("")
	if err := json.Unmarshal(data, back); err != nil {
		w.t.Fatal(err)
	}
	if again, err := json.Marshal(back); err != nil || !reflect.DeepEqual(data, again) {
		w.t.Fatalf("the snapshot %s becomes %s, %v", data, again, err)
	}
	w.s = back
}

func (w *world) message() string {
	w.messages++
	return fmt.Sprint("m", w.messages)
}

func (w *world) chance(percent int) bool { return w.rng.IntN(100) < percent }

// receive delivers a message once or more: an answer that was lost makes the station send
// it again, with its ID or a new one.
func (w *world) receive(m station.Message) {
	for {
		w.told = append(w.told, m)
		w.tell(m)
		if !w.chance(30) {
			return
		}
		m = w.again(m)
	}
}

func (w *world) again(m station.Message) station.Message {
	if w.chance(50) {
		switch was := m.(type) {
		case station.Start:
			was.MessageID = w.message()
			m = was
		case station.Stop:
			was.MessageID = w.message()
			m = was
		}
	}
	return m
}

// charge is somebody who charges: it happens, and then it is told.
func (w *world) charge(connector int, tag string) {
	w.clock = w.clock.Add(time.Duration(1+w.rng.IntN(600)) * time.Second)
	w.meter[connector] += 1 + w.rng.IntN(100)
	c := &charge{start: station.Start{Connector: connector, IDTag: tag, MeterStart: w.meter[connector], Authorisation: "Accepted",
		Timestamp: w.clock, MessageID: w.message(), At: w.clock}}
	w.charges = append(w.charges, c)
	w.meter[connector] += w.rng.IntN(9000)
	w.clock = w.clock.Add(time.Duration(1+w.rng.IntN(6000)) * time.Second)
	c.stop = station.Stop{Transaction: station.NoID, IDTag: tag, MeterStop: w.meter[connector], Timestamp: w.clock, MessageID: w.message(), At: w.clock}

	lost := w.chance(20)
	c.startTold = !(lost && w.loses == "starts")
	c.known = c.startTold && w.chance(70)
	c.stopTold = !(lost && w.loses == "stops")
	if w.chance(50) || w.loses == "stops" {
		c.stop.Connector = connector
		if w.chance(30) {
			c.stop.IDTag = ""
		}
	}
}

// deliver tells of a charge. Where the station got no ID the stop may come first.
func (w *world) deliver(c *charge) {
	first := !c.known && c.stop.IDTag != "" && w.loses != "stops" && w.chance(20)
	if first && c.stopTold {
		w.receive(c.stop)
	}
	if c.startTold {
		w.receive(c.start)
		if t := w.s.Started(c.start); t == nil {
			w.t.Fatalf("there is no answer for %+v", c.start)
		} else if c.known {
			c.stop.Transaction = t.ID
		}
	}
	if !first && c.stopTold {
		w.receive(c.stop)
	}
}

// connect and disconnect tell of connections, in any order.
func (w *world) connection() {
	epoch := max(1, w.newest+int64(w.rng.IntN(4))-2)
	w.newest = max(w.newest, epoch)
	if w.chance(50) {
		w.connected[epoch] = true
		w.tell(station.Connected{Epoch: epoch, At: w.clock})
	} else {
		w.closed[epoch] = true
		w.tell(station.Disconnected{Epoch: epoch, Reason: station.Closed, At: w.clock})
	}
	if want := w.connected[w.newest] && !w.closed[w.newest]; w.s.Online != want {
		w.t.Fatalf("online: %t, but of connection %d, the newest, it is %t", w.s.Online, w.newest, want)
	}
}

// remote starts a charge remotely, with whatever becomes of the command.
func (w *world) remote(connector int) {
	w.commands++
	id, tag := fmt.Sprint("c", w.commands), fmt.Sprint("V", w.commands)
	w.tell(station.Request{ID: id, Order: station.Order{Action: station.RemoteStart, Connector: connector, IDTag: tag}, At: w.clock})
	facts := []station.Message{
		station.Sent{ID: id, At: w.clock}, station.Answered{ID: id, Accepted: true, Answer: "Accepted", At: w.clock},
		station.Answered{ID: id, Answer: "Rejected", At: w.clock}, station.TimedOut{ID: id, At: w.clock},
		station.InDoubt{ID: id, At: w.clock}, station.NotSent{ID: id, At: w.clock},
	}
	asked := w.s.Command(id) != nil
	w.rng.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
	happens := w.chance(60)
	if happens {
		w.charge(connector, tag)
	}
	for _, fact := range facts[:w.rng.IntN(len(facts))] {
		w.tell(fact)
	}
	if happens {
		w.deliver(w.charges[len(w.charges)-1])
	}
	for _, fact := range facts {
		w.tell(fact)
	}
	told := happens && w.charges[len(w.charges)-1].startTold
	if got := w.effective[id] == 1; got != (asked && told) {
		w.t.Fatalf("%s: effective: %t, asked for: %t, happened: %t", id, got, asked, told)
	}
}

// audit holds the books against what really was.
func (w *world) audit() {
	stops := 0
	for _, c := range w.charges {
		e, there := w.starts[content(c.start.Connector, c.start.IDTag, c.start.MeterStart)]
		if there != c.startTold {
			w.t.Fatalf("%+v is there: %t", c, there)
		}
		if c.stopTold {
			stops++
		}
		end, ended := w.stops[e.Transaction]
		switch {
		case !there:
		case ended && (end.MeterStop != c.stop.MeterStop || !end.StationTime.Equal(c.stop.Timestamp)):
			w.t.Fatalf("%+v\nhas the end of another: %+v", c, end)
		case ended && !c.stopTold:
			w.t.Fatalf("%+v\nhas an end that nobody told of: %+v", c, end)
		case !ended && c.stopTold:
			w.t.Fatalf("%+v\nhas no end", c)
		}
	}
	if len(w.starts) > len(w.charges) {
		w.t.Fatalf("%d transactions, but there were %d", len(w.starts), len(w.charges))
	}
	if kept := len(w.unmatched) - len(w.used); len(w.stops)+kept != stops {
		w.t.Fatalf("%d stops were told of; %d have their transaction, %d are kept", stops, len(w.stops), kept)
	}
}

// Random histories: every transaction is there exactly once with the right meter values,
// and every stop too, whatever is repeated, comes in another order or is lost.
func TestHistories(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for run := range 240 {
		w := &world{
			t: t, rng: rand.New(rand.NewPCG(seed, uint64(run))), s: station.Initial("station/test"), clock: now,
			loses: []string{"", "starts", "stops"}[run%3], starts: map[string]station.TransactionStarted{},
			stops: map[int]station.TransactionStopped{}, unmatched: map[int]station.StopUnmatched{}, used: map[int]bool{},
			effective: map[string]int{}, connected: map[int64]bool{}, closed: map[int64]bool{},
		}
		for _, event := range ready() {
			w.s = station.Evolve(w.s, event)
		}
		w.newest, w.connected[7] = 7, true
		var queue []*charge
		for range 10 + w.rng.IntN(50) {
			connector := 1 + w.rng.IntN(2)
			switch w.rng.IntN(10) {
			case 0:
				w.connection()
			case 1:
				w.remote(connector)
			case 2, 3, 4: // offline: it is told later, in order
				w.charge(connector, []string{"ann", "bob", "cid"}[w.rng.IntN(3)])
				queue = append(queue, w.charges[len(w.charges)-1])
			case 5:
				for _, c := range queue {
					w.deliver(c)
				}
				queue = nil
			case 6:
				if n := len(w.told); n > 0 {
					w.tell(w.again(w.told[n-1-w.rng.IntN(min(n, 40))])) // long ago
				}
			default:
				for _, c := range queue {
					w.deliver(c)
				}
				queue = nil
				w.charge(connector, []string{"ann", "bob", "cid"}[w.rng.IntN(3)])
				w.deliver(w.charges[len(w.charges)-1])
			}
			if t.Failed() {
				t.FailNow()
			}
		}
		if w.loses == "" { // then in no order at all
			slices.Reverse(queue)
		}
		for _, c := range queue {
			w.deliver(c)
		}
		w.audit()
	}
}

package chaos

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/tickets/simulate"
)

// storiesFlag is for `make stories`: the test command plays a few.
var storiesFlag = flag.Int("stories", 0, "how many histories TestStations plays; as many as take some seconds when 0")

// depot is a server that stations connect to, in a process of its own.
type depot struct {
	t      *testing.T
	random *rand.Rand
	server *process
	folder string
	url    string
	client *simulate.Client
	kills  int

	mu                                    sync.Mutex
	stories                               int
	transactions, commands, asked, doubts int // what there was in them
}

func newDepot(t *testing.T) *depot {
	dir, at := t.TempDir(), addresses.free(t)
	d := &depot{t: t, random: random(t), url: "http://" + at, folder: filepath.Join(dir, "data")}
	d.server = newProcess(t, "serve", "serve", "--listen", at, "--data", d.folder, "--wait", "10s", "--accept-unknown-stations")
	d.client = simulate.NewClient(d.url, "", 32, patience)
	t.Cleanup(d.client.Close)
	d.server.start()
	d.get("/readyz", nil)
	d.post("/api/charging/id-tags", http.StatusCreated, map[string]any{"idTag": "ANN", "status": "Accepted", "concurrent": true}, nil)
	return d
}

// get asks until there is an answer.
func (d *depot) get(path string, into any) {
	d.t.Helper()
	answer, err := d.client.Do(d.t.Context(), simulate.Request{Step: "test", Method: http.MethodGet, Path: path}, into)
	if d.t.Context().Err() == nil && (err != nil || answer.Status != http.StatusOK) {
		d.t.Errorf("GET %s: %v, %s", path, err, answer.Text())
	}
}

// post sends a command until it is answered, the same each time, and returns the status.
func (d *depot) post(path string, want int, body, into any) int {
	d.t.Helper()
	answer, err := d.client.Do(d.t.Context(), simulate.Request{
		Step: "test", Method: http.MethodPost, Path: path, Key: fmt.Sprint("test-", rand.Uint64()), Body: body,
	}, into)
	if d.t.Context().Err() == nil && (err != nil || want != 0 && answer.Status != want) {
		d.t.Errorf("POST %s: %v, %s", path, err, answer.Text())
	}
	return answer.Status
}

// all returns the documents of a list, page by page, as they came.
func (d *depot) all(path, field string) []json.RawMessage {
	d.t.Helper()
	var all []json.RawMessage
	for cursor := ""; ; {
		var page map[string]json.RawMessage
		d.get("/api/charging/"+path+"limit=100&cursor="+cursor, &page)
		var some []json.RawMessage
		if err := json.Unmarshal(page[field], &some); err != nil {
			d.t.Errorf("%s: %v", path, err)
			return nil
		}
		all = append(all, some...)
		_ = json.Unmarshal(page["next"], &cursor)
		if string(page["next"]) == `""` || len(some) == 0 {
			return all
		}
	}
}

// round plays some histories at once, each with two stations, kills the server meanwhile,
// and audits.
func (d *depot) round(histories int) {
	var all sync.WaitGroup
	for range histories {
		r := rand.New(rand.NewPCG(d.random.Uint64(), 0))
		all.Go(func() { d.story(r) })
	}
	for range 1 + d.random.IntN(3) {
		pause(d.t.Context(), time.Duration(d.random.IntN(600))*time.Millisecond)
		d.server.kill()
		d.kills++
		d.server.start()
	}
	all.Wait()
}

// story is the life of two stations, and of an operator who starts and stops from afar.
func (d *depot) story(r *rand.Rand) {
	name := fmt.Sprintf("S%08x", r.Uint32())
	boxes := []*box{newBox(d, name+"-A", r.Uint64()), newBox(d, name+"-B", r.Uint64())}
	var living sync.WaitGroup
	var asked [2][]charging.Asked
	for i, b := range boxes {
		operator := rand.New(rand.NewPCG(r.Uint64(), 0))
		living.Go(b.live)
		living.Go(func() { asked[i] = d.operate(b, operator) })
	}
	living.Wait()
	for i, b := range boxes {
		if d.t.Failed() {
			return
		}
		d.audit(b, asked[i])
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stories++
}

// operate has a station start transactions, and returns what was asked.
func (d *depot) operate(b *box, r *rand.Rand) []charging.Asked {
	var asked []charging.Asked
	for range 1 + r.IntN(3) {
		pause(d.t.Context(), time.Duration(r.IntN(500))*time.Millisecond)
		var a charging.Asked
		body := map[string]any{"connector": 1 + r.IntN(2), "idTag": "ANN"}
		if d.post("/api/charging/stations/"+b.id+"/commands/remote-start", 0, body, &a) == http.StatusAccepted {
			asked = append(asked, a)
		}
	}
	return asked
}

// audit compares what the server says about a station with what the station knows.
func (d *depot) audit(b *box, asked []charging.Asked) {
	commands := d.auditCommands(b, asked)
	d.assignStops(b)
	var found []charging.TransactionDocument
	d.until(b.id+": all transactions have ended", func() bool {
		found = found[:0]
		for _, data := range d.all("transactions?station="+b.id+"&", "transactions") {
			var t charging.TransactionDocument
			if err := json.Unmarshal(data, &t); err != nil {
				d.t.Error(err)
			}
			if t.State == "running" {
				return false
			}
			found = append(found, t)
		}
		return len(found) >= b.certain()
	})
	matched := make(map[*transaction]bool)
	for _, f := range found {
		t := b.find(f)
		switch {
		case t == nil:
			d.t.Errorf("%s has no transaction like %+v", b.id, f)
		case matched[t]:
			d.t.Errorf("%s: there are two of %+v", b.id, f)
		case f.State != "stopped" || f.MeterStop == nil || *f.MeterStop != t.meterStop || f.EnergyWh != t.meterStop-t.meterStart:
			d.t.Errorf("%s: the transaction is %+v, the station knows of %+v", b.id, f, t)
		default:
			d.auditCurve(f, t)
		}
		matched[t] = true
	}
	for _, t := range b.ledger {
		if !matched[t] && !t.gaveUp {
			d.t.Errorf("%s: there is no %+v", b.id, t)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.transactions += len(found)
	d.commands += len(asked)
	d.asked += b.askedTimes()
	d.doubts += commands
}

// auditCurve looks whether all that was metered is there, and nothing else. What was just
// saved the read model knows a moment later.
func (d *depot) auditCurve(f charging.TransactionDocument, t *transaction) {
	d.until(f.Key+": all that was metered is there", func() bool {
		var curve charging.CurveDocument
		answer, err := d.client.Do(d.t.Context(), simulate.Request{Step: "test", Method: http.MethodGet, Path: "/api/charging/transactions/" + f.Key + "/curve"}, &curve)
		if err != nil || answer.Status != http.StatusOK {
			return false
		}
		energy := make(map[int64]float64)
		for _, p := range curve.Points {
			if p.EnergyWh != nil {
				energy[p.At.UnixMilli()] = *p.EnergyWh
			}
		}
		for _, r := range t.readings {
			if got, ok := energy[r.at.UnixMilli()]; !ok || int(got) != r.wh-t.meterStart {
				return false
			}
			delete(energy, r.at.UnixMilli())
		}
		delete(energy, t.stopped.UnixMilli())
		delete(energy, t.started.UnixMilli())
		return len(energy) == 0
	})
}

// auditCommands looks whether each command was sent once at most, and says the truth. It
// returns how many are in doubt.
func (d *depot) auditCommands(b *box, asked []charging.Asked) (doubts int) {
	for _, a := range asked {
		got, told := b.told(a.IDTag), b.delivered(a.IDTag)
		if got.times > 1 {
			d.t.Errorf("%s was sent %d times", a.Command, got.times)
		}
		var c charging.CommandDocument
		d.until(fmt.Sprintf("%s says what the station knows: %+v, told %v", a.Command, got, told), func() bool {
			d.get(fmt.Sprintf("/api/charging/commands/%s?after=%d", a.Command, a.Position), &c)
			switch c.State {
			case station.IsRequested, station.IsSent:
				return false // that does not last
			case station.IsNotSent:
				return got.times == 0
			case station.IsRejected:
				return got.times == 1 && !got.accepted
			case station.IsAccepted:
				return got.times == 1 && got.accepted && !told
			case station.IsEffective:
				return got.times == 1 && got.started
			}
			return c.InDoubt && !told
		})
		if c.InDoubt {
			doubts++
		}
	}
	return doubts
}

// assignStops does what an operator does about ends that a station could not name the
// transaction of.
func (d *depot) assignStops(b *box) {
	for _, data := range d.all("unmatched-stops?", "stops") {
		var u charging.UnmatchedDocument
		if err := json.Unmarshal(data, &u); err != nil {
			d.t.Error(err)
		}
		if u.Station != b.id || u.Used != 0 {
			continue
		}
		for _, t := range b.ledger {
			if !t.stopped.Equal(u.StationTime) || t.meterStop != u.MeterStop {
				continue
			}
			for _, data := range d.all("transactions?station="+b.id+"&", "transactions") {
				var f charging.TransactionDocument
				if err := json.Unmarshal(data, &f); err == nil && b.find(f) == t && f.MeterStop == nil {
					d.post(fmt.Sprintf("/api/charging/stations/%s/unmatched-stops/%d/assign", b.id, u.Number), http.StatusOK, map[string]any{"transaction": f.ID}, nil)
				}
			}
		}
	}
}

// until waits until something is so.
func (d *depot) until(what string, is func() bool) {
	d.t.Helper()
	for end := time.Now().Add(patience); !is(); {
		if time.Now().After(end) || !pause(d.t.Context(), 50*time.Millisecond) {
			d.t.Errorf("it never comes to this: %s", what)
			return
		}
	}
}

// books returns all that queries say of what was and is.
func (d *depot) books() map[string][]json.RawMessage {
	return map[string][]json.RawMessage{
		"transactions":    d.all("transactions?", "transactions"),
		"commands":        d.all("commands?", "commands"),
		"unmatched stops": d.all("unmatched-stops?", "stops"),
	}
}

// Random histories of two stations and an operator, with lost answers, connections that
// break, retries and a server that is killed at any moment: every transaction is there once,
// with what was metered, no remote start was sent twice, and the books are those that a
// replay of all events makes.
func TestStations(t *testing.T) {
	t.Parallel()
	d := newDepot(t)
	stories := *storiesFlag
	if stories == 0 {
		stories = atOnce
	}
	for played := 0; played < stories && !t.Failed(); played += atOnce {
		d.round(min(atOnce, stories-played))
		t.Logf("%d of %d histories, with %d kills: %d transactions, %d remote starts, of which %d came to a station, %d in doubt",
			d.stories, stories, d.kills, d.transactions, d.commands, d.asked, d.doubts)
	}
	if t.Failed() {
		return
	}
	before := d.books()
	d.server.stop()
	if err := os.RemoveAll(filepath.Join(d.folder, "readdb")); err != nil {
		t.Fatal(err)
	}
	d.server.start()
	d.get("/readyz", nil)
	after := d.books()
	for name, documents := range before {
		if len(documents) != len(after[name]) {
			t.Errorf("after a replay there are %d %s, before there were %d", len(after[name]), name, len(documents))
			continue
		}
		for i, document := range documents {
			// Life goes on: of what a deadline has changed since, the position is another one.
			if string(document) != string(after[name][i]) && position(document) == position(after[name][i]) {
				t.Errorf("after a replay it is %s, before it was %s", after[name][i], document)
			}
		}
	}
}

// position is that of the last event that a document is of.
func position(document json.RawMessage) (position int) {
	var d struct{ Position int }
	_ = json.Unmarshal(document, &d) // it is an object
	return d.Position
}

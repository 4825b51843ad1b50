package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/rover"
	"github.com/aether-es/aether/apps/rover/grid"
)

// audit holds what is there, when everything is whole again, against what clients were
// told and followers saw.
func (r *rig) audit(ctx context.Context, l *ledger, f *followers) {
	r.t.Helper()
	r.ready(ctx)
	log := r.readLog(ctx)
	f.finish(aether.Position(len(log)))
	auditAnswers(r.t.Errorf, l.done, log, &r.tally)
	f.audit(r.t.Errorf, log)
	r.auditGrids(ctx, log)
	r.repeat(l)
	if latest := r.readLog(ctx); len(latest) != len(log) {
		r.t.Errorf("repeated commands had an effect: the log had %d events, and has %d", len(log), len(latest))
	}
	gaveUp := 0
	for _, n := range r.nodes {
		gaveUp += n.gaveUp
	}
	refused, again := 0, 0
	for _, c := range l.done {
		if c.refused != "" {
			refused++
		}
		if c.tries > 1 {
			again++
		}
	}
	r.t.Logf("%d commands: %d acknowledged, %d refused, %d sent more than once; %d events", len(l.done), len(l.done)-refused, refused, again, len(log))
	r.t.Logf("longest time without an acknowledged command %v, longest wait of a client %v", l.gap.Round(time.Millisecond), l.wait.Round(time.Millisecond))
	r.t.Logf("%d of %d reads of a history were from the past; %d times a node ended before it served", f.stale, f.looked, gaveUp)
	r.t.Logf("%v", &r.tally)
	if f.stale > 0 && r.fresher {
		r.t.Errorf("%d reads of a history missed what was acknowledged before", f.stale)
	}
	if refused == 0 || len(l.done)-refused < 20 {
		r.t.Error("so few commands test nothing")
	}
}

// readLog reads the log as a node does that joins now, and checks it by itself.
func (r *rig) readLog(ctx context.Context) []aether.Event {
	r.t.Helper()
	store, closes, err := r.open(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	var log []aether.Event
	versions := make(map[string]aether.Version)
	ids := make(map[string]bool)
	for e, err := range store.ReadLog(ctx, 0, nil) {
		if err != nil {
			r.t.Fatal(err)
		}
		log = append(log, e)
		if e.Position != aether.Position(len(log)) || e.Version != versions[e.ActorID]+1 || ids[e.ID] {
			r.t.Fatalf("event %d of the log, %s, is version %d of %s, after %d, at position %d; it was there before: %t", len(log), e.ID, e.Version, e.ActorID, versions[e.ActorID], e.Position, ids[e.ID])
		}
		versions[e.ActorID], ids[e.ID] = e.Version, true
	}
	if err := closes(); err != nil {
		r.t.Error(err)
	}
	return log
}

// reporter is told what is wrong.
type reporter func(format string, args ...any)

// auditAnswers: every event that was acknowledged is there, as it was told, and no other.
func auditAnswers(report reporter, done []*command, log []aether.Event, tally *tally) {
	byID := make(map[string]*aether.Event, len(log))
	for i := range log {
		byID[log[i].ID] = &log[i]
	}
	for _, c := range done {
		if c.refused != "" {
			if e := byID[c.id(0)]; e != nil {
				late(report, c, e, tally)
			}
			for i := 0; byID[c.id(i)] != nil; i++ {
				delete(byID, c.id(i))
			}
			continue
		}
		for i, told := range c.answer.Events {
			behind := len(c.answer.Events) - 1 - i
			e := byID[c.id(i)]
			if e == nil {
				report("%s: event %d of %d, version %d of %s, was acknowledged and is not there", c.key, i+1, len(c.answer.Events), c.answer.Version-aether.Version(behind), c.grid)
				continue
			}
			if e.ActorID != "grid/"+c.grid || e.Version != c.answer.Version-aether.Version(behind) || e.Position != c.answer.Position-aether.Position(behind) ||
				e.Type != told.Type || !bytes.Equal(e.Data, compact(told.Data)) {
				report("%s: event %d of %d of the answer %+v is, in the log, %+v", c.key, i+1, len(c.answer.Events), c.answer, *e)
			}
			delete(byID, e.ID)
		}
	}
	for id, e := range byID {
		if e.Kind() == "effect" {
			continue // where the effects of a system begin
		}
		report("nobody was told of event %s: %+v", id, *e)
	}
}

// late judges a command that was refused, and then carried out. That cannot be if it was
// sent once. Otherwise a former try may have been on its way still when another one was
// refused, if the refusal depends on what others do meanwhile.
func late(report reporter, c *command, e *aether.Event, tally *tally) {
	tally.add("refused, and carried out by a former try")
	if c.tries == 1 {
		report("%s, %s %s, was refused (%s), and is there: %+v", c.key, c.operation, c.body, c.refused, *e)
	}
}

func compact(data json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, data) != nil {
		return data
	}
	return b.Bytes()
}

// audit: everybody saw the log, once, in order, without holes.
func (f *followers) audit(report reporter, log []aether.Event) {
	var all, grids []uint64
	byGrid := make(map[string][]uint64)
	for _, e := range log {
		sum := f.sums.of(e.Position, e.ActorID, e.Version, e.Type, e.Data)
		all = append(all, sum)
		if id, ok := strings.CutPrefix(e.ActorID, grid.Kind+"/"); ok {
			grids, byGrid[id] = append(grids, sum), append(byGrid[id], sum)
		}
	}
	check := func(s *seen, want []uint64) {
		for i := range min(len(s.sums), len(want)) {
			if s.sums[i] != want[i] {
				report("%s saw another event as number %d than the log has", s.who, i+1)
				return
			}
		}
		if len(s.sums) != len(want) {
			report("%s saw %d events; there are %d", s.who, len(s.sums), len(want))
		}
	}
	check(f.engine, all)
	for _, s := range f.paging {
		check(s, grids)
	}
	for id, read := range f.grids {
		for i, sum := range read {
			if sum != 0 && (i >= len(byGrid[id]) || byGrid[id][i] != sum) {
				report("version %d of %s was read as another event than the log has", i+1, id)
			}
		}
	}
}

// auditGrids: all nodes have the same read model, it is that of the events, and these
// follow from each other.
func (r *rig) auditGrids(ctx context.Context, log []aether.Event) {
	events := grid.Events()
	states := make(map[string]*grid.Grid)
	versions := make(map[string]aether.Version)
	for _, e := range log {
		id, ok := strings.CutPrefix(e.ActorID, grid.Kind+"/")
		if !ok {
			continue
		}
		event, err := events.Decode(e)
		if err != nil {
			r.t.Fatal(err)
		}
		if states[id] == nil {
			states[id] = grid.Initial(e.ActorID)
		}
		states[id], versions[id] = grid.Evolve(states[id], event), e.Version
	}
	var asked sync.WaitGroup
	places := make(chan struct{}, 8)
	for id, state := range states {
		places <- struct{}{}
		asked.Go(func() {
			defer func() { <-places }()
			r.auditGrid(ctx, id, state, versions[id], len(log))
		})
	}
	asked.Wait()
	for _, n := range r.with(node.Query) {
		if count := r.countGrids(ctx, n); count != len(states) {
			r.t.Errorf("%s lists %d grids; there are %d", n.name, count, len(states))
		}
	}
}

func (r *rig) auditGrid(ctx context.Context, id string, state *grid.Grid, version aether.Version, last int) {
	var first []byte
	for _, n := range r.with(node.Query) {
		for _, query := range []string{fmt.Sprintf("after=%d", last), fmt.Sprintf("version=%d", version)} {
			status, body, err := r.settled(ctx, n.url+"/api/rover/grids/"+id+"?"+query)
			if err != nil || status != http.StatusOK {
				r.t.Errorf("%s: grid %s, %s: %d %s %v", n.name, id, query, status, body, err)
				return
			}
			if first == nil {
				first = body
			}
			if !bytes.Equal(body, first) {
				r.t.Errorf("%s: grid %s, %s, differs from that of another node or query:\n%s\n%s", n.name, id, query, body, first)
			}
		}
	}
	var d rover.GridDocument
	if err := json.Unmarshal(first, &d); err != nil {
		r.t.Error(err)
		return
	}
	same := d.Version == version && d.Width == state.Width && d.Height == state.Height && len(d.Rovers) == len(state.Rovers)
	for _, rover := range d.Rovers {
		same = same && state.Rovers[rover.ID] == grid.Rover{Point: grid.Point{X: rover.X, Y: rover.Y}, Heading: rover.Heading}
	}
	if !same {
		r.t.Errorf("grid %s is %s; its %d events lead to %+v", id, first, version, *state)
	}
}

func (r *rig) countGrids(ctx context.Context, n *server) (count int) {
	for cursor := ""; ; {
		status, body, err := r.settled(ctx, n.url+"/api/rover/grids?limit=500&cursor="+cursor)
		var page rover.SummaryPage
		if err != nil || status != http.StatusOK || json.Unmarshal(body, &page) != nil {
			r.t.Errorf("%s: the list of grids is %d %.200s %v", n.name, status, body, err)
			return count
		}
		if count += len(page.Grids); page.Next == "" {
			return count
		}
		cursor = page.Next
	}
}

// repeat sends every command that was acknowledged once more: it has no effect, and the
// answer is the first one.
func (r *rig) repeat(l *ledger) {
	commands := slices.Clone(l.done)
	nodes := r.with(node.Web)
	var sending sync.WaitGroup
	for i := range 16 {
		c := &client{rig: r, ledger: l, patient: true}
		sending.Go(func() {
			for j := i; j < len(commands); j += 16 {
				if commands[j].refused == "" && !c.repeats(nodes[j%len(nodes)], commands[j]) {
					return
				}
			}
		})
	}
	sending.Wait()
}

func (c *client) repeats(to *server, n *command) bool {
	status, body, err := c.post(to, n, time.Minute)
	var again rover.CommandDocument
	if err != nil || status/100 != 2 || json.Unmarshal(body, &again) != nil {
		c.t.Errorf("%s, repeated at %s, is %d %s %v", n.key, to.name, status, body, err)
		return false
	}
	if !again.Repeated {
		// A node that had not heard of it yet has decided the same, and saved the same.
		c.tally.add("repeated unawares")
	}
	want := n.answer
	want.Repeated = again.Repeated
	a, _ := json.Marshal(again)
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		c.t.Errorf("%s, repeated at %s, was answered %s; before, %s", n.key, to.name, a, b)
	}
	return true
}

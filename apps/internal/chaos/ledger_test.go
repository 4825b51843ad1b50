package chaos

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/rover"
)

// past is a log of three commands, who was told what of it, and who has seen it.
func past() (done []*command, log []aether.Event, f *followers) {
	f = &followers{sums: sums{maphash.MakeSeed()}, engine: &seen{who: "engine"}, paging: []*seen{{who: "page"}}, grids: make(map[string][]uint64)}
	for i := range 3 {
		c := &command{operation: "move-rover", key: fmt.Sprint("key ", i), grid: "mars", tries: 1}
		for j := range 2 {
			e := aether.Event{ID: c.id(j), ActorID: "grid/mars", Type: "RoverTurnedLeft", Data: json.RawMessage(fmt.Sprintf(`{"rover":"r%d","heading":"N"}`, i))}
			e.Position, e.Version = aether.Position(len(log)+1), aether.Version(len(log)+1)
			log = append(log, e)
			c.answer.Events = append(c.answer.Events, rover.ResultDocument{Type: e.Type, Data: e.Data})
			sum := f.sums.of(e.Position, e.ActorID, e.Version, e.Type, e.Data)
			f.engine.sums, f.paging[0].sums = append(f.engine.sums, sum), append(f.paging[0].sums, sum)
			f.grids["mars"] = append(f.grids["mars"], sum)
		}
		c.answer.Grid, c.answer.Version, c.answer.Position = "mars", log[len(log)-1].Version, log[len(log)-1].Position
		done = append(done, c)
	}
	return append(done, &command{operation: "move-rover", key: "refused", grid: "mars", tries: 1, refused: "urn:aether:refused:no-rover"}), log, f
}

// The audit finds what it is for.
func TestAudit(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(done []*command, log []aether.Event, f *followers) ([]*command, []aether.Event)
		want  string
	}{
		"nothing": {func(done []*command, log []aether.Event, _ *followers) ([]*command, []aether.Event) { return done, log }, ""},
		"a lost event": {func(done []*command, log []aether.Event, _ *followers) ([]*command, []aether.Event) {
			return done, log[:5]
		}, "is not there"},
		"an event at another position": {func(done []*command, log []aether.Event, _ *followers) ([]*command, []aether.Event) {
			log[3].Position = 9
			return done, log
		}, "is, in the log"},
		"an event of another version": {func(done []*command, log []aether.Event, _ *followers) ([]*command, []aether.Event) {
			log[3].Version = 9
			return done, log
		}, "is, in the log"},
		"another event than was told": {func(done []*command, log []aether.Event, _ *followers) ([]*command, []aether.Event) {
			log[3].Data = json.RawMessage(`{"rover":"r9","heading":"N"}`)
			return done, log
		}, "is, in the log"},
		"an effect that nobody was told of": {func(done []*command, log []aether.Event, _ *followers) ([]*command, []aether.Event) {
			return done[1:], log
		}, "nobody was told"},
		"more events than were told": {func(done []*command, log []aether.Event, _ *followers) ([]*command, []aether.Event) {
			done[2].answer.Events = done[2].answer.Events[:1]
			return done, log
		}, "nobody was told"},
		"a refused command that was carried out": {func(done []*command, log []aether.Event, _ *followers) ([]*command, []aether.Event) {
			log[5].ID = done[3].id(0)
			return done, log
		}, "was refused"},
		"a follower with a hole": {func(done []*command, log []aether.Event, f *followers) ([]*command, []aether.Event) {
			f.engine.sums = slices.Delete(f.engine.sums, 2, 3)
			return done, log
		}, "engine saw another event as number 3"},
		"a follower that saw something twice": {func(done []*command, log []aether.Event, f *followers) ([]*command, []aether.Event) {
			f.paging[0].sums = append(f.paging[0].sums, f.paging[0].sums[5])
			return done, log
		}, "page saw 7 events"},
		"a history that was another one": {func(done []*command, log []aether.Event, f *followers) ([]*command, []aether.Event) {
			f.grids["mars"][1]++
			return done, log
		}, "version 2 of mars"},
	} {
		t.Run(name, func(t *testing.T) {
			done, log, f := past()
			done, log = test.spoil(done, log, f)
			var problems []string
			report := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
			auditAnswers(report, done, log, &tally{counts: make(map[string]int)})
			f.audit(report, log)
			if test.want == "" && len(problems) > 0 || !strings.Contains(strings.Join(problems, "\n"), test.want) {
				t.Errorf("the audit says %q, want %q", problems, test.want)
			}
		})
	}
}

package filestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/aether-es/aether"
)

// newReadOnly opens a namespace of a store in which writers were at work.
func newReadOnly(t *testing.T, p *process, name string) aether.EventStore {
	t.Helper()
	r, err := OpenReadOnly(context.Background(), "store", tiny(p))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	n, err := r.Namespace(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A reader with a bound stops there, also when the event there does not match: it
// reads no segment behind, which may be damaged.
func TestReadOnlyStopsAtBound(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := newClosedStore(t, newRandom(t), 1500, 24)
	files := c.logFiles(t)
	content := c.read(t, files[len(files)-1])
	content[segmentHeader+20] ^= 1
	d := c.disk.copy(t)
	n := newReadOnly(t, d.process(), "a")
	rewriteFile(t, d.mem, files[len(files)-1], content) // unnoticed by OpenReadOnly
	log := c.logs["a"]
	for _, to := range []aether.Position{1, 2, 3, 5, 8} {
		for _, options := range []*aether.LogOptions{{To: to}, {To: to, Kinds: []string{"none"}}, {To: to, Types: []string{log[to-1].Type}}} {
			for name, seq := range map[string]func(context.Context, aether.Position, *aether.LogOptions) func(func(aether.Event, error) bool){
				"ReadLog": func(ctx context.Context, after aether.Position, o *aether.LogOptions) func(func(aether.Event, error) bool) {
					return n.ReadLog(ctx, after, o)
				},
				"FollowLog": func(ctx context.Context, after aether.Position, o *aether.LogOptions) func(func(aether.Event, error) bool) {
					return n.FollowLog(ctx, after, o)
				},
			} {
				want := slices.DeleteFunc(slices.Clone(log[:to]), func(e aether.Event) bool {
					return len(options.Kinds) > 0 || len(options.Types) > 0 && e.Type != options.Types[0]
				})
				if got, err := collect(seq(ctx, 0, options)); err != nil || !sameEvents(got, want) {
					t.Errorf("%s with %+v: %d events, %v; want %d", name, *options, len(got), err, len(want))
				}
			}
		}
	}
	if _, err := collect(n.ReadLog(ctx, 0, nil)); !errors.Is(err, ErrDamaged) {
		t.Errorf("ReadLog of everything: %v, want ErrDamaged: the test damages nothing", err)
	}
}

// There is nothing to wait for where the bound lies before the beginning, however
// short the log is.
func TestReadOnlyBoundBeforeStart(t *testing.T) {
	t.Parallel()
	c := newClosedStore(t, newRandom(t), 1500, 24)
	p := c.disk.process()
	synctest.Test(t, func(t *testing.T) {
		n := newReadOnly(t, p, "a")
		end := aether.Position(len(c.logs["a"]))
		ctx, cancel := context.WithTimeout(t.Context(), 10*lookEvery)
		defer cancel()
		for _, bound := range [][2]aether.Position{{2, 1}, {end, end}, {end + 9, end}, {end + 9, end + 5}, {end + 9, end + 9}} {
			after, options := bound[0], &aether.LogOptions{To: bound[1]}
			what := fmt.Sprintf("FollowLog after %d to %d of %d", after, options.To, end)
			if got, err := collect(n.FollowLog(ctx, after, options)); err != nil || len(got) > 0 {
				t.Errorf("%s: %d events, %v", what, len(got), err)
			}
		}
		if _, err := collect(n.FollowLog(ctx, end, &aether.LogOptions{To: end + 1})); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("FollowLog to a bound ahead: %v, want to wait", err)
		}
	})
}

package chaos

import (
	"context"
	"sync"
	"testing"
	"time"
)

// Three NATS servers and four nodes are killed, paused and cut off under load.
func TestNATS(t *testing.T) {
	t.Parallel()
	natsRig(t).chaos(20 * time.Second)
}

// A PostgreSQL server and two nodes are killed under load, the nodes paused and cut off too.
func TestPostgres(t *testing.T) {
	t.Parallel()
	postgresRig(t).chaos(10 * time.Second)
}

// chaos breaks things while clients work, for so long or as the flag says, and audits.
func (r *rig) chaos(short time.Duration) {
	r.t.Helper()
	r.ready(r.t.Context())
	l := newLedger(r)
	f := r.follow(l)
	ctx, cancel := context.WithTimeout(r.t.Context(), long(short))
	defer cancel()
	var working sync.WaitGroup
	working.Go(func() { r.torment(ctx) })
	working.Go(func() { r.work(ctx, 12, false, l) })
	working.Wait()
	r.audit(r.t.Context(), l, f)
}

// The nodes are restarted one after the other under load, twice. Clients send a command
// again only when a node tells them to, or is not there, and see no other error.
func TestRollingRestart(t *testing.T) {
	for name, newRig := range map[string]func(*testing.T) *rig{"NATS": natsRig, "Postgres": postgresRig} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.ready(t.Context())
			l := newLedger(r)
			f := r.follow(l)
			ctx, cancel := context.WithCancel(t.Context())
			var working sync.WaitGroup
			working.Go(func() { r.watch(ctx) })
			working.Go(func() { r.work(ctx, 12, true, l) })
			for range 2 {
				for _, n := range r.nodes {
					n.stop()
					n.start()
					r.ready(t.Context())
				}
			}
			cancel()
			working.Wait()
			r.audit(t.Context(), l, f)
		})
	}
}

package chaos

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// fault breaks something, and has it whole again when it returns, also when ctx ends.
type fault struct {
	name   string
	weight int
	do     func(ctx context.Context)
}

// group is faults of which one happens at a time, about so often.
type group struct {
	every  time.Duration
	faults []fault
}

// tally counts what was done.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *tally) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what]++
}

func (c *tally) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(c.counts)) {
		parts = append(parts, fmt.Sprintf("%s: %d", what, c.counts[what]))
	}
	return strings.Join(parts, ", ")
}

// about is a random time of this order.
func (r *rig) about(d time.Duration) time.Duration {
	return d/4 + time.Duration(r.draw(int(d)*3/2))
}

// draw returns a number below n. Several groups of faults share the source.
func (r *rig) draw(n int) int {
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	return r.random.IntN(n)
}

// torment has the faults happen, until ctx ends and everything is whole again.
func (r *rig) torment(ctx context.Context) {
	var groups sync.WaitGroup
	for _, group := range r.faults {
		groups.Go(func() {
			for pause(ctx, r.about(group.every)) {
				f := r.choose(group.faults)
				r.tally.add(f.name)
				r.journal.Printf("%s", f.name)
				f.do(ctx)
				r.journal.Printf("%s: over", f.name)
			}
		})
	}
	groups.Wait()
}

func (r *rig) choose(faults []fault) fault {
	sum := 0
	for _, f := range faults {
		sum += f.weight
	}
	n := r.draw(sum)
	for _, f := range faults {
		if n -= f.weight; n < 0 {
			return f
		}
	}
	panic("chaos: no fault")
}

// serverFaults are those of the NATS servers: one of them is broken at a time.
func serverFaults(r *rig, servers []*process, between peers, answers func(ctx context.Context, i int)) group {
	one := func(name string, weight int, do func(ctx context.Context, i int)) fault {
		return fault{"NATS: " + name, weight, func(ctx context.Context) {
			i := r.draw(len(servers))
			r.journal.Printf("it is %s", servers[i].name)
			do(ctx, i)
			answers(ctx, i)
		}}
	}
	links := func(i int) (found []*link) {
		for _, n := range r.nodes {
			found = append(found, n.links[i])
		}
		return found
	}
	// A new leader takes up to ten seconds: more often, and nothing is saved any more.
	return group{5 * time.Second, []fault{
		one("kill -9", 3, func(ctx context.Context, i int) {
			servers[i].kill()
			pause(ctx, r.about(800*time.Millisecond))
			servers[i].start()
		}),
		one("restart", 1, func(_ context.Context, i int) {
			servers[i].stop()
			servers[i].start()
		}),
		one("pause", 2, func(ctx context.Context, i int) {
			thaw := servers[i].freeze()
			pause(ctx, r.about(3000*time.Millisecond))
			thaw()
		}),
		one("cut off from the nodes", 1, func(ctx context.Context, i int) { r.alone(func() { r.dropAll(ctx, 2*time.Second, links(i)) }) }),
		one("held from the nodes", 1, func(ctx context.Context, i int) { r.alone(func() { r.holdAll(ctx, 3*time.Second, links(i)) }) }),
		// For so long that the others choose another leader, if it is the leader.
		one("cut off from the others", 2, func(ctx context.Context, i int) { r.dropAll(ctx, 8*time.Second, between[i]) }),
		one("held from the others", 2, func(ctx context.Context, i int) { r.holdAll(ctx, 8*time.Second, between[i]) }),
	}}
}

// nodeFaults are those of the nodes: of one, or of all at once.
func nodeFaults(r *rig) group {
	some := func(name string, weight int, do func(ctx context.Context, nodes []*server)) []fault {
		return []fault{
			{"a node: " + name, 5 * weight, func(ctx context.Context) {
				n := r.nodes[r.draw(len(r.nodes))]
				r.journal.Printf("it is %s", n.name)
				do(ctx, []*server{n})
			}},
			{"all nodes: " + name, weight, func(ctx context.Context) { do(ctx, r.nodes) }},
		}
	}
	links := func(nodes []*server) (found []*link) {
		for _, n := range nodes {
			found = append(found, n.links...)
		}
		return found
	}
	each := func(nodes []*server, do func(n *server)) {
		var all sync.WaitGroup
		for _, n := range nodes {
			all.Go(func() { do(n) })
		}
		all.Wait()
	}
	return group{time.Second, slices.Concat(
		some("kill -9", 3, func(ctx context.Context, nodes []*server) {
			each(nodes, func(n *server) { n.kill() })
			pause(ctx, r.about(600*time.Millisecond))
			each(nodes, func(n *server) { n.start() })
			pause(ctx, time.Second) // it comes as far as to do something
		}),
		some("restart", 1, func(ctx context.Context, nodes []*server) {
			each(nodes, func(n *server) { n.stop(); n.start() })
			pause(ctx, time.Second)
		}),
		some("pause", 2, func(ctx context.Context, nodes []*server) {
			var thaw []func()
			for _, n := range nodes {
				thaw = append(thaw, n.freeze())
			}
			pause(ctx, r.about(3000*time.Millisecond))
			for _, thaw := range thaw {
				thaw()
			}
		}),
		some("cut off", 1, func(ctx context.Context, nodes []*server) {
			r.alone(func() { r.dropAll(ctx, 2*time.Second, links(nodes)) })
		}),
		some("held", 1, func(ctx context.Context, nodes []*server) {
			r.alone(func() { r.holdAll(ctx, 3*time.Second, links(nodes)) })
		}),
	)}
}

// alone breaks links of nodes: a link may be that of a node and of a server that are both
// to be cut off.
func (r *rig) alone(breaks func()) {
	r.network.Lock()
	defer r.network.Unlock()
	breaks()
}

// dropAll takes links away for a while, at times only for a moment.
func (r *rig) dropAll(ctx context.Context, d time.Duration, links []*link) {
	for _, l := range links {
		l.drop()
	}
	if r.draw(3) > 0 {
		pause(ctx, r.about(d))
	}
	for _, l := range links {
		l.up()
	}
}

// holdAll has links carry nothing in one direction for a while.
func (r *rig) holdAll(ctx context.Context, d time.Duration, links []*link) {
	direction := []string{toServer, fromServer}[r.draw(2)]
	var free []func()
	for _, l := range links {
		free = append(free, l.hold(direction))
	}
	pause(ctx, r.about(d))
	for _, free := range free {
		free()
	}
}

package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/api"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/rover"
)

// command is one that a client sends, as often as it takes, with the same key.
type command struct {
	operation string
	path      string
	body      string
	key       string
	grid      string

	before  aether.Version // what of the grid was acknowledged before it was sent first
	tries   int            // of which the last one was answered
	refused string         // the type of the problem, if it was refused
	answer  rover.CommandDocument
}

// id is that of the event at an index, if the command was carried out.
func (c *command) id(index int) string {
	return fmt.Sprintf("%s/%d", api.CommandID(c.operation, c.key), index)
}

// ledger is what clients were told.
type ledger struct {
	journal *log.Logger
	mu      sync.Mutex

	done   []*command                // all that were answered for good
	latest map[string]aether.Version // of the grids, as far as it was acknowledged
	last   time.Time                 // when the last command was acknowledged
	gap    time.Duration             // the longest time without one
	wait   time.Duration             // the longest time that a client waited for its answer
}

func newLedger(r *rig) *ledger {
	return &ledger{journal: r.journal, latest: make(map[string]aether.Version), last: time.Now()}
}

// known returns the latest version of a grid that was acknowledged.
func (l *ledger) known(grid string) aether.Version {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.latest[grid]
}

// note enters an answer.
func (l *ledger) note(c *command, waited time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = append(l.done, c)
	l.wait = max(l.wait, waited)
	if c.refused != "" {
		return
	}
	gap := time.Since(l.last)
	l.gap, l.last = max(l.gap, gap), time.Now()
	if gap > 3*time.Second {
		l.journal.Printf("the first acknowledgement in %v: %s", gap, c.key)
	}
	l.latest[c.grid] = max(l.latest[c.grid], c.answer.Version)
}

// client sends one command after the other.
type client struct {
	*rig
	ledger *ledger
	random *rand.Rand
	number int
	sent   int
	grids  []string // some are those of all clients

	// patient has it send commands to nodes that are ready, and send one again only when
	// a node says so, or is not there; all else is an error then.
	patient bool
}

// shared are grids that all clients send commands for.
func shared() []string { return []string{"shared-1", "shared-2", "shared-3"} }

// work has clients send commands until ctx ends, and returns what they were told. Each
// sends its last one until it is answered.
func (r *rig) work(ctx context.Context, clients int, patient bool, l *ledger) {
	var all sync.WaitGroup
	for i := range clients {
		seed := uint64(r.draw(1 << 40))
		all.Go(func() {
			c := &client{rig: r, ledger: l, random: rand.New(rand.NewPCG(seed, uint64(i))), number: i, grids: shared(), patient: patient}
			for pause(ctx, time.Duration(c.random.IntN(int(2*meanPause)))) && c.send(c.next()) {
			}
		})
	}
	all.Wait()
}

// meanPause is how long a client thinks: to break things it takes no more commands than
// an audit can look at afterwards.
const meanPause = 40 * time.Millisecond

// next makes up a command. Some are to be refused.
func (c *client) next() *command {
	c.sent++
	n := &command{key: fmt.Sprintf("client %d command %d", c.number, c.sent)}
	if c.sent <= len(shared()) {
		n.grid = shared()[c.sent-1]
		return c.create(n)
	}
	pick := c.random.IntN(100)
	if pick < 3 {
		n.grid = fmt.Sprintf("own-%d-%d", c.number, c.sent)
		c.grids = append(c.grids, n.grid)
		return c.create(n)
	}
	if n.grid = c.grids[c.random.IntN(len(c.grids))]; c.random.IntN(3) == 0 {
		n.grid = c.grids[len(c.grids)-1]
	}
	switch {
	case pick < 4:
		n.grid = fmt.Sprintf("never-%d", c.random.IntN(5))
	case pick < 8:
		return c.create(n)
	}
	name := fmt.Sprintf("rover-%d", c.random.IntN(4))
	if pick < 30 {
		n.operation, n.path = "land-rover", "/api/rover/grids/"+n.grid+"/rovers"
		n.body = fmt.Sprintf(`{"id":%q,"x":%d,"y":%d,"heading":%q}`, name, c.random.IntN(9), c.random.IntN(9), string("NESW"[c.random.IntN(4)]))
		return n
	}
	moves := make([]byte, 1+c.random.IntN(6))
	for i := range moves {
		moves[i] = "FFFBLR"[c.random.IntN(6)]
	}
	n.operation, n.path = "move-rover", "/api/rover/grids/"+n.grid+"/rovers/"+name+"/moves"
	n.body = fmt.Sprintf(`{"moves":%q}`, moves)
	return n
}

func (c *client) create(n *command) *command {
	n.operation, n.path = "create-grid", "/api/rover/grids"
	n.body = fmt.Sprintf(`{"id":%q,"width":8,"height":8,"obstacles":[{"x":%d,"y":%d}]}`, n.grid, c.random.IntN(8), c.random.IntN(8))
	return n
}

// send sends a command until it is answered for good, to any node, and says whether it
// was.
func (c *client) send(n *command) bool {
	nodes := c.with(node.Web)
	n.before = c.ledger.known(n.grid)
	began := time.Now()
	for {
		to := nodes[c.random.IntN(len(nodes))]
		within := time.Minute
		if c.patient {
			for i := 0; !to.ready.Load() && i < 100; i++ {
				to = nodes[c.random.IntN(len(nodes))]
			}
		} else { // some give up early, and do not know then
			within = 500*time.Millisecond + time.Duration(c.random.IntN(int(10*time.Second)))
		}
		n.tries++
		again, err := c.try(to, n, within)
		if err != nil {
			c.t.Errorf("%s, %q of %s, try %d at %s: %v", n.key, n.operation, n.grid, n.tries, to.name, err)
			return false
		}
		if !again {
			c.ledger.note(n, time.Since(began))
			return n.refused != "" || c.ownWrite(n)
		}
		if time.Since(began) > 3*time.Minute {
			c.t.Errorf("%s was not answered in %v", n.key, time.Since(began))
			return false
		}
		pause(context.Background(), 50*time.Millisecond+time.Duration(c.random.IntN(int(200*time.Millisecond))))
	}
}

// try sends a command to a node once, and says whether to send it again.
func (c *client) try(to *server, n *command, within time.Duration) (again bool, err error) {
	status, body, err := c.post(to, n, within)
	if err != nil {
		if !c.patient || strings.Contains(err.Error(), "connection refused") {
			return true, nil
		}
		return false, err
	}
	switch status {
	case http.StatusOK, http.StatusCreated:
		if err := json.Unmarshal(body, &n.answer); err != nil {
			return false, fmt.Errorf("%w: %s", err, body)
		}
		first := n.answer.Version - aether.Version(len(n.answer.Events)) + 1
		if first <= n.before || len(n.answer.Events) == 0 || n.answer.Grid != n.grid {
			return false, fmt.Errorf("version %d of the grid was known when it was sent; the answer is %s", n.before, body)
		}
		return false, nil
	case http.StatusServiceUnavailable:
		return true, nil
	}
	var problem api.Problem
	if err := json.Unmarshal(body, &problem); err != nil || !strings.HasPrefix(problem.Type, "urn:aether:refused:") {
		return false, fmt.Errorf("%d %s", status, body)
	}
	n.refused = problem.Type
	return false, nil
}

func (c *client) post(to *server, n *command, within time.Duration) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.url+n.path, bytes.NewReader([]byte(n.body)))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", n.key)
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// ownWrite has the client look, at times, at what it has written, on any node.
func (c *client) ownWrite(n *command) bool {
	if c.random.IntN(8) > 0 {
		return true
	}
	nodes := c.with(node.Query)
	from := nodes[c.random.IntN(len(nodes))]
	status, body, err := c.get(context.Background(), fmt.Sprintf("%s/api/rover/grids/%s?after=%d", from.url, n.grid, n.answer.Position), 8*time.Second)
	if err != nil || status == http.StatusServiceUnavailable {
		return true // it is broken
	}
	var d rover.GridDocument
	if status != http.StatusOK || json.Unmarshal(body, &d) != nil || d.Version < n.answer.Version {
		c.t.Errorf("%s: grid %s after position %d, which brought it to version %d, is %d %s", from.name, n.grid, n.answer.Position, n.answer.Version, status, body)
		return false
	}
	return true
}

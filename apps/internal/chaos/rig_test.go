package chaos

import (
	"context"
	"io"
	"log"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/natsstore"
	"github.com/aether-es/aether/pgstore"
	"github.com/aether-es/aether/pgstore/pgtest"
)

// rig is a system of several nodes, and what it stands on.
type rig struct {
	t       *testing.T
	random  *rand.Rand // of whoever breaks things; one at a time
	nodes   []*server
	http    *http.Client
	faults  []group
	journal *log.Logger // of what happened when
	tally   tally
	network sync.Mutex // of whoever breaks links of nodes
	fresher bool       // a read never misses what was acknowledged before, whatever is broken

	// open opens the store past the links, as another node that joins.
	open func(ctx context.Context) (aether.EventStore, func() error, error)
}

// server is a node: aether serve.
type server struct {
	*process
	url   string
	roles node.Roles
	links []*link     // to what it stands on
	ready atomic.Bool // as watch has seen it
}

// silent is a logger for what is broken on purpose.
var silent = slog.New(slog.DiscardHandler)

// newRig returns one without nodes.
func newRig(t *testing.T) *rig {
	journal, err := os.Create(filepath.Join(t.ArtifactDir(), "journal.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = journal.Close() })
	return &rig{
		journal: log.New(journal, "", log.LstdFlags|log.Lmicroseconds|log.LUTC),
		t:       t, random: random(t), tally: tally{counts: make(map[string]int)},
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
}

// serve starts a node.
func (r *rig) serve(name, roles, store string, links []*link) {
	r.t.Helper()
	parsed, err := node.ParseRoles(roles)
	if err != nil {
		r.t.Fatal(err)
	}
	addr := addresses.free(r.t)
	p := newProcess(r.t, name, "serve", "--name", name, "--data", filepath.Join(r.t.TempDir(), name),
		"--listen", addr, "--store", store, "--roles", roles, "--verbose")
	p.start()
	r.nodes = append(r.nodes, &server{process: p, url: "http://" + addr, roles: parsed, links: links})
}

// natsRig is three NATS servers and the nodes on them; between each node and each server
// is a link.
func natsRig(t *testing.T) *rig {
	r := newRig(t)
	clients := []string{addresses.free(t), addresses.free(t), addresses.free(t)}
	listen, routes, between := newPeers(t, len(clients))
	servers := make([]*process, len(clients))
	for i, name := range []string{"nats1", "nats2", "nats3"} {
		args := []string{"nats", "--name", name, "--data", filepath.Join(t.TempDir(), name), "--listen", clients[i], "--cluster", listen[i]}
		for _, route := range routes[i] {
			args = append(args, "--route", route)
		}
		servers[i] = newProcess(t, name, args...)
		servers[i].start()
	}
	const settings = "?replicas=3&sync=always"
	for i, roles := range []string{"command,query,relay,effects,web", "command,query,relay,effects,web", "command,relay,effects", "query,web"} {
		var links []*link
		var store []string
		for _, addr := range clients {
			links = append(links, newLink(t, addresses.free(t), addr))
			store = append(store, links[len(links)-1].addr)
		}
		r.serve([]string{"both1", "both2", "command", "query"}[i], roles, "nats://"+strings.Join(store, ",")+settings+"&discover=off", links)
	}
	r.open = func(ctx context.Context) (aether.EventStore, func() error, error) {
		conn, err := natsstore.Connect(ctx, "nats://"+strings.Join(clients, ","), &natsstore.ConnOptions{Timeout: 30 * time.Second, Logger: silent})
		if err != nil {
			return nil, nil, err
		}
		engine, err := natsstore.Open(ctx, conn, t.TempDir(), &natsstore.Options{Replicas: 3, SyncAlways: true})
		if err != nil {
			_ = conn.Close()
			return nil, nil, err
		}
		closes := func() error {
			err := engine.Close()
			_ = conn.Close()
			return err
		}
		store, err := engine.Namespace(ctx, namespace)
		return store, closes, err
	}
	// At most one server is broken, and the next one only when it answers again.
	answers := func(ctx context.Context, i int) {
		for ctx.Err() == nil {
			conn, err := natsstore.Connect(ctx, "nats://"+clients[i], &natsstore.ConnOptions{Timeout: 5 * time.Second, NoDiscovery: true, Logger: silent})
			if err == nil {
				_ = conn.Close()
				return
			}
		}
	}
	r.faults = append(r.faults, serverFaults(r, servers, between, answers), nodeFaults(r))
	return r
}

// postgresRig is a server and two nodes, each with a link to it.
func postgresRig(t *testing.T) *rig {
	postgres := pgtest.Private(t, nil)
	r := newRig(t)
	r.fresher = true
	if out, err := exec.Command(binary, "migrate", "--store", postgres.DSN()).CombinedOutput(); err != nil {
		t.Fatalf("aether migrate: %v: %s", err, out)
	}
	for _, name := range []string{"node1", "node2"} {
		l := newLink(t, addresses.free(t), postgres.Addr())
		r.serve(name, node.AllRoles().String(), strings.Replace(postgres.DSN(), postgres.Addr(), l.addr, 1), []*link{l})
	}
	r.open = func(ctx context.Context) (aether.EventStore, func() error, error) {
		engine, err := pgstore.Open(ctx, postgres.DSN(), &pgstore.Options{Logger: silent})
		if err != nil {
			return nil, nil, err
		}
		store, err := engine.Namespace(ctx, namespace)
		return store, engine.Close, err
	}
	r.faults = append(r.faults, group{time.Second, []fault{{"postgres: kill -9", 1, func(ctx context.Context) {
		postgres.Kill()
		pause(ctx, r.about(300*time.Millisecond))
		if err := postgres.Restart(); err != nil {
			t.Error(err)
		}
	}}}}, nodeFaults(r))
	return r
}

// namespace is the one that serve has by default.
const namespace = "default"

// ready waits until every node says that it is.
func (r *rig) ready(ctx context.Context) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	for _, n := range r.nodes {
		for {
			status, body, err := r.get(ctx, n.url+"/readyz", 5*time.Second)
			if err == nil && status == http.StatusOK {
				break
			}
			if !pause(ctx, 50*time.Millisecond) {
				r.t.Fatalf("%s is not ready: %d %s %v; its log ends with %s", n.name, status, body, err, tail(n.everything()))
			}
		}
	}
}

// get reads from a node.
func (r *rig) get(ctx context.Context, url string, within time.Duration) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	response, err := r.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// settled reads from a node when all is whole again. Its read model may be behind still,
// until the lease of a relay that was killed has run out, but not for a minute.
func (r *rig) settled(ctx context.Context, url string) (status int, body []byte, err error) {
	for end := time.Now().Add(time.Minute); ; {
		status, body, err = r.get(ctx, url, 30*time.Second)
		if err != nil || status != http.StatusServiceUnavailable || time.Now().After(end) {
			return status, body, err
		}
	}
}

// with returns the nodes that have all of some roles.
func (r *rig) with(roles ...node.Role) (found []*server) {
nodes:
	for _, n := range r.nodes {
		for _, role := range roles {
			if !n.roles.Has(role) {
				continue nodes
			}
		}
		found = append(found, n)
	}
	return found
}

// watch asks the nodes whether they are ready, as whoever balances load does, until ctx
// ends.
func (r *rig) watch(ctx context.Context) {
	var watching sync.WaitGroup
	for _, n := range r.nodes {
		watching.Go(func() {
			for pause(ctx, 50*time.Millisecond) {
				status, _, err := r.get(ctx, n.url+"/readyz", time.Second)
				n.ready.Store(err == nil && status == http.StatusOK)
			}
		})
	}
	watching.Wait()
}

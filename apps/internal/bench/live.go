package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/aether-es/aether/live"
	"golang.org/x/sys/unix"
)

const (
	liveTopic = "pool/jazz-night"

	// liveRate is how many changes a second there are.
	liveRate = 20
)

// liveReport is what the process of the clients found.
type liveReport struct {
	Changes   int     `json:"changes"`   // that came, over all clients
	Documents int     `json:"documents"` // that came in place of changes
	P50       float64 `json:"p50_us"`
	P99       float64 `json:"p99_us"`
	Error     string  `json:"error,omitempty"`
}

// runLive measures how long a change takes from its publication to all subscribers
// of a topic, which are connections of another process on this machine. Both share
// its cores.
func runLive(ctx context.Context, o *Options) ([]Result, error) {
	if o.Subscribers == 0 {
		return nil, nil
	}
	if err := needFiles(o.Subscribers); err != nil {
		return nil, err
	}
	hub := live.New(func(context.Context, string) (live.Document, error) {
		return live.Document{Data: json.RawMessage(`{"left":1000}`)}, nil
	}, &live.Options{Clients: o.Subscribers})
	defer hub.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: hub, ReadHeaderTimeout: time.Minute}
	serving := make(chan error, 1)
	go func() { serving <- server.Serve(listener) }()
	defer func() {
		_ = server.Close()
		<-serving
	}()

	o.Progress(fmt.Sprintf("live, connecting %d subscribers", o.Subscribers))
	before := residentMemory()
	clients, err := startLiveClients(ctx, listener.Addr().String(), o.Subscribers)
	if err != nil {
		return nil, err
	}
	defer clients.stop()
	if err := clients.next(nil); err != nil {
		return nil, err
	}
	memory := Result{Name: "live memory", Writers: o.Subscribers, Bytes: residentMemory() - before}

	o.Progress(fmt.Sprintf("live, %d changes a second to %d subscribers", liveRate, o.Subscribers))
	published := publishLive(ctx, o.Duration, hub)
	var report liveReport
	if err := clients.next(&report); err != nil {
		return nil, err
	}
	if report.Error != "" {
		return nil, errors.New(report.Error)
	}
	if want := published * o.Subscribers; report.Changes != want && report.Documents == 0 {
		return nil, fmt.Errorf("%d changes came to the subscribers, want %d", report.Changes, want)
	}
	return []Result{{
		Name: "live", Writers: o.Subscribers, Events: published,
		PerSecond: float64(report.Changes) / o.Duration.Seconds(), P50: report.P50, P99: report.P99,
	}, memory}, ctx.Err()
}

// publishLive publishes for a time and says how many changes that were. The last
// one, which counts for nothing, tells the clients that it is the last.
func publishLive(ctx context.Context, duration time.Duration, hub *live.Hub) (published int) {
	const note = "about as much as a change of a real page has to say: a count, a price, and who did it"
	publish := func(position int, sent int64) {
		data := fmt.Appendf(nil, `{"sent":%d,"left":%d,"note":%q}`, sent, 1000-position, note)
		hub.Publish(live.Change{Topic: liveTopic, Position: uint64(position), Data: data})
	}
	ticker := time.NewTicker(time.Second / liveRate)
	defer ticker.Stop()
	for start := time.Now(); time.Since(start) < duration && ctx.Err() == nil; published++ {
		publish(published+1, time.Now().UnixNano())
		<-ticker.C
	}
	publish(published+1, 0)
	return published
}

// liveClients is the process with the clients.
type liveClients struct {
	cmd  *exec.Cmd
	says *json.Decoder
}

// startLiveClients starts this program again; see [RunLiveClients].
func startLiveClients(ctx context.Context, address string, subscribers int) (*liveClients, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, LiveClientsFlag, address, strconv.Itoa(subscribers))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &liveClients{cmd: cmd, says: json.NewDecoder(bufio.NewReader(out))}, nil
}

// next waits for the next report; the first only says that all are connected.
func (c *liveClients) next(report *liveReport) error {
	var own liveReport
	if report == nil {
		report = &own
	}
	if err := c.says.Decode(report); err != nil {
		return fmt.Errorf("the process of the subscribers: %w", err)
	}
	if report.Error != "" {
		return errors.New(report.Error)
	}
	return nil
}

func (c *liveClients) stop() {
	_ = c.cmd.Process.Kill() // it has said what it had to say
	_ = c.cmd.Wait()
}

// needFiles sees to it that the process, and those it starts, may have a connection
// for each subscriber. The Go runtime has raised the limit as far as it may; root may
// more.
func needFiles(subscribers int) error {
	need := uint64(subscribers) + 200
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	if limit.Cur >= need {
		return nil
	}
	raised := unix.Rlimit{Cur: need, Max: max(need, limit.Max)}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &raised); err != nil {
		return fmt.Errorf("%d subscribers need %d open files, and the limit is %d (%w): raise it with ulimit -n, or ask for fewer with --subscribers", subscribers, need, limit.Max, err)
	}
	return nil
}

// residentMemory returns how much memory the process has at the moment.
func residentMemory() int64 { return kibibytes(field("/proc/self/status", "VmRSS")) }

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
	"sync/atomic"
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
	Changes   int     `json:"changes"`   // that came by themselves, over all clients
	Conflated int     `json:"conflated"` // that came as part of a newer document
	Documents int     `json:"documents"` // that came in their place
	P50       float64 `json:"p50_us"`    // of both: until the client had it, or something newer
	P99       float64 `json:"p99_us"`
	Error     string  `json:"error,omitempty"`
}

// runLive measures how long a change takes from its publication to all subscribers
// of a topic, which are connections of another process on this machine. Both share
// its cores. A subscriber that was too slow for a change has it when it has a newer
// document; one that is left without is an error.
func runLive(ctx context.Context, o *Options) ([]Result, error) {
	if o.Subscribers == 0 {
		return nil, nil
	}
	if err := needFiles(o.Subscribers); err != nil {
		return nil, err
	}
	var newest liveNewest
	hub := live.New(newest.read, &live.Options{Clients: o.Subscribers})
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
	published := publishLive(ctx, o.Duration, hub, &newest)
	var report liveReport
	if err := clients.next(&report); err != nil {
		return nil, err
	}
	if report.Error != "" {
		return nil, errors.New(report.Error)
	}
	if got, want := report.Changes+report.Conflated, published*o.Subscribers; got != want {
		return nil, fmt.Errorf("%d changes came to the subscribers, want %d", got, want)
	}
	if report.Conflated > 0 {
		o.Progress(fmt.Sprintf("live, %d of %d changes came as part of a newer document", report.Conflated, report.Changes+report.Conflated))
	}
	return []Result{{
		Name: "live", Writers: o.Subscribers, Events: published,
		PerSecond: float64(report.Changes+report.Conflated) / o.Duration.Seconds(), P50: report.P50, P99: report.P99,
	}, memory}, ctx.Err()
}

// liveNewest is the document of the topic.
type liveNewest struct{ at atomic.Pointer[live.Document] }

func (n *liveNewest) read(context.Context, string) (live.Document, error) {
	if d := n.at.Load(); d != nil {
		return *d, nil
	}
	return live.Document{Data: liveData(0, time.Time{}, false)}, nil
}

// liveData is about as much as a change of a real page has to say.
func liveData(position int, sent time.Time, last bool) json.RawMessage {
	const note = "a count, a price, and who did it; about as much as a change of a real page has to say"
	return fmt.Appendf(nil, `{"sent":%d,"last":%t,"left":%d,"note":%q}`, sent.UnixNano(), last, 1000-position, note)
}

// publishLive publishes for a time and says how many changes that were. The last one
// says that it is the last.
func publishLive(ctx context.Context, duration time.Duration, hub *live.Hub, newest *liveNewest) (published int) {
	ticker := time.NewTicker(time.Second / liveRate)
	defer ticker.Stop()
	start := time.Now()
	for last := false; !last; {
		published++
		last = time.Since(start) >= duration || ctx.Err() != nil
		data := liveData(published, time.Now(), last)
		newest.at.Store(&live.Document{Position: uint64(published), Data: data})
		hub.Publish(live.Change{Topic: liveTopic, Position: uint64(published), Data: data})
		<-ticker.C
	}
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

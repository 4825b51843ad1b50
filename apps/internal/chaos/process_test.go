package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is the program with some arguments, which is started again and again.
type process struct {
	t    *testing.T
	name string
	args []string
	log  *os.File

	mu       sync.Mutex
	run      *run // nil while it is to be down
	starts   int
	gaveUp   int // how often it ended before it served, as a supervisor sees it
	watching sync.WaitGroup
}

// run is one life of a process.
type run struct {
	cmd   *exec.Cmd
	began int64         // where in the log its words begin
	ended chan struct{} // closed when it has ended; err is set then
	err   error
}

// newProcess returns a process that does not run yet. It ends with the test.
func newProcess(t *testing.T, name string, args ...string) *process {
	t.Helper()
	log, err := os.Create(filepath.Join(t.ArtifactDir(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, name: name, args: args, log: log}
	t.Cleanup(func() {
		p.kill()
		p.watching.Wait()
		_ = log.Close()
	})
	return p
}

// start starts it. From then on it is started again when it ends before it serves, as
// it may when it finds nobody to talk to; that it ends later is an error of the test.
func (p *process) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run == nil {
		p.launch()
	}
}

func (p *process) launch() {
	r := &run{cmd: exec.Command(binary, p.args...), ended: make(chan struct{})}
	r.began, _ = p.log.Seek(0, 2)
	r.cmd.Stdout, r.cmd.Stderr = p.log, p.log
	r.cmd.SysProcAttr = &syscall.SysProcAttr{}
	dieWithParent(r.cmd.SysProcAttr)
	started := make(chan error)
	go func() {
		// The process is to end with its parent, by which Linux means this thread.
		runtime.LockOSThread()
		defer close(r.ended)
		err := r.cmd.Start()
		started <- err
		if err == nil {
			r.err = r.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		p.t.Errorf("%s: %v", p.name, err)
		return
	}
	p.run = r
	p.starts++
	p.watching.Go(func() { p.watch(r) })
}

// watch starts the process again when it has ended and nobody wanted that.
func (p *process) watch(r *run) {
	<-r.ended
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run != r {
		return
	}
	p.run = nil
	words := p.said(r)
	if bytes.Contains(words, []byte("msg=serving")) {
		p.t.Errorf("%s ended by itself: %v: %s", p.name, r.err, tail(words))
	}
	p.gaveUp++
	p.watching.Go(func() {
		pause(context.Background(), 200*time.Millisecond)
		if p.t.Context().Err() == nil {
			p.start()
		}
	})
}

// everything is all that it has ever said.
func (p *process) everything() []byte {
	all, _ := os.ReadFile(p.log.Name())
	return all
}

func (p *process) said(r *run) []byte {
	return p.everything()[r.began:]
}

// tail is the end of a log.
func tail(words []byte) []byte { return words[max(0, len(words)-1500):] }

// down has the process not be started again, and returns its run, nil if there is none.
func (p *process) down() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.run
	p.run = nil
	return r
}

// kill ends it as kill -9 does, and returns when it has ended.
func (p *process) kill() {
	if r := p.down(); r != nil {
		_ = r.cmd.Process.Kill()
		<-r.ended
	}
}

// stop asks it to end, and returns when it has.
func (p *process) stop() {
	r := p.down()
	if r == nil {
		return
	}
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.ended:
		if r.err != nil && bytes.Contains(p.said(r), []byte("msg=serving")) {
			p.t.Errorf("%s was to stop, and ended with %v: %s", p.name, r.err, tail(p.said(r)))
		}
	case <-time.After(40 * time.Second):
		_ = r.cmd.Process.Signal(syscall.SIGQUIT) // it says what it does
		<-r.ended
		p.t.Errorf("%s did not stop; see %s: %s", p.name, p.log.Name(), tail(p.said(r)))
	}
}

// freeze stops its clock, as it seems to it, until the function it returns is called.
func (p *process) freeze() (thaw func()) {
	p.mu.Lock()
	r := p.run
	p.mu.Unlock()
	if r == nil {
		return func() {}
	}
	_ = r.cmd.Process.Signal(syscall.SIGSTOP)
	return func() { _ = r.cmd.Process.Signal(syscall.SIGCONT) }
}

// ports returns the addresses of free ports. They are not among those from which
// connections are made, so nobody takes them while a process is down.
type ports struct {
	mu    sync.Mutex
	given map[int]bool
}

var addresses = ports{given: make(map[int]bool)}

func (p *ports) free(t *testing.T) string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	begin := 10000 + os.Getpid()*37%20000 // other test processes look for some as well
	for port := begin; port < begin+2000; port++ {
		if p.given[port] {
			continue
		}
		p.given[port] = true
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal(errors.New("there is no free port"))
	return ""
}

// pause waits, and says whether ctx has not ended before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

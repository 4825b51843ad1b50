package pgtest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aether-es/aether/internal/backoff"
)

// ErrNotInstalled says that there are no binaries of a PostgreSQL server on this machine.
var ErrNotInstalled = errors.New("pgtest: no PostgreSQL server is installed")

// Options of a private server. The zero value is what tests of behaviour want.
type Options struct {
	// Sync turns fsync on, for figures and for tests of what a machine that dies leaves.
	Sync bool

	// Settings are further lines of postgresql.conf: "max_connections=20".
	Settings []string
}

// Server is a private PostgreSQL server on a port of the loopback interface.
type Server struct {
	dir  string
	bin  string
	port int
	args []string
	cred *syscall.Credential

	mu      sync.Mutex
	process *os.Process
	ended   <-chan struct{} // closed when the process has ended
	log     lockedBuffer
}

// Start starts a private server.
func Start(options *Options) (*Server, error) {
	if options == nil {
		options = &Options{}
	}
	bin, err := find()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, bin: bin}
	if err := s.begin(options); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// find returns the folder of the newest server binaries.
func find() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.SortFunc(found, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) })
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	return "", ErrNotInstalled
}

// begin makes the database and starts the server.
func (s *Server) begin(options *Options) error {
	if os.Getuid() == 0 { // PostgreSQL refuses to run as root
		cred, err := unprivileged()
		if err != nil {
			return err
		}
		s.cred = cred
		if err := os.Chown(s.dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return err
		}
	}
	initdb := exec.Command(filepath.Join(s.bin, "initdb"), "--pgdata", s.data(), "--username", "aether", "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	initdb.Dir = s.dir
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("pgtest: initdb: %w: %s", err, out)
	}
	sync := "off"
	if options.Sync {
		sync = "on"
	}
	s.args = []string{"-D", s.data(), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=" + sync,
		"-c", "max_connections=200", "-c", "shared_buffers=128MB", "-c", "max_wal_size=2GB", "-c", "logging_collector=off"}
	for _, setting := range options.Settings {
		s.args = append(s.args, "-c", setting)
	}
	var err error
	if s.port, err = freePort(); err != nil {
		return err
	}
	return s.Restart()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// DSN returns how to connect to the server.
func (s *Server) DSN() string {
	return fmt.Sprintf("postgres://aether@127.0.0.1:%d/postgres?sslmode=disable", s.port)
}

// Addr returns the host and port of the server.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Restart starts the server when it is not running, and returns once it accepts
// connections.
func (s *Server) Restart() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		err := s.launch(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		// What is left of a killed one may still hold its memory.
		if err := backoff.Wait(ctx, 50*time.Millisecond); err != nil || !strings.Contains(s.log.String(), "still in use") {
			return fmt.Errorf("pgtest: the server does not start: %s", s.log.String())
		}
	}
}

func (s *Server) launch(ctx context.Context) error {
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), append(s.args, "-p", strconv.Itoa(s.port))...)
	cmd.Dir = s.dir
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred, Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
	ended, err := start(cmd)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.process, s.ended = cmd.Process, ended
	s.mu.Unlock()
	return answers(ctx, s.DSN(), ended)
}

var errEnded = errors.New("pgtest: the server ended")

// start starts a command and returns a channel that is closed when it has ended.
func start(cmd *exec.Cmd) (<-chan struct{}, error) {
	started, ended := make(chan error), make(chan struct{})
	go func() {
		// The command is to end with its parent, by which Linux means this thread.
		runtime.LockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	return ended, <-started
}

// Kill ends the server at once, as if by kill -9: nothing is flushed, nobody is told.
func (s *Server) Kill() {
	s.end(syscall.SIGKILL)
}

// Stop ends the server and removes its folder.
func (s *Server) Stop() {
	s.end(syscall.SIGQUIT)
	_ = os.RemoveAll(s.dir)
}

// end sends a signal to all processes of the server and waits for their end.
func (s *Server) end(signal syscall.Signal) {
	s.mu.Lock()
	process, ended := s.process, s.ended
	s.process = nil
	s.mu.Unlock()
	if process == nil {
		return
	}
	if signal == syscall.SIGKILL {
		// Not one process is to outlive the first, and none is to be started meanwhile.
		_ = process.Signal(syscall.SIGSTOP)
		for _, pid := range children(process.Pid) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	_ = process.Signal(signal)
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		_ = process.Kill()
		<-ended
	}
}

// children returns the processes that a process has started, as far as /proc tells;
// where there is none they notice the end of their parent themselves.
func children(parent int) []int {
	var found []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// "pid (name) state ppid …", and the name may be anything.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			found = append(found, pid)
		}
	}
	return found
}

// Log returns what the server has logged.
func (s *Server) Log() string { return s.log.String() }

// unprivileged returns a user that is not root.
func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("pgtest: PostgreSQL does not run as root, and there is no user postgres or nobody")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// lockedBuffer keeps the log of the server.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

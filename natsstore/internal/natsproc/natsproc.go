// Package natsproc runs NATS servers for tests, each in a process of its own: so they can
// be killed, and the race detector, which watches the tests, does not slow them down.
package natsproc

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether/natsstore/natsserver"
)

// binary is the program of the servers, built when it is needed first.
var binary struct {
	once   sync.Once
	folder string
	err    error
}

// Main runs the tests of a package, and removes what they share. It returns the exit code.
func Main(m *testing.M) int {
	code := m.Run()
	if binary.folder != "" {
		_ = os.RemoveAll(binary.folder) // a folder of the system's
	}
	return code
}

func build() (string, error) {
	binary.once.Do(func() {
		if binary.folder, binary.err = os.MkdirTemp("", "natsd"); binary.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-o", filepath.Join(binary.folder, "natsd"), "github.com/aether-es/aether/natsstore/internal/natsproc/natsd")
		if out, err := cmd.CombinedOutput(); err != nil {
			binary.err = fmt.Errorf("natsproc: go build: %w: %s", err, out)
		}
	})
	return filepath.Join(binary.folder, "natsd"), binary.err
}

// Server is a server that runs.
type Server struct {
	url    string
	cmd    *exec.Cmd
	stdin  io.Closer
	lines  *bufio.Reader
	stderr bytes.Buffer
	end    sync.Once
}

// startTime is how long a server, or a cluster, may take to start.
const startTime = 30 * time.Second

// Start runs a server with its data in a folder, on any free port if the options name
// none, until Shutdown.
func Start(folder string, options natsserver.Options) (*Server, error) {
	program, err := build()
	if err != nil {
		return nil, err
	}
	if options.Listen == "" {
		options.Listen = "127.0.0.1:0"
	}
	settings, err := json.Marshal(map[string]any{"Folder": folder, "Options": options})
	if err != nil {
		return nil, err
	}
	s := &Server{cmd: exec.Command(program)}
	s.cmd.Stderr = &s.stderr
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.stdin, s.lines = stdin, bufio.NewReader(stdout)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	_, err = stdin.Write(append(settings, '\n'))
	if err == nil {
		s.url, err = s.line()
	}
	if err != nil {
		s.Shutdown()
		return nil, fmt.Errorf("natsproc: %w: %s", err, s.stderr.String())
	}
	return s, nil
}

// line returns what the server says next.
func (s *Server) line() (string, error) {
	timer := time.AfterFunc(startTime, func() { _ = s.cmd.Process.Kill() })
	defer timer.Stop()
	line, err := s.lines.ReadString('\n')
	return strings.TrimSpace(line), err
}

// wait returns when JetStream can be used.
func (s *Server) wait() error {
	line, err := s.line()
	if err == nil && line != "ready" {
		err = errors.New("the server says " + line)
	}
	if err != nil {
		return fmt.Errorf("natsproc: %w: %s", err, s.stderr.String())
	}
	return nil
}

// URL is what clients connect to.
func (s *Server) URL() string { return s.url }

// Shutdown ends the server, and returns when it has ended.
func (s *Server) Shutdown() {
	s.end.Do(func() {
		_ = s.stdin.Close()
		timer := time.AfterFunc(startTime, func() { _ = s.cmd.Process.Kill() })
		defer timer.Stop()
		_ = s.cmd.Wait() // how it ends does not matter
	})
}

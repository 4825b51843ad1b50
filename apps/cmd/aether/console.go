package main

import (
	"io"
	"os"
	"sync"
	"time"
)

// console is stderr: messages, and beneath them one line of progress that is
// written over, where that is a terminal. On demand there is progress elsewhere
// too, then on lines of its own. It is safe for concurrent use.
type console struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	wanted   bool // progress
	every    time.Duration
	next     time.Time // when there may be progress again
	shown    bool      // a line of progress stands beneath
}

const (
	// What is done before this shows no progress: it would only flicker.
	patience = 400 * time.Millisecond

	terminalEvery = 100 * time.Millisecond
	pipeEvery     = time.Second
)

func newConsole(out io.Writer) *console {
	file, ok := out.(*os.File)
	c := &console{out: out, terminal: ok && isTerminal(file), every: pipeEvery, next: time.Now().Add(patience)}
	if c.terminal {
		c.wanted, c.every = true, terminalEvery
	}
	return c
}

// isTerminal takes every device for a terminal but the one that swallows all.
func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// demand has progress shown from now on, or never.
func (c *console) demand(wanted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted = wanted
}

// progress shows a line, if it is time for one.
func (c *console) progress(text func() string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if !c.wanted || now.Before(c.next) {
		return
	}
	c.next = now.Add(c.every)
	if c.terminal {
		c.wipe()
		io.WriteString(c.out, text())
		c.shown = true
		return
	}
	io.WriteString(c.out, text()+"\n")
}

// Write writes a message, which ends with a newline.
func (c *console) Write(message []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wipe()
	return c.out.Write(message)
}

// clear takes the line of progress away.
func (c *console) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wipe()
}

// above is stdout where that may be the same terminal: progress makes way for it.
type above struct {
	console *console
	out     io.Writer
}

func (a *above) Write(text []byte) (int, error) {
	a.console.clear()
	return a.out.Write(text)
}

func (c *console) wipe() {
	if c.shown {
		io.WriteString(c.out, "\r\x1b[K")
		c.shown = false
	}
}

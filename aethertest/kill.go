package aethertest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aether-es/aether"
)

// Watch returns a store that names the moments at which it saves events: point is
// called with "before" or "after", a space, and the types of the events with commas
// between them: "before EffectAttempted". After a save that failed it is not called.
// The store keeps snapshots if the other does.
func Watch(store aether.EventStore, point func(name string)) aether.EventStore {
	w := &watched{store, point}
	if snapshots, ok := store.(aether.SnapshotStore); ok {
		return struct {
			*watched
			aether.SnapshotStore
		}{w, snapshots}
	}
	return w
}

type watched struct {
	aether.EventStore
	point func(name string)
}

func (w *watched) SaveEvents(ctx context.Context, events ...aether.Event) (aether.Position, error) {
	types := make([]string, len(events))
	for i := range events {
		types[i] = events[i].Type
	}
	name := strings.Join(types, ",")
	w.point("before " + name)
	position, err := w.EventStore.SaveEvents(ctx, events...)
	if err == nil {
		w.point("after " + name)
	}
	return position, err
}

// KillAt returns a function for [Watch], and for a program's own calls, that kills
// this process, as if by SIGKILL, when a point is reached for the nth time, from 1.
func KillAt(point string, nth int) func(name string) {
	var reached atomic.Int64
	return func(name string) {
		if name == point && reached.Add(1) == int64(nth) {
			self, err := os.FindProcess(os.Getpid())
			if err == nil {
				err = self.Kill()
			}
			if err != nil {
				panic(err)
			}
			select {} // until it is dead
		}
	}
}

// childVar is set in the environment of children.
const childVar = "AETHERTEST_CHILD"

// InChild says whether this process is one that [RunChild] started.
func InChild() bool { return os.Getenv(childVar) != "" }

// RunChild runs the calling test again, alone, in a process of its own, with these
// variables ("name=value") in its environment, and waits for its end. It returns
// true when the process was killed, false when the test passed; when it failed, so
// does this one, with its output. The test asks [InChild] which of the two it is.
func RunChild(t testing.TB, env ...string) (killed bool) {
	t.Helper()
	parts := strings.Split(t.Name(), "/")
	for i := range parts {
		parts[i] = "^" + regexp.QuoteMeta(parts[i]) + "$"
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+strings.Join(parts, "/"), "-test.count=1")
	child.Env = append(append(os.Environ(), env...), childVar+"=1")
	output, err := child.CombinedOutput()
	if err == nil {
		return false
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && !exit.Exited() {
		return true
	}
	t.Fatalf("the child failed: %v\n%s", err, output)
	return false
}

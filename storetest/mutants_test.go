package storetest_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/storetest"
)

// mutantVariable names the mutant that TestDouble runs the suite on. It is set in
// the processes that TestMutants starts.
const mutantVariable = "STORETEST_MUTANT"

// TestDouble runs the whole suite on the correct double, which must keep every
// promise: what the suite asks of a durable engine can be kept.
func TestDouble(t *testing.T) {
	features := storetest.Features{Snapshots: true, Durable: true, PowerLoss: true, Shared: true}
	mutant := mutants()[os.Getenv(mutantVariable)]
	storetest.Run(t, features, func(*testing.T) storetest.Storage {
		storage := newStorage(func(d *disk) *double {
			engine := &double{disk: d}
			if mutant.change != nil {
				mutant.change(engine)
			}
			return engine
		})
		open := storage.Open
		storage.Open = func(ctx context.Context) (aether.Engine, error) {
			engine, err := open(ctx)
			if err != nil || mutant.spoil == nil {
				return engine, err
			}
			return spoiled{engine, mutant.spoil}, nil
		}
		return storage
	})
}

// TestMutants runs the suite on broken engines, in processes of their own since
// the tests there fail, and looks for the promise that each of them breaks.
func TestMutants(t *testing.T) {
	if os.Getenv(mutantVariable) != "" {
		return
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, mutant := range mutants() {
		t.Run(name, func(t *testing.T) {
			path := []string{"TestDouble"}
			for part := range strings.SplitSeq(mutant.breaks, "/") {
				path = append(path, strings.ReplaceAll(part, " ", "_"))
			}
			run := exec.CommandContext(t.Context(), program, "-test.v", "-test.run=^"+strings.Join(path, "$/^")+"$")
			run.Env = append(os.Environ(), mutantVariable+"="+name)
			output, err := run.CombinedOutput()
			if _, failed := errors.AsType[*exec.ExitError](err); !failed {
				t.Fatalf("the suite passes: %v\n%s", err, output)
			}
			if !strings.Contains(string(output), "--- FAIL: "+strings.Join(path, "/")+" ") {
				t.Fatalf("the suite failed, but not because of the promise %q:\n%s", mutant.breaks, output)
			}
		})
	}
}

// A mutant is a double with a fault: either changed itself, or its stores spoiled.
type mutant struct {
	breaks string // the topic and the promise
	change func(*double)
	spoil  func(store) store
}

func mutants() map[string]mutant {
	return map[string]mutant{
		"forgets the version check": {
			breaks: "races/of 16 writers of one version exactly one wins and the others get its events",
			spoil:  func(s store) store { return forgetsVersions{s} },
		},
		"skips positions": {
			breaks: "log/a long log is read in order and without holes",
			spoil:  func(s store) store { return skipsPositions{s} },
		},
		"loses the event that wakes a follower": {
			breaks: "following/followers see every event once and in order while 16 writers write",
			spoil:  func(s store) store { return losesEvents{s} },
		},
		"half-applies a batch": {
			breaks: "batches/a conflict of one actor among several writes nothing",
			spoil:  func(s store) store { return halfApplies{s} },
		},
		"does not see what another opening saves": {
			breaks: "shared/of 16 writers over two openings exactly one wins a version",
			change: func(d *double) { d.apart = true },
		},
		"forgets to sync": {
			breaks: "power loss/a save that returned is there after a loss of power",
			change: func(d *double) { d.forgetSync = true },
		},
		"shows events before they are synced": {
			breaks: "power loss/what a follower saw is there after a loss of power",
			change: func(d *double) { d.showEarly = runtime.Gosched },
		},
	}
}

// spoiled is an engine whose stores have a fault.
type spoiled struct {
	aether.Engine
	spoil func(store) store
}

func (e spoiled) Namespace(ctx context.Context, name string) (aether.EventStore, error) {
	s, err := e.Engine.Namespace(ctx, name)
	if err != nil {
		return nil, err
	}
	return e.spoil(s.(store)), nil
}

// forgetsVersions takes whatever comes as the next events of the actor.
type forgetsVersions struct{ store }

func (s forgetsVersions) SaveEvents(ctx context.Context, events ...aether.Event) (aether.Position, error) {
	for {
		position, err := s.store.SaveEvents(ctx, events...)
		conflict, ok := errors.AsType[*aether.ConflictError](err)
		if !ok {
			return position, err
		}
		next := conflict.Latest + 1
		for i := range events {
			if events[i].ActorID == conflict.ActorID {
				events[i].Version = next
				next++
			}
		}
	}
}

// skipsPositions leaves every tenth position of the log out.
type skipsPositions struct{ store }

func (s skipsPositions) ReadLog(ctx context.Context, after aether.Position, options *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		for e, err := range s.store.ReadLog(ctx, after, options) {
			if e.Position%10 != 9 && !yield(e, err) {
				return
			}
		}
	}
}

// losesEvents has a follower that, having waited, goes on behind what woke it.
type losesEvents struct{ store }

func (s losesEvents) FollowLog(ctx context.Context, after aether.Position, options *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		for {
			end, err := s.GetLatestPosition(ctx)
			if err != nil {
				yield(aether.Event{}, err)
				return
			}
			for e, err := range s.ReadLog(ctx, after, options) {
				if !yield(e, err) || err != nil {
					return
				}
				end = max(end, e.Position)
			}
			if after = end; options != nil && options.To != 0 && after >= options.To {
				return
			}
			for e, err := range s.store.FollowLog(ctx, after, nil) {
				if err != nil {
					yield(aether.Event{}, err)
					return
				}
				after = e.Position
				break
			}
		}
	}
}

// halfApplies saves the events of a batch one by one.
type halfApplies struct{ store }

func (s halfApplies) SaveEvents(ctx context.Context, events ...aether.Event) (aether.Position, error) {
	if len(events) == 0 {
		return s.store.SaveEvents(ctx)
	}
	var last aether.Position
	for _, e := range events {
		position, err := s.store.SaveEvents(ctx, e)
		if err != nil {
			return 0, err
		}
		last = max(last, position)
	}
	return last, nil
}

// Package storetest is the test suite that every engine of package aether
// passes. Each of its subtests is named for the promise it tests, so the output
// of go test -v is the list of what an engine keeps.
//
// An engine's own tests call [Run], here one that keeps its events in a folder:
//
//	func TestConformance(t *testing.T) {
//		features := storetest.Features{Snapshots: true, Durable: true}
//		storetest.Run(t, features, func(t *testing.T) storetest.Storage {
//			folder := t.TempDir()
//			return storetest.Storage{Open: func(ctx context.Context) (aether.Engine, error) {
//				return filestore.Open(ctx, folder, nil)
//			}}
//		})
//	}
//
// The suite tests what the comments of package aether promise, and what follows
// from them. It depends on no timing: what hangs fails after two minutes.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

// Features declares what an engine has besides what all have. The tests of what
// is not declared do not run.
type Features struct {
	// Snapshots: its event stores are [aether.SnapshotStore] too.
	Snapshots bool

	// Durable: what was saved outlives the engine. Storage.Open is called again
	// after the engine was closed, and opens the same events.
	Durable bool

	// PowerLoss: Storage.LosePower is there. The engine must be Durable as well.
	PowerLoss bool

	// Shared: Storage.Open may be called while an engine is open on the storage, as
	// by a second process. Both have the same events, and whatever holds for
	// callers of one engine holds for those of the two.
	Shared bool

	// Small leaves out the largest saves and snapshots there may be, which take
	// most of the time. It is for an engine that runs the suite once more, with
	// other options.
	Small bool
}

// Storage is what outlives an engine: a folder, a database, a cluster.
type Storage struct {
	// Open opens an engine on the storage. The suite has one open at a time, two
	// only if Features.Shared says so, and closes all of them.
	Open func(ctx context.Context) (aether.Engine, error)

	// LosePower takes from the storage whatever was not synced when it was called.
	// The engine is in use meanwhile, perhaps in the middle of saves, which may
	// fail or not. Afterwards the suite closes it, whatever that returns, and
	// opens another; what the former one still writes must not reach the storage.
	LosePower func()
}

// Run runs the suite, each test on a storage of its own. Function fresh returns
// one that holds nothing; it disposes of it with t.Cleanup.
//
// The topics run in parallel, so fresh is called by several tests at the same time
// and Run returns before they have ended: what they need and the caller has made,
// it disposes of with t.Cleanup too, and not with defer.
func Run(t *testing.T, features Features, fresh func(t *testing.T) Storage) {
	t.Helper()
	if features.PowerLoss && !features.Durable {
		t.Fatal("storetest: Features.PowerLoss needs Features.Durable")
	}
	for _, topic := range topics(features) {
		t.Run(topic.name, func(t *testing.T) {
			t.Parallel()
			for _, p := range topic.promises {
				t.Run(p.name, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(context.Background(), patience)
					defer cancel()
					p.test(ctx, t, newSubject(ctx, t, features, fresh(t)))
				})
			}
		})
	}
}

// patience is how long a test may take before it counts as hanging. Most take some
// milliseconds; on a machine with much else to do and a slow disk one has taken
// half a minute.
const patience = 2 * time.Minute

// A promise is one test of the suite.
type promise struct {
	name string
	test func(ctx context.Context, t *testing.T, s *subject)
}

type topic struct {
	name     string
	promises []promise
}

func topics(features Features) []topic {
	topics := []topic{
		{"versions", versionPromises()},
		{"races", racePromises()},
		{"batches", batchPromises()},
		{"repeats", repeatPromises()},
		{"duplicates", duplicatePromises()},
		{"fields", fieldPromises()},
		{"copies", copyPromises()},
		{"limits", limitPromises()},
		{"text limits", textLimitPromises()},
		{"data limits", dataLimitPromises()},
		{"actors", actorPromises()},
		{"namespaces", namespacePromises()},
		{"log", logPromises()},
		{"following", followPromises()},
		{"iterators", iteratorPromises()},
		{"contexts", contextPromises()},
		{"closing", closingPromises()},
		{"together", togetherPromises()},
		{"model", modelPromises()},
	}
	if !features.Small {
		topics = append(topics, topic{"large", largePromises(features)})
	}
	if features.Snapshots {
		topics = append(topics, topic{"snapshots", snapshotPromises()})
	}
	if features.Shared {
		topics = append(topics, topic{"shared", sharedPromises()})
	}
	if features.Durable {
		topics = append(topics, topic{"reopening", reopeningPromises()})
	}
	if features.PowerLoss {
		topics = append(topics, topic{"power loss", powerLossPromises()})
	}
	return topics
}

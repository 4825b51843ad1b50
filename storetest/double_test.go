package storetest_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/storekit"
	"github.com/aether-es/aether/storetest"
)

// disk is a fake disk. What was written to it can be read, but the power takes
// what was not synced.
type disk struct {
	mu      sync.Mutex
	records []record
	synced  int // how many of them
}

// record is a save, or a snapshot.
type record struct {
	namespace string
	events    []aether.Event
	snapshot  *aether.Snapshot
}

func (d *disk) write(r record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r.events = slices.Clone(r.events)
	for i := range r.events {
		r.events[i].Data = bytes.Clone(r.events[i].Data)
	}
	d.records = append(d.records, r)
}

func (d *disk) sync() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.synced = len(d.records)
}

// left returns the disk as a loss of power leaves it.
func (d *disk) left() *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &disk{records: slices.Clone(d.records[:d.synced]), synced: d.synced}
}

// double is a small durable engine: each save is tried on the memory store
// staged, written to the disk, synced, and only then shown in the memory store
// visible, from which all reads are answered.
type double struct {
	disk    *disk
	staged  *memstore.Store
	visible *memstore.Store

	users atomic.Int32 // that have it open; the last to close it does so

	// forgetSync, showEarly and apart are the faults it can be given.
	forgetSync bool
	showEarly  func() // called between showing a save and syncing it
	apart      bool   // it is not shared

	mu sync.Mutex // one save at a time
}

// open replays the disk.
func (d *double) open(ctx context.Context) error {
	d.staged, d.visible = memstore.New(), memstore.New()
	for _, r := range d.disk.records {
		for _, engine := range []*memstore.Store{d.staged, d.visible} {
			store, err := engine.Namespace(ctx, r.namespace)
			if err != nil {
				return fmt.Errorf("replay: %w", err)
			}
			if r.snapshot != nil {
				err = store.(aether.SnapshotStore).SaveSnapshot(ctx, *r.snapshot)
			} else {
				_, err = store.SaveEvents(ctx, r.events...)
			}
			if err != nil {
				return fmt.Errorf("replay: %w", err)
			}
		}
	}
	return nil
}

func (d *double) Namespace(ctx context.Context, name string) (aether.EventStore, error) {
	staged, err := d.staged.Namespace(ctx, name)
	if err != nil {
		return nil, err
	}
	visible, err := d.visible.Namespace(ctx, name)
	if err != nil {
		return nil, err
	}
	return &doubleStore{store: visible.(store), engine: d, name: name, staged: staged}, nil
}

func (d *double) Namespaces(ctx context.Context) ([]string, error) { return d.visible.Namespaces(ctx) }

func (d *double) Close() error {
	if d.users.Add(-1) > 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.disk.sync()
	if err := d.staged.Close(); err != nil {
		return err
	}
	return d.visible.Close()
}

// store is all that the namespaces of the doubles can do.
type store interface {
	aether.EventStore
	aether.SnapshotStore
}

type doubleStore struct {
	store  // the visible one
	engine *double
	name   string
	staged aether.EventStore
}

func (s *doubleStore) SaveEvents(ctx context.Context, events ...aether.Event) (aether.Position, error) {
	events, err := storekit.Complete(events, time.Now())
	if err != nil {
		return 0, err
	}
	d := s.engine
	d.mu.Lock()
	defer d.mu.Unlock()
	before, err := s.staged.GetLatestPosition(ctx)
	if err != nil {
		return 0, err
	}
	last, err := s.staged.SaveEvents(ctx, events...)
	if err != nil || last <= before {
		return last, err
	}
	ctx = context.WithoutCancel(ctx) // it is staged: there is no way back
	if d.showEarly != nil {
		if _, err := s.store.SaveEvents(ctx, events...); err != nil {
			return 0, err
		}
		d.showEarly()
	}
	d.disk.write(record{namespace: s.name, events: events})
	if !d.forgetSync {
		d.disk.sync()
	}
	return s.store.SaveEvents(ctx, events...) // if it is there already, nothing happens
}

func (s *doubleStore) SaveSnapshot(ctx context.Context, snapshot aether.Snapshot) error {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	if err := s.store.SaveSnapshot(ctx, snapshot); err != nil {
		return err
	}
	snapshot.Data = bytes.Clone(snapshot.Data)
	s.engine.disk.write(record{namespace: s.name, snapshot: &snapshot})
	return nil
}

// newStorage returns an empty disk on which doubles are opened, each made by the
// function. Those that are open at the same time are one, unless they are apart.
func newStorage(newDouble func(*disk) *double) storetest.Storage {
	d := &disk{}
	var open *double
	return storetest.Storage{
		Open: func(ctx context.Context) (aether.Engine, error) {
			if open == nil || open.apart || open.users.Load() <= 0 {
				open = newDouble(d)
				if err := open.open(ctx); err != nil {
					return nil, err
				}
			}
			open.users.Add(1)
			return open, nil
		},
		LosePower: func() { d, open = d.left(), nil },
	}
}

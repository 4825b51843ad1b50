package filestore

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aether-es/aether"
)

// ReadOnly is an engine that reads a store's folder while another process, or
// nobody, has it open. It needs no lock and no index and changes nothing. What it
// reads it first makes durable, so it never shows what a loss of power could take
// back; only a save that is just being refused, for a full disk, may be seen.
//
// Reading the log is as fast as with a [Store]; whatever needs the index, an
// actor's events or the list of actors, reads the whole log. Followers look for
// new events a few times a second. Saving fails with [ErrReadOnly]. It is safe
// for concurrent use.
type ReadOnly struct {
	dir     string
	options *Options
	closed  chan struct{}
	closing sync.Mutex
}

var _ aether.Engine = (*ReadOnly)(nil)

// OpenReadOnly returns a view of the store in a folder, [ErrNotFound] when there
// is none. It checks what [Open] checks about the files as a whole; a damaged
// record is found when it is read.
func OpenReadOnly(ctx context.Context, dir string, options *Options) (*ReadOnly, error) {
	r := &ReadOnly{dir: dir, options: options.withDefaults(), closed: make(chan struct{})}
	files, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	return r, files.close()
}

// ready says why nothing may be done any more: ctx is done or r closed.
func (r *ReadOnly) ready(ctx context.Context) error {
	select {
	case <-r.closed:
		return aether.ErrClosed
	default:
		return ctx.Err()
	}
}

// open opens the segments that are there now.
func (r *ReadOnly) open(ctx context.Context) (*segments, error) {
	if err := r.ready(ctx); err != nil {
		return nil, err
	}
	if file := fileInTheWay(r.options.fs, r.dir); file != "" {
		return nil, notAFolder(file)
	}
	files, _, err := openSegments(r.options.fs, r.dir)
	if err != nil {
		return nil, err
	}
	if files.last() == nil {
		return nil, fmt.Errorf("%w: %s has no %s folder with segments", ErrNotFound, r.dir, logFolder)
	}
	return files, nil
}

// Namespace returns the events of one namespace.
func (r *ReadOnly) Namespace(ctx context.Context, name string) (aether.EventStore, error) {
	if err := aether.CheckNamespace(name); err != nil {
		return nil, err
	}
	files, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	return &readOnlyNamespace{r, name}, files.close()
}

// Namespaces returns the names of the namespaces that hold events. It reads the
// whole log.
func (r *ReadOnly) Namespaces(ctx context.Context) ([]string, error) {
	names := make(map[string]bool)
	err := r.scan(ctx, &walker{}, func(rec record) bool {
		names[string(rec.namespace())] = true
		return true
	})
	return slices.Sorted(maps.Keys(names)), err
}

// Close ends the followers with [aether.ErrClosed].
func (r *ReadOnly) Close() error {
	r.closing.Lock()
	defer r.closing.Unlock()
	select {
	case <-r.closed:
		return aether.ErrClosed
	default:
		close(r.closed)
		return nil
	}
}

// walker remembers how far a reader of the whole log has come.
type walker struct {
	segment uint32
	offset  int64
}

// scan passes the records of all whole saves behind w to visit, until that
// returns false or there are no more at the moment.
func (r *ReadOnly) scan(ctx context.Context, w *walker, visit func(record) bool) error {
	files, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer files.close()
	for _, file := range files.list[max(1, w.segment)-1:] {
		if file.number != w.segment {
			w.segment, w.offset = file.number, segmentHeader
		}
		end := file.size
		if file == files.last() {
			if end, err = file.wholeSize(ctx, w.offset); err != nil {
				return err
			}
		}
		again, err := r.scanSegment(ctx, w, file, end, visit)
		if err != nil || !again {
			return err
		}
	}
	return files.checkEnd(w.offset)
}

func (r *ReadOnly) scanSegment(ctx context.Context, w *walker, file *segment, end int64, visit func(record) bool) (bool, error) {
	scan := scanner{file: file.file, path: file.path, offset: w.offset, end: end}
	var held []record // of a save that may not be whole
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		rec, err := scan.next()
		switch {
		case isBroken(err) && scan.offset >= end && len(held) == 0:
			return true, nil // the end of what is there so far
		case isBroken(err):
			return false, file.damage(scan.offset, "the segment should go on to byte %d: %v", end, err)
		case err != nil:
			return false, err
		case rec.isSeal():
			w.offset = scan.offset
			return true, nil
		case rec.more() > 0:
			held = append(held, slices.Clone(rec))
			continue
		}
		for _, former := range held {
			if !visit(former) {
				return false, nil
			}
		}
		if !visit(rec) {
			return false, nil
		}
		held = held[:0]
		w.offset = scan.offset
	}
}

// readOnlyNamespace is one namespace of a ReadOnly.
type readOnlyNamespace struct {
	engine *ReadOnly
	name   string
}

func (n *readOnlyNamespace) SaveEvents(context.Context, ...aether.Event) (aether.Position, error) {
	return 0, ErrReadOnly
}

func (n *readOnlyNamespace) GetEvents(ctx context.Context, actorID string, after aether.Version) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		if err := aether.CheckActorID(actorID); err != nil {
			yield(aether.Event{}, err)
			return
		}
		n.scan(ctx, &walker{}, yield, func(r record) verdict {
			if _, id, _, _ := r.names(); string(id) == actorID && r.version() > after {
				return take
			}
			return skip
		})
	}
}

// verdict is what a reader of the log wants of a record.
type verdict int

const (
	skip verdict = iota
	take
	skipLast // as skip, and nothing more
	takeLast
)

// scan yields the events of the namespace behind w that are wanted. It returns
// false when the loop is over.
func (n *readOnlyNamespace) scan(ctx context.Context, w *walker, yield func(aether.Event, error) bool, judge func(record) verdict) bool {
	more := true
	var broken error
	var space slab
	err := n.engine.scan(ctx, w, func(r record) bool {
		if string(r.namespace()) != n.name {
			return true
		}
		what := judge(r)
		if what == skip || what == skipLast {
			more = what == skip
			return more
		}
		e, err := r.event(&space)
		if err != nil {
			broken = &DamageError{File: segmentName(w.segment), Offset: w.offset, Reason: err.Error()}
			return false
		}
		more = yield(e, nil) && what != takeLast
		return more
	})
	if err == nil {
		err = broken
	}
	if err != nil {
		yield(aether.Event{}, err)
		return false
	}
	return more
}

func (n *readOnlyNamespace) GetLatestVersion(ctx context.Context, actorID string) (aether.Version, error) {
	if err := aether.CheckActorID(actorID); err != nil {
		return 0, err
	}
	var latest aether.Version
	err := n.engine.scan(ctx, &walker{}, func(r record) bool {
		if namespace, id, _, _ := r.names(); string(namespace) == n.name && string(id) == actorID {
			latest = r.version()
		}
		return true
	})
	return latest, err
}

func (n *readOnlyNamespace) GetEventVersion(ctx context.Context, actorID, eventID string) (aether.Version, error) {
	for e, err := range n.GetEvents(ctx, actorID, 0) {
		if err != nil {
			return 0, err
		}
		if e.ID == eventID {
			return e.Version, nil
		}
	}
	return 0, nil
}

func (n *readOnlyNamespace) GetActors(ctx context.Context, kind string) iter.Seq2[aether.Actor, error] {
	return func(yield func(aether.Actor, error) bool) {
		latest := make(map[string]aether.Version)
		err := n.engine.scan(ctx, &walker{}, func(r record) bool {
			namespace, id, _, _ := r.names()
			if string(namespace) == n.name && (kind == "" || aether.Kind(string(id)) == kind) {
				latest[string(id)] = r.version()
			}
			return true
		})
		if err != nil {
			yield(aether.Actor{}, err)
			return
		}
		for _, id := range slices.Sorted(maps.Keys(latest)) {
			if err := ctx.Err(); err != nil {
				yield(aether.Actor{}, err)
				return
			}
			if !yield(aether.Actor{ID: id, Version: latest[id]}, nil) {
				return
			}
		}
	}
}

func (n *readOnlyNamespace) GetLatestPosition(ctx context.Context) (aether.Position, error) {
	var latest aether.Position
	err := n.engine.scan(ctx, &walker{}, func(r record) bool {
		if string(r.namespace()) == n.name {
			latest = r.position()
		}
		return true
	})
	return latest, err
}

func (n *readOnlyNamespace) ReadLog(ctx context.Context, after aether.Position, options *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return n.log(ctx, after, options, false)
}

func (n *readOnlyNamespace) FollowLog(ctx context.Context, after aether.Position, options *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return n.log(ctx, after, options, true)
}

// lookEvery is how often a follower looks for events that another process saved.
const lookEvery = 200 * time.Millisecond

func (n *readOnlyNamespace) log(ctx context.Context, after aether.Position, options *aether.LogOptions, follow bool) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		bound := ^aether.Position(0)
		if options != nil && options.To != 0 {
			bound = options.To
		}
		if after >= bound { // and whoever follows from the last position of all waits for nothing
			if err := n.engine.ready(ctx); err != nil {
				yield(aether.Event{}, err)
			}
			return
		}
		w, seen := &walker{}, after
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		for {
			more := n.scan(ctx, w, yield, func(r record) verdict {
				wanted := r.position() > seen && matches(options, r)
				seen = max(seen, r.position())
				switch {
				case wanted && seen == bound:
					return takeLast
				case wanted:
					return take
				case seen == bound:
					return skipLast
				}
				return skip
			})
			if !more || !follow {
				return
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
			case <-n.engine.closed:
			}
		}
	}
}

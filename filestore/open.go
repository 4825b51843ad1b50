package filestore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
)

// Open opens the store in a folder, which it makes if need be. Only one Store may
// have it open at a time: [ErrInUse] otherwise.
//
// It checks what it can check quickly, and everything that has changed since it
// was last checked: that all segments are there and as long as they were, the
// checksums of the last one and of those whose size or time of modification is
// not what it was. Damage is an [ErrDamaged], never a store with fewer events, but
// for one case. When the last save in the log is not whole it is taken for one
// that was never finished, and so never acknowledged, unless it is known that the
// log went on behind it: from the index, from when the store was closed, from its
// backup. Where nothing is known, after a process was killed, it may as well be a
// save that was acknowledged and is damaged: the two cannot be told apart. So
// nothing of it is destroyed: what is cut off goes to a file in the folder "cut"
// of the store, and the Logger is told. Only when the disk is too full for that it
// is dropped, so that the store can be opened.
//
// Then the index takes in what it lacks; when it is missing or damaged it is made
// again from the log, which takes some seconds per million events. Open gives up
// when ctx ends.
//
// A backup is refused ([ErrBackup]), and so is a folder that has other files of a
// store, but no log.
func Open(ctx context.Context, dir string, options *Options) (*Store, error) {
	o := options.withDefaults()
	s := &Store{
		options:    o,
		fs:         o.fs,
		freezes:    make(chan frozen, 1),
		namespaces: make(map[string]*namespace),
		recent:     newRecent(),
	}
	s.flushed = sync.NewCond(&s.mu)
	s.queue.init()
	if err := makeFolder(s.fs, dir); err != nil {
		return nil, err
	}
	dir, err := realPath(s.fs, dir)
	if err != nil {
		return nil, err
	}
	s.dir = dir
	s.space.fs, s.space.dir, s.space.abandon = o.fs, dir, make(chan struct{})
	if err := refuse(s.fs, dir); err != nil {
		return nil, err
	}
	if err := makeFolder(s.fs, s.fs.PathJoin(dir, logFolder)); err != nil {
		return nil, err
	}
	unlock, err := lockFolder(s.fs, dir)
	if err != nil {
		return nil, err
	}
	s.unlock = unlock
	if err := s.load(ctx); err != nil {
		return nil, errors.Join(err, s.release(false))
	}
	s.done.Add(2)
	go s.write()
	go s.flush()
	return s, nil
}

func (s *Store) load(ctx context.Context) error {
	files, unborn, err := openSegments(s.fs, s.dir)
	if err != nil {
		return err
	}
	s.segments = files
	if err := s.beginLog(unborn); err != nil {
		return err
	}
	if err := s.checkSealed(ctx); err != nil {
		return err
	}
	from, err := s.openIndex()
	if err != nil {
		return err
	}
	latest, err := s.index.namespaces()
	if err != nil {
		return err
	}
	for name, position := range latest {
		n := s.namespace(name)
		n.staged, n.latest = position, position
	}
	if err := s.replay(ctx, from); err != nil {
		return err
	}
	s.index.fs.BePatient()
	if err := s.index.fs.Err(); err != nil {
		return &writeError{indexError(err)}
	}
	return nil
}

// beginLog makes the first segment of a new store, or the next one of a store
// that died while it made it.
func (s *Store) beginLog(unborn bool) error {
	last := s.segments.last()
	if last == nil {
		if _, err := rand.Read(s.id[:]); err != nil {
			return err
		}
		return s.create(&segment{number: 1, path: s.fs.PathJoin(s.dir, logFolder, segmentName(1)), store: s.id})
	}
	s.id = last.store
	if unborn {
		path := s.fs.PathJoin(s.dir, logFolder, segmentName(last.number+1))
		if err := s.fs.Remove(path); err != nil {
			return fmt.Errorf("filestore: remove %s: %w", path, err)
		}
	}
	// Whoever made the segment may have died before it was in the folder for good.
	if err := syncFolder(s.fs, s.fs.PathJoin(s.dir, logFolder)); err != nil {
		return err
	}
	file, err := s.fs.OpenReadWrite(last.path, segmentCategory)
	if err != nil {
		return fmt.Errorf("filestore: open %s: %w", last.path, err)
	}
	s.writer.file, s.writer.segment = file, last
	return nil
}

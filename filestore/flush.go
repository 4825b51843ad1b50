package filestore

// freeze hands the index in memory to the indexer when it has become large. When
// the indexer is still busy with the former one it goes on growing, up to twice
// its size; then the writer waits.
func (s *Store) freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recent.events < s.options.recentEvents || s.stopped != nil {
		return
	}
	for s.flushing != nil {
		if s.recent.events < 2*s.options.recentEvents || s.stopped != nil || s.index.fs.Waiting() {
			return // while the disk is full nothing much comes
		}
		s.flushed.Wait()
	}
	s.flushing, s.recent = s.recent, newRecent()
	s.freezes <- frozen{s.flushing, s.durable}
}

// frozen is a part of the index that does not change any more, and the place in
// the log up to which it goes.
type frozen struct {
	recent *recent
	end    place
}

// flush is the indexer: it moves what the writer froze to the index on disk.
// Lookups find it in memory until it is there. While there is nothing to move it
// makes the filter.
func (s *Store) flush() {
	defer s.done.Done()
	filling, err := s.filter.fill(s.index.db)
	if err != nil {
		s.options.Logger.Warn("filestore: no filter, so saves take longer", "folder", s.dir, "error", err)
	}
	for more := err == nil; more; {
		select {
		case f, ok := <-s.freezes:
			if !ok {
				_ = filling.iter.Close()
				return
			}
			s.move(f)
		default:
			if more, err = filling.step(); err != nil {
				s.options.Logger.Warn("filestore: no filter, so saves take longer", "folder", s.dir, "error", err)
			}
		}
	}
	for f := range s.freezes {
		s.move(f)
	}
}

func (s *Store) move(f frozen) {
	err := s.index.write(f.recent, s.id, f.end)
	if err == nil {
		// So that not much is read again when the process is killed.
		s.saveChecked(f.end)
	}
	for key := range f.recent.ids {
		s.filter.add(key)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.stop(err)
	} else {
		s.flushing = nil
		s.generation++
	}
	s.flushed.Broadcast()
}

package filestore

import "fmt"

// Stats are how a store is.
type Stats struct {
	// FreeBytes is how much space its disk has left.
	FreeBytes uint64

	// FailedSaves is how many saves failed since it was opened since the disk was full,
	// or the store has stopped.
	FailedSaves uint64
}

// Stats returns how the store is. The error is about the free space, which not every
// file system tells.
func (s *Store) Stats() (Stats, error) {
	stats := Stats{FailedSaves: s.failed.Load()}
	usage, err := s.fs.GetDiskUsage(s.dir)
	if err != nil {
		return stats, fmt.Errorf("filestore: free space of %s: %w", s.dir, err)
	}
	stats.FreeBytes = usage.AvailBytes
	return stats, nil
}

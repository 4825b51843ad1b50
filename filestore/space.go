package filestore

import (
	"syscall"
	"time"

	"github.com/aether-es/aether/filestore/internal/pebblefs"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The index needs space for what follows from the log, so some is left free: the
// smaller of reserve and a 16th of the disk.
const (
	reserve    = 16 << 20
	spaceCheck = 1 << 20 // bytes written between two looks at the free space
)

// space watches over the free space of a store's disk.
type space struct {
	fs  vfs.FS
	dir string

	// spare is how much the writer may write before it looks again.
	spare int64

	// abandon is closed when the index shall not wait for space any more.
	abandon chan struct{}
}

// check refuses a write when little space is left.
func (p *space) check(size int64) error {
	if p.spare -= size; p.spare > 0 {
		return nil
	}
	if err := p.enough(size, reserve); err != nil {
		p.spare = 0
		return err
	}
	p.spare = spaceCheck
	return nil
}

// enough refuses a write of so many bytes when there are not so many, and so many
// to keep, or a 16th of the disk if that is less.
func (p *space) enough(size int64, keep uint64) error {
	usage, err := p.fs.GetDiskUsage(p.dir)
	if err != nil {
		return nil // not every file system tells; then the write itself will
	}
	keep = min(keep, usage.TotalBytes/16)
	if usage.AvailBytes < keep+uint64(size) {
		return &DiskFullError{Folder: p.dir, Free: usage.AvailBytes, Needed: keep + uint64(size), Err: syscall.ENOSPC}
	}
	return nil
}

// wait waits for space. It returns false when nobody waits for it any more.
func (p *space) wait() bool {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.abandon:
			return false
		case <-tick.C:
		}
		usage, err := p.fs.GetDiskUsage(p.dir)
		if err != nil || usage.AvailBytes > min(reserve, usage.TotalBytes/16)/2 {
			return true
		}
	}
}

func (p *space) abandoned() bool {
	select {
	case <-p.abandon:
		return true
	default:
		return false
	}
}

func isDiskFull(err error) bool { return pebblefs.IsDiskFull(err) }

package filestore

import (
	"context"
	"fmt"
	"hash/crc32"
	"hash/maphash"

	"github.com/aether-es/aether"
)

// Report says what [Verify], [Backup] or [Restore] found in a store's log.
type Report struct {
	Segments   int                        `json:"segments"`
	Bytes      int64                      `json:"bytes"` // of the log
	Events     int64                      `json:"events"`
	Namespaces map[string]aether.Position `json:"namespaces"` // the latest positions

	// Incomplete is the number of bytes at the end that are no whole save, without
	// the zeros that follow.
	Incomplete int64 `json:"incomplete"`

	// Doubtful says where they begin; it is nil when there are none. They are a save
	// that is being written now, or was not finished when its process died, or one
	// that was acknowledged and is damaged: these cannot be told apart. The next
	// [Open] cuts them off, and keeps them in a file.
	Doubtful *LogPlace `json:"doubtful,omitempty"`
}

// LogPlace is a place in a file of the log.
type LogPlace struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
}

// Verify reads the whole log of the store in a folder and checks everything that
// can be checked: the segments' heads, seals and checksums, the checksum of every
// record, and that the positions of each namespace and the versions of each actor
// are without gaps. What is wrong is an [ErrDamaged]; without a store the error is
// [ErrNotFound]. The store may be open in another process; nothing is changed. A
// backup is compared with what was backed up.
//
// What no check can find is said in Report.Doubtful: where the last save is not
// whole, and nothing tells how far the log had come, it is unfinished, or damaged.
//
// It needs about 40 bytes of memory an actor.
func Verify(ctx context.Context, dir string, options *Options) (Report, error) {
	v := verifier{
		options:  options.withDefaults(),
		seed:     maphash.MakeSeed(),
		versions: make(map[uint64]aether.Version),
		report:   Report{Namespaces: make(map[string]aether.Position)},
	}
	r := &ReadOnly{dir: dir, options: v.options, closed: make(chan struct{})}
	files, err := r.open(ctx)
	if err != nil {
		return Report{}, err
	}
	defer files.close()
	progress, finish := progressOf(v.options, "verify", files.list)
	for _, file := range files.list {
		if err := v.segment(ctx, file, progress); err != nil {
			return v.report, err
		}
	}
	finish()
	if err := files.checkEnd(v.end); err != nil {
		return v.report, err
	}
	want, err := loadBackup(v.options.fs, dir)
	if err != nil || want == nil {
		return v.report, err
	}
	return v.report, want.compare(&v.report, v.options.fs.PathJoin(dir, logFolder))
}

type verifier struct {
	options  *Options
	report   Report
	end      int64 // of the last segment, without what is incomplete
	space    slab
	seed     maphash.Seed
	versions map[uint64]aether.Version // by a hash of namespace and actor
}

func (v *verifier) segment(ctx context.Context, file *segment, progress func(int64)) error {
	end := file.size
	if end == 0 {
		info, err := file.file.Stat()
		if err != nil {
			return fmt.Errorf("filestore: stat %s: %w", file.path, err)
		}
		end = info.Size()
	}
	head := make([]byte, segmentHeader)
	if _, err := file.file.ReadAt(head, 0); err != nil {
		return err
	}
	sum := crc32.Checksum(head, castagnoli)
	scan := scanner{file: file.file, path: file.path, offset: segmentHeader, end: end}
	var events int64
	var held []string    // the namespaces of the events of a save that is not whole yet
	whole := scan.offset // where the last whole save ends
	for {
		offset := scan.offset
		r, err := scan.next()
		switch {
		case isBroken(err) && file.size == 0:
			if offset < end {
				t := taker{file: file, broken: err, bad: offset}
				if err := t.checkTorn(end); err != nil {
					return err
				}
			}
			// After it was read: what was read is then what is on disk.
			if err := file.file.SyncData(); err != nil {
				return fmt.Errorf("filestore: sync %s: %w", file.path, err)
			}
			for _, namespace := range held {
				if v.report.Namespaces[namespace]--; v.report.Namespaces[namespace] == 0 {
					delete(v.report.Namespaces, namespace)
				}
			}
			return v.count(file, whole, events-int64(len(held)), end)
		case isBroken(err):
			return file.damage(offset, "the segment should go on to byte %d: %v", file.size, err)
		case err != nil:
			return err
		case r.isSeal():
			if r.sealSum() != sum || r.sealEvents() != events {
				return file.damage(offset, "its %d events with checksum %08x are not the %d with %08x that were sealed", events, sum, r.sealEvents(), r.sealSum())
			}
			return v.count(file, scan.offset, events, scan.offset)
		}
		if err := v.record(file, r, offset); err != nil {
			return err
		}
		sum = crc32.Update(sum, castagnoli, r)
		events++
		if r.more() == 0 {
			held, whole = held[:0], scan.offset
		} else {
			held = append(held, string(r.namespace()))
		}
		progress(int64(len(r)))
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// record checks that an event follows on those before it.
func (v *verifier) record(file *segment, r record, offset int64) error {
	if _, err := r.event(&v.space); err != nil {
		return file.damage(offset, "%v", err)
	}
	name, actorID, _, _ := r.names()
	namespace := string(name)
	if want := v.report.Namespaces[namespace] + 1; r.position() != want {
		return file.damage(offset, "an event of namespace %q has position %d, where %d should come", namespace, r.position(), want)
	}
	v.report.Namespaces[namespace]++
	var h maphash.Hash
	h.SetSeed(v.seed)
	h.Write(name)
	h.WriteByte(0)
	h.Write(actorID)
	actor := h.Sum64()
	if want := v.versions[actor] + 1; r.version() != want {
		return file.damage(offset, "an event of actor %q has version %d, where %d should come", actorID, r.version(), want)
	}
	v.versions[actor]++
	return nil
}

func (v *verifier) count(file *segment, whole, events, end int64) error {
	v.end = whole
	v.report.Segments++
	v.report.Bytes += whole
	v.report.Events += events
	tail := make([]byte, end-whole)
	if len(tail) == 0 {
		return nil
	}
	if _, err := file.file.ReadAt(tail, whole); err != nil {
		return err
	}
	if v.report.Incomplete = int64(len(withoutZeros(tail))); v.report.Incomplete > 0 {
		v.report.Doubtful = &LogPlace{file.path, whole}
	}
	return nil
}

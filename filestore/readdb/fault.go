package readdb

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/aether-es/aether/readdb"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// damagedName is the file that says that the read DB is damaged, and how.
const damagedName = "damaged"

func (kv *KV) pebbleOptions(path string) *pebble.Options {
	options := &pebble.Options{
		FS:                          kv.fence,
		FormatMajorVersion:          pebble.FormatNewest,
		DisableWAL:                  true,
		MemTableSize:                kv.options.memTable,
		MemTableStopWritesThreshold: 4,
		MaxOpenFiles:                512,
		Logger:                      kv.log,
	}
	options.Experimental.CompactionScheduler = kv.fence.Gate()
	options.EventListener = &pebble.EventListener{
		BackgroundError: kv.background,
		DataCorruption:  func(info pebble.DataCorruptionInfo) { kv.damaged(fmt.Errorf("%s: %w", info.Path, info.Details)) },
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	options.EnsureDefaults()
	return options
}

// background is told by Pebble what went wrong in the background, which it then tries
// again at once. Nothing of that heals, so the KV stops; what is tried for all that is
// slowed down.
func (kv *KV) background(err error) {
	again := kv.fence.Err() != nil
	if pebble.IsCorruptionError(err) {
		kv.damaged(err)
	}
	kv.fence.Fail(err)
	kv.log.Report(slog.LevelWarn, kv.folder, err)
	if again {
		time.Sleep(time.Second)
	}
}

// note logs that the KV has stopped.
func (kv *KV) note() {
	if kv.fence.Damage() == nil { // which is logged by mark
		kv.log.Report(slog.LevelError, kv.folder, kv.stopped(kv.fence.Err()))
	}
}

// damaged notes damage: the KV stops, and the next Open is a readdb.ErrDamaged.
func (kv *KV) damaged(err error) {
	kv.fence.NoteDamage(err)
	kv.fence.Fail(err)
}

// mark leaves the file for the next Open.
func (kv *KV) mark(damage error) {
	kv.log.Report(slog.LevelError, kv.folder, damage)
	err := writeMark(kv.options.fs, kv.folder, damage.Error())
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // it does not exist where the folder is gone
		kv.log.Report(slog.LevelError, kv.folder, fmt.Errorf("the damage cannot be noted: %w", err))
	}
}

func writeMark(fsys vfs.FS, folder, text string) error {
	file, err := fsys.Create(fsys.PathJoin(folder, damagedName), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write([]byte(text + "\n"))
	return errors.Join(err, file.Sync(), file.Close(), syncFolder(fsys, folder))
}

// marked returns the damage that an earlier KV has noted.
func (kv *KV) marked() error {
	path := kv.options.fs.PathJoin(kv.folder, damagedName)
	switch _, err := kv.options.fs.Stat(path); {
	case err == nil:
		return kv.damage(fmt.Errorf("it was found while it was open, see %s", path))
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("readdb: open %s: %w", kv.folder, err)
	}
	return nil
}

// Check returns why the KV does not keep anything any more, nil while it does: an
// [ErrStopped] or a readdb.ErrDamaged. It notices a folder that is gone, and then the KV
// stops. It is cheap enough to be called every second.
func (kv *KV) Check() error {
	kv.mu.RLock()
	defer kv.mu.RUnlock()
	if kv.closed {
		return readdb.ErrClosed
	}
	if kv.fence.Err() == nil {
		if _, err := kv.options.fs.Stat(kv.options.fs.PathJoin(kv.folder, filesName)); errors.Is(err, fs.ErrNotExist) {
			kv.fence.Fail(err)
		}
	}
	if err := kv.fence.Err(); err != nil {
		return kv.stopped(err)
	}
	return nil
}

// stopped says that the KV has stopped, and why.
func (kv *KV) stopped(cause error) error {
	if damage := kv.fence.Damage(); damage != nil {
		return kv.damage(damage)
	}
	return fmt.Errorf("%w: %s: %w", ErrStopped, kv.folder, cause)
}

func (kv *KV) damage(cause error) error {
	return &readdb.DamageError{What: "the folder " + kv.folder, Err: cause}
}

// readError says what an error of a read is.
func (kv *KV) readError(err error) error {
	if pebble.IsCorruptionError(err) {
		kv.damaged(err)
		return kv.damage(err)
	}
	return fmt.Errorf("readdb: read %s: %w", kv.folder, err)
}

package natsstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/filestore"
)

// A copy is a folder: the file store, the gaps, and a note that says what it is a copy of.
const (
	copyFolder = "events"
	gapsFile   = "gaps"
	noteFile   = "copy.json"
)

// copyNote says what a copy is of, and whether what the file system has can be trusted:
// the copy is not synced while it is used.
type copyNote struct {
	Format    int    `json:"format"`
	Namespace string `json:"namespace"`
	Stream    string `json:"stream"` // the ID in its metadata
	Boot      string `json:"boot"`   // of the machine, since when it is written
	Clean     bool   `json:"clean"`  // it was closed, and synced
}

const copyFormat = 1

// copyFiles is an open copy.
type copyFiles struct {
	dir    string
	note   copyNote
	store  *filestore.Store
	events aether.EventStore
	gaps   *gaps
}

// openCopy opens the copy of a stream in a folder, or begins a new one where there is
// none, or what is there cannot be used.
func openCopy(ctx context.Context, dir, namespace, stream string, logger *slog.Logger) (*copyFiles, error) {
	want := copyNote{Format: copyFormat, Namespace: namespace, Stream: stream, Boot: bootID()}
	reason := ""
	var have copyNote
	data, err := os.ReadFile(filepath.Join(dir, noteFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(dir); err == nil {
			reason = "it has no note"
		}
	case err != nil:
		return nil, fmt.Errorf("natsstore: %w", err)
	case json.Unmarshal(data, &have) != nil:
		reason = "its note cannot be read"
	case have.Format != want.Format:
		reason = "it has another format"
	case have.Namespace != want.Namespace || have.Stream != want.Stream:
		reason = "it is the copy of another stream"
	case !have.Clean && (have.Boot != want.Boot || have.Boot == ""):
		reason = "the machine has stopped while it was written"
	}
	for {
		if reason != "" {
			logger.Warn("natsstore: a copy is dropped, and made again from the stream", "folder", dir, "reason", reason)
			if err := os.RemoveAll(dir); err != nil {
				return nil, fmt.Errorf("natsstore: %w", err)
			}
		}
		c, err := tryCopy(ctx, dir, want, have.Clean && reason == "", logger)
		if err == nil || reason != "" || ctx.Err() != nil || errors.Is(err, ErrInUse) || !errors.Is(err, filestore.ErrDamaged) {
			return c, err
		}
		reason = err.Error()
	}
}

func tryCopy(ctx context.Context, dir string, note copyNote, wasClean bool, logger *slog.Logger) (*copyFiles, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("natsstore: %w", err)
	}
	c := &copyFiles{dir: dir, note: note}
	var err error
	c.store, err = filestore.Open(ctx, filepath.Join(dir, copyFolder), &filestore.Options{NoSync: true, CacheSize: 16 << 20, Logger: logger})
	if errors.Is(err, filestore.ErrInUse) {
		return nil, fmt.Errorf("%w: %s is the folder of another engine that is open; each needs one of its own", ErrInUse, dir)
	}
	if err != nil {
		return nil, err
	}
	if c.gaps, err = openGaps(filepath.Join(dir, gapsFile)); err == nil {
		if c.events, err = c.store.Namespace(ctx, note.Namespace); err == nil {
			// What is on disk must not say clean any more. Otherwise it does not matter when
			// the note gets there: without one the copy is not used.
			err = c.writeNote(false, wasClean)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("natsstore: %w", err), c.store.Close())
	}
	return c, nil
}

// close syncs everything, so that the copy survives whatever comes, if it is so long that
// making it again would take longer.
func (c *copyFiles) close() error {
	last, err := c.events.GetLatestPosition(context.Background())
	err = errors.Join(err, c.store.Close(), c.gaps.file.Close())
	if err != nil || last < worthSyncing {
		return err
	}
	if err := syncAll(c.dir); err != nil {
		return err
	}
	return c.writeNote(true, true)
}

const worthSyncing = 10_000

// setAside closes the copy and moves it away, as it may be all that is left of events.
func (c *copyFiles) setAside() (string, error) {
	if err := errors.Join(c.store.Close(), c.gaps.file.Close()); err != nil {
		return "", err
	}
	to := c.dir + ".lost-" + time.Now().UTC().Format("20060102T150405.000000")
	return to, os.Rename(c.dir, to)
}

// writeNote writes the note, on disk if sync says so.
func (c *copyFiles) writeNote(clean, sync bool) error {
	c.note.Clean = clean
	data, err := json.Marshal(c.note)
	if err != nil {
		return err
	}
	path := filepath.Join(c.dir, noteFile)
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o644); err != nil {
		return err
	}
	if sync {
		if err := syncPath(path + ".new"); err != nil {
			return err
		}
	}
	if err := os.Rename(path+".new", path); err != nil || !sync {
		return err
	}
	return syncPath(c.dir)
}

func syncAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncPath(path)
	})
}

func syncPath(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// bootID tells one run of the machine from the next, "" where that is not known.
func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(data))
}

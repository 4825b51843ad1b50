package paysim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// journal is a file with a line of JSON for each change. The end of a line that was
// not written whole, since the program died, is cut off; damage elsewhere is an error.
type journal struct {
	mu   sync.Mutex
	file *os.File
	size int64

	syncing sync.Mutex
	synced  int64
}

// openJournal gives all changes in a file to restore, and goes on after them.
func openJournal(path string, restore func(change) error) (*journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{file: file}
	if err := j.read(restore); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	j.synced = j.size
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return j, nil
}

func (j *journal) read(restore func(change) error) error {
	from := bufio.NewReader(j.file)
	for n := 1; ; n++ {
		line, err := from.ReadBytes('\n')
		if err == io.EOF {
			break // with what was not written whole
		}
		if err != nil {
			return err
		}
		var c change
		if err = json.Unmarshal(line, &c); err == nil {
			err = restore(c)
		}
		if err != nil {
			return fmt.Errorf("line %d is damaged: %w", n, err)
		}
		j.size += int64(len(line))
	}
	if err := j.file.Truncate(j.size); err != nil {
		return err
	}
	if _, err := j.file.Seek(j.size, io.SeekStart); err != nil {
		return err
	}
	return j.file.Sync()
}

// syncFolder makes a new file's name durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// append writes a line, and returns where it ends. After an error the journal must not
// be written any more.
func (j *journal) append(line []byte) (int64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, err := j.file.Write(append(bytes.TrimRight(line, "\n"), '\n'))
	j.size += int64(n)
	return j.size, err
}

// sync returns when everything up to an end is on disk. One sync serves all who wait.
func (j *journal) sync(end int64) error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if j.synced >= end {
		return nil
	}
	j.mu.Lock()
	size := j.size
	j.mu.Unlock()
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.synced = size
	return nil
}

func (j *journal) close() error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	return errors.Join(j.file.Sync(), j.file.Close())
}

// restore applies a line of the file.
func (s *Server) restore(c change) error {
	if i := c.Intent; i != nil {
		if i.ID == "" || i.Status == "" {
			return errors.New("a payment has no ID or no status")
		}
		if old := s.intents[i.ID]; old != nil {
			*old = *i
		} else {
			s.intents[i.ID] = i
			s.order = append(s.order, i)
		}
	}
	if k := c.Key; k != nil {
		if k.Key == "" || k.Status == 0 {
			return errors.New("a key has no text or no answer")
		}
		s.keys[k.Key] = k
	}
	return nil
}

package filestore

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// maxCuts is how many files there are at most with what was cut off the log.
const maxCuts = 32

// cut removes what follows the last whole save from the end of the log. Nobody can
// tell if it was never finished or was damaged, so it is kept in a file first. A
// full disk alone does not prevent the cut: else nobody could open the store.
func (s *Store) cut(file *segment, offset int64, lost []byte) error {
	kept, err := s.keep(file, offset, lost)
	switch {
	case isDiskFull(err):
		s.options.Logger.Warn("filestore: removed an incomplete save from the end of the log: it is unfinished, or damaged: the two cannot be told apart; the disk is too full to keep it",
			"file", file.path, "offset", offset, "error", err, "bytes", len(lost))
	case err != nil:
		return err
	default:
		s.options.Logger.Warn("filestore: moved an incomplete save from the end of the log to a file: it is unfinished, or damaged: the two cannot be told apart",
			"file", file.path, "offset", offset, "kept", kept, "bytes", len(lost))
	}
	if err := wipe(s.writer.file, offset); err != nil {
		return fmt.Errorf("filestore: repair %s: %w", file.path, err)
	}
	return nil
}

// keep writes what is cut off to a file, durably, and returns its path. When there
// are too many such files it removes the oldest.
func (s *Store) keep(file *segment, offset int64, lost []byte) (string, error) {
	folder := s.fs.PathJoin(s.dir, cutFolder)
	if err := makeFolder(s.fs, folder); err != nil {
		return "", err
	}
	names, err := s.fs.List(folder)
	if err != nil {
		return "", fmt.Errorf("filestore: list %s: %w", folder, err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return cutNumber(name) == 0 })
	slices.SortFunc(names, func(a, b string) int { return cutNumber(a) - cutNumber(b) })
	number := 1
	if len(names) > 0 {
		number = cutNumber(names[len(names)-1]) + 1
	}
	path := s.fs.PathJoin(folder, fmt.Sprintf("%08d-%d-%d", file.number, offset, number))
	if err := writeFile(s.fs, path, lost); err != nil {
		_ = s.fs.Remove(path + ".new")
		return "", err
	}
	for _, name := range names[:max(0, len(names)+1-maxCuts)] {
		if err := s.fs.Remove(s.fs.PathJoin(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("filestore: remove %s: %w", s.fs.PathJoin(folder, name), err)
		}
	}
	return path, nil
}

// cutNumber is the last part of the name of a file with what was cut off, which
// counts them; 0 when it is none.
func cutNumber(name string) int {
	parts := strings.Split(name, "-")
	number, err := strconv.Atoi(parts[len(parts)-1])
	if err != nil || len(parts) != 3 || number < 0 {
		return 0
	}
	return number
}

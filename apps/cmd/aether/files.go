package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// input opens what a command reads: the file of its argument, else stdin. It also
// returns the size, 0 when that is not known.
func (p *program) input(args []string) (io.ReadCloser, int64, error) {
	name := "stdin"
	var file *os.File
	if len(args) > 0 && args[0] != "-" {
		var err error
		name = args[0]
		if file, err = os.Open(name); err != nil {
			return nil, 0, explainInput(name, err)
		}
	} else {
		var ok bool
		if file, ok = p.stdin.(*os.File); !ok {
			return io.NopCloser(p.stdin), 0, nil
		}
		if isTerminal(file) {
			fmt.Fprintln(p.console, "Type or paste events, one JSON object a line; Ctrl-D ends.")
		}
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		return file, 0, nil
	case info.IsDir():
		return nil, 0, errors.Join(fmt.Errorf("%s is a folder; name a file of JSON lines", name), file.Close())
	}
	return file, regularSize(info), nil
}

func regularSize(info os.FileInfo) int64 {
	if info.Mode().IsRegular() {
		return info.Size()
	}
	return 0
}

// explainInput says why a file of the user cannot be read.
func explainInput(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &explained{err, "there is no file " + path}
	}
	return &explained{err, path + " cannot be read: " + reason(err)}
}

// explainOutput says why a file of the user cannot be written.
func explainOutput(path string, err error) error {
	text := path + " cannot be written: "
	switch {
	case errors.Is(err, fs.ErrNotExist):
		text += "there is no folder " + filepath.Dir(path)
	case errors.Is(err, syscall.ENOTDIR):
		text += filepath.Dir(path) + " is not a folder"
	case errors.Is(err, syscall.EISDIR):
		text += "it is a folder; name a file"
	case errors.Is(err, syscall.ENOSPC):
		text += "the disk is full"
	default:
		text += reason(err)
	}
	return &explained{err, text}
}

// explainFolder says why nothing can be made in a folder of the user.
func explainFolder(path string, err error) error {
	text := path + " cannot be written: "
	if errors.Is(err, fs.ErrNotExist) {
		text += "there is no such folder"
	} else {
		text += reason(err)
	}
	return &explained{err, text}
}

// reason is an error of the system without what was called with which path.
func reason(err error) string {
	var at *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &at):
		return at.Err.Error()
	case errors.As(err, &link):
		return link.Err.Error()
	}
	return err.Error()
}

// keepFile refuses to replace a file with something in it.
func keepFile(path string) error {
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		return &explained{fs.ErrExist, path + " is there already; name another file, or replace it with --force"}
	}
	return nil
}

// writeWhole writes a file that takes its name when it is complete and on disk.
// What has the name and is no file, a device or a pipe, is just written to.
func writeWhole(path string, write func(io.Writer) error) error {
	named := path
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // the link stays
	}
	unfinished := path + ".unfinished"
	err := writeTo(path, unfinished, write)
	var at *fs.PathError
	var link *os.LinkError
	if errors.As(err, &at) && (at.Path == path || at.Path == unfinished) || errors.As(err, &link) {
		return explainOutput(named, err)
	}
	return err
}

func writeTo(path, unfinished string, write func(io.Writer) error) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(file), file.Close())
	}
	file, err := os.Create(unfinished)
	if err != nil {
		return err
	}
	if err := errors.Join(write(file), file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(unfinished))
	}
	return os.Rename(unfinished, path)
}

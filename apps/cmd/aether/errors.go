package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/jsonl"
	"github.com/aether-es/aether/filestore"
	"github.com/aether-es/aether/natsstore"
	"github.com/aether-es/aether/pgstore"
	"github.com/spf13/cobra"
)

// The exit codes.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitConflict = 3
)

// usageError says that a command was not called as it wants to be.
type usageError struct {
	cmd *cobra.Command
	err error
}

func (e *usageError) Error() string {
	text, ask := strings.CutSuffix(e.err.Error(), "?")
	if ask {
		return fmt.Sprintf("%s? See %s --help", text, e.cmd.CommandPath())
	}
	return fmt.Sprintf("%s; see %s --help", text, e.cmd.CommandPath())
}
func (e *usageError) Unwrap() error { return e.err }

// inputError says what went wrong with events that were read, and which of them
// are saved all the same.
type inputError struct {
	err      error
	line     int  // the one at fault, 0 when it is not the input's fault
	saved    int  // lines up to this one are saved, 0 when none is
	before   bool // and all of them had been before
	doubtful int  // those behind, up to this one, may be saved; 0 when none may
}

func (e *inputError) Unwrap() error { return e.err }

func (e *inputError) Error() string {
	text := message(e.err)
	var bad *jsonl.LineError
	if e.line > 0 && !errors.As(e.err, &bad) {
		text = fmt.Sprintf("line %d: %s", e.line, text)
	}
	switch {
	case e.saved == 0:
		text += "; nothing is saved"
	case e.saved == 1 && e.before:
		text += "; nothing is saved, line 1 had been before"
	case e.before:
		text += fmt.Sprintf("; nothing is saved, lines 1 to %d had been before", e.saved)
	case e.saved == 1:
		text += "; line 1 is saved"
	default:
		text += fmt.Sprintf("; lines 1 to %d are saved", e.saved)
	}
	if e.doubtful > 0 {
		text += fmt.Sprintf(", those up to %d perhaps too: append them again, events with an id are not saved twice", e.doubtful)
	}
	return text
}

// explained is an error with a text that says what to do.
type explained struct {
	err  error
	text string
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.err }

// explainOpen explains why a store could not be opened.
func (p *program) explainOpen(err error) error {
	switch {
	case errors.Is(err, filestore.ErrNotFound):
		return &explained{err, fmt.Sprintf("there is no store in %s; name its folder with --data or $%s (append makes a new one)", p.dir, dirEnv)}
	case errors.Is(err, filestore.ErrInUse):
		return &explained{err, fmt.Sprintf("%s is in use: another process has it open, and one at a time can save; stop it, or wait for it with --wait 10s (what reads works meanwhile)", p.dir)}
	case errors.Is(err, natsstore.ErrInUse):
		return &explained{err, fmt.Sprintf("%s is in use: another node has its copies of the events there; name another folder with --data", p.dir)}
	}
	return err
}

// message is the text of an error for people.
func message(err error) string {
	var (
		input     *inputError
		known     *explained
		invalid   *aether.InvalidError
		conflict  *aether.ConflictError
		duplicate *aether.DuplicateError
		differs   *differsError
		damage    *filestore.DamageError
		full      *filestore.DiskFullError
	)
	switch {
	case errors.As(err, &input):
		return input.Error()
	case errors.As(err, &known):
		return known.text
	case errors.As(err, &invalid):
		return invalid.Field + " " + invalid.Reason
	case errors.As(err, &conflict):
		return conflictMessage(conflict)
	case errors.As(err, &duplicate):
		return fmt.Sprintf("%s has the event %q at version %d already, so it cannot be saved at version %d", duplicate.ActorID, duplicate.EventID, duplicate.Version, duplicate.Tried)
	case errors.As(err, &differs):
		return differs.Error()
	case errors.As(err, &damage):
		return plain(damage) + "; nothing was changed; if there is a backup, restore it to another folder: aether restore BACKUP --data FOLDER"
	case errors.As(err, &full):
		return fullMessage(full)
	case errors.Is(err, filestore.ErrDiskFull):
		return plain(err) + "; make space and run it again"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	}
	return plain(err)
}

func fullMessage(e *filestore.DiskFullError) string {
	if e.Needed == 0 {
		return fmt.Sprintf("the disk of %s is full: make space and run it again", e.Folder)
	}
	return fmt.Sprintf("the disk of %s has %s free, and %s are needed: make space and run it again", e.Folder, size(int64(e.Free)), size(int64(e.Needed)))
}

func plain(err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", "; ") // errors.Join puts them on lines
	for _, prefix := range []string{"filestore: ", "pgstore: ", "natsstore: ", "aether: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

func conflictMessage(c *aether.ConflictError) string {
	text := fmt.Sprintf("version conflict: %s is at version %d, so version %d cannot be saved", c.ActorID, c.Latest, c.Tried)
	if c.Tried > c.Latest+1 {
		text += fmt.Sprintf(": its next is %d", c.Latest+1)
	}
	if len(c.Events) > 0 {
		text += fmt.Sprintf("; its version %d is %s (id %q)", c.Tried, c.Events[0].Type, c.Events[0].ID)
	}
	return text
}

// failure is the JSON form of an error.
type failure struct {
	Error string `json:"error"`
	Class string `json:"class"`

	// Of append and import.
	Line       int  `json:"line,omitempty"`
	SavedLines *int `json:"savedLines,omitempty"`

	// Of a conflict or a duplicate. ID and Version are those of the event in the
	// store that has the ID already.
	ActorID string         `json:"actorId,omitempty"`
	ID      string         `json:"id,omitempty"`
	Version aether.Version `json:"version,omitempty"`
	Tried   aether.Version `json:"tried,omitempty"`
	Latest  aether.Version `json:"latest,omitempty"`
}

// classes name the errors in JSON and give them their exit codes. The first that
// fits counts.
var classes = []struct {
	err   error
	class string
	code  int
}{
	{aether.ErrVersionConflict, "conflict", exitConflict},
	{aether.ErrDuplicateEvent, "duplicate", exitFailed},
	{aether.ErrInvalid, "invalid", exitFailed},
	{filestore.ErrInUse, "in-use", exitFailed},
	{natsstore.ErrInUse, "in-use", exitFailed},
	{aether.ErrUnavailable, "unavailable", exitFailed},
	{pgstore.ErrNotMigrated, "not-migrated", exitFailed},
	{filestore.ErrNotFound, "not-found", exitFailed},
	{filestore.ErrDamaged, "damaged", exitFailed},
	{filestore.ErrBackup, "backup", exitFailed},
	{filestore.ErrUnfinished, "unfinished", exitFailed},
	{filestore.ErrDiskFull, "disk-full", exitFailed},
	{filestore.ErrStopped, "stopped", exitFailed},
	{errNoNamespace, "not-found", exitFailed},
	{fs.ErrNotExist, "not-found", exitFailed},
	{context.Canceled, "interrupted", exitFailed},
}

// reportError writes an error to stderr and returns the exit code.
func (p *program) reportError(err error) int {
	if err == nil {
		return exitDone
	}
	f := failure{Error: message(err), Class: "failed"}
	code := exitFailed
	var usage *usageError
	if errors.As(err, &usage) {
		f.Class, code = "usage", exitUsage
	} else {
		for _, c := range classes {
			if errors.Is(err, c.err) {
				f.Class, code = c.class, c.code
				break
			}
		}
	}
	if !p.json {
		fmt.Fprintf(p.console, "aether: %s\n", printable(f.Error))
		return code
	}
	var input *inputError
	if errors.As(err, &input) {
		f.Line, f.SavedLines = input.line, &input.saved
	}
	var (
		conflict  *aether.ConflictError
		duplicate *aether.DuplicateError
		differs   *differsError
	)
	switch {
	case errors.As(err, &conflict):
		f.ActorID, f.Tried, f.Latest = conflict.ActorID, conflict.Tried, conflict.Latest
	case errors.As(err, &duplicate):
		f.ActorID, f.ID, f.Version, f.Tried = duplicate.ActorID, duplicate.EventID, duplicate.Version, duplicate.Tried
	case errors.As(err, &differs):
		f.ActorID, f.ID, f.Version, f.Tried = differs.saved.ActorID, differs.saved.ID, differs.saved.Version, differs.saved.Version
	}
	encoder := json.NewEncoder(p.console)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(f)
	return code
}

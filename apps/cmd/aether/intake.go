package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/jsonl"
	"github.com/aether-es/aether/filestore"
)

// intake saves events from lines, in their order. What it does cannot be told
// from saving line by line, but it takes one save, and so one sync of the disk,
// for all lines that are there at the moment: many of a file, one of a person
// who types.
type intake struct {
	store   aether.EventStore
	console *console
	size    int64 // of the input in bytes, 0 when it is not known

	// prepare, if there is one, completes the events of a save before it; landed is
	// told of them after it, and whether they had been saved before.
	prepare func([]jsonl.Line, []aether.Event) ([]aether.Event, error)
	landed  func(lines []jsonl.Line, events []aether.Event, repeated bool) error

	report intakeReport
	batch  int // how many lines the next save may have
	line   int // the number of the last line that was saved
	last   aether.Position
	start  time.Time
}

// intakeReport is what append and import have to tell in the end.
type intakeReport struct {
	Read     int64           `json:"read"`     // events of the input
	Saved    int64           `json:"saved"`    // of which these were new
	Repeated int64           `json:"repeated"` // and these had been saved before
	First    aether.Position `json:"-"`        // of those saved
	Position aether.Position `json:"position"` // of the last event of the log
	SHA256   string          `json:"sha256,omitempty"`
}

// run reads and saves until the input ends. The error is an inputError.
func (in *intake) run(ctx context.Context, input io.Reader) error {
	in.batch, in.start = aether.MaxBatchEvents, time.Now()
	var err error
	if in.last, err = in.store.GetLatestPosition(ctx); err != nil {
		return err
	}
	in.report.Position = in.last

	// The reader may hang in a read of a terminal or a pipe that nothing can
	// interrupt, so it is not waited for: the process ends anyway.
	reading, stop := context.WithCancel(ctx)
	defer stop()
	pieces := make(chan piece, 1)
	go readPieces(reading, jsonl.NewReader(input), pieces)
	for {
		var next piece
		select {
		case next = <-pieces:
		case <-ctx.Done():
			return in.failed(ctx.Err(), nil)
		}
		if err := in.saveLines(ctx, next.lines); err != nil {
			return err
		}
		if len(next.lines) > 0 {
			in.console.progress(func() string { return in.progress(next.bytes) })
		}
		if next.err == io.EOF {
			return nil
		}
		if next.err != nil {
			return in.failed(next.err, nil)
		}
	}
}

// saveLines saves lines in as few saves as it can.
//
// When a save of several is refused, nothing of it was written, and any of its
// lines may be the reason; or the reason may be that some had been saved before
// and others not, which is no reason between lines. So it begins again with one
// line and doubles from there, and what is refused in the end is one line.
func (in *intake) saveLines(ctx context.Context, lines []jsonl.Line) error {
	for len(lines) > 0 {
		n := min(in.batch, len(lines))
		err := in.save(ctx, lines[:n])
		switch {
		case err == nil:
			in.batch = min(2*in.batch, aether.MaxBatchEvents)
		case n == 1 && isRepeat(err, &lines[0]):
			in.report.Repeated++
		case n > 1 && isRefused(err):
			in.batch = 1
			continue
		default:
			return in.failed(err, lines[:n])
		}
		in.report.Read += int64(n)
		in.line = lines[n-1].Number
		lines = lines[n:]
	}
	return nil
}

// isRefused says that a save was refused for what it is.
func isRefused(err error) bool {
	return errors.Is(err, aether.ErrInvalid) || errors.Is(err, aether.ErrVersionConflict) || errors.Is(err, aether.ErrDuplicateEvent)
}

// isRepeat says that a line without a version had been saved before: its ID is
// there, at the version that it was given then.
func isRepeat(err error, line *jsonl.Line) bool {
	return line.Event.Version == 0 && errors.Is(err, aether.ErrDuplicateEvent)
}

// isDoubtful says that a failed save may have been written all the same.
func isDoubtful(err error) bool {
	return !isRefused(err) && !errors.Is(err, filestore.ErrDiskFull) && !errors.Is(err, context.Canceled)
}

// save saves lines with one save.
func (in *intake) save(ctx context.Context, lines []jsonl.Line) error {
	events := make([]aether.Event, len(lines))
	latest := make(map[string]aether.Version)
	for i := range lines {
		events[i] = lines[i].Event
		if err := in.number(ctx, &events[i], latest); err != nil {
			return err
		}
	}
	if in.prepare != nil {
		var err error
		if events, err = in.prepare(lines, events); err != nil {
			return err
		}
	}
	position, err := in.store.SaveEvents(ctx, events...)
	if err != nil {
		return err
	}
	// Nobody else saves meanwhile, so what comes behind the last event is new.
	repeated := position <= in.last
	if in.landed != nil {
		if err := in.landed(lines, events, repeated); err != nil {
			return err
		}
	}
	if repeated {
		in.report.Repeated += int64(len(lines))
		return nil
	}
	if in.report.Saved == 0 {
		in.report.First = position - aether.Position(len(lines)) + 1
	}
	in.report.Saved += int64(len(lines))
	in.last, in.report.Position = position, position
	return nil
}

// number gives an event without a version its actor's next. The latest are those
// of the actors in the save so far.
func (in *intake) number(ctx context.Context, e *aether.Event, latest map[string]aether.Version) error {
	if e.Version == 0 {
		version, known := latest[e.ActorID]
		if !known {
			var err error
			if version, err = in.store.GetLatestVersion(ctx, e.ActorID); err != nil {
				return err
			}
		}
		e.Version = version + 1
	}
	latest[e.ActorID] = e.Version
	return nil
}

// failed makes the error of a save of lines, or of the input behind them.
func (in *intake) failed(err error, lines []jsonl.Line) error {
	failure := &inputError{err: err, saved: in.line}
	var bad *jsonl.LineError
	switch {
	case errors.As(err, &bad):
		failure.line = bad.Line
	case len(lines) == 1 && isRefused(err):
		failure.line = lines[0].Number
	case len(lines) > 0 && isDoubtful(err):
		failure.doubtful = lines[len(lines)-1].Number
	}
	return failure
}

func (in *intake) progress(bytes int64) string {
	text := plural(in.report.Read, "event")
	if in.size > 0 {
		text += fmt.Sprintf(", %d %%", min(100, 100*bytes/in.size))
	}
	return text + fmt.Sprintf(", %s/s", grouped(int64(float64(in.report.Read)/time.Since(in.start).Seconds())))
}

// piece is lines that follow on each other. err is why there are no more.
type piece struct {
	lines []jsonl.Line
	bytes int64 // of the input so far
	err   error
}

// pieceBytes bounds a piece: more than that in one save makes nothing faster.
const pieceBytes = 4 << 20

// readPieces passes on the lines of the input: whenever there is none that can be
// read without waiting, and before there are too many for one save.
func readPieces(ctx context.Context, input *jsonl.Reader, pieces chan<- piece) {
	for {
		next := piece{}
		for bytes := 0; next.err == nil; {
			line, err := input.Read()
			if err != nil {
				next.err = err
				break
			}
			next.lines = append(next.lines, line)
			bytes += line.Event.Size()
			if len(next.lines) == aether.MaxBatchEvents || bytes >= pieceBytes || !input.Buffered() {
				break
			}
		}
		next.bytes = input.Bytes()
		select {
		case pieces <- next:
		case <-ctx.Done():
			return
		}
		if next.err != nil {
			return
		}
	}
}

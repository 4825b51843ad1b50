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
	"github.com/aether-es/aether/memstore"
)

// intake saves events from lines, in their order. What it does cannot be told
// from saving line by line, but it takes one save, and so one sync of the disk,
// for all lines that are there at the moment: many of a file, one of a person
// who types.
type intake struct {
	store   aether.EventStore // nil until there is one: open then makes it
	open    func() (aether.EventStore, error)
	console *console
	size    int64 // of the input in bytes, 0 when it is not known

	// prepare, if there is one, completes the events of a save before it; landed is
	// told of them after it, as they are in the store.
	prepare func([]jsonl.Line, []aether.Event) ([]aether.Event, error)
	landed  func([]aether.Event) error

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

// run reads and saves until the input ends.
func (in *intake) run(ctx context.Context, input io.Reader) error {
	in.start = time.Now()
	if in.store != nil {
		if err := in.begin(ctx); err != nil {
			return err
		}
	}

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
		if in.store == nil && len(next.lines) > 0 {
			if err := in.makeStore(ctx, next.lines[0]); err != nil {
				return err
			}
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

// begin looks where the log ends.
func (in *intake) begin(ctx context.Context) (err error) {
	in.batch = aether.MaxBatchEvents
	in.last, err = in.store.GetLatestPosition(ctx)
	in.report.Position = in.last
	return err
}

// makeStore makes the store for its first event, unless that would be refused: it
// is saved in memory before.
func (in *intake) makeStore(ctx context.Context, first jsonl.Line) error {
	memory := memstore.New()
	defer memory.Close()
	store, err := memory.Namespace(ctx, defaultNamespace)
	if err != nil {
		return err
	}
	rehearsal := &intake{store: store, prepare: in.prepare, batch: 1}
	if err := rehearsal.saveLines(ctx, []jsonl.Line{first}); err != nil {
		return err
	}
	if in.store, err = in.open(); err != nil {
		return err
	}
	return in.begin(ctx)
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
	// Nobody else saves meanwhile, so what comes behind the last event is new. The store
	// compares bytes, and data that is only written otherwise is the same here.
	duplicate, ok := errors.AsType[*aether.DuplicateError](err)
	repeated := err == nil && position <= in.last || ok && duplicate.Tried == duplicate.Version
	if err != nil && !repeated {
		return err
	}
	if repeated {
		if events, err = compare(ctx, in.store, lines, events); err != nil {
			return err
		}
	}
	if in.landed != nil {
		if err := in.landed(events); err != nil {
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

// number gives an event without a version the one that it was saved with before,
// else its actor's next. The latest are those of the actors in the save so far.
func (in *intake) number(ctx context.Context, e *aether.Event, latest map[string]aether.Version) (err error) {
	if e.Version == 0 && e.ID != "" {
		if e.Version, err = in.store.GetEventVersion(ctx, e.ActorID, e.ID); err != nil {
			return err
		}
	}
	if e.Version == 0 {
		version, known := latest[e.ActorID]
		if !known {
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
	failure := &inputError{err: err, saved: in.line, before: in.report.Saved == 0}
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

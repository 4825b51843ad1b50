package main

import (
	"bufio"
	"context"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/jsonl"
)

// printer writes events to stdout, as lines of JSON or as a table.
type printer struct {
	mu     sync.Mutex
	out    *bufio.Writer
	table  *table // nil for JSON
	line   []byte
	events int

	// For a follower: what was printed is passed on by a timer, since nobody knows
	// when the next event comes. broken is told when that fails.
	following bool
	armed     bool
	err       error
	broken    context.CancelCauseFunc
}

// flushAfter is long enough to write many events at once while there are many.
const flushAfter = 20 * time.Millisecond

func newPrinter(out io.Writer, json bool) *printer {
	p := &printer{out: bufio.NewWriterSize(out, 64<<10)}
	if !json {
		p.table = &table{out: p.out, columns: []column{
			{title: "POSITION", right: true}, {title: "TIME"}, {title: "ACTOR"}, {title: "VERSION", right: true}, {title: "TYPE"}, {title: "DATA"},
		}}
	}
	return p
}

// timeFormat has all of a time's digits, and is as wide for every time.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// print writes one event, at the latest at the next flush.
func (p *printer) print(e *aether.Event) (err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	p.events++
	if p.table == nil {
		if p.line, err = jsonl.Append(p.line[:0], e); err == nil {
			_, err = p.out.Write(p.line)
		}
	} else {
		p.line = jsonl.AppendCompact(p.line[:0], e.Data)
		err = p.table.row(
			strconv.FormatUint(uint64(e.Position), 10), e.Time.UTC().Format(timeFormat), printable(e.ActorID),
			strconv.FormatUint(uint64(e.Version), 10), printable(e.Type), printable(string(p.line)))
	}
	if err == nil && p.following && !p.armed {
		p.armed = true
		time.AfterFunc(flushAfter, func() { _ = p.flush() })
	}
	return err
}

// follow has everything passed on soon. When that fails, a reader that waits for
// the next event is woken by ending ctx.
func (p *printer) follow(ctx context.Context) context.Context {
	ctx, p.broken = context.WithCancelCause(ctx)
	p.following = true
	return ctx
}

// flush writes everything that was printed.
func (p *printer) flush() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = false
	if p.err == nil && p.table != nil {
		p.err = p.table.flush()
	}
	if p.err == nil {
		p.err = p.out.Flush()
	}
	if p.err != nil && p.broken != nil {
		p.broken(p.err)
	}
	return p.err
}

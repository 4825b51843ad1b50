package pebblefs

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Pebble says the same again each time it tries again, which may be thousands of times
// a second, and its errors print with stack traces.
const (
	logBurst = 5           // so many messages at once
	logEvery = time.Minute // and then one in so much time
)

// Log passes on what Pebble complains about, at a limited rate, and not its diary. It
// is safe for concurrent use.
type Log struct {
	logger *slog.Logger
	prefix string

	mu      sync.Mutex
	left    int // how many more messages there may be
	since   time.Time
	omitted int
}

var _ pebble.Logger = (*Log)(nil)

// NewLog returns one that begins its messages with a prefix: "filestore: Pebble".
func NewLog(logger *slog.Logger, prefix string) *Log {
	return &Log{logger: logger, prefix: prefix, left: logBurst, since: time.Now()}
}

// Report logs what has happened to a folder.
func (l *Log) Report(level slog.Level, folder string, err error) {
	l.log(level, "folder", folder, "error", err.Error()) // the text: a handler may print an error with its stack
}

func (l *Log) log(level slog.Level, attrs ...any) {
	l.mu.Lock()
	if n := int(time.Since(l.since) / logEvery); n > 0 {
		l.left = min(logBurst, l.left+n)
		l.since = l.since.Add(time.Duration(n) * logEvery)
	}
	if l.left == 0 {
		l.omitted++
		l.mu.Unlock()
		return
	}
	l.left--
	if l.omitted > 0 {
		attrs = append(attrs, "omitted", l.omitted)
		l.omitted = 0
	}
	l.mu.Unlock()
	l.logger.Log(context.Background(), level, l.prefix, attrs...)
}

// Infof is for Pebble.
func (*Log) Infof(string, ...any) {}

// Errorf is for Pebble.
func (l *Log) Errorf(format string, args ...any) {
	l.log(slog.LevelWarn, "error", plainly(format, args))
}

// Fatalf is for Pebble. It panics, which Guard makes an error of.
func (l *Log) Fatalf(format string, args ...any) {
	panic(l.prefix + ": " + plainly(format, args))
}

// plainly formats without stack traces.
func plainly(format string, args []any) string {
	return fmt.Sprintf(strings.ReplaceAll(format, "%+v", "%v"), args...)
}

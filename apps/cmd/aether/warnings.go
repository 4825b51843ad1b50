package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
)

// warnings prints what the store warns of in the way of all that the program
// says on stderr: "aether: warning: …", or an object with --json.
type warnings struct {
	console *console
	json    bool
	attrs   []slog.Attr
}

func (w *warnings) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn
}

func (w *warnings) Handle(_ context.Context, record slog.Record) error {
	attrs := w.attrs[:len(w.attrs):len(w.attrs)]
	record.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	text := strings.TrimPrefix(record.Message, "filestore: ")
	if w.json {
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false)
		fields := map[string]string{"warning": text}
		for _, a := range attrs {
			fields[a.Key] = a.Value.String()
		}
		if err := encoder.Encode(fields); err != nil {
			return err
		}
		_, err := w.console.Write(line.Bytes())
		return err
	}
	for _, a := range attrs {
		text += fmt.Sprintf("; %s: %v", a.Key, a.Value)
	}
	_, err := fmt.Fprintf(w.console, "aether: warning: %s\n", printable(text))
	return err
}

func (w *warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &warnings{w.console, w.json, append(w.attrs[:len(w.attrs):len(w.attrs)], attrs...)}
}

// WithGroup leaves groups out: the store has none.
func (w *warnings) WithGroup(string) slog.Handler { return w }

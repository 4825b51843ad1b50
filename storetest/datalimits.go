package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aether-es/aether"
)

func dataLimitPromises() []promise {
	return []promise{
		{"data is one JSON value", notJSON},
		{"data is valid UTF-8", dataNotUTF8},
		{"data nests at most 10000 deep as in encoding json", deepData},
	}
}

func refuseData(ctx context.Context, t *testing.T, store aether.EventStore, data string) {
	t.Helper()
	e := newEvent("room/1", 1)
	e.Data = []byte(data)
	refuse(ctx, t, store, fmt.Sprintf("data %.60q", data), 0, "data", e)
}

func notJSON(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	for _, data := range []string{
		"", " ", "\n", "x", "nul", "nulll", "True", "NaN", "Infinity", "undefined", "'a'", `"a`, `a"`, `"\x"`, `"\u12g4"`, `"\u12`,
		"\"\n\"", "\"\x00\"", "+1", "01", "1.", ".5", "1e", "0x10", "1_000", "--1", "1 2", "null,null", "{}{}", "[] []",
		"{", "}", "[", "]", "[1,]", "[,1]", "[1 2]", "{a:1}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{1:2}`, "[}", "{]",
		"// comment\n1", "/**/1", "\ufeff1", "1\x00", "\x001", "\v1", "\u00a01",
	} {
		refuseData(ctx, t, store, data)
	}
	e := newEvent("room/1", 1)
	e.Data = nil
	refuse(ctx, t, store, "nil", 0, "data", e)
	expectStore(ctx, t, store, nil)
}

func dataNotUTF8(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	for _, bytes := range []string{"\xff", "\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "é\xc3"} {
		refuseData(ctx, t, store, `"`+bytes+`"`)
		refuseData(ctx, t, store, `{"`+bytes+`":1}`)
		refuseData(ctx, t, store, `1`+bytes)
	}
	expectStore(ctx, t, store, nil)
}

// deepData saves what encoding/json can just read, and what it cannot.
func deepData(ctx context.Context, t *testing.T, s *subject) {
	store := s.store(ctx, t, "test")
	const deepest = 10000
	refuseData(ctx, t, store, strings.Repeat("[", deepest+1)+strings.Repeat("]", deepest+1))
	e := newEvent("room/1", 1)
	e.Data = []byte(strings.Repeat("[", deepest) + strings.Repeat("]", deepest))
	expectStore(ctx, t, store, save(ctx, t, store, e))
}

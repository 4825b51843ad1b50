package readdb_test

import (
	"fmt"
	"iter"
	"runtime"
	"testing"

	"github.com/aether-es/aether/readdb"
)

func TestMemory(t *testing.T) {
	for seed := range uint64(10) {
		if err := readdb.CheckKV(readdb.NewMemory(), seed, 2000); err != nil {
			t.Error(err)
		}
	}
}

// The test of KVs finds what is wrong with one.
func TestCheckKV(t *testing.T) {
	for name, kv := range map[string]readdb.KV{
		"forgets a deletion":       broken{readdb.NewMemory(), func(c []readdb.Change) []readdb.Change { return without(c, readdb.Delete) }},
		"forgets a range":          broken{readdb.NewMemory(), func(c []readdb.Change) []readdb.Change { return without(c, readdb.DeleteRange) }},
		"forgets the last change":  broken{readdb.NewMemory(), func(c []readdb.Change) []readdb.Change { return c[:max(0, len(c)-1)] }},
		"does not keep the moment": live{readdb.NewMemory()},
		"writes in pieces":         pieces{readdb.NewMemory()},
		"scans too far":            far{readdb.NewMemory()},
		"closes twice":             twice{readdb.NewMemory()},
	} {
		if err := readdb.CheckKV(kv, 1, 2000); err == nil {
			t.Errorf("a KV that %s passes", name)
		}
	}
}

type broken struct {
	*readdb.Memory
	change func([]readdb.Change) []readdb.Change
}

func (b broken) Write(changes []readdb.Change) error { return b.Memory.Write(b.change(changes)) }

func without(changes []readdb.Change, op readdb.Op) []readdb.Change {
	var kept []readdb.Change
	for _, c := range changes {
		if c.Op != op {
			kept = append(kept, c)
		}
	}
	return kept
}

type live struct{ *readdb.Memory }

func (l live) View() (readdb.KVView, error) { return liveView{l.Memory}, nil }

type liveView struct{ *readdb.Memory }

func (liveView) Close() error { return nil }

type pieces struct{ *readdb.Memory }

func (p pieces) Write(changes []readdb.Change) error {
	for i := range changes {
		if err := p.Memory.Write(changes[i : i+1]); err != nil {
			return err
		}
		for range 20 {
			runtime.Gosched() // for somebody to see it
		}
	}
	return p.Memory.Write(nil)
}

type far struct{ *readdb.Memory }

func (f far) Scan(from, to []byte, reverse bool) iter.Seq2[readdb.Pair, error] {
	if to != nil {
		to = append(to[:len(to):len(to)], 0)
	}
	return f.Memory.Scan(from, to, reverse)
}

type twice struct{ *readdb.Memory }

func (t twice) Close() error {
	_ = t.Memory.Close()
	return nil
}

func BenchmarkMemoryWrite(b *testing.B) {
	kv := readdb.NewMemory()
	i := 0
	for b.Loop() {
		i++
		key := fmt.Appendf(nil, "%08d", i*7919%100_000)
		if err := kv.Write([]readdb.Change{{Op: readdb.Put, Key: key, Value: key}}); err != nil {
			b.Fatal(err)
		}
	}
}

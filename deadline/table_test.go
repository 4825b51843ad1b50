package deadline

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/logmark"
)

// model is a table done in the simplest way.
type model map[key]*modelEntry

type modelEntry struct {
	at, try  int64
	position aether.Position
	failed   int
	firing   bool
	gone     bool
}

func (m model) first() (first key, found bool) {
	for k, e := range m {
		if !e.firing && (!found || e.try < m[first].try || e.try == m[first].try && e.position < m[first].position) {
			first, found = k, true
		}
	}
	return first, found
}

func (m model) count() (pending, failed int) {
	for _, e := range m {
		if !e.gone {
			pending++
		}
		if e.failed > 0 {
			failed++
		}
	}
	return pending, failed
}

// The table does what the model does, whatever is done to both.
func TestTableIsTheModel(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 2))
			table, m := newTable(), make(model)
			var flights []flight
			keys := 10 + random.IntN(1500)
			for step := range 6_000 {
				position := aether.Position(step + 1)
				var k key
				binary.BigEndian.PutUint32(k[:], uint32(random.IntN(keys)))
				e := m[k]
				switch random.IntN(6) {
				case 0, 1, 2:
					at := random.Int64N(1000)
					table.set(k, at, position)
					m[k] = &modelEntry{at: at, try: at, position: position, firing: e != nil && e.firing}
				case 3:
					table.clear(k)
					if e != nil && e.firing {
						e.gone, e.failed = true, 0
					} else {
						delete(m, k)
					}
				case 4:
					first, found := m.first()
					got, ok := table.first()
					if ok != found || ok && (got.key != first || got.try != m[first].try) {
						t.Fatalf("step %d: the first is %+v, %v; want %+v", step, got, ok, m[first])
					}
					if found && len(flights) < 8 {
						slot := table.take()
						flights = append(flights, flight{slot, *table.at(slot)})
						m[first].firing = true
					}
				case 5:
					if len(flights) == 0 {
						continue
					}
					i := random.IntN(len(flights))
					f, fired := flights[i], random.IntN(2) == 0
					flights = slices.Delete(flights, i, i+1)
					table.landed(f.slot, f.entry.position, fired, func(failed int) int64 { return 10 * int64(failed) })
					e := m[f.entry.key]
					switch moved := e.position != f.entry.position; {
					case e.gone || fired && !moved:
						delete(m, f.entry.key)
					case !moved:
						e.failed++
						e.try = max(e.at, 10*int64(e.failed))
					}
					e.firing = false
				}
				pending, failed := m.count()
				if step%100 == 0 && (table.pending() != pending || table.failed != failed) {
					t.Fatalf("step %d: %d pending, %d failed; want %d and %d", step, table.pending(), table.failed, pending, failed)
				}
			}
			for _, f := range flights {
				table.landed(f.slot, 0, true, nil) // 0: as if moved
				if m[f.entry.key].firing = false; m[f.entry.key].gone {
					delete(m, f.entry.key)
				}
			}
			soonest := table.soonest(len(m) + 1)
			if len(soonest) != len(m) {
				t.Errorf("%d are listed, want %d", len(soonest), len(m))
			}
			for i, want := range soonest {
				first, _ := m.first()
				if got, _ := table.first(); got.key != want.key || got.key != first || got.at != m[first].at || got.position != m[first].position {
					t.Fatalf("number %d of the rest is %+v, listed as %+v; want %+v", i, got, want, m[first])
				}
				table.clear(first)
				delete(m, first)
			}
			if len(m)+table.pending()+len(table.queue) != 0 || table.failed != 0 {
				t.Errorf("%d are left, %d of them failed", table.pending(), table.failed)
			}
			// The slots are used again.
			used := table.used
			for i := range used {
				table.set(key{1: byte(i), 2: byte(i >> 8)}, 1, 1)
			}
			if table.used != used {
				t.Errorf("%d slots are used, want %d", table.used, used)
			}
		})
	}
}

// Whatever a snapshot has, decoding it ends, and what it makes of it is encoded to
// the same bytes.
func FuzzDecodeCheckpoint(f *testing.F) {
	generation := key{1, 2, 3}
	p := newPart(generation, 7)
	p.add(&entry{key: key{4}, at: -5, position: 6})
	p.add(&entry{key: key{7}, at: 8, position: 9})
	f.Add(p.encode()[:partHead+2*partEntry])
	h := head{rule: key{1}, side: 1, generation: generation, mark: logmark.Mark{Position: 9, Digest: logmark.Digest{3}}, parts: 1, entries: 2}
	f.Add(h.encode()[:headSize])
	f.Add([]byte(partMagic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		data = seal(slices.Clip(data)) // a fuzzer does not find checksums
		if h, err := decodeHead(data); err == nil && !slices.Equal(h.encode(), data) {
			t.Errorf("%+v is encoded to %x, was %x", h, h.encode(), data)
		}
		again := newPart(generation, 7)
		n, err := decodePart(data, generation, 7, func(k key, at int64, position aether.Position) error {
			again.add(&entry{key: k, at: at, position: position})
			return nil
		})
		if err == nil && (n != uint64(again.entries) || !slices.Equal(again.encode(), data)) {
			t.Errorf("%d entries are encoded to %x, were %x", n, again.encode(), data)
		}
		for i := range min(len(data), 100) { // any damage is found
			damaged := slices.Clone(data)
			damaged[i] ^= 0x10
			if _, err := decodeHead(damaged); err == nil {
				t.Errorf("byte %d of the head is damaged, unnoticed", i)
			}
			if _, err := decodePart(damaged, generation, 7, func(key, int64, aether.Position) error { return nil }); err == nil {
				t.Errorf("byte %d of the part is damaged, unnoticed", i)
			}
		}
	})
}

package readdb_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aether-es/aether/readdb"
)

// note is a document with everything that can be shared by mistake.
type note struct {
	ID    string
	Rank  int64
	Tags  []string          `json:",omitempty"`
	Links map[string][]int  `json:",omitempty"`
	Next  *note             `json:",omitempty"`
	Texts map[string]string `json:",omitempty"`
}

var notes = readdb.NewCollection("notes", func(n note) string { return n.ID },
	readdb.Index[note]{Name: "tag", Values: func(n note) (values []readdb.Value) {
		for _, tag := range n.Tags {
			values = append(values, readdb.Text(tag))
		}
		return values
	}},
	readdb.Index[note]{Name: "rank", Values: func(n note) []readdb.Value { return []readdb.Value{readdb.Int(n.Rank)} }})

func newDB(t testing.TB) *readdb.DB {
	t.Helper()
	db, err := readdb.New(readdb.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, space *readdb.Space, documents ...note) {
	t.Helper()
	tx := space.Begin()
	for _, d := range documents {
		must(t, notes.Put(tx, d))
	}
	must(t, tx.Commit([]byte("put")))
}

func raw(t testing.TB, space *readdb.Space) string {
	t.Helper()
	view, err := space.View()
	must(t, err)
	defer view.Close()
	var b strings.Builder
	for pair, err := range view.Raw() {
		must(t, err)
		fmt.Fprintf(&b, "%q=%q\n", pair.Key, pair.Value)
	}
	return b.String()
}

// step is what happens to the model of the random test and to the read DB.
type step func(t testing.TB, tx *readdb.Tx, model map[string]note)

func randomStep(random *rand.Rand) step {
	ids := []string{"", "a", "a\x00", "a\x00\x01", "b", "\u00ff", "c"}
	id, tag, rank := ids[random.IntN(len(ids))], ids[random.IntN(len(ids))], random.Int64N(5)-2
	switch random.IntN(5) {
	case 0:
		return func(t testing.TB, tx *readdb.Tx, model map[string]note) {
			must(t, notes.Delete(tx, id))
			delete(model, id)
		}
	case 1, 2:
		return func(t testing.TB, tx *readdb.Tx, model map[string]note) {
			n := note{ID: id, Rank: rank, Tags: []string{tag, "x", tag}}
			must(t, notes.Put(tx, n))
			n.Tags[0] = "changed after Put"
			model[id] = note{ID: id, Rank: rank, Tags: []string{tag, "x", tag}}
		}
	}
	return func(t testing.TB, tx *readdb.Tx, model map[string]note) {
		found, err := notes.Update(tx, id, func(n *note) {
			n.Rank = rank
			n.Tags[1] = tag
		})
		must(t, err)
		n, exists := model[id]
		if found != exists {
			t.Fatalf("Update(%q): %v, want %v", id, found, exists)
		}
		if exists {
			n.Rank, n.Tags = rank, []string{n.Tags[0], tag, n.Tags[2]}
			model[id] = n
		}
	}
}

// expect compares all ways to read with the model.
func expect(t testing.TB, r readdb.Reader, model map[string]note, random *rand.Rand) {
	t.Helper()
	sorted := slices.Sorted(maps.Keys(model))
	type entry struct{ value, id string }
	var byKey, byTag, byRank []entry
	for _, id := range sorted {
		n := model[id]
		byKey = append(byKey, entry{id, id})
		byRank = append(byRank, entry{fmt.Sprint(n.Rank + 5), id})
		tags := slices.Clone(n.Tags)
		slices.Sort(tags)
		for _, tag := range slices.Compact(tags) {
			byTag = append(byTag, entry{tag, id})
		}
		got, found, err := notes.Get(r, id)
		if err != nil || !found || !reflect.DeepEqual(got, n) {
			t.Fatalf("Get(%q): %+v, %v, %v; want %+v", id, got, found, err, n)
		}
		got.Tags[0] = "changed after Get"
	}
	for index, entries := range map[string][]entry{"": byKey, "tag": byTag, "rank": byRank} {
		slices.SortStableFunc(entries, func(a, b entry) int { return strings.Compare(a.value, b.value) })
		options := readdb.ListOptions{Index: index, Limit: 1 + random.IntN(4), Reverse: random.IntN(2) == 0}
		text := []string{"", "a", "a\x00", "x", "\u00ff"}[random.IntN(5)]
		if index != "rank" {
			in := func(string) bool { return true }
			switch random.IntN(4) {
			case 0:
				options.Range = readdb.Equal(readdb.Text(text))
				in = func(v string) bool { return v == text }
			case 1:
				options.Range = readdb.Prefix(readdb.Text(text))
				in = func(v string) bool { return strings.HasPrefix(v, text) }
			case 2:
				options.Range = readdb.Between(readdb.Text(text), readdb.Text("b"))
				in = func(v string) bool { return v >= text && v < "b" }
			}
			entries = slices.DeleteFunc(entries, func(e entry) bool { return !in(e.value) })
		}
		if options.Reverse {
			slices.Reverse(entries)
		}
		var want, got []string
		for _, e := range entries {
			want = append(want, e.id)
		}
		for more := true; more; {
			page, err := notes.List(r, &options)
			must(t, err)
			for _, n := range page.Documents {
				if !reflect.DeepEqual(n, model[n.ID]) {
					t.Fatalf("List(%+v): %+v, want %+v", options, n, model[n.ID])
				}
				got = append(got, n.ID)
			}
			options.After, more = page.Next, page.Next != ""
		}
		if !slices.Equal(got, want) {
			t.Fatalf("List(%+v): %q, want %q", options, got, want)
		}
	}
}

// Random steps lead to what maps say, within the Tx and after it, and to the same
// bytes however they are split into Txs.
func TestModel(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 0))
		space, whole, model := newDB(t).Space("notes@1"), newDB(t).Space("of another name"), map[string]note{}
		all := whole.Begin()
		for range 30 {
			tx := space.Begin()
			before := maps.Clone(model)
			for range random.IntN(12) {
				do := randomStep(random)
				do(t, tx, model)
				do(t, all, maps.Clone(model))
				if random.IntN(3) == 0 {
					expect(t, tx, model, random)
				}
			}
			view, err := space.View()
			must(t, err)
			must(t, tx.Commit([]byte("end")))
			expect(t, space, model, random)
			expect(t, view, before, random)
			must(t, view.Close())
		}
		must(t, all.Commit([]byte("end")))
		if a, b := raw(t, space), raw(t, whole); a != b {
			t.Fatalf("seed %d: the bytes differ:\n%s\n%s", seed, a, b)
		}
	}
}

// While others come and go, each document that stays is on one page exactly.
func TestCursorWhileChanging(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 0))
		space := newDB(t).Space("notes@1")
		for i := range 40 {
			put(t, space, note{ID: fmt.Sprintf("stays%02d", i), Rank: int64(i % 7)})
		}
		options := readdb.ListOptions{Index: "rank", Limit: 3, Reverse: seed%2 == 0}
		seen := map[string]int{}
		for more := true; more; {
			page, err := notes.List(space, &options)
			must(t, err)
			for _, n := range page.Documents {
				seen[n.ID]++
			}
			options.After, more = page.Next, page.Next != ""
			tx := space.Begin()
			for range 10 {
				id := fmt.Sprintf("other%d", random.IntN(20))
				must(t, notes.Put(tx, note{ID: id, Rank: random.Int64N(7)}))
				must(t, notes.Delete(tx, fmt.Sprintf("other%d", random.IntN(20))))
			}
			must(t, tx.Commit(nil))
		}
		for i := range 40 {
			if id := fmt.Sprintf("stays%02d", i); seen[id] != 1 {
				t.Errorf("seed %d: %s was listed %d times", seed, id, seen[id])
			}
		}
	}
}

func TestTx(t *testing.T) {
	db := newDB(t)
	space := db.Space("notes@1")
	if b, err := space.Checkpoint(); b != nil || err != nil {
		t.Errorf("Checkpoint of a new space: %q, %v", b, err)
	}
	first, second := space.Begin(), space.Begin()
	must(t, notes.Put(first, note{ID: "a"}))
	must(t, notes.Put(second, note{ID: "b"}))
	must(t, first.Commit([]byte("1")))
	if err := second.Commit([]byte("2")); !errors.Is(err, readdb.ErrConflict) {
		t.Errorf("the second Commit: %v", err)
	}
	if err := first.Commit(nil); !errors.Is(err, readdb.ErrDone) {
		t.Errorf("Commit again: %v", err)
	}
	if _, _, err := notes.Get(first, "a"); !errors.Is(err, readdb.ErrDone) {
		t.Errorf("Get of a done Tx: %v", err)
	}
	if b, err := space.Checkpoint(); string(b) != "1" || err != nil {
		t.Errorf("Checkpoint: %q, %v", b, err)
	}

	tx := space.Begin()
	if _, err := notes.Update(tx, "a", func(n *note) { n.ID = "c" }); !errors.Is(err, readdb.ErrInvalid) {
		t.Errorf("Update of the key: %v", err)
	}
	if err := tx.Commit(nil); !errors.Is(err, readdb.ErrInvalid) {
		t.Errorf("Commit after an Update of the key: %v", err)
	}
	tx = space.Begin()
	func() {
		defer func() { _ = recover() }()
		_, _ = notes.Update(tx, "a", func(n *note) { n.Rank = 9; panic("half-way") })
	}()
	if err := tx.Commit(nil); err == nil {
		t.Error("a Tx was committed whose Update had panicked")
	}

	tx = space.Begin()
	must(t, notes.Put(db.Space("notes@2").Begin(), note{ID: "left"}))
	other := db.Space("notes@0").Begin()
	if _, found, err := notes.Get(other, "a"); found || err != nil {
		t.Errorf("Get of another space: %v, %v", found, err)
	}
	must(t, other.Commit(nil))
	if names, err := db.Spaces(); err != nil || !slices.Equal(names, []string{"notes@0", "notes@1"}) {
		t.Errorf("Spaces: %q, %v", names, err)
	}
	if got := raw(t, db.Space("notes@0")); got != "\"c\"=\"\"\n" {
		t.Errorf("a Tx that only reads has written %s", got)
	}
	must(t, space.Drop())
	if err := tx.Commit(nil); !errors.Is(err, readdb.ErrConflict) {
		t.Errorf("Commit after Drop: %v", err)
	}
	if names, err := db.Spaces(); err != nil || !slices.Equal(names, []string{"notes@0"}) || raw(t, space) != "" {
		t.Errorf("Spaces after Drop: %q, %v", names, err)
	}
}

package readdb_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/readdb"
)

func TestErrors(t *testing.T) {
	kv := readdb.NewMemory()
	db, err := readdb.New(kv)
	must(t, err)
	space := db.Space("notes@1")
	put(t, space, note{ID: "a", Tags: []string{"x"}}, note{ID: "b", Tags: []string{"x"}})

	page, err := notes.List(space, &readdb.ListOptions{Limit: 1})
	must(t, err)
	for name, o := range map[string]readdb.ListOptions{
		"garbage":    {After: "garbage"},
		"line break": {After: page.Next + "\n"},
		"index":      {After: page.Next, Index: "tag"},
		"reverse":    {After: page.Next, Reverse: true},
		"range":      {After: page.Next, Range: readdb.Prefix(readdb.Text("a"))},
	} {
		if _, err := notes.List(space, &o); !errors.Is(err, readdb.ErrCursor) {
			t.Errorf("List with a cursor, %s: %v", name, err)
		}
	}
	for name, o := range map[string]readdb.ListOptions{
		"limit":    {Limit: readdb.MaxLimit + 1},
		"negative": {Limit: -1},
		"index":    {Index: "none"},
		"prefix":   {Range: readdb.Prefix(readdb.Int(1))},
	} {
		if _, err := notes.List(space, &o); !errors.Is(err, readdb.ErrInvalid) {
			t.Errorf("List, %s: %v", name, err)
		}
	}
	tx := space.Begin()
	if err := notes.Put(tx, note{ID: strings.Repeat("k", readdb.MaxKey+1)}); !errors.Is(err, readdb.ErrInvalid) {
		t.Errorf("Put of a long key: %v", err)
	}
	must(t, notes.Put(tx, note{ID: "a", Tags: []string{strings.Repeat("k", readdb.MaxValue+1)}}))
	if err := tx.Commit(nil); !errors.Is(err, readdb.ErrInvalid) {
		t.Errorf("Commit of a long value: %v", err)
	}

	tx = space.Begin()
	must(t, notes.Put(tx, note{ID: "\xff"}))
	if err := tx.Commit(nil); !errors.Is(err, readdb.ErrInvalid) {
		t.Errorf("Commit of a key that JSON changes: %v", err)
	}
	put(t, space, note{ID: "c", Tags: []string{"\xff"}})
	put(t, space, note{ID: "c"})
	if page, err := notes.List(space, &readdb.ListOptions{Index: "tag", Range: readdb.Between(readdb.Text("y"), readdb.Value{})}); err != nil || len(page.Documents) > 0 {
		t.Errorf("an index entry that JSON has changed stays: %v, %v", page, err)
	}

	type other struct{ ID []int }
	others := readdb.NewCollection("notes", func(other) string { return "a" })
	if _, _, err := others.Get(space, "a"); !errors.Is(err, readdb.ErrDecode) ||
		!strings.Contains(err.Error(), `document "a" of collection "notes" in space "notes@1"`) {
		t.Errorf("Get of another type: %v", err)
	}
	if _, _, err := others.Get(space.Begin(), "a"); !errors.Is(err, readdb.ErrMismatch) {
		t.Errorf("Get of a Tx with other indexes: %v", err)
	}
	tx = space.Begin()
	must(t, notes.Put(tx, note{ID: "c"}))
	if err := others.Put(tx, other{}); !errors.Is(err, readdb.ErrInvalid) {
		t.Errorf("two collections of one name: %v", err)
	}

	// A document is taken away behind its index.
	view, err := kv.View()
	must(t, err)
	for pair, err := range view.Scan(nil, nil, false) {
		must(t, err)
		if strings.Contains(string(pair.Value), `"ID":"b"`) {
			must(t, kv.Write([]readdb.Change{{Op: readdb.Delete, Key: pair.Key}}))
		}
	}
	if _, err := notes.List(space, &readdb.ListOptions{Index: "tag"}); !errors.Is(err, readdb.ErrDamaged) {
		t.Errorf("List of an index that lies: %v", err)
	}
	must(t, kv.Write([]readdb.Change{{Op: readdb.Put, Key: []byte("f"), Value: []byte("0")}}))
	if _, err := readdb.New(kv); !errors.Is(err, readdb.ErrDamaged) {
		t.Errorf("New with another format: %v", err)
	}
	must(t, db.Close())
	if _, err := space.View(); !errors.Is(err, readdb.ErrClosed) {
		t.Errorf("View after Close: %v", err)
	}
}

// A type whose values are not all in their JSON is refused; the others are copied.
func TestTypes(t *testing.T) {
	type hidden struct{ id string }
	type ignored struct {
		ID string `json:"-"`
	}
	for name, make := range map[string]func(){
		"hidden":  func() { readdb.NewCollection("c", func(h hidden) string { return h.id }) },
		"ignored": func() { readdb.NewCollection("c", func(i ignored) string { return i.ID }) },
		"pointer": func() { readdb.NewCollection("c", func(n *note) string { return n.ID }) },
		"channel": func() { readdb.NewCollection("c", func(chan int) string { return "" }) },
		"twice": func() {
			x := readdb.Index[note]{Name: "x", Values: func(note) []readdb.Value { return nil }}
			readdb.NewCollection("c", func(n note) string { return n.ID }, x, x)
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("NewCollection, %s: no panic", name)
				}
			}()
			make()
		}()
	}

	type inner struct{ List []*int }
	type document struct {
		inner
		At     time.Time
		Nested map[string]map[int][]inner
		Array  [2][]int
	}
	type opaque struct{ Any any }
	one := 1
	d := document{inner: inner{[]*int{&one}}, At: time.Unix(5, 0), Nested: map[string]map[int][]inner{"a": {1: {{}}}}, Array: [2][]int{{1}}}
	c := readdb.NewCollection("c", func(document) string { return "key" })
	tx := newDB(t).Space("s").Begin()
	must(t, c.Put(tx, d))
	*d.List[0], d.Nested["a"][1], d.Array[0][0] = 2, nil, 2
	got, _, err := c.Get(tx, "key")
	must(t, err)
	if *got.List[0] != 1 || len(got.Nested["a"][1]) != 1 || got.Array[0][0] != 1 || !got.At.Equal(d.At) {
		t.Errorf("the Tx has %+v", got)
	}
	o := opaque{map[string]any{"a": []any{1.0}}}
	opaques := readdb.NewCollection("o", func(opaque) string { return "key" })
	must(t, opaques.Put(tx, o))
	o.Any.(map[string]any)["a"].([]any)[0] = 2.0
	if got, _, err := opaques.Get(tx, "key"); err != nil || got.Any.(map[string]any)["a"].([]any)[0] != 1.0 {
		t.Errorf("the Tx has %+v, %v", got, err)
	}
}

// Values that differ are stored differently, in the order of what they stand for.
func TestValueOrder(t *testing.T) {
	type ranked struct {
		ID string
		N  int64
		T  string
		U  string
	}
	c := readdb.NewCollection("c", func(r ranked) string { return r.ID },
		readdb.Index[ranked]{Name: "all", Values: func(r ranked) []readdb.Value {
			return []readdb.Value{readdb.Tuple(readdb.Text(r.T), readdb.Text(r.U), readdb.Int(r.N), readdb.Time(time.Unix(r.N, 5)))}
		}})
	texts := []string{"", "\x00", "\x00\x00", "\x00\x01", "\x00\xff", "\x01", "a", "a\x00", "a\x00b", "ab", "\xff", "\xff\xff"}
	numbers := []int64{-1 << 62, -256, -1, 0, 1, 255, 256, 1 << 62}
	random := rand.New(rand.NewPCG(1, 1))
	space := newDB(t).Space("s")
	tx := space.Begin()
	for i := range 500 {
		r := ranked{string(rune('a'+i%26)) + texts[random.IntN(len(texts))], numbers[random.IntN(len(numbers))], texts[random.IntN(len(texts))], texts[random.IntN(len(texts))]}
		r.ID = strings.ToValidUTF8(r.ID, "?")
		r.T, r.U = strings.ToValidUTF8(r.T, "\U0010ffff"), strings.ToValidUTF8(r.U, "\U0010ffff")
		must(t, c.Put(tx, r))
	}
	must(t, tx.Commit(nil))
	var last *ranked
	for r, err := range c.All(space, &readdb.ListOptions{Index: "all"}) {
		must(t, err)
		if last != nil {
			order := strings.Compare(last.T, r.T)
			if order == 0 {
				order = strings.Compare(last.U, r.U)
			}
			if order > 0 || order == 0 && (last.N > r.N || last.N == r.N && last.ID >= r.ID) {
				t.Errorf("%q comes before %q", last.ID, r.ID)
			}
		}
		last = &r
		got, err := c.List(space, &readdb.ListOptions{Index: "all", Limit: readdb.MaxLimit, Range: readdb.Under(readdb.Tuple(readdb.Text(r.T), readdb.Text(r.U)))})
		must(t, err)
		for _, g := range got.Documents {
			if g.T != r.T || g.U != r.U {
				t.Errorf("Under %q, %q is %q, %q", r.T, r.U, g.T, g.U)
			}
		}
	}
}

package readdb_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/aether-es/aether/readdb"
)

// dumped is a read DB with some documents, and its dump.
func dumped(t *testing.T) (*readdb.DB, []byte) {
	t.Helper()
	db, err := readdb.New(readdb.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	notes := readdb.NewCollection("notes", func(s string) string { return s[:min(len(s), 20)] })
	for n := range 3 {
		tx := db.Space(fmt.Sprint("space@", n)).Begin()
		for i := range 60 {
			if err := notes.Put(tx, fmt.Sprint(i, " ", bytes.Repeat([]byte("x"), i*9))); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.Commit([]byte(`{"sequence":7}`)); err != nil {
			t.Fatal(err)
		}
	}
	var dump bytes.Buffer
	if err := db.Dump(&dump); err != nil {
		t.Fatal(err)
	}
	return db, dump.Bytes()
}

func TestDump(t *testing.T) {
	db, dump := dumped(t)
	kv := readdb.NewMemory()
	if err := readdb.Load(kv, bytes.NewReader(dump)); err != nil {
		t.Fatal(err)
	}
	other, err := readdb.New(kv)
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := other.Dump(&again); err != nil || !bytes.Equal(again.Bytes(), dump) {
		t.Errorf("the dump of what was loaded has %d bytes, not %d, or others: %v", again.Len(), len(dump), err)
	}
	if checkpoint, err := other.Space("space@1").Checkpoint(); err != nil || string(checkpoint) != `{"sequence":7}` {
		t.Errorf("the checkpoint is %s, %v", checkpoint, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Dump(&again); !errors.Is(err, readdb.ErrClosed) {
		t.Errorf("of a closed one: %v", err)
	}
}

// What is cut off, or was changed on its way, is refused.
func TestDamagedDump(t *testing.T) {
	_, dump := dumped(t)
	for cut := 0; cut < len(dump); cut += 1 + len(dump)/61 {
		if err := readdb.Load(readdb.NewMemory(), bytes.NewReader(dump[:cut])); !errors.Is(err, readdb.ErrDump) {
			t.Errorf("cut after %d bytes: %v", cut, err)
		}
		broken := bytes.Clone(dump)
		broken[cut] ^= 0x10
		if err := readdb.Load(readdb.NewMemory(), bytes.NewReader(broken)); !errors.Is(err, readdb.ErrDump) {
			t.Errorf("byte %d is another: %v", cut, err)
		}
	}
	long := append([]byte("aether read DB 1\n"), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f) // a key of many terabytes
	if err := readdb.Load(readdb.NewMemory(), bytes.NewReader(long)); !errors.Is(err, readdb.ErrDump) {
		t.Errorf("a length beyond reason: %v", err)
	}
}

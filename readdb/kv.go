package readdb

import "iter"

// KV is what a [DB] stands on: keys and values, ordered by the bytes of the keys.
// [CheckKV] tests an implementation. It is safe for concurrent use.
type KV interface {
	// KVReader reads the latest moment. A Scan sees the one at which it began.
	KVReader

	// View returns the latest moment, which stays as it is until it is closed.
	View() (KVView, error)

	// Write makes the changes, in their order, all at once or not at all. It is
	// seen by what begins to read after it. The caller leaves the slices as they
	// are afterwards. After a crash the latest writes may be missing; none is
	// there without all before it.
	Write(changes []Change) error

	// Close ends everything: loops under way and open views fail with [ErrClosed],
	// and so does Close itself the second time. After it nothing is missing, not
	// even after a crash, if the KV is kept at all.
	Close() error
}

// KVReader reads keys and values. Nobody changes the slices it returns.
type KVReader interface {
	// Get returns the value of a key.
	Get(key []byte) (value []byte, found bool, err error)

	// Scan yields the keys from one on, in order, up to another, which is not
	// among them; nil stands for no bound. With reverse it begins at the end. The
	// slices may be used until the loop goes on. An error is the last item.
	Scan(from, to []byte, reverse bool) iter.Seq2[Pair, error]
}

// KVView is a [KV] at one moment. It is closed once nobody reads from it; then, and
// when the KV is closed, it answers with [ErrClosed].
type KVView interface {
	KVReader
	Close() error
}

// Pair is a key with its value.
type Pair struct{ Key, Value []byte }

// Change is one step of a [KV]'s Write.
type Change struct {
	Op    Op
	Key   []byte // not empty; of [DeleteRange] the first key, may be empty
	To    []byte // of DeleteRange: the key that follows the last one
	Value []byte // of [Put]
}

// Op is what a [Change] does.
type Op int

const (
	Put         Op = iota // set the value of the key
	Delete                // remove the key, if it is there
	DeleteRange           // remove all keys from Key up to To, without To
)

// past returns the first key after all that begin with a prefix; nil where there is
// none.
func past[T ~string | ~[]byte](prefix T) []byte {
	end := []byte(prefix)
	for len(end) > 0 && end[len(end)-1] == 255 {
		end = end[:len(end)-1]
	}
	if len(end) == 0 {
		return nil
	}
	end = append([]byte(nil), end...)
	end[len(end)-1]++
	return end
}

package aether_test

import (
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
)

// The text form, with the bits of the version and the variant.
var uuid7 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestNewID(t *testing.T) {
	var or, and [16]byte
	for i := range and {
		and[i] = 0xff
	}
	for range 1000 {
		id := aether.NewID()
		if !uuid7.MatchString(id) {
			t.Fatalf("%q is no UUIDv7", id)
		}
		bytes, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range bytes {
			or[i] |= b
			and[i] &= b
		}
	}
	// Each of the 62 random bits is seen as 1 and as 0.
	for i := 8; i < 16; i++ {
		want := byte(0xff)
		if i == 8 {
			want = 0x3f
		}
		if varies := or[i] &^ and[i]; varies != want {
			t.Errorf("byte %d varies in the bits %08b, want %08b", i, varies, want)
		}
	}
}

// The time is in the first 48 bits, in milliseconds, and in the 12 behind the
// version, as a fraction of one.
func TestNewIDTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now() // the bubble's clock: midnight UTC 2000-01-01, which is 0xdc6acfac00 ms
		for _, step := range []struct {
			at     time.Duration
			prefix string
		}{
			{0, "00dc6acf-ac00-7000-"},
			{244, "00dc6acf-ac00-7000-"}, // ns, and a 4096th of a millisecond is 244.1
			{245, "00dc6acf-ac00-7001-"},
			{500 * time.Microsecond, "00dc6acf-ac00-7800-"},
			{time.Millisecond - 1, "00dc6acf-ac00-7fff-"},
			{time.Millisecond, "00dc6acf-ac01-7000-"},
			{365 * 24 * time.Hour, "00e3" /* a year on */},
		} {
			time.Sleep(step.at - time.Since(start))
			if id := aether.NewID(); !strings.HasPrefix(id, step.prefix) {
				t.Errorf("after %v the ID is %s, want %s…", step.at, id, step.prefix)
			}
		}
	})
}

// IDs that are made 245 ns apart sort in the order in which they were made.
func TestNewIDOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		for range 10_000 {
			ids = append(ids, aether.NewID())
			time.Sleep(245)
		}
		if !slices.IsSorted(ids) {
			t.Error("the IDs are not sorted")
		}
	})
}

// In a bubble the clock stands still, so that only the random bits are left.
func TestNewIDConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const writers, each = 8, 5000
		ids := make([][]string, writers)
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for range each {
					ids[w] = append(ids[w], aether.NewID())
				}
			})
		}
		group.Wait()
		all := slices.Concat(ids...)
		slices.Sort(all)
		if distinct := len(slices.Compact(all)); distinct != writers*each {
			t.Errorf("%d of %d IDs are distinct", distinct, writers*each)
		}
	})
}

func BenchmarkNewID(b *testing.B) {
	for b.Loop() {
		aether.NewID()
	}
}

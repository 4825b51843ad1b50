package readdb

import "testing"

func FuzzCursor(f *testing.F) {
	f.Add([]byte("listing"), "garbage")
	f.Add([]byte("listing"), encodeCursor([]byte("listing"), []byte("place")))
	f.Fuzz(func(t *testing.T, listing []byte, cursor string) {
		if place, err := decodeCursor(listing, cursor); err == nil {
			if again := encodeCursor(listing, place); again != cursor {
				t.Errorf("%q and %q are the same place", cursor, again)
			}
		}
		place, err := decodeCursor(listing, encodeCursor(listing, []byte(cursor)))
		if err != nil || string(place) != cursor {
			t.Errorf("place %q came back as %q, %v", cursor, place, err)
		}
	})
}

func FuzzText(f *testing.F) {
	f.Add("a\x00", "a\x00\x01")
	f.Add("", "\xff")
	f.Fuzz(func(t *testing.T, a, b string) {
		if (a < b) != (Text(a).encoded < Text(b).encoded) {
			t.Errorf("%q and %q have another order when encoded", a, b)
		}
		got, rest, ok := cutText(string(appendText(nil, a)) + b)
		if !ok || got != a || rest != b {
			t.Errorf("%q, then %q: %q, %q, %v", a, b, got, rest, ok)
		}
		_, _, _ = cutText(a)
	})
}

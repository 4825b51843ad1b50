package heard

import (
	"testing"
	"time"
)

func TestText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "short": "short", "exactly8": "exactly8", "too long!": "too long", "1234567é": "1234567", "a\xffb": "a\uFFFDb"} {
		if got := Text(text, 8); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	noon := time.Date(2030, 5, 1, 12, 0, 0, 0, time.FixedZone("", 3600))
	if got := Time(noon); got != noon.UTC() {
		t.Errorf("noon becomes %v", got)
	}
	for _, bad := range []time.Time{time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if got := Time(bad); !got.IsZero() {
			t.Errorf("%v becomes %v", bad, got)
		}
	}
}

package jsonstring_test

import (
	"testing"

	"github.com/aether-es/aether/apps/charging/ocpp/internal/jsonstring"
)

func TestAppend(t *testing.T) {
	for s, want := range map[string]string{
		"":                       `""`,
		"Station <1> & \"2\"":    `"Station <1> & \"2\""`,
		"a\\b\n\r\t\x00\x1f\x7f": `"a\\b\n\r\t\u0000\u001f\u007f"`,
		"Zähler ⚡":               `"Zähler ⚡"`,
		"\xff.":                  `"�."`,
	} {
		if got := string(jsonstring.Append([]byte("x"), s)); got != "x"+want {
			t.Errorf("%q becomes %s, want x%s", s, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	for raw, want := range map[string]string{`"a\u00e4"`: "aä", `""`: "", `"\ud800"`: "\ufffd"} {
		if got, ok := jsonstring.Parse([]byte(raw)); !ok || got != want {
			t.Errorf("%s is %q, %v, want %q", raw, got, ok, want)
		}
	}
	for _, raw := range []string{"", "1", "null", "{}", `"a`, `"\x"`, `"a" "b"`} {
		if got, ok := jsonstring.Parse([]byte(raw)); ok {
			t.Errorf("%s is the string %q", raw, got)
		}
	}
}

func FuzzAppend(f *testing.F) {
	f.Add("a\"\\\n\xffä")
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := jsonstring.Parse(jsonstring.Append(nil, s))
		if want := string([]rune(s)); !ok || got != want {
			t.Errorf("%q comes back as %q, %v", s, got, ok)
		}
	})
}

package jsoncheck

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheck(t *testing.T) {
	for data, want := range map[string]string{
		`{}`: "", `[]`: "", `null`: "", `true`: "", `false`: "", `0`: "", `-0.5e+3`: "", `"x"`: "",
		" {\"a\" : [1, {\"b\":\"\\u00e9\\n\"}] }\n": "", `"é😀"`: "", `"\ud800"`: "",
		``:              "is missing; it must be a JSON value",
		` `:             "is not JSON: it ends too early",
		`{"a":1`:        "is not JSON: it ends too early",
		`{"a":1} x`:     `is not JSON: unexpected 'x' at byte 8`,
		`{"a":1,}`:      `is not JSON: unexpected '}' at byte 7`,
		`[1,]`:          `is not JSON: unexpected ']' at byte 3`,
		`{a:1}`:         `is not JSON: unexpected 'a' at byte 1`,
		`01`:            `is not JSON: unexpected '1' at byte 1`,
		`1.`:            "is not JSON: it ends too early",
		`"\x"`:          `is not JSON: unexpected 'x' at byte 2`,
		`"\u12"`:        `is not JSON: unexpected '"' at byte 5`,
		`"`:             "is not JSON: it ends too early",
		`"\`:            "is not JSON: it ends too early",
		"\"a\nb\"":      `is not JSON: unexpected '\n' at byte 2`,
		"\"\xff\"":      "is not valid UTF-8",
		"\x00":          `is not JSON: unexpected '\x00' at byte 0`,
		"nul":           "is not JSON: it ends too early",
		`{"a" 1}`:       `is not JSON: unexpected '1' at byte 5`,
		"\xef\xbb\xbf1": `is not JSON: unexpected 'ï' at byte 0`,
	} {
		got := ""
		if err := Check([]byte(data)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("Check(%q) = %q, want %q", data, got, want)
		}
	}
}

// agree reports where Check and encoding/json differ.
func agree(t *testing.T, data string) {
	t.Helper()
	if got, want := Check([]byte(data)) == nil, json.Valid([]byte(data)) && utf8.ValidString(data); got != want {
		t.Errorf("Check(%.100q) says %v, encoding/json %v", data, got, want)
	}
}

// Nesting is kept 64 deep without a call, so what happens around the multiples
// of 64 is tested as well as at the limit.
func TestDepth(t *testing.T) {
	for _, depth := range []int{1, 63, 64, 65, 127, 128, 129, 193, maxDepth, maxDepth + 1} {
		for _, brackets := range [][3]string{{"[", "", "]"}, {`{"a":`, "1", "}"}, {`{"a":[`, "1", "]}"}, {`[1,`, "2", ",3]"}} {
			n := max(1, depth/(strings.Count(brackets[0], "[")+strings.Count(brackets[0], "{")))
			open, inside, closed := strings.Repeat(brackets[0], n), brackets[1], strings.Repeat(brackets[2], n)
			agree(t, open+inside+closed)
			agree(t, open+inside+closed+"]")
			agree(t, open+inside+strings.Replace(closed, "]", "}", 1))
			agree(t, open+inside+closed[:len(closed)-1])
			agree(t, open+"x"+closed)
		}
	}
	deep := strings.Repeat("[", maxDepth+1)
	if err := Check([]byte(deep)); err == nil || err.Error() != "is not JSON: nested more than 10000 deep" {
		t.Errorf("one bracket too many: %v", err)
	}
}

// Strings are read 16 and 8 bytes at a time: every kind of byte at every place
// of strings of every length around that.
func TestStrings(t *testing.T) {
	for length := range 40 {
		for at := range length {
			for _, special := range []string{`"`, `\`, `\n`, `\u00e9`, `\u00`, "\x00", "\x1f", " ", "!", "#", "\x7f", "é", "\x80", "\xff", "😀"} {
				text := strings.Repeat("a", at) + special + strings.Repeat("b", length-at-1)
				agree(t, `"`+text+`"`)
				agree(t, `"`+text+`"        `)
				agree(t, `{"`+text+`":"`+text+`"}`)
			}
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e-7,"x\u00e9\\",null,true,false,{}]}`, `"\`, `[1,]`, "\"\xff\"", " 0 ", `{"":{}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		agree(t, string(data))
	})
}

func BenchmarkCheck(b *testing.B) {
	rows := func(row string) string { return "[" + strings.Repeat(row+",", 512/(len(row)+1)) + "1]" }
	for _, bench := range []struct{ name, data string }{
		{"rows", rows(`{"a":1,"bc":"value 1"}`)},
		{"event", `{"orderId":"0190a5a4-7f3c-7c33-9a53-0f1d2c3b4a59","customer":"María José García","lines":[{"sku":"AB-1029","quantity":2,"price":{"amount":1999,"currency":"EUR"}},{"sku":"C-77","quantity":1,"price":{"amount":125,"currency":"EUR"}}],"note":"leave it with the neighbour if nobody answers, please","paid":true,"coupon":null,"placedAt":"2026-05-01T10:11:12.345678Z","lat":40.416775,"lon":-3.703790}`},
		{"numbers", rows(`-12.5e3`)},
		{"spaced", rows("{\n  \"a\" : 1\n}")},
		{"ascii string", `"` + strings.Repeat("0123456789", 50) + `"`},
		{"other string", `"` + strings.Repeat("añ€😀", 50) + `"`},
		{"escapes", `"` + strings.Repeat(`\"\u00e9`, 62) + `"`},
	} {
		data := []byte(bench.data)
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if Check(data) != nil {
					b.Fatal("not JSON")
				}
			}
		})
	}
}

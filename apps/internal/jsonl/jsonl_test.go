package jsonl

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/aether-es/aether"
)

func TestRead(t *testing.T) {
	whole := aether.Event{
		ID: "e1", ActorID: "grid/mars", Version: 7, Type: "RoverLanded", Schema: 2, Data: []byte(`{"x": 1}`),
		Metadata: aether.Metadata{CorrelationID: "c", CausationID: "d", Traceparent: "t"},
		Time:     time.Date(2026, 3, 2, 8, 1, 0, 125e6, time.UTC),
	}
	small := aether.Event{ActorID: "a/b", Type: "T", Data: []byte("1")}
	for _, test := range []struct {
		name, text string
		want       []aether.Event
		numbers    []int
	}{
		{"everything", `{"id":"e1","actorId":"grid/mars","version":7,"type":"RoverLanded","schema":2,"data":{"x": 1},` +
			`"metadata":{"correlationId":"c","causationId":"d","traceparent":"t"},"time":"2026-03-02T08:01:00.125Z","position":99}`,
			[]aether.Event{whole}, []int{1}},
		{"another order, white space, escaped names", "\t { \"time\" : \"2026-03-02T08:01:00.125Z\" , \"\\u0069d\":\"\\u00651\",\"data\" :{\"x\": 1} ,\"metadata\": { \"causationId\":\"d\" ,\"traceparent\":\"t\",\"correlationId\":\"c\" },\"schema\":2,\"type\":\"RoverLanded\",\"version\":7,\"actorId\":\"grid\\/mars\"} \r\n",
			[]aether.Event{whole}, []int{1}},
		{"the least", `{"actorId":"a/b","type":"T","data":1}`, []aether.Event{small}, []int{1}},
		{"null is absent", `{"id":null,"actorId":"a/b","version":null,"type":"T","schema":null,"data":1,"metadata":null,"time":null}`, []aether.Event{small}, []int{1}},
		{"null in metadata", `{"actorId":"a/b","type":"T","data":1,"metadata":{"causationId":null}}`, []aether.Event{small}, []int{1}},
		{"null is data", `{"actorId":"a/b","type":"T","data":null}`, []aether.Event{{ActorID: "a/b", Type: "T", Data: []byte("null")}}, []int{1}},
		{"the position is never read", `{"actorId":"a/b","type":"T","data":1,"position":{"not":"even","a":["number"]}}`, []aether.Event{small}, []int{1}},
		{"pairs", `{"actorId":"a/\ud83d\ude80","type":"\\ud800","data":"\ud800"}`, []aether.Event{{ActorID: "a/🚀", Type: `\ud800`, Data: []byte(`"\ud800"`)}}, []int{1}},
		{"nothing", "", nil, nil},
		{"empty lines", "\n\r\n \t\n", nil, nil},
		{"a mark of UTF-8", "\ufeff" + `{"actorId":"a/b","type":"T","data":1}`, []aether.Event{small}, []int{1}},
		{"numbers count all lines", "\r\n" + `{"actorId":"a/b","type":"T","data":1}` + "\r\n\n" + `{"actorId":"a/b","type":"T","data":1}`, []aether.Event{small, small}, []int{2, 4}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, in := range []io.Reader{strings.NewReader(test.text), iotest.OneByteReader(strings.NewReader(test.text)), iotest.DataErrReader(strings.NewReader(test.text))} {
				events, numbers, err := readAll(NewReader(in))
				if err != io.EOF || !reflect.DeepEqual(events, test.want) || !reflect.DeepEqual(numbers, test.numbers) {
					t.Errorf("got %v in lines %v, %v; want %v in lines %v", events, numbers, err, test.want, test.numbers)
				}
			}
		})
	}
}

func readAll(r *Reader) (events []aether.Event, numbers []int, err error) {
	for {
		line, err := r.Read()
		if err != nil {
			return events, numbers, err
		}
		events = append(events, line.Event)
		numbers = append(numbers, line.Number)
	}
}

func TestReadFaults(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"garbage", `line 1 is not JSON: unexpected 'g' in column 1`},
		{"\ufeff{\"é\":ö}", `line 1 is not JSON: unexpected 'ö' in column 6`},
		{"\n\n{\n", `line 3 is not JSON: it ends too early; an event is one object on one line`},
		{`{"actorId":"a/b"`, `line 1 is not JSON: it ends too early; an event is one object on one line`},
		{`{"actorId":nul`, `line 1 is not JSON: it ends too early; an event is one object on one line`},
		{"{]\r\n", `line 1 is not JSON: unexpected ']' in column 2`},
		{"{\"actorId", `line 1 is not JSON: it ends too early; an event is one object on one line`},
		{"{\"a\tb\"}", `line 1 is not JSON: unexpected '\t' in column 4`},
		{`{"actorId":"a/b"} {"actorId":"a/b"}`, `line 1 is not JSON: unexpected '{' in column 19`},
		{"\x00\x00", `line 1 is not JSON: unexpected '\x00' in column 1`},
		{"{\"type\":\"\xff\"}", `line 1 is not valid UTF-8`},
		{"\xff\xfe{\x00}\x00", `line 1 begins like UTF-16; the input must be UTF-8`},
		{"\xfe\xff\x00{\x00}", `line 1 begins like UTF-16; the input must be UTF-8`},
		{`null`, `line 1 is not an event: it must be a JSON object`},
		{`[{}]`, `line 1 is not an event: it must be a JSON object`},
		{`{"verison":1}`, `line 1: "verison" is not a field; there are id, actorId, version, type, schema, data, metadata, time, position`},
		{`{"ActorId":"a/b"}`, `line 1: "ActorId" is not a field; there are id, actorId, version, type, schema, data, metadata, time, position`},
		{`{"":1}`, `line 1: "" is not a field; there are id, actorId, version, type, schema, data, metadata, time, position`},
		{`{"\u001b[2J":1}`, `line 1: "\x1b[2J" is not a field; there are id, actorId, version, type, schema, data, metadata, time, position`},
		{`{"type":"a","type":"b"}`, `line 1: type is there twice`},
		{`{"position":1,"position":1}`, `line 1: position is there twice`},
		{`{"id":1}`, `line 1: id must be a string`},
		{`{"id":"\ud800"}`, `line 1: id has half of a surrogate pair, as in "\ud800", which is no character`},
		{`{"id":"\udc00"}`, `line 1: id has half of a surrogate pair, as in "\ud800", which is no character`},
		{`{"id":"\udc00\ud800"}`, `line 1: id has half of a surrogate pair, as in "\ud800", which is no character`},
		{`{"id":"\ud800\u0041"}`, `line 1: id has half of a surrogate pair, as in "\ud800", which is no character`},
		{`{"version":0}`, `line 1: version is 0; versions start at 1`},
		{`{"version":-1}`, `line 1: version is -1; it must be a whole number from 1 to 9223372036854775807`},
		{`{"version":1.0}`, `line 1: version is 1.0; it must be a whole number from 1 to 9223372036854775807`},
		{`{"version":9223372036854775808}`, `line 1: version is 9223372036854775808; it must be a whole number from 1 to 9223372036854775807`},
		{`{"version":"1"}`, `line 1: version is "1"; it must be a whole number from 1 to 9223372036854775807`},
		{`{"version":"éééééééééééééééééééééééé"}`, `line 1: version is "ééééééééééééééééééé…; it must be a whole number from 1 to 9223372036854775807`},
		{`{"schema":true}`, `line 1: schema is true; it must be a whole number from 1 to 2147483647`},
		{`{"time":"yesterday"}`, `line 1: time is "yesterday"; it must be like "2026-03-02T08:01:00.125Z" (RFC 3339)`},
		{`{"time":7}`, `line 1: time must be a string`},
		{`{"time":"0001-01-01T00:00:00Z"}`, `line 1: time is the zero time; leave it out to have the store set it`},
		{`{"metadata":[]}`, `line 1: metadata must be an object`},
		{`{"metadata":{"x":1}}`, `line 1: metadata."x" is not a field; there are correlationId, causationId, traceparent`},
		{`{"metadata":{"traceparent":1}}`, `line 1: metadata.traceparent must be a string`},
		{strings.Repeat("[", 20000), `line 1 is not JSON: nested more than 10000 deep`},
		{strings.Repeat(" ", MaxLine+2), `line 1 is longer than 1114112 bytes; an event has at most 1048576`},
	} {
		_, err := NewReader(strings.NewReader(test.text)).Read()
		if err == nil || err.Error() != test.want || !errors.Is(err, aether.ErrInvalid) {
			t.Errorf("%.60q: got %v; want %s", test.text, err, test.want)
		}
	}
}

// A line without an end must not be kept in memory, nor read to the end.
func TestReadEndlessLine(t *testing.T) {
	in := &endless{}
	if _, err := NewReader(in).Read(); !errors.Is(err, aether.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	if in.read > 2*MaxLine {
		t.Errorf("read %d bytes to refuse a line", in.read)
	}
}

type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	e.read += len(b)
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

// The longest lines that are allowed are read.
func TestReadLongLine(t *testing.T) {
	head := `{"actorId":"a/b","type":"T","data":"`
	line := head + strings.Repeat("x", MaxLine-len(head)-2) + "\"}"
	events, _, err := readAll(NewReader(strings.NewReader(line + "\n" + line)))
	if err != io.EOF || len(events) != 2 || len(events[0].Data) != MaxLine-len(head) {
		t.Errorf("got %d events, %v", len(events), err)
	}
}

func TestReadFailure(t *testing.T) {
	cause := errors.New("disk on fire")
	in := io.MultiReader(strings.NewReader(`{"actorId":"a/b","type":"T","data":1}`+"\n{"), iotest.ErrReader(cause))
	_, numbers, err := readAll(NewReader(in))
	if len(numbers) != 1 || !errors.Is(err, cause) || errors.Is(err, aether.ErrInvalid) || err.Error() != "line 2: disk on fire" {
		t.Errorf("got lines %v, %v", numbers, err)
	}
}

func TestBuffered(t *testing.T) {
	line := `{"actorId":"a/b","type":"T","data":1}` + "\n"
	in := io.MultiReader(strings.NewReader(line+line+"{"), strings.NewReader("}"))
	r := NewReader(in)
	for i, want := range []bool{true, false} {
		if _, err := r.Read(); err != nil {
			t.Fatal(err)
		}
		if r.Buffered() != want {
			t.Errorf("after line %d Buffered returned %t", i+1, !want)
		}
	}
	if want := int64(2 * len(line)); r.Bytes() != want {
		t.Errorf("Bytes returned %d, want %d", r.Bytes(), want)
	}
}

func TestEncode(t *testing.T) {
	e := aether.Event{
		ID: "e1", ActorID: "grid/<mars>", Version: 7, Type: "RoverLanded", Schema: 2, Data: []byte("{ \"x\" : \"<&>\u2028\" ,\n\"y\":1.50}"),
		Metadata: aether.Metadata{CorrelationID: "c"},
		Time:     time.Date(2026, 3, 2, 8, 1, 0, 125e6, time.UTC), Position: 12,
	}
	const want = `{"id":"e1","actorId":"grid/<mars>","version":7,"type":"RoverLanded","schema":2,"data":{"x":"<&>` + "\u2028" + `","y":1.50},` +
		`"metadata":{"correlationId":"c"},"time":"2026-03-02T08:01:00.125Z","position":12}` + "\n"
	line, err := Append([]byte("before "), &e)
	if err != nil || string(line) != "before "+want {
		t.Errorf("Append returned %s, %v; want %s", line, err, want)
	}
	sum := NewSum()
	if line, err = sum.Add(&e); err != nil || string(line) != want {
		t.Errorf("Add returned %s, %v; want %s", line, err, want)
	}
}

// The checksum is what sha256sum says of the lines without positions.
func TestSum(t *testing.T) {
	sum, others := NewSum(), NewSum()
	var lines []byte
	for i := range 3 {
		e := aether.Event{ID: "e", ActorID: "a/b", Version: aether.Version(i + 1), Type: "T", Schema: 1, Data: []byte(`{"position":5}`), Time: time.UnixMicro(1).UTC(), Position: aether.Position(i)}
		line, err := sum.Add(&e)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line...)
		e.Position = 77
		if _, err := others.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	without := regexp.MustCompile(`(?m),"position":[0-9]*}$`).ReplaceAll(lines, []byte("}"))
	if want := sha256.Sum256(without); sum.String() != hex.EncodeToString(want[:]) {
		t.Errorf("the sum of\n%sis %s, want %x", without, sum, want)
	}
	if others.String() != sum.String() || others.Events() != 3 {
		t.Errorf("with other positions the sum of %d events is %s, want %s", others.Events(), others, sum)
	}
}

// What is read equals what the standard library reads, where that is as strict;
// and what was read survives being written and read again.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		`{"id":"e1","actorId":"a/b","version":7,"type":"T","schema":2,"data":{"x":[1,"}"]},"metadata":{"correlationId":"c"},"time":"2026-03-02T08:01:00.125Z","position":99}`,
		`{"actorId":"a/\ud83d\ude80","type":"\\ud800\"","data":[{},[],"",0.1e5,true,null]}`,
		`{"id":null}`, `{}`, `[]`, "\ufeff{}", "\x00", `{"data":"\\"}`, `{"data":{"a":"\\\""},"id":"x"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e, fault := decode(text)
		if fault != nil {
			return
		}
		if !utf8.Valid(text) {
			t.Fatalf("%q is not UTF-8, but was read", text)
		}
		// The position may be anything; the standard library wants a number.
		if !bytes.Contains(text, []byte("os")) && !bytes.Contains(text, []byte(`\`)) {
			var want aether.Event
			decoder := json.NewDecoder(bytes.NewReader(text))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&want); err != nil {
				t.Fatalf("%q was read, but the standard library says %v", text, err)
			}
			if !reflect.DeepEqual(e, want) {
				t.Errorf("%q was read as\n%+v, want\n%+v", text, e, want)
			}
		}
		if len(e.Data) == 0 || !e.Time.IsZero() && (e.Time.UTC().Year() < 0 || e.Time.UTC().Year() > 9999) {
			return
		}
		written, err := Append(nil, &e)
		if err != nil {
			t.Fatalf("%+v: %v", e, err)
		}
		var want bytes.Buffer
		encoder := json.NewEncoder(&want)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(e); err != nil || want.String() != string(written) {
			t.Errorf("%+v was written as %swant %s(%v)", e, written, want.Bytes(), err)
		}
		again, fault := decode(written)
		if fault != nil {
			t.Fatalf("%s: %v", written, fault)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, e.Data); err != nil {
			t.Fatal(err)
		}
		e.Data = compact.Bytes()
		if !again.Time.Equal(e.Time) {
			t.Errorf("%v was read again as %v", e.Time, again.Time)
		}
		e.Time = again.Time
		if !reflect.DeepEqual(again, e) {
			t.Errorf("%+v was read again as %+v", e, again)
		}
	})
}

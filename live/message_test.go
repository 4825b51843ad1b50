package live

import (
	"bufio"
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/aether-es/aether/internal/jsoncheck"
)

// FuzzDecode: whatever a client sends is refused, or says one thing to do, which
// written again means the same.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		`{"subscribe":"grid/mars"}`, `{"subscribe":"grid/mars","after":123}`, `{"unsubscribe":"grid/mars"}`,
		`{"subscribe":"a","after":18446744073709551615}`, `{"subscribe":"a","after":1e3}`, `{"subscribe":null}`,
		`{"SUBSCRIBE":"\ud800","x":[]}`, `[]`, `{}`, ``, `{"subscribe":"a"}{}`, "{\"subscribe\":\"\xff\"}",
		`{"subscribe":"a","after":7,"renew":true}`, `{"ping":7}`, `{"ping":-1}`, `{"ping":1,"subscribe":"a"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := decode(text)
		if err != nil {
			if len(err.Error()) > 120 {
				t.Errorf("the reason does not fit a close frame: %v", err)
			}
			return
		}
		kinds := map[bool]int{}
		kinds[r.Subscribe != nil]++
		kinds[r.Unsubscribe != nil]++
		kinds[r.Ping != nil]++
		if kinds[true] != 1 {
			t.Fatalf("%q says %+v", text, r)
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		r2, err := decode(again)
		if err != nil {
			t.Fatalf("%q was read, %s is not: %v", text, again, err)
		}
		if !reflect.DeepEqual(r, r2) {
			t.Errorf("%q is %+v, %s is %+v", text, r, again, r2)
		}
		// Its name can be told back.
		for _, name := range []*string{r.Subscribe, r.Unsubscribe} {
			if name != nil {
				checkFrame(t, failure(*name, badTopic))
			}
		}
	})
}

// checkFrame takes the head off a frame and checks the message in it.
func checkFrame(t *testing.T, frame []byte) []byte {
	t.Helper()
	in := bufio.NewReader(bytes.NewReader(frame))
	head := make([]byte, 2)
	_, _ = in.Read(head)
	size, more := int(head[1]), map[byte]int{126: 2, 127: 8}[head[1]]
	if more > 0 {
		size = 0
		for range more {
			b, _ := in.ReadByte()
			size = size<<8 | int(b)
		}
	}
	text := frame[2+more:]
	if head[0] != 0x81 || len(text) != size || more == 2 && size < 126 || more == 8 && size <= 0xFFFF {
		t.Fatalf("a frame of %d bytes begins with %x", len(frame), frame[:2+more])
	}
	if err := jsoncheck.Check(text); err != nil {
		t.Fatalf("%q %v", text, err)
	}
	return text
}

func TestFrames(t *testing.T) {
	sizes := []int{0, 4096, 1 << 20}
	for i := range 100 { // around the limits of the lengths of a head
		sizes = append(sizes, 50+i, 1<<16-100+i)
	}
	for _, size := range sizes {
		data := `"` + strings.Repeat("x", size) + `"`
		text := checkFrame(t, message("a\"b", 42, plain, "change", []byte(data)))
		if want := `{"topic":"a\"b","position":42,"change":` + data + `}`; string(text) != want {
			t.Errorf("size %d: the message is %.80s", size, text)
		}
	}
}

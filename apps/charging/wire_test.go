package charging

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aether-es/aether/apps/charging/ocpp"
)

// All logs share one budget: of many stations the last messages are kept, and those of all
// as far as there is room.
func TestWiresShareABudget(t *testing.T) {
	t.Parallel()
	const stations, room = 2000, 3000
	message := ocpp.Wire{ID: "1", Message: []byte(`[3,"1",{}]`)}
	w := newWires(room * (wireOverhead + 16 + len(message.ID)))
	for round := range 3 {
		for i := range stations {
			w.add(fmt.Sprint("CP-", i), message)
		}
		for i := range stations { // none is pushed out by the others
			if d, _ := w.log(fmt.Sprint("CP-", i)); len(d.Messages) == 0 {
				t.Fatalf("round %d: CP-%d has no messages", round, i)
			}
		}
	}
	kept, bytes, last := 0, 0, uint64(3*stations+1)
	for i := stations - 1; i >= 0; i-- { // the last of each, from the newest to the oldest
		d, number := w.log(fmt.Sprint("CP-", i))
		if number != last-1 {
			t.Fatalf("the last message of CP-%d is %d, want %d", i, number, last-1)
		}
		last = number
		for _, m := range d.Messages {
			kept, bytes = kept+1, bytes+wireOverhead+cap(m.Message)+len(m.ID)
		}
	}
	if kept < room || bytes > w.budget || bytes != w.size || w.all.Len() != kept {
		t.Errorf("%d messages are kept, of %d bytes; the budget is %d, and %d is known of", kept, bytes, w.budget, w.size)
	}
	w.clear()
	if d, _ := w.log("CP-1"); len(d.Messages) != 0 || w.size != 0 || len(w.news()) != 0 {
		t.Errorf("cleared: %+v", d)
	}
	w.add("CP-1", message)
	if _, number := w.log("CP-1"); number != 3*stations+1 {
		t.Errorf("after that the number is %d", number)
	}
}

func TestWireOfAStation(t *testing.T) {
	t.Parallel()
	w := newWires(wireBudget)
	for range wireMessages + 10 {
		w.add("CP-1", ocpp.Wire{Message: []byte(strings.Repeat("x", 2*wireBytes))})
	}
	d, last := w.log("CP-1")
	if len(d.Messages) != wireMessages || d.Messages[0].Number != 11 || last != wireMessages+10 {
		t.Errorf("%d messages from %d to %d", len(d.Messages), d.Messages[0].Number, last)
	}
	if n := len(d.Messages[0].Message); n > wireBytes+10 {
		t.Errorf("a message has %d bytes", n)
	}
	if news := w.news()["CP-1"]; len(news) != wireMessages {
		t.Errorf("%d are new", len(news))
	}
	w.add("CP-1", ocpp.Wire{Message: []byte(`[]`)})
	if news := w.news()["CP-1"]; len(news) != 1 || news[0].Number != last+1 {
		t.Errorf("news: %+v", news)
	}
	tiny := newWires(1)
	tiny.add("CP-1", ocpp.Wire{Message: []byte(`[]`)})
	if d, _ := tiny.log("CP-1"); len(d.Messages) != 0 || tiny.size != 0 {
		t.Errorf("without room there is %+v", d)
	}
}

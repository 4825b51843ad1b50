package tickets_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/tickets"
	"github.com/coder/websocket"
)

// A pool tells when its price moves with the time, which is no event; who watches it asks
// then, and is told the new price.
func TestPriceMovesLive(t *testing.T) {
	w := newWorld(t, nil)
	jazz := w.create("Jazz", 10, fields{
		"eventDate": noon.Add(90 * time.Minute), "pricing": fields{"drop": 600, "before": 1, "round": 100},
	})
	still := w.create("Rock", 10, nil)
	if d := w.pool(still); !d.Moves.IsZero() {
		t.Errorf("a price that stays moves at %v", d.Moves)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	connection, _, err := websocket.Dial(ctx, strings.Replace(w.url, "http", "ws", 1)+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.CloseNow()
	ask := func(more string) (d tickets.PoolDocument, position uint64) {
		t.Helper()
		if err := connection.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"subscribe":"pool/%s"%s}`, jazz, more)); err != nil {
			t.Fatal(err)
		}
		for {
			_, data, err := connection.Read(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var m message
			if err := json.Unmarshal(data, &m); err != nil {
				t.Fatal(err)
			}
			if m.Document == nil {
				continue
			}
			if err := json.Unmarshal(m.Document, &d); err != nil {
				t.Fatal(err)
			}
			return d, m.Position
		}
	}
	w.pool(jazz)
	d, position := ask("")
	for price := int64(5000); price > 4400; price -= 100 {
		if d.Price != price || !d.Moves.After(w.clock.Now()) {
			t.Fatalf("at %v the price is %d, and moves at %v, want %d", w.clock.Now(), d.Price, d.Moves, price)
		}
		w.clock.Set(d.Moves)
		d, position = ask(fmt.Sprintf(`,"after":%d,"renew":true`, position))
	}
	if d.Price != 4400 || !d.Moves.IsZero() {
		t.Errorf("in the end the price is %d, and moves at %v", d.Price, d.Moves)
	}
}

package schema_test

import (
	"encoding/json"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/schema"
)

type placed struct {
	OrderID  string `json:"orderId"`
	Customer string `json:"customer"`
	Quantity int    `json:"quantity"`
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// The floor is encoding/json itself, decoding into a value that is reused.
func BenchmarkDecode(b *testing.B) {
	fold := func(old json.RawMessage) (json.RawMessage, error) { return old, nil }
	registry := schema.New[any](schema.Type[placed]("OrderPlaced", fold))
	event := aether.Event{
		ActorID: "order/1", Version: 1, Type: "OrderPlaced", Schema: 2,
		Data: json.RawMessage(`{"orderId":"0190a5a4-7f3c-7c33-9a53-0f1d2c3b4a59","customer":"Maria Garcia","quantity":2,"amount":1999,"currency":"EUR"}`),
	}
	old, unknown := event, event
	old.Schema, unknown.Type = 1, "OrderLost"

	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		var value placed
		for b.Loop() {
			if err := json.Unmarshal(event.Data, &value); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, bench := range []struct {
		name  string
		event aether.Event
	}{{"current", event}, {"upcast", old}, {"unknown", unknown}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := registry.Decode(bench.event); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	registry := schema.New[any](schema.Type[placed]("OrderPlaced"))
	var value any = placed{"0190a5a4-7f3c-7c33-9a53-0f1d2c3b4a59", "Maria Garcia", 2, 1999, "EUR"}
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(value); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("current", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := registry.Encode(value); err != nil {
				b.Fatal(err)
			}
		}
	})
}

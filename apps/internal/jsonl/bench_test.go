package jsonl

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
)

func benchmarkEvent() aether.Event {
	return aether.Event{
		ID: "0195b8b0-7e5c-7a51-9f0b-0e5b2c3d4e5f", ActorID: "station/CP-1", Version: 12345, Type: "MeterValuesReceived", Schema: 1,
		Data: []byte(`{"connector":1,"values":[` + strings.Repeat(`{"measurand":"Energy.Active.Import.Register","value":12345.6,"unit":"Wh"},`, 5) + `{}]}`),
		Time: time.Date(2026, 3, 2, 8, 1, 0, 125e6, time.UTC), Position: 123456,
	}
}

func BenchmarkRead(b *testing.B) {
	event := benchmarkEvent()
	line, err := Append(nil, &event)
	if err != nil {
		b.Fatal(err)
	}
	text := bytes.Repeat(line, 1000)
	b.Run("jsonl", func(b *testing.B) {
		b.SetBytes(int64(len(line)))
		b.ReportAllocs()
		for i := 0; i < b.N; {
			for r := NewReader(bytes.NewReader(text)); i < b.N; i++ {
				if _, err := r.Read(); err == io.EOF {
					break
				} else if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(line)))
		b.ReportAllocs()
		for b.Loop() {
			var e aether.Event
			decoder := json.NewDecoder(bytes.NewReader(line))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&e); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	event := benchmarkEvent()
	b.Run("jsonl", func(b *testing.B) {
		b.ReportAllocs()
		var line []byte
		for b.Loop() {
			var err error
			if line, err = Append(line[:0], &event); err != nil {
				b.Fatal(err)
			}
		}
		b.SetBytes(int64(len(line)))
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		encoder := json.NewEncoder(io.Discard)
		encoder.SetEscapeHTML(false)
		for b.Loop() {
			if err := encoder.Encode(event); err != nil {
				b.Fatal(err)
			}
		}
	})
}

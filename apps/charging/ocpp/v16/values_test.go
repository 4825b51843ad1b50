package v16_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

func TestDecimal(t *testing.T) {
	for text, want := range map[string]string{
		"8.1": "8.1", "0.1": "0.1", "0.3": "0.3", "16": "16", "16.0": "16", "16.500": "16.5", "-3.2": "-3.2", "1.6e1": "16", "1E2": "100",
		"81e-1": "8.1", "0": "0", "0.0": "0", "-0": "0", "0e30": "0", "1000000000000000": "1000000000000000", "100e-3": "0.1",
	} {
		d, err := v16.ParseDecimal(text)
		if err != nil || d.String() != want {
			t.Errorf("%s is %v, %v, want %s", text, d, err, want)
		}
	}
	for _, text := range []string{"", "-", ".", "e1", "1e", "8.15", "0.01", "1e-2", "1e31", "1e999999999999999999", "1e30", "99999999999999999999999999999999999999999999", "NaN", "0x10", "1 ", "+1"} {
		if d, err := v16.ParseDecimal(text); err == nil {
			t.Errorf("%s is %v", text, d)
		}
	}
	if d := v16.DecimalOf(8.1); d != 81 || d.Float64() != 8.1 {
		t.Errorf("8.1 is %d, %v", d, d.Float64())
	}
	var d v16.Decimal
	if err := json.Unmarshal([]byte("6.5"), &d); err != nil || d != 65 {
		t.Errorf("%v, %v", d, err)
	}
	if b, err := json.Marshal(d); err != nil || string(b) != "6.5" {
		t.Errorf("%s, %v", b, err)
	}
	if err := json.Unmarshal([]byte("6.55"), &d); err == nil {
		t.Errorf("6.55 is %v", d)
	}
}

func TestDatesAsStationsWriteThem(t *testing.T) {
	want := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, more := range map[string]time.Duration{
		"2026-01-02T03:04:05Z": 0, "2026-01-02T03:04:05.000Z": 0, "2026-01-02T03:04:05.123456789Z": 123456789, "2026-01-02T03:04:05,5Z": 500 * time.Millisecond,
		"2026-01-02T03:04:05": 0, "2026-01-02T04:04:05+01:00": 0, "2026-01-02T04:04:05+0100": 0, "2026-01-02T04:04:05+01": 0,
		"2026-01-01T22:34:05.5-04:30": 500 * time.Millisecond, "2026-01-02 03:04:05": 0, "2026-01-02 03:04:05 +00:00": 0,
		"2026-01-02t03:04:05z": 0, " 2026-01-02T03:04:05Z ": 0, "2026-01-02T03:04Z": -5 * time.Second, "2026-01-02T03:04": -5 * time.Second,
	} {
		if got, err := v16.ParseTime(text); err != nil || !got.Equal(want.Add(more)) || got.Location() != time.UTC {
			t.Errorf("%s is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "now", "2026-01-02", "03:04:05", "2026-13-02T03:04:05Z", "2026-02-30T03:04:05Z", "1767323045", "2026-01-02T03:04:05Z2026-01-02T03:04:05Z2026-01-02"} {
		if got, err := v16.ParseTime(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	for _, far := range []string{"1970-01-01T00:00:00Z", "2099-12-31T23:59:59Z", "0001-01-01T00:00:00Z"} {
		if _, err := v16.ParseTime(far); err != nil {
			t.Errorf("%s: %v", far, err)
		}
	}
	if got := v16.FormatTime(time.Date(2026, 1, 2, 4, 4, 5, 678_900_000, time.FixedZone("", 3600))); got != "2026-01-02T03:04:05.678Z" {
		t.Errorf("it is written as %s", got)
	}
}

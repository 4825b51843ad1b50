package bench

import (
	"testing"
	"time"
)

// Every station comes, comes back, and gets its answers, or the benchmark fails.
func TestStations(t *testing.T) {
	results, err := runStations(t.Context(), &Options{Folder: t.TempDir(), Duration: 300 * time.Millisecond, Stations: 60, Progress: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Writers != 60 || r.Name != "stations held" && (r.PerSecond <= 0 || r.P99 < r.P50 || r.P99 > 60e6) {
			t.Errorf("the result is %+v", r)
		}
	}
}

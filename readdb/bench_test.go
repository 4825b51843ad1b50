package readdb_test

import (
	"fmt"
	"testing"

	"github.com/aether-es/aether/readdb"
)

type station struct {
	ID         string            `json:"id"`
	Site       string            `json:"site"`
	Online     bool              `json:"online"`
	Energy     int64             `json:"energy"`
	Connectors map[string]string `json:"connectors"`
}

var stations = readdb.NewCollection("stations", func(s station) string { return s.ID },
	readdb.Index[station]{Name: "site", Values: func(s station) []readdb.Value { return []readdb.Value{readdb.Text(s.Site)} }})

func newStation(i int) station {
	return station{fmt.Sprintf("CP-%05d", i), fmt.Sprintf("site-%d", i%10), true, 0, map[string]string{"1": "free", "2": "charging"}}
}

// 1000 events over 100 documents, and their commit.
func BenchmarkTx(b *testing.B) {
	for _, way := range []string{"Update", "GetPut"} {
		b.Run(way, func(b *testing.B) {
			space := newDB(b).Space("stations@1")
			n := 0
			for b.Loop() {
				tx := space.Begin()
				for i := range 1000 {
					d := newStation((n + i) % 100)
					found, err := false, error(nil)
					if way == "Update" {
						found, err = stations.Update(tx, d.ID, func(s *station) { s.Energy++ })
					} else if d, found, err = stations.Get(tx, d.ID); found {
						d.Energy++
						err = stations.Put(tx, d)
					}
					if err == nil && !found {
						err = stations.Put(tx, newStation((n+i)%100))
					}
					must(b, err)
				}
				n += 100
				must(b, tx.Commit([]byte("checkpoint")))
			}
			b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func BenchmarkRead(b *testing.B) {
	space := newDB(b).Space("stations@1")
	tx := space.Begin()
	for i := range 10_000 {
		must(b, stations.Put(tx, newStation(i)))
	}
	must(b, tx.Commit(nil))
	b.Run("Get", func(b *testing.B) {
		i := 0
		for b.Loop() {
			i++
			if _, found, err := stations.Get(space, fmt.Sprintf("CP-%05d", i*7919%10_000)); !found || err != nil {
				b.Fatal(found, err)
			}
		}
	})
	b.Run("List50", func(b *testing.B) {
		for b.Loop() {
			page, err := stations.List(space, &readdb.ListOptions{Index: "site", Range: readdb.Equal(readdb.Text("site-3"))})
			if err != nil || len(page.Documents) != 50 {
				b.Fatal(len(page.Documents), err)
			}
		}
	})
}

package readdb_test

import (
	"fmt"

	"github.com/aether-es/aether/readdb"
)

type Rover struct {
	ID     string `json:"id"`
	Planet string `json:"planet"`
	X      int    `json:"x"`
}

func Example() {
	rovers := readdb.NewCollection("rovers",
		func(r Rover) string { return r.ID },
		readdb.Index[Rover]{Name: "planet", Values: func(r Rover) []readdb.Value {
			return []readdb.Value{readdb.Text(r.Planet)}
		}})

	db, err := readdb.New(readdb.NewMemory())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	space := db.Space("rover@2")

	// A projector applies a batch of events.
	tx := space.Begin()
	for _, id := range []string{"r1", "r2", "r3", "r1"} {
		found, err := rovers.Update(tx, id, func(r *Rover) { r.X++ })
		if err == nil && !found {
			err = rovers.Put(tx, Rover{ID: id, Planet: "mars"})
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := tx.Commit([]byte("4")); err != nil {
		fmt.Println(err)
		return
	}

	// A query reads page by page.
	options := readdb.ListOptions{Index: "planet", Range: readdb.Equal(readdb.Text("mars")), Limit: 2}
	for more := true; more; {
		page, err := rovers.List(space, &options)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(page.Documents)
		options.After, more = page.Next, page.Next != ""
	}
	// Output:
	// [{r1 mars 1} {r2 mars 0}]
	// [{r3 mars 0}]
}

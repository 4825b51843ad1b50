package filestore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/filestore"
)

// Save an event with the version that follows on the latest one known, and learn
// who was faster if somebody was.
func Example() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "aether")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)

	engine, err := filestore.Open(ctx, folder, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	store, err := engine.Namespace(ctx, "default")
	if err != nil {
		log.Fatal(err)
	}

	unlock := func(latest aether.Version) error {
		_, err := store.SaveEvents(ctx, aether.Event{
			ActorID: "station/CP-1",
			Version: latest + 1,
			Type:    "ConnectorUnlocked",
			Data:    []byte(`{"connector":2}`),
		})
		return err
	}
	fmt.Println(unlock(0))

	err = unlock(0) // somebody else, who has not seen it
	var conflict *aether.ConflictError
	if errors.As(err, &conflict) {
		fmt.Println(err)
		fmt.Println("first was:", conflict.Events[0].Type, string(conflict.Events[0].Data))
	}

	// Output:
	// <nil>
	// aether: version conflict: actor "station/CP-1" is at version 1, so version 1 cannot be saved
	// first was: ConnectorUnlocked {"connector":2}
}

// The program of the README, whose text TestReadme compares with this.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/filestore"
)

func main() {
	if err := unlock(context.Background(), "station/CP-1"); err != nil {
		log.Fatal(err)
	}
}

func unlock(ctx context.Context, station string) error {
	engine, err := filestore.Open(ctx, "./station-data", nil)
	if err != nil {
		return err
	}
	defer engine.Close()
	store, err := engine.Namespace(ctx, "default")
	if err != nil {
		return err
	}
	var latest aether.Version
	for event, err := range store.GetEvents(ctx, station, 0) {
		if err != nil {
			return err
		}
		latest = event.Version // and fold the event into the state the decision needs
	}
	unlocked := aether.Event{ID: aether.NewID(), ActorID: station, Type: "ConnectorUnlocked", Data: []byte(`{"connector":2}`)}
	unlocked.Version = latest + 1 // "the latest I know is this"
	position, err := store.SaveEvents(ctx, unlocked)
	var conflict *aether.ConflictError
	switch {
	case errors.As(err, &conflict): // somebody was faster, conflict.Events are theirs: decide again, or give up;
		return err // or the version lies beyond the next, and there are none
	case err != nil: // nothing is saved after ErrInvalid and ErrNotSaved; else nobody knows: save the same again, with its ID
		return err
	}
	fmt.Printf("version %d is at position %d\n", unlocked.Version, position)
	return nil
}

package actor_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
)

// A store that says it has written nothing leaves no doubt, and the actor goes on.
func TestNotSaved(t *testing.T) {
	store := newTap(t)
	host := newAccounts(t, store, nil)
	full := fmt.Errorf("the disk is full: %w", aether.ErrNotSaved)
	store.save = func([]aether.Event) error { return full }
	_, err := host.Do(t.Context(), "account/ann", deposit{1}, &actor.DoOptions{CommandID: "1"})
	if _, unknown := errors.AsType[*actor.UnknownError](err); unknown || !errors.Is(err, aether.ErrNotSaved) || !errors.Is(err, full) {
		t.Errorf("the error is %v", err)
	}
	store.save = nil
	if result := do(t, host, deposit{1}, &actor.DoOptions{CommandID: "1"}); result.Repeated || result.Version != 1 {
		t.Errorf("when there is space: %+v", result)
	}
}

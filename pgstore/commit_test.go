package pgstore

import (
	"errors"
	"testing"

	"github.com/aether-es/aether"
)

// A save that has lost to another one of its group is decided about anew when nothing of the
// group was written: that other one may be refused then, and the former conflict is none.
func TestDecideForgetsTheFormerRound(t *testing.T) {
	t.Parallel()
	newSave := func(events ...aether.Event) *save {
		return &save{events: events, isNew: make([]bool, len(events)), asked: true}
	}
	first := newSave(testEvent("a/1", 1), testEvent("a/2", 1))
	second := newSave(testEvent("a/1", 1))
	g := &group{pending: []*save{first, second}, facts: facts{latest: map[string]aether.Version{}, ids: map[eventKey]aether.Version{}}}
	batch, refused := g.decide()
	if _, ok := refused[second]; len(batch) != 1 || batch[0] != first || !ok || !errors.Is(second.err, aether.ErrVersionConflict) {
		t.Fatalf("first the batch is %v, refused are %v", batch, refused)
	}
	g.facts.latest["a/2"] = 1 // somebody else was faster with the first one's other actor
	batch, refused = g.decide()
	if _, ok := refused[first]; len(batch) != 1 || batch[0] != second || !ok || !errors.Is(first.err, aether.ErrVersionConflict) {
		t.Fatalf("then the batch is %v, refused are %v", batch, refused)
	}
	if second.err != nil || second.repeat {
		t.Errorf("the second is written, and answered %v, %v", second.err, second.repeat)
	}
}

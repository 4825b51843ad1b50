package effect

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/schema"
)

// fact is an event in the stream of an effect. The state they lead to is in
// [entry.evolve].
type fact interface{ fact() }

type (
	// started says that events after a position cause an effect, if they are of
	// these kinds and types. It is in the stream "effect/<name>".
	started struct {
		Position aether.Position `json:"position"`
		Kinds    []string        `json:"kinds,omitempty"`
		Types    []string        `json:"types,omitempty"`
	}

	// attempted comes before the call. Who saved it makes the call, before the
	// deadline.
	attempted struct {
		Attempt  int       `json:"attempt"`
		Runner   string    `json:"runner"`
		Deadline time.Time `json:"deadline"`
		Target   string    `json:"target,omitempty"`
		Cause    Cause     `json:"cause"`
	}

	// withheld takes the attempt back: its call was not made and will not be.
	withheld struct {
		Reason string `json:"reason"`
	}

	// failed ends an attempt after which there is another one.
	failed struct {
		Error   string    `json:"error"`
		NotDone bool      `json:"notDone"`
		RetryAt time.Time `json:"retryAt"`
	}

	// done and notDone are outcomes, from the call or from Resolve.
	done struct {
		Data     json.RawMessage `json:"data,omitempty"`
		Reason   string          `json:"reason,omitempty"`
		Runner   string          `json:"runner"`
		Resolved bool            `json:"resolved,omitempty"`
	}
	notDone struct {
		Reason   string `json:"reason"`
		Runner   string `json:"runner"`
		Resolved bool   `json:"resolved,omitempty"`
	}

	// inDoubt says that nobody knows how the last attempt ended, and that there is
	// no other. gaveUp: that of a keyed effect was the last one allowed.
	inDoubt struct {
		Error  string `json:"error"`
		GaveUp bool   `json:"gaveUp,omitempty"`
	}

	// settled is an outcome that somebody gave by hand.
	settled struct {
		By      string  `json:"by"`
		Outcome Outcome `json:"outcome"`
	}

	// recorded closes the effect: Record has taken the outcome.
	recorded struct{}
)

func (started) fact()   {}
func (attempted) fact() {}
func (withheld) fact()  {}
func (failed) fact()    {}
func (done) fact()      {}
func (notDone) fact()   {}
func (inDoubt) fact()   {}
func (settled) fact()   {}
func (recorded) fact()  {}

func facts() *schema.Registry[fact] {
	return schema.New[fact](
		schema.Type[started]("EffectStarted"),
		schema.Type[attempted]("EffectAttempted"),
		schema.Type[withheld]("EffectWithheld"),
		schema.Type[failed]("EffectFailed"),
		schema.Type[done]("EffectDone"),
		schema.Type[notDone]("EffectNotDone"),
		schema.Type[inDoubt]("EffectInDoubt"),
		schema.Type[settled]("EffectSettled"),
		schema.Type[recorded]("EffectRecorded"),
	)
}

// kind is that of the actors that effects are.
const kind = "effect"

// maxID leaves room for the number that a host puts behind the ID of a command, so
// that an effect's ID can be one: it is actor.MaxCommandID.
const maxID = aether.MaxNameLength - 4

// effectID names the effect that an event asks for. Where the readable form is too
// long it is a hash, which is never mistaken for one: it has no "@" and number at
// its end.
func effectID(name, actorID string, version aether.Version) string {
	cause := fmt.Sprintf("%s@%d", actorID, version)
	if id := markerID(name) + "/" + cause; len(id) <= maxID {
		return id
	}
	sum := sha256.Sum256([]byte(cause))
	return markerID(name) + "/sha256-" + hex.EncodeToString(sum[:])
}

// markerID is the actor that has the started events of an effect.
func markerID(name string) string { return kind + "/" + name }

// nameOf returns the name of the effect that an ID belongs to, "" when it is that
// of a marker.
func nameOf(id string) string {
	_, rest, _ := strings.Cut(id, "/")
	name, _, ok := strings.Cut(rest, "/")
	if !ok {
		return ""
	}
	return name
}

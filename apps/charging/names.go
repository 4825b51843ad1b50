package charging

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
)

// How things are named: stations "CP-1", as they call themselves, their sessions "CP-1-17".

// key is the part of an actor's ID behind its kind.
func key(actorID string) string {
	_, key, _ := strings.Cut(actorID, "/")
	return key
}

func stationActor(id string) string { return station.Kind + "/" + id }

func recordActor(id string) string { return registry.RecordKind + "/" + id }

func sessionActor(id string, transaction int) string {
	return session.Kind + "/" + session.Key(id, transaction)
}

// tagActor returns the actor of an id tag, false when it can be none of ours.
func tagActor(tag string) (string, bool) {
	id := registry.IDTagKind + "/" + registry.TagKey(tag)
	return id, tag != "" && aether.CheckActorID(id) == nil
}

func tariffActor(id string) (string, bool) {
	actorID := registry.TariffKind + "/" + id
	return actorID, id != "" && len(id) <= MaxStationID && aether.CheckActorID(actorID) == nil
}

// short is base 32 in small letters, for names that people may have to read out.
var short = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newCommandID makes the ID of what a station is asked from that of the command that asks
// for it, so that a repetition means the same. What that was cannot be seen in it.
func newCommandID(id, commandID string) string {
	sum := sha256.Sum256([]byte("command of " + id + "\x00" + commandID))
	return short.EncodeToString(sum[:])[:16]
}

// virtualTag is the id tag of a remote start, and of no other: the transaction that has it
// is the one.
func virtualTag(command string) string { return "V" + strings.ToUpper(command) }

// newReservation makes the number of a reservation from the ID of its command.
func newReservation(command string) int {
	sum := sha256.Sum256([]byte("reservation of " + command))
	return 1 + int(binary.BigEndian.Uint32(sum[:])&(1<<30-1))
}

// refused returns the refusal that an error is.
func refused(err error) (*aether.Refusal, bool) { return errors.AsType[*aether.Refusal](err) }

package registry

import (
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/schema"
)

// IDTagKind is the kind of the actors of id tags. Tags are of any case (OCPP 1.6, 7.28), so
// the key is in small letters; see TagKey.
const IDTagKind = "id-tag"

// MaxIDTag is how many bytes an id tag has.
const MaxIDTag = 20

// TagKey is what an id tag is known by, whatever the case it is written in.
func TagKey(tag string) string { return strings.ToLower(tag) }

// Status is what may be done with an id tag, as OCPP calls it (7.2).
type Status string

// The values of Status. The last three are only answers.
const (
	Accepted     Status = "Accepted"
	Blocked      Status = "Blocked"
	Expired      Status = "Expired"
	Invalid      Status = "Invalid"
	ConcurrentTx Status = "ConcurrentTx"
)

// Tag is what an operator says about an id tag.
type Tag struct {
	IDTag   string    `json:"idTag"` // as it is written
	Status  Status    `json:"status"`
	Parent  string    `json:"parent,omitempty"` // tags with the same parent can stop each other's transactions
	Expires time.Time `json:"expires,omitzero"`
	Label   string    `json:"label,omitempty"` // for people

	// Concurrent lets it have several transactions at a time.
	Concurrent bool `json:"concurrent,omitempty"`
}

// IDTagEvent is what can happen to an id tag.
type IDTagEvent interface{ idTag() }

// IDTagSet has all that is said of it from now on.
type IDTagSet struct {
	Tag
	At time.Time `json:"at"`
}

// IDTagRemoved says that it is none of ours any more.
type IDTagRemoved struct {
	At time.Time `json:"at"`
}

func (IDTagSet) idTag()     {}
func (IDTagRemoved) idTag() {}

// IDTagEvents returns the registry of the events.
func IDTagEvents() *schema.Registry[IDTagEvent] {
	return schema.New[IDTagEvent](schema.Type[IDTagSet]("IDTagSet"), schema.Type[IDTagRemoved]("IDTagRemoved"))
}

// IDTagCommand is what can be done with an id tag.
type IDTagCommand interface{ idTagCommand() }

// The commands.
type (
	SetIDTag struct {
		Tag
		At time.Time `json:"at"`
	}
	RemoveIDTag struct {
		At time.Time `json:"at"`
	}
)

func (SetIDTag) idTagCommand()    {}
func (RemoveIDTag) idTagCommand() {}

// InitialIDTag is the state of a tag that nobody has told of: nil.
func InitialIDTag(string) *Tag { return nil }

// DecideIDTag says what happens because of a command.
func DecideIDTag(t *Tag, command IDTagCommand) ([]IDTagEvent, error) {
	switch c := command.(type) {
	case SetIDTag:
		if err := c.check(); err != nil {
			return nil, err
		}
		c.Expires = c.Expires.UTC()
		if t != nil && *t == c.Tag {
			return nil, nil
		}
		return []IDTagEvent{IDTagSet(c)}, nil
	case RemoveIDTag:
		if t == nil {
			return nil, aether.Refuse(NoIDTag, "there is no such id tag")
		}
		return []IDTagEvent{IDTagRemoved(c)}, nil
	}
	return nil, aether.Refuse(unknownCommand, "an id tag knows no %T", command)
}

func (t *Tag) check() error {
	if t.IDTag == "" {
		return aether.Refuse(BadIDTag, "an id tag has 1 to %d bytes of printable text", MaxIDTag)
	}
	if err := checkText(BadIDTag, "an id tag", t.IDTag, MaxIDTag); err != nil {
		return err
	}
	if err := checkText(BadIDTag, "a parent tag", t.Parent, MaxIDTag); err != nil {
		return err
	}
	if err := checkText(BadIDTag, "a label", t.Label, MaxText); err != nil {
		return err
	}
	switch {
	case t.Status != Accepted && t.Status != Blocked:
		return aether.Refuse(BadIDTag, "an id tag is %q or %q; this is %q (one that expires has a time)", Accepted, Blocked, t.Status)
	case t.Parent != "" && TagKey(t.Parent) == TagKey(t.IDTag):
		return aether.Refuse(BadIDTag, "an id tag is not its own parent")
	case t.Expires.Year() > 9999:
		return aether.Refuse(BadIDTag, "an id tag expires before the year 10000")
	}
	return nil
}

// EvolveIDTag returns the tag after an event.
func EvolveIDTag(t *Tag, event IDTagEvent) *Tag {
	switch e := event.(type) {
	case IDTagSet:
		return &e.Tag
	case IDTagRemoved:
		return nil
	}
	return t
}

// Authorise says what a tag may do at a time; running is how many transactions it has. A
// parent that is known and not accepted does not let its children charge either.
func Authorise(tag, parent *Tag, running int, at time.Time) Status {
	for _, t := range []*Tag{tag, parent} {
		switch {
		case t == nil && tag != nil:
			continue // a parent may be a mere name of a group
		case t == nil:
			return Invalid
		case t.Status != Accepted:
			return t.Status
		case !t.Expires.IsZero() && !at.Before(t.Expires):
			return Expired
		}
	}
	if running > 0 && !tag.Concurrent {
		return ConcurrentTx
	}
	return Accepted
}

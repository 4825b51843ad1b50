package registry

import (
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/schema"
)

// InboxKind is the kind of the one actor that has the stations nobody knows.
const InboxKind = "inbox"

// InboxID is its ID.
const InboxID = InboxKind + "/stations"

// What the inbox keeps: so many stations, of each an event when its last one is so long ago,
// and so many new ones in a minute. Anybody can knock, under any name: whoever is in the full
// inbox stays there until it has not knocked for KnockedIn, and who is not finds no place.
// So the stream of a full inbox grows by no more than 2*MaxInbox events in KnockedIn.
const (
	MaxInbox     = 500
	KnockedIn    = time.Hour
	MaxNewcomers = 30
)

// Stranger is a station that has knocked.
type Stranger struct {
	Identity string    `json:"identity"`
	Remote   string    `json:"remote,omitempty"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
}

// InboxEvent is what can happen to the inbox.
type InboxEvent interface{ inbox() }

// The events. StrangerForgotten makes room for another one, or is an operator's word.
type (
	StrangerKnocked struct {
		Identity string    `json:"identity"`
		Remote   string    `json:"remote,omitempty"`
		At       time.Time `json:"at"`
	}
	StrangerForgotten struct {
		Identity string    `json:"identity"`
		Reason   string    `json:"reason"`
		At       time.Time `json:"at"`
	}
)

// Why a stranger is forgotten.
const (
	Known     = "known" // it is one of ours now
	Dismissed = "dismissed"
	Crowded   = "crowded" // others have knocked since
)

func (StrangerKnocked) inbox()   {}
func (StrangerForgotten) inbox() {}

// InboxEvents returns the registry of the events.
func InboxEvents() *schema.Registry[InboxEvent] {
	return schema.New[InboxEvent](schema.Type[StrangerKnocked]("StrangerKnocked"), schema.Type[StrangerForgotten]("StrangerForgotten"))
}

// InboxCommand is what can be done with the inbox.
type InboxCommand interface{ inboxCommand() }

// The commands. Knock is a fact.
type (
	Knock struct {
		Identity string    `json:"identity"`
		Remote   string    `json:"remote"`
		At       time.Time `json:"at"`
	}
	Forget struct {
		Identity string    `json:"identity"`
		Reason   string    `json:"reason"`
		At       time.Time `json:"at"`
	}
)

func (Knock) inboxCommand()  {}
func (Forget) inboxCommand() {}

// Inbox is the state of the inbox: the strangers by their identities.
type Inbox map[string]Stranger

// InitialInbox is the state of an inbox that is empty.
func InitialInbox(string) Inbox { return Inbox{} }

// DecideInbox says what happens because of a command.
func DecideInbox(i Inbox, command InboxCommand) ([]InboxEvent, error) {
	switch c := command.(type) {
	case Knock:
		return i.knock(c), nil
	case Forget:
		if _, ok := i[c.Identity]; !ok {
			if c.Reason == Known {
				return nil, nil
			}
			return nil, aether.Refuse(NotInInbox, "%q is not in the inbox, or not any more", c.Identity)
		}
		return []InboxEvent{StrangerForgotten(c)}, nil
	}
	return nil, aether.Refuse(unknownCommand, "an inbox knows no %T", command)
}

func (i Inbox) knock(c Knock) []InboxEvent {
	known, ok := i[c.Identity]
	switch {
	case ok && c.At.Sub(known.Last) < KnockedIn:
		return nil
	case ok:
		return []InboxEvent{StrangerKnocked(c)}
	case i.newcomers(c.At) >= MaxNewcomers:
		return nil
	case len(i) < MaxInbox:
		return []InboxEvent{StrangerKnocked(c)}
	}
	oldest := i.oldest()
	if c.At.Sub(i[oldest].Last) < 2*KnockedIn { // its knocks in the hour after Last are in no event
		return nil
	}
	return []InboxEvent{StrangerForgotten{oldest, Crowded, c.At}, StrangerKnocked(c)}
}

// newcomers is how many have come in the last minute.
func (i Inbox) newcomers(now time.Time) int {
	n := 0
	for _, s := range i {
		if now.Sub(s.First).Abs() < time.Minute {
			n++
		}
	}
	return n
}

// oldest is who has not knocked for the longest time; of several the first by name.
func (i Inbox) oldest() string {
	var oldest Stranger
	for _, s := range i {
		if oldest.Identity == "" || s.Last.Before(oldest.Last) || s.Last.Equal(oldest.Last) && s.Identity < oldest.Identity {
			oldest = s
		}
	}
	return oldest.Identity
}

// EvolveInbox returns the inbox after an event. It changes the one it is given.
func EvolveInbox(i Inbox, event InboxEvent) Inbox {
	switch e := event.(type) {
	case StrangerKnocked:
		s, ok := i[e.Identity]
		if !ok {
			s = Stranger{Identity: e.Identity, First: e.At}
		}
		s.Remote, s.Last = e.Remote, e.At
		i[e.Identity] = s
	case StrangerForgotten:
		delete(i, e.Identity)
	}
	return i
}

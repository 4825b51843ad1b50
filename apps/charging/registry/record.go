package registry

import (
	"slices"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/schema"
)

// RecordKind is the kind of the actors of records: what an operator notes about a station.
// The key is the station's ID.
const RecordKind = "station-record"

// Note is what an operator says about a station.
type Note struct {
	Label   string `json:"label,omitempty"`
	Address string `json:"address,omitempty"`
	Tariff  string `json:"tariff,omitempty"` // DefaultTariff when it is empty

	Connectors []Plug `json:"connectors,omitempty"` // what connector 1, 2, … is
}

// Plug is what a connector is.
type Plug struct {
	Type      string `json:"type,omitempty"`    // "Type2", "CCS"
	Current   string `json:"current,omitempty"` // "AC" or "DC"
	MaxPowerW int    `json:"maxPowerW,omitempty"`
}

// Credentials are what a station must show to be let in: at least the security profile
// (0 to 3), and from 1 on one of the keys, of which these are the hashes. There are two
// while it is not known whether the station has taken the new one, which is the last.
type Credentials struct {
	Profile int      `json:"profile"`
	Keys    []string `json:"keys,omitempty"`
}

// Record is the state of a record.
type Record struct {
	Note
	Credentials
}

// RecordEvent is what can happen to a record.
type RecordEvent interface{ record() }

// The events.
type (
	NoteChanged struct {
		Note
		At time.Time `json:"at"`
	}
	CredentialsChanged struct {
		Credentials
		At time.Time `json:"at"`
	}
)

func (NoteChanged) record()        {}
func (CredentialsChanged) record() {}

// RecordEvents returns the registry of the events.
func RecordEvents() *schema.Registry[RecordEvent] {
	return schema.New[RecordEvent](schema.Type[NoteChanged]("NoteChanged"), schema.Type[CredentialsChanged]("CredentialsChanged"))
}

// RecordCommand is what can be done with a record.
type RecordCommand interface{ recordCommand() }

// The commands. NewKey is a key that the station is about to be told, beside the one that
// it has; ConfirmKey says that it has taken that one, DropKey that it has not.
type (
	ChangeNote struct {
		Note
		At time.Time `json:"at"`
	}
	ChangeCredentials struct {
		Credentials
		Anew bool      `json:"anew"` // of a station that is being registered: it has no profile yet
		At   time.Time `json:"at"`
	}
	NewKey struct {
		Key string    `json:"key"`
		At  time.Time `json:"at"`
	}
	ConfirmKey struct {
		Key string    `json:"key"`
		At  time.Time `json:"at"`
	}
	DropKey struct {
		Key string    `json:"key"`
		At  time.Time `json:"at"`
	}
)

func (ChangeNote) recordCommand()        {}
func (ChangeCredentials) recordCommand() {}
func (NewKey) recordCommand()            {}
func (ConfirmKey) recordCommand()        {}
func (DropKey) recordCommand()           {}

// InitialRecord is the state of a record in which nothing is noted.
func InitialRecord(string) *Record { return &Record{} }

// DecideRecord says what happens because of a command.
func DecideRecord(r *Record, command RecordCommand) ([]RecordEvent, error) {
	keys := func(at time.Time, keys ...string) []RecordEvent {
		if slices.Equal(keys, r.Keys) {
			return nil
		}
		return []RecordEvent{CredentialsChanged{Credentials{r.Profile, keys}, at}}
	}
	switch c := command.(type) {
	case ChangeNote:
		if err := c.check(); err != nil {
			return nil, err
		}
		if r.Note.same(c.Note) {
			return nil, nil
		}
		return []RecordEvent{NoteChanged(c)}, nil
	case ChangeCredentials:
		switch {
		case c.Profile < 0 || c.Profile > 3:
			return nil, aether.Refuse(BadCredentials, "a security profile is 0 to 3; this is %d", c.Profile)
		case c.Profile < r.Profile && !c.Anew:
			return nil, aether.Refuse(BadCredentials, "a security profile is never lowered (security white paper A00.FR.005); the station has %d", r.Profile)
		case (c.Profile == 1 || c.Profile == 2) && len(c.Keys) == 0:
			return nil, aether.Refuse(BadCredentials, "the security profile %d needs an authorization key", c.Profile)
		case c.Profile == r.Profile && slices.Equal(c.Keys, r.Keys):
			return nil, nil
		}
		return []RecordEvent{CredentialsChanged{c.Credentials, c.At}}, nil
	case NewKey:
		switch len(r.Keys) {
		case 0:
			return keys(c.At, c.Key), nil
		case 1:
			return keys(c.At, r.Keys[0], c.Key), nil
		}
		return nil, aether.Refuse(KeyPending, "it is not known yet whether the station has the key that it was told last: it shows which it has when it connects again")
	case ConfirmKey:
		if !slices.Contains(r.Keys, c.Key) {
			return nil, nil // another one has taken its place meanwhile
		}
		return keys(c.At, c.Key), nil
	case DropKey:
		if len(r.Keys) < 2 || !slices.Contains(r.Keys, c.Key) {
			return nil, nil
		}
		return keys(c.At, slices.DeleteFunc(slices.Clone(r.Keys), func(k string) bool { return k == c.Key })...), nil
	}
	return nil, aether.Refuse(unknownCommand, "a record knows no %T", command)
}

func (n *Note) check() error {
	for _, field := range [][2]string{{"a label", n.Label}, {"an address", n.Address}, {"a tariff's ID", n.Tariff}} {
		if err := checkText(BadRecord, field[0], field[1], MaxText); err != nil {
			return err
		}
	}
	const most = 200
	if len(n.Connectors) > most {
		return aether.Refuse(BadRecord, "a station has at most %d connectors; these are %d", most, len(n.Connectors))
	}
	for i, p := range n.Connectors {
		switch {
		case p.Current != "" && p.Current != "AC" && p.Current != "DC":
			return aether.Refuse(BadRecord, "the current of connector %d is AC or DC; this is %q", i+1, p.Current)
		case p.MaxPowerW < 0 || p.MaxPowerW > 10_000_000:
			return aether.Refuse(BadRecord, "the power of connector %d is 0 to 10,000,000 W; this is %d", i+1, p.MaxPowerW)
		}
		if err := checkText(BadRecord, "the type of a connector", p.Type, MaxText); err != nil {
			return err
		}
	}
	return nil
}

func (n *Note) same(other Note) bool {
	return n.Label == other.Label && n.Address == other.Address && n.Tariff == other.Tariff && slices.Equal(n.Connectors, other.Connectors)
}

// EvolveRecord returns the record after an event.
func EvolveRecord(r *Record, event RecordEvent) *Record {
	switch e := event.(type) {
	case NoteChanged:
		r.Note = e.Note
	case CredentialsChanged:
		r.Credentials = e.Credentials
	}
	return r
}

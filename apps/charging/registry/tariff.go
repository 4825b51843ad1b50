package registry

import (
	"slices"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/schema"
)

// TariffKind is the kind of the actors of tariffs; the key is the tariff's ID.
const TariffKind = "tariff"

// DefaultTariff is the ID of the tariff of stations that have no other.
const DefaultTariff = "default"

// Zoned is a tariff with the time zone of its bands, by the name of the IANA database.
type Zoned struct {
	session.Tariff
	Zone string `json:"zone"`
}

// TariffEvent is what can happen to a tariff. Sessions that are priced keep their price.
type TariffEvent interface{ tariff() }

// TariffSet has all of it from now on.
type TariffSet struct {
	Zoned
	At time.Time `json:"at"`
}

// TariffRemoved says that no session is priced by it any more.
type TariffRemoved struct {
	At time.Time `json:"at"`
}

func (TariffSet) tariff()     {}
func (TariffRemoved) tariff() {}

// TariffEvents returns the registry of the events.
func TariffEvents() *schema.Registry[TariffEvent] {
	return schema.New[TariffEvent](schema.Type[TariffSet]("TariffSet"), schema.Type[TariffRemoved]("TariffRemoved"))
}

// TariffCommand is what can be done with a tariff.
type TariffCommand interface{ tariffCommand() }

// The commands.
type (
	SetTariff struct {
		Zoned
		At time.Time `json:"at"`
	}
	RemoveTariff struct {
		At time.Time `json:"at"`
	}
)

func (SetTariff) tariffCommand()    {}
func (RemoveTariff) tariffCommand() {}

// InitialTariff is the state of a tariff that nobody has told of: nil.
func InitialTariff(string) *Zoned { return nil }

// DecideTariff says what happens because of a command.
func DecideTariff(t *Zoned, command TariffCommand) ([]TariffEvent, error) {
	switch c := command.(type) {
	case SetTariff:
		if err := c.Check(); err != nil {
			return nil, err
		}
		if _, err := c.Location(); err != nil {
			return nil, err
		}
		if t != nil && t.same(&c.Zoned) {
			return nil, nil
		}
		return []TariffEvent{TariffSet(c)}, nil
	case RemoveTariff:
		if t == nil {
			return nil, aether.Refuse(NoTariff, "there is no such tariff")
		}
		return []TariffEvent{TariffRemoved(c)}, nil
	}
	return nil, aether.Refuse(unknownCommand, "a tariff knows no %T", command)
}

func (z *Zoned) same(other *Zoned) bool {
	return z.ID == other.ID && z.Currency == other.Currency && z.Start == other.Start && z.Rate == other.Rate &&
		slices.Equal(z.Bands, other.Bands) && z.Zone == other.Zone
}

// Location returns the time zone; without one it is UTC.
func (z *Zoned) Location() (*time.Location, error) {
	if z.Zone == "Local" { // which is another one on each machine
		return nil, aether.Refuse(BadTariff, "say which time zone: %q is another one on each machine", z.Zone)
	}
	zone, err := time.LoadLocation(z.Zone)
	if err != nil {
		return nil, aether.Refuse(BadTariff, "there is no time zone %q; it has a name as Europe/Berlin", z.Zone)
	}
	return zone, nil
}

// EvolveTariff returns the tariff after an event.
func EvolveTariff(t *Zoned, event TariffEvent) *Zoned {
	switch e := event.(type) {
	case TariffSet:
		return &e.Zoned
	case TariffRemoved:
		return nil
	}
	return t
}

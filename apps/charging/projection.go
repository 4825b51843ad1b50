package charging

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/projection"
	"github.com/aether-es/aether/readdb"
	"github.com/aether-es/aether/schema"
)

// projection makes the read model.
func (r registries) projection() projection.Projection {
	return projection.Projection{Name: Name, Version: 1, Apply: func(tx *readdb.Tx, e integration.Event) error {
		a := applier{tx: tx, id: key(e.Subject), position: e.Position, time: e.Time, at: e.Time}
		switch aether.Kind(e.Subject) {
		case station.Kind:
			return apply(&a, r.stations, e, a.station)
		case session.Kind:
			return apply(&a, r.sessions, e, a.session)
		case registry.IDTagKind:
			return apply(&a, r.tags, e, a.idTag)
		case registry.TariffKind:
			return apply(&a, r.tariffs, e, a.tariff)
		case registry.RecordKind:
			return apply(&a, r.records, e, a.record)
		case registry.InboxKind:
			return apply(&a, r.inbox, e, a.inbox)
		}
		return fmt.Errorf("charging: %s is of no actor of ours", e.Subject)
	}}
}

// applier applies one event of an actor.
type applier struct {
	tx       *readdb.Tx
	id       string // the key of the actor
	version  aether.Version
	position aether.Position
	time     time.Time
	at       time.Time // the time in the event, of a station's
}

func apply[E any](a *applier, events *schema.Registry[E], e integration.Event, do func(event E) error) error {
	version, event, err := decodeMoment(events, e)
	if err != nil {
		return err
	}
	a.version = version
	return do(event)
}

// fleet changes the counts of all stations.
func (a *applier) fleet(change func(f *fleetRecord)) error {
	found, err := fleets.Update(a.tx, fleetID, change)
	if err != nil || found {
		return err
	}
	f := fleetRecord{ID: fleetID}
	change(&f)
	return fleets.Put(a.tx, f)
}

// counted takes note of what something counted for before, and counts for now.
func (a *applier) counted(before, now tally) error {
	now.Connectors = maps.Clone(now.Connectors)
	now.add(before, -1)
	if now.none() {
		return nil
	}
	return a.fleet(func(f *fleetRecord) { f.add(now, 1) })
}

func (a *applier) idTag(event registry.IDTagEvent) error {
	switch e := event.(type) {
	case registry.IDTagSet:
		return idTags.Put(a.tx, idTagRecord{a.id, IDTagDocument{Tag: e.Tag, Updated: e.At, Version: a.version, Position: a.position}})
	case registry.IDTagRemoved:
		return idTags.Delete(a.tx, a.id)
	}
	return nil
}

func (a *applier) tariff(event registry.TariffEvent) error {
	switch e := event.(type) {
	case registry.TariffSet:
		return tariffs.Put(a.tx, tariffRecord{a.id, TariffDocument{Zoned: e.Zoned, Updated: e.At, Version: a.version, Position: a.position}})
	case registry.TariffRemoved:
		return tariffs.Delete(a.tx, a.id)
	}
	return nil
}

// record applies what an operator says about a station.
func (a *applier) record(event registry.RecordEvent) error {
	s, _, err := stations.Get(a.tx, a.id)
	if err != nil {
		return err
	}
	s.ID, s.Position, s.Updated = a.id, a.position, a.time
	switch e := event.(type) {
	case registry.NoteChanged:
		s.Label, s.Address, s.Tariff = e.Label, e.Address, e.Tariff
		if len(e.Connectors) == 0 {
			err = plugs.Delete(a.tx, a.id)
		} else {
			err = plugs.Put(a.tx, plugsRecord{a.id, e.Connectors})
		}
	case registry.CredentialsChanged:
		s.Profile, s.HasKey = e.Profile, len(e.Keys) > 0
	}
	if err != nil {
		return err
	}
	return stations.Put(a.tx, s)
}

func (a *applier) inbox(event registry.InboxEvent) error {
	switch e := event.(type) {
	case registry.StrangerKnocked:
		found, err := strangers.Update(a.tx, e.Identity, func(s *registry.Stranger) { s.Remote, s.Last = e.Remote, e.At })
		if err != nil || found {
			return err
		}
		if err := strangers.Put(a.tx, registry.Stranger{Identity: e.Identity, Remote: e.Remote, First: e.At, Last: e.At}); err != nil {
			return err
		}
		return a.counted(tally{}, tally{Inbox: 1})
	case registry.StrangerForgotten:
		_, found, err := strangers.Get(a.tx, e.Identity)
		if err != nil || !found {
			return err
		}
		if err := strangers.Delete(a.tx, e.Identity); err != nil {
			return err
		}
		return a.counted(tally{Inbox: 1}, tally{})
	}
	return nil
}

// left notes that a station went offline, beside others that did so at about this time.
func (a *applier) left(s *stationRecord, at time.Time) error {
	var notice string
	err := a.fleet(func(f *fleetRecord) {
		if f.Notice == "" || at.Sub(f.NoticeLast) > NoticeWindow {
			f.Notice, f.NoticeLast = strconv.FormatUint(uint64(a.position), 10), at
		}
		if at.After(f.NoticeLast) {
			f.NoticeLast = at
		}
		notice = f.Notice
	})
	if err != nil {
		return err
	}
	again := s.Notice == notice // it has come back meanwhile
	s.Notice, s.Back = notice, false
	found, err := notices.Update(a.tx, notice, func(n *NoticeDocument) {
		if at.After(n.Last) {
			n.Last = at
		}
		if again {
			n.Back--
			return
		}
		if n.Count++; len(n.Stations) < mostNoticed {
			n.Stations = append(n.Stations, s.ID)
		}
	})
	if err != nil || found {
		return err
	}
	return notices.Put(a.tx, NoticeDocument{Key: notice, First: at, Last: at, Count: 1, Stations: []string{s.ID}})
}

// mostNoticed is how many stations are named in a notice.
const mostNoticed = 50

// returned notes that a station is back.
func (a *applier) returned(s *stationRecord) error {
	if s.Notice == "" || s.Back {
		return nil
	}
	s.Back = true
	_, err := notices.Update(a.tx, s.Notice, func(n *NoticeDocument) { n.Back++ })
	return err
}

// configured notes the settings that a station has reported.
func (a *applier) configured(e station.ConfigurationReported) error {
	d, _, err := settings.Get(a.tx, a.id)
	if err != nil {
		return err
	}
	d.Station, d.Updated = a.id, e.At
	for _, reported := range e.Settings {
		s := d.setting(reported.Key)
		s.Setting, s.At = reported, e.At
		d.Unknown = slices.DeleteFunc(d.Unknown, func(k string) bool { return k == reported.Key })
	}
	for _, key := range e.Unknown {
		if i, found := slices.BinarySearch(d.Unknown, key); !found && len(d.Unknown) < station.MaxKeys {
			d.Unknown = slices.Insert(d.Unknown, i, key)
		}
	}
	return settings.Put(a.tx, d)
}

// setting returns the one with a key, which is there then.
func (d *SettingsDocument) setting(key string) *SettingDocument {
	i, found := slices.BinarySearchFunc(d.Settings, key, func(s SettingDocument, key string) int { return strings.Compare(s.Key, key) })
	if !found {
		d.Settings = slices.Insert(d.Settings, i, SettingDocument{Setting: station.Setting{Key: key}})
	}
	return &d.Settings[i]
}

// changed notes what a station has accepted to change about itself.
func (a *applier) changed(c CommandDocument, answer string, at time.Time, s *stationRecord) error {
	switch c.Action {
	case station.SendLocalList:
		s.LocalList = c.Version
	case station.ChangeConfiguration:
		if strings.EqualFold(c.Key, "AuthorizationKey") {
			return nil // nobody may read it
		}
		d, _, err := settings.Get(a.tx, a.id)
		if err != nil {
			return err
		}
		d.Station, d.Updated = a.id, at
		value, wanted := c.Value, c.Value
		set := d.setting(c.Key)
		set.Value, set.Wanted, set.Reboot, set.At = &value, &wanted, answer == "RebootRequired", at
		return settings.Put(a.tx, d)
	}
	return nil
}

// rebooted notes that a changed setting has taken effect.
func (a *applier) rebooted(c CommandDocument) error {
	if c.Action != station.ChangeConfiguration {
		return nil
	}
	_, err := settings.Update(a.tx, a.id, func(d *SettingsDocument) {
		for i := range d.Settings {
			if d.Settings[i].Key == c.Key {
				d.Settings[i].Reboot = false
			}
		}
	})
	return err
}

package charging

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/readdb"
)

// Fleet returns the counts of all stations. What happened at the position after is known
// to it.
func (c *Charging) Fleet(ctx context.Context, after aether.Position) (FleetDocument, error) {
	v, err := c.view(ctx, after)
	if err != nil {
		return FleetDocument{}, err
	}
	defer v.Close()
	return getFleet(v)
}

func getFleet(r readdb.Reader) (FleetDocument, error) {
	f, _, err := fleets.Get(r, fleetID)
	return f.document(), err
}

// StationFilter says which stations are listed. The zero value is all of them.
type StationFilter struct {
	Online  *bool
	Faulted bool
	Status  string // of one of its connectors; Unknown for one that has not reported
	Text    string // in its ID, label or address, its vendor, model or serial number
}

// facet returns the one that finds the stations, or more of them.
func (f *StationFilter) facet() string {
	switch {
	case f.Faulted:
		return ofFaulted
	case f.Status != "":
		return ofStatus + f.Status
	case f.Online != nil && *f.Online:
		return ofOnline
	case f.Online != nil:
		return ofOffline
	}
	return ofAll
}

func (f *StationFilter) match(s *stationRecord) bool {
	status := f.Status
	if status == statusUnknown {
		status = ""
	}
	return (f.Online == nil || *f.Online == s.Online) && (!f.Faulted || s.Faults > 0) && (f.Status == "" || s.Statuses[status] > 0) &&
		s.has(strings.ToLower(strings.TrimSpace(f.Text)))
}

// Stations returns a page of the stations, in the order of their IDs.
func (c *Charging) Stations(ctx context.Context, filter StationFilter, page Page) (StationPage, error) {
	d := StationPage{Stations: []StationDocument{}}
	v, err := c.view(ctx, page.After)
	if err != nil {
		return d, err
	}
	defer v.Close()
	after, err := cursorKey(page.Cursor)
	if err != nil {
		return d, err
	}
	name := filter.facet()
	first, beyond := readdb.Tuple(facetOf(name)), readdb.Tuple(readdb.Text(name[:min(len(name), longestFacet)]+"\x00"))
	if after != "" {
		first = readdb.Tuple(facetOf(name), readdb.Text(after+"\x00"))
	}
	limit := page.Limit
	if limit <= 0 {
		limit = readdb.DefaultLimit
	}
	scanned := 0
	for s, err := range stations.All(v, &readdb.ListOptions{Index: byFacet, Range: readdb.Between(first, beyond)}) {
		if err != nil {
			return d, err
		}
		match := filter.match(&s)
		if scanned == mostScanned || match && len(d.Stations) == limit {
			d.Next = keyCursor(after)
			break
		}
		scanned, after = scanned+1, s.ID
		if !match {
			continue
		}
		document, err := c.assembled(v, &s)
		if err != nil {
			return d, err
		}
		d.Stations = append(d.Stations, document)
	}
	return d, nil
}

// assembled returns a station, with what this node has heard of it.
func (c *Charging) assembled(r readdb.Reader, s *stationRecord) (StationDocument, error) {
	d, err := assemble(r, s)
	d.LastSeen, d.Skew = c.presence.seen(s.ID)
	return d, err
}

// Station returns a station. What happened at the position after is known to it.
func (c *Charging) Station(ctx context.Context, id string, after aether.Position) (StationDocument, error) {
	v, err := c.view(ctx, after)
	if err != nil {
		return StationDocument{}, err
	}
	defer v.Close()
	s, err := getStation(v, id)
	if err != nil {
		return StationDocument{}, err
	}
	return c.assembled(v, &s)
}

// StationAt returns a station as it was at a version, by its events. What an operator says
// of it is as it is now. A version that is still to come is a refusal.
func (c *Charging) StationAt(ctx context.Context, id string, version aether.Version, after aether.Position) (StationDocument, error) {
	if err := c.inLog(ctx, after); err != nil {
		return StationDocument{}, err
	}
	latest, err := c.latest(ctx, stationActor(id), errNoStation)
	if err != nil {
		return StationDocument{}, err
	}
	if version > latest {
		refusal := aether.Refuse(NoVersion, "the latest version of the station is %d", latest)
		refusal.Facts = VersionFacts{latest}
		return StationDocument{}, refusal
	}
	state, why := station.Initial(stationActor(id)), ""
	var last aether.Event
	for e, err := range c.parts.Store.GetEvents(ctx, stationActor(id), 0) {
		if err != nil {
			return StationDocument{}, err
		}
		if e.Version > version {
			break
		}
		event, err := c.events.stations.Decode(e)
		if err != nil {
			return StationDocument{}, err
		}
		switch event := event.(type) {
		case station.StationCameOnline:
			why = ""
		case station.StationWentOffline:
			why = event.Reason
		}
		state, last = station.Evolve(state, event), e
	}
	d, running, reserved := pastDocument(state)
	d.ID, d.Why, d.Version, d.Position, d.Updated = id, why, last.Version, last.Position, last.Time
	v, err := c.view(ctx, 0)
	if err != nil {
		return d, err
	}
	defer v.Close()
	s, _, err := stations.Get(v, id)
	if err != nil {
		return d, err
	}
	p, _, err := plugs.Get(v, id)
	d.note(&s, p.Plugs)
	d.complete(running, reserved, p.Plugs)
	return d, err
}

// latest returns the latest version of an actor; without events it is missing.
func (c *Charging) latest(ctx context.Context, actorID string, missing error) (aether.Version, error) {
	latest, err := c.parts.Store.GetLatestVersion(ctx, actorID)
	if err == nil && latest == 0 || errors.Is(err, aether.ErrInvalid) { // or no actor can have such an ID
		err = missing
	}
	return latest, err
}

// StationHistory returns a page of what happened to a station, the newest first: before a
// version, 0 for all.
func (c *Charging) StationHistory(ctx context.Context, id string, before aether.Version, limit int) (EventPage, error) {
	return c.past(ctx, stationActor(id), errNoStation, before, limit)
}

// TransactionHistory is StationHistory of a transaction.
func (c *Charging) TransactionHistory(ctx context.Context, key string, before aether.Version, limit int) (EventPage, error) {
	return c.past(ctx, session.Kind+"/"+key, errNoTransaction, before, limit)
}

func (c *Charging) past(ctx context.Context, actorID string, missing error, before aether.Version, limit int) (EventPage, error) {
	page := EventPage{Events: []EventDocument{}}
	latest, err := c.latest(ctx, actorID, missing)
	if err != nil {
		return page, err
	}
	if before == 0 || before > latest {
		before = latest + 1
	}
	if limit <= 0 {
		limit = readdb.DefaultLimit
	}
	first := before - min(before, aether.Version(limit)+1)
	for e, err := range c.parts.Store.GetEvents(ctx, actorID, first) {
		if err != nil {
			return page, err
		}
		if e.Version >= before {
			break
		}
		data, err := c.events.public(e)
		if err != nil {
			return page, err
		}
		page.Events = append(page.Events, EventDocument{e.Version, e.Position, e.Type, data, e.Time, e.Metadata.CorrelationID})
	}
	slices.Reverse(page.Events)
	page.More = first > 0
	return page, nil
}

// Settings returns the configuration of a station, as far as it was told. What happened at
// the position after is known to it.
func (c *Charging) Settings(ctx context.Context, id string, after aether.Position) (SettingsDocument, error) {
	d := SettingsDocument{Station: id}
	v, err := c.view(ctx, after)
	if err != nil {
		return d, err
	}
	defer v.Close()
	if _, err := getStation(v, id); err != nil {
		return d, err
	}
	stored, found, err := settings.Get(v, id)
	if found {
		d = stored
	}
	d.Settings, d.Unknown = append([]SettingDocument{}, d.Settings...), append([]string{}, d.Unknown...)
	for i := range d.Settings {
		s := &d.Settings[i]
		s.Drift = s.Wanted != nil && s.Value != nil && *s.Wanted != *s.Value
	}
	return d, err
}

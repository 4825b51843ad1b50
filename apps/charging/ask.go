package charging

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/station"
)

// IDTagRefused is the reason of the refusal to start for an id tag that may not charge.
const IDTagRefused = "id-tag-refused"

// ask decides that a station is asked for something. The effect in remote.go then does so.
func (c *Charging) ask(ctx context.Context, id string, a Ask, o *actor.DoOptions) (Asked, error) {
	if a.Action == station.ChangeConfiguration && strings.EqualFold(a.Key, authorizationKey) {
		return Asked{}, aether.Refuse(station.SecretValue, "the value of %s is a secret, which is in no command: change the credentials of the station, and have it told", authorizationKey)
	}
	return c.askWith(ctx, id, a, secret{}, o)
}

// askWith is ask with a new authorization key.
func (c *Charging) askWith(ctx context.Context, id string, a Ask, key secret, o *actor.DoOptions) (Asked, error) {
	command := newCommandID(id, o.CommandID)
	if known, err := c.askedBefore(ctx, id, command); err != nil || known != nil {
		return c.askedAgain(ctx, id, command, a, known, o, err)
	}
	order := a.Order
	version, err := c.parts.Store.GetEventVersion(ctx, stationActor(id), actor.EventID(o.CommandID, 0))
	if err != nil {
		return Asked{}, err
	}
	if version > 0 { // it was closed long ago
		return c.request(ctx, id, command, station.Request{ID: command, Order: order, Data: a.Data, By: a.By, At: c.now()}, o)
	}
	switch order.Action {
	case station.RemoteStart:
		if order.Reservation == 0 {
			order.IDTag = virtualTag(command)
		}
		if err := c.mayCharge(ctx, id, order.Account, command); err != nil {
			return Asked{}, err
		}
	case station.ReserveNow:
		if order.Reservation == 0 {
			order.Reservation = newReservation(command)
		}
	case station.SendLocalList:
		version, data, err := c.localList(ctx, id, a.Tags)
		if err != nil {
			return Asked{}, err
		}
		order.Version, a.Data = version, data
	}
	// What violates the standard is refused here, not by the station.
	var asked Asked
	if _, wrong := compose(order, a.Data, key); wrong != nil {
		err = aether.Refuse(station.BadCommand, "the station cannot be asked so: %v", wrong)
	} else {
		asked, err = c.request(ctx, id, command, station.Request{ID: command, Order: order, Data: a.Data, By: a.By, At: c.now()}, o)
	}
	if _, ok := refused(err); ok {
		c.starts.drop(startOf(command))
	}
	return asked, err
}

func (c *Charging) request(ctx context.Context, id, command string, request station.Request, o *actor.DoOptions) (Asked, error) {
	result, err := c.stations.Do(ctx, stationActor(id), request, o)
	a, err := answered(stationActor(id), result, err)
	return Asked{
		Answer: a, Command: command, Station: id, State: station.IsRequested, IDTag: request.IDTag, Reservation: request.Reservation,
	}, err
}

// askedBefore returns a command that is there already, nil when there is none.
func (c *Charging) askedBefore(ctx context.Context, id, command string) (known *station.Command, err error) {
	err = c.stations.View(ctx, stationActor(id), func(s *station.Station, _ version) {
		if found := s.Command(command); found != nil {
			copied := *found
			known = &copied
		}
	})
	return known, err
}

// askedAgain answers a repeated command as the first was.
func (c *Charging) askedAgain(ctx context.Context, id, command string, a Ask, known *station.Command, o *actor.DoOptions, err error) (Asked, error) {
	if err != nil {
		return Asked{}, err
	}
	// What was made for the first one is made for it again.
	same := a.Order
	switch a.Action {
	case station.RemoteStart:
		if a.Reservation == 0 {
			same.IDTag = known.IDTag
		}
	case station.ReserveNow:
		if a.Reservation == 0 {
			same.Reservation = known.Reservation
		}
	case station.SendLocalList:
		same.Version = known.Version
	}
	if known.Order != same {
		return Asked{}, aether.Refuse(station.CommandExists, "the same key came with another command before: %s", known.Action)
	}
	asked, err := c.request(ctx, id, command, station.Request{ID: command, Order: known.Order, Data: a.Data, By: a.By, At: c.now()}, o)
	asked.State, asked.Repeated = known.State, true
	return asked, err
}

// mayCharge refuses a remote start for an id tag that may not charge. A start for nobody in
// particular, as for a guest who pays at the counter, names none.
func (c *Charging) mayCharge(ctx context.Context, id, account, command string) error {
	if account == "" {
		return nil
	}
	info, err := c.mayStart(ctx, id, account, startOf(command))
	if err != nil {
		return err
	}
	if info.Status != v16.AuthorizationAccepted {
		c.starts.drop(startOf(command))
		return &aether.Refusal{Reason: IDTagRefused, Facts: map[string]string{"status": string(info.Status)},
			Message: "the id tag " + account + " may not charge: " + string(info.Status)}
	}
	return nil
}

// localList makes the list that a station is sent: all of it, with the next version.
func (c *Charging) localList(ctx context.Context, id string, only []string) (version int, data json.RawMessage, err error) {
	pending := false
	err = c.stations.View(ctx, stationActor(id), func(s *station.Station, _ aether.Version) {
		version = s.LocalList + 1
		for _, other := range s.Commands {
			pending = pending || other.Action == station.SendLocalList && other.Open()
		}
	})
	if err == nil && pending {
		err = aether.Refuse(station.AlreadyPending, "the station was sent a list already, and what became of that is not known yet")
	}
	if err != nil {
		return 0, nil, err
	}
	tags, err := c.listedTags(ctx, only)
	if err != nil {
		return 0, nil, err
	}
	type info struct {
		Status registry.Status `json:"status"`
		Expiry *time.Time      `json:"expiryDate,omitempty"`
		Parent string          `json:"parentIdTag,omitempty"`
	}
	type entry struct {
		IDTag string `json:"idTag"`
		Info  info   `json:"idTagInfo"`
	}
	list := make([]entry, 0, len(tags))
	for _, t := range tags {
		status, err := c.mayInGeneral(ctx, &t)
		if err != nil {
			return 0, nil, err
		}
		e := entry{t.IDTag, info{Status: status, Parent: t.Parent}}
		if !t.Expires.IsZero() {
			e.Info.Expiry = &t.Expires
		}
		list = append(list, e)
	}
	data, err = json.Marshal(map[string]any{"updateType": "Full", "localAuthorizationList": list})
	if err == nil && len(data) > station.MaxData {
		err = aether.Refuse(station.BadCommand, "a list of %d id tags is too long to be sent at once: name those that this station needs", len(tags))
	}
	return version, data, err
}

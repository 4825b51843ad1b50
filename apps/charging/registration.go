package charging

import (
	"context"
	"fmt"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/station"
)

// Which stations are ours, and what they must show.

// register makes a station one of ours. What it must show is noted before, so that it is
// never let in with less.
func (c *Charging) register(ctx context.Context, id string, data Registration, o *actor.DoOptions) (Answer, error) {
	if data.Admission == "" {
		data.Admission = station.Accepted
	}
	c.recording.Lock()
	defer c.recording.Unlock()
	register := station.Register{Connectors: len(data.Connectors), Admission: data.Admission, First: firstTransaction(id), At: c.now()}
	registered, err := c.registered(ctx, id)
	if err != nil {
		return Answer{}, err
	}
	if !registered {
		credentials := registry.Credentials{Profile: data.Profile}
		if data.Key != "" {
			if credentials.Keys, err = hashed(data.Key); err != nil {
				return Answer{}, err
			}
		}
		if _, err := station.Decide(station.Initial(""), register); err != nil {
			return Answer{}, err
		}
		// Nothing is saved unless all of it can be.
		commands := []registry.RecordCommand{
			registry.ChangeCredentials{Credentials: credentials, Anew: true, At: register.At}, registry.ChangeNote{Note: data.Note, At: register.At},
		}
		for _, command := range commands {
			if _, err := registry.DecideRecord(registry.InitialRecord(""), command); err != nil {
				return Answer{}, err
			}
		}
		for _, command := range commands {
			if _, err := c.records.Do(ctx, recordActor(id), command, nil); err != nil {
				return Answer{}, err
			}
		}
	}
	result, err := c.stations.Do(ctx, stationActor(id), register, o)
	a, err := answered(stationActor(id), result, err)
	if err == nil {
		_, err = c.inbox.Do(ctx, registry.InboxID, registry.Forget{Identity: id, Reason: registry.Known, At: register.At}, nil)
	}
	return a, err
}

func (c *Charging) registered(ctx context.Context, id string) (registered bool, err error) {
	err = c.stations.View(ctx, stationActor(id), func(s *station.Station, _ version) { registered = s.Registered })
	return registered, err
}

// hashed returns the hash of an authorization key, as a list.
func hashed(text string) ([]string, error) {
	key, err := ocpp.ParseKey(text)
	if err != nil {
		return nil, aether.Refuse(registry.BadCredentials, "%s", err.Error())
	}
	hash, err := ocpp.HashKey(key).MarshalText()
	return []string{string(hash)}, err
}

// changeKey changes what a station must show. A new key that it is told is good beside the
// old one until it has taken it.
func (c *Charging) changeKey(ctx context.Context, id string, data Credentials, o *actor.DoOptions) (any, error) {
	if registered, err := c.registered(ctx, id); err != nil || !registered {
		return nil, orElse(err, errNoStation)
	}
	c.recording.Lock()
	defer c.recording.Unlock()
	at := c.now()
	var keys []string
	var err error
	if data.Key != "" {
		if keys, err = hashed(data.Key); err != nil {
			return nil, err
		}
	}
	if !data.Tell {
		if data.Key == "" {
			err = c.records.View(ctx, recordActor(id), func(r *registry.Record, _ version) { keys = append(keys, r.Keys...) })
			if err != nil {
				return nil, err
			}
		}
		result, err := c.records.Do(ctx, recordActor(id), registry.ChangeCredentials{Credentials: registry.Credentials{Profile: data.Profile, Keys: keys}, At: at}, o)
		if err == nil && len(result.Events) > 0 && !result.Repeated {
			c.disconnect(id, "the credentials have changed")
		}
		a, err := answered(stationActor(id), result, err)
		return Asked{Answer: a, Station: id}, err
	}
	if data.Key == "" {
		return nil, aether.Refuse(registry.BadCredentials, "say which key the station is to be told")
	}
	binary, err := ocpp.ParseKey(data.Key)
	if err != nil {
		return nil, err
	}
	ask := Ask{Order: station.Order{Action: station.ChangeConfiguration, Key: authorizationKey}}
	command := newCommandID(id, o.CommandID)
	if known, err := c.askedBefore(ctx, id, command); err != nil || known != nil {
		return c.askedAgain(ctx, id, command, ask, known, o, err)
	}
	// It is good before the station can have it.
	if _, err := c.records.Do(ctx, recordActor(id), registry.NewKey{Key: keys[0], At: at}, nil); err != nil {
		return nil, err
	}
	c.secrets.put(command, secret{value: fmt.Sprintf("%x", binary), hash: keys[0]})
	asked, err := c.askWith(ctx, id, ask, c.secrets.of(command), o)
	if _, ok := refused(err); ok {
		c.secrets.drop(command)
		if _, dropped := c.records.Do(ctx, recordActor(id), registry.DropKey{Key: keys[0], At: at}, nil); dropped != nil {
			return nil, dropped
		}
	}
	return asked, err
}

// authorizationKey is the configuration key whose value is a secret.
const authorizationKey = "AuthorizationKey"

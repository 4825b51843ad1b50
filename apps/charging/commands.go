package charging

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/api"
	"github.com/aether-es/aether/integration"
)

// The commands that come over a bus have these types; their subject is the actor.
const (
	RegisterStation = "register-station" // data: Registration
	AdmitStation    = "admit-station"    // data: station.Admit
	ChangeNote      = "change-note"      // data: registry.Note
	ChangeKey       = "change-credentials"
	AskStation      = "ask-station"    // data: Ask
	SettleCommand   = "settle-command" // data: station.Settle
	Abandon         = "abandon-transaction"
	AssignStop      = "assign-stop"

	SetIDTag     = "set-id-tag"
	RemoveIDTag  = "remove-id-tag"
	SetTariff    = "set-tariff"
	RemoveTariff = "remove-tariff"
	Dismiss      = "dismiss-stranger"
)

// Registration is the data of RegisterStation.
type Registration struct {
	registry.Note
	Admission station.Admission `json:"admission"` // Accepted when it is empty

	// Profile and Key are what it must show; see [registry.Credentials].
	Profile int    `json:"profile"`
	Key     string `json:"key,omitempty"`
}

// Credentials is the data of ChangeKey. With Tell the station is told the new key over the
// connection it has; otherwise somebody does that at the station.
type Credentials struct {
	Profile int    `json:"profile"`
	Key     string `json:"key,omitempty"` // none of profile 0 and 3; the one it has when it is empty
	Tell    bool   `json:"tell,omitempty"`
}

// Ask is the data of AskStation: what the station is asked.
type Ask struct {
	station.Order
	Data json.RawMessage `json:"data,omitempty"`
	By   string          `json:"by,omitempty"`

	// Tags are those that a local list is made of; all of ours when it is nil.
	Tags []string `json:"tags"`
}

// Asked is the answer to AskStation.
type Asked struct {
	Answer
	Command string        `json:"command,omitempty" doc:"ID of the command, whose state GET /api/charging/commands/{id} tells."`
	Station string        `json:"station"`
	State   station.State `json:"state,omitempty" doc:"How far it is."`
	IDTag   string        `json:"idTag,omitempty" doc:"Of a remote start: the tag that was made for it."`

	Reservation int `json:"reservation,omitempty" doc:"Number of the reservation that is asked for."`
}

// send has the system carry out a command, wherever the stations are.
func (c *Charging) send(ctx context.Context, subject, kind string, data any, options *actor.DoOptions, answer any) error {
	if err := c.here(ctx); err != nil {
		return err
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		return err
	}
	request := integration.Request{Namespace: c.parts.Namespace, Kind: aether.Kind(subject), Subject: subject, Type: kind, Data: encoded}
	if options != nil {
		request.ID, request.At, request.Metadata = options.CommandID, options.At, options.Metadata
	}
	reply, err := c.parts.Commands.Send(ctx, request)
	if err != nil {
		return err
	}
	return json.Unmarshal(reply.Data, answer)
}

// startTime is how long a node may take until it has the stations, at its start.
const startTime = 3 * time.Second

// here refuses a command at once that cannot come to the node with the stations: where
// commands do not travel, and this is another one.
func (c *Charging) here(ctx context.Context) error {
	if c.parts.SharedBus {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for !c.Serving() {
		select {
		case <-ctx.Done():
			return api.NewProblem(http.StatusServiceUnavailable, "Another node has the stations, and decides about them. Send this to that one: "+
				"its log says that it has them, and a station that asks for /ocpp/ there is not answered 503.")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// answers are who carries out the commands for which kind of actor.
func (c *Charging) answers() map[string]integration.Answer {
	return map[string]integration.Answer{
		station.Kind: c.answering(c.answerStation), registry.RecordKind: c.answering(c.answerRecord),
		registry.IDTagKind: c.answering(c.answerIDTag), registry.TariffKind: c.answering(c.answerTariff),
		registry.InboxKind: c.answering(c.answerInbox),
	}
}

// answering returns what makes a reply of an answer.
func (c *Charging) answering(answer func(ctx context.Context, r integration.Request, o *actor.DoOptions) (any, error)) integration.Answer {
	return func(ctx context.Context, r integration.Request) (integration.Reply, error) {
		if err := aether.CheckActorID(r.Subject); err != nil {
			return integration.Reply{}, err
		}
		if r.ID == "" {
			r.ID = aether.NewID()
		}
		reply, err := answer(ctx, r, &actor.DoOptions{CommandID: r.ID, At: r.At, Metadata: r.Metadata})
		if err != nil {
			return integration.Reply{}, err
		}
		data, err := json.Marshal(reply)
		return integration.Reply{Data: data}, err
	}
}

// answered is the reply to a command that was carried out.
func answered[E any](actorID string, result actor.Result[E], err error) (Answer, error) {
	return Answer{ID: key(actorID), Version: result.Version, Position: result.Position, Repeated: result.Repeated}, err
}

func invalid(field, reason string) error {
	return &aether.InvalidError{Index: -1, Field: field, Reason: reason}
}

func read[T any](r integration.Request) (T, error) {
	var data T
	if err := json.Unmarshal(r.Data, &data); err != nil {
		return data, invalid("data", "cannot be read: "+err.Error())
	}
	return data, nil
}

func unknownType(r integration.Request) error {
	return invalid("type", fmt.Sprintf("is %q, and no command for %s", r.Type, r.Subject))
}

// answerStation carries out a command for a station.
func (c *Charging) answerStation(ctx context.Context, r integration.Request, o *actor.DoOptions) (any, error) {
	id := key(r.Subject)
	if !validStation(id) {
		return nil, invalid("subject", fmt.Sprintf("names %q; the ID of a station has 1 to %d printable characters without spaces and slashes", id, MaxStationID))
	}
	at := c.now()
	var message station.Message
	var err error
	switch r.Type {
	case RegisterStation:
		data, err := read[Registration](r)
		if err != nil {
			return nil, err
		}
		return c.register(ctx, id, data, o)
	case AskStation:
		data, err := read[Ask](r)
		if err != nil {
			return nil, err
		}
		return c.ask(ctx, id, data, o)
	case ChangeKey:
		data, err := read[Credentials](r)
		if err != nil {
			return nil, err
		}
		return c.changeKey(ctx, id, data, o)
	case AdmitStation:
		var m station.Admit
		m, err = read[station.Admit](r)
		m.At = at
		message = m
	case SettleCommand:
		var m station.Settle
		m, err = read[station.Settle](r)
		m.At = at
		message = m
	case Abandon:
		var m station.Abandon
		m, err = read[station.Abandon](r)
		m.At = at
		message = m
	case AssignStop:
		var m station.Assign
		m, err = read[station.Assign](r)
		m.At = at
		message = m
	default:
		err = unknownType(r)
	}
	if err != nil {
		return nil, err
	}
	result, err := c.stations.Do(ctx, r.Subject, message, o)
	if m, ok := message.(station.Admit); ok && err == nil && m.Admission == station.Rejected && !result.Repeated {
		c.disconnect(id, "the station is not accepted any more")
	}
	return answered(r.Subject, result, err)
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// answerRecord carries out a command for what is noted about a station.
func (c *Charging) answerRecord(ctx context.Context, r integration.Request, o *actor.DoOptions) (any, error) {
	id := key(r.Subject)
	if r.Type != ChangeNote {
		return nil, unknownType(r)
	}
	note, err := read[registry.Note](r)
	if err != nil {
		return nil, err
	}
	if registered, err := c.registered(ctx, id); err != nil || !registered {
		return nil, orElse(err, errNoStation)
	}
	result, err := c.records.Do(ctx, r.Subject, registry.ChangeNote{Note: note, At: c.now()}, o)
	return answered(r.Subject, result, err)
}

// answerIDTag carries out a command for an id tag.
func (c *Charging) answerIDTag(ctx context.Context, r integration.Request, o *actor.DoOptions) (any, error) {
	var command registry.IDTagCommand = registry.RemoveIDTag{At: c.now()}
	switch r.Type {
	case SetIDTag:
		tag, err := read[registry.Tag](r)
		if err != nil {
			return nil, err
		}
		if actorID, ok := tagActor(tag.IDTag); !ok || actorID != r.Subject {
			return nil, invalid("subject", fmt.Sprintf("is %s, and not that of the id tag %q", r.Subject, tag.IDTag))
		}
		command = registry.SetIDTag{Tag: tag, At: c.now()}
	case RemoveIDTag:
	default:
		return nil, unknownType(r)
	}
	result, err := c.tags.Do(ctx, r.Subject, command, o)
	return answered(r.Subject, result, err)
}

// answerTariff carries out a command for a tariff.
func (c *Charging) answerTariff(ctx context.Context, r integration.Request, o *actor.DoOptions) (any, error) {
	var command registry.TariffCommand = registry.RemoveTariff{At: c.now()}
	switch r.Type {
	case SetTariff:
		tariff, err := read[registry.Zoned](r)
		if err != nil {
			return nil, err
		}
		if actorID, ok := tariffActor(tariff.ID); !ok || actorID != r.Subject {
			return nil, invalid("subject", fmt.Sprintf("is %s, and not that of the tariff %q", r.Subject, tariff.ID))
		}
		command = registry.SetTariff{Zoned: tariff, At: c.now()}
	case RemoveTariff:
	default:
		return nil, unknownType(r)
	}
	result, err := c.tariffs.Do(ctx, r.Subject, command, o)
	return answered(r.Subject, result, err)
}

// answerInbox carries out a command for the inbox.
func (c *Charging) answerInbox(ctx context.Context, r integration.Request, o *actor.DoOptions) (any, error) {
	if r.Type != Dismiss || r.Subject != registry.InboxID {
		return nil, unknownType(r)
	}
	forget, err := read[registry.Forget](r)
	if err != nil {
		return nil, err
	}
	forget.Reason, forget.At = registry.Dismissed, c.now()
	result, err := c.inbox.Do(ctx, r.Subject, forget, o)
	return answered(r.Subject, result, err)
}

package charging

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/effect"
)

// A station is asked because of a CommandRequested, at most once whatever crashes, and one
// thing at a time. What it answers, and that nobody knows whether it has got it, are facts
// of its stream.

// callEffect is the name of the effect.
const callEffect = "call-station"

func (c *Charging) remoteEffect() effect.Effect {
	return effect.Effect{
		Name: callEffect, Kinds: []string{station.Kind}, Types: []string{"CommandRequested"},
		Request: func(e aether.Event) (effect.Request, bool, error) {
			requested, err := c.requested(e)
			// The call has its own time-out, and a turn to wait for before.
			return effect.Request{Target: e.ActorID, Timeout: c.config.CallTimeout + 15*time.Second, Expires: requested.SendBy}, true, err
		},
		Call: c.call, Record: c.recordCall, Resolve: c.resolveCall,
		ResolveRetry: effect.Retry{Attempts: 1 << 20, Within: 10 * 365 * 24 * time.Hour, MaxBackoff: time.Minute},
	}
}

func (c *Charging) requested(e aether.Event) (station.CommandRequested, error) {
	event, err := c.events.stations.Decode(e)
	requested, _ := event.(station.CommandRequested)
	return requested, err
}

// answer is how a station has answered: the outcome of the effect.
type answer struct {
	Accepted bool            `json:"accepted"`
	Answer   string          `json:"answer"` // the status, or the code of an error
	Detail   string          `json:"detail,omitempty"`
	Data     json.RawMessage `json:"data,omitempty"` // what came with the status
}

// call asks the station. That it does is noted first; where that cannot be noted it is not
// asked.
func (c *Charging) call(ctx context.Context, call effect.Call) (json.RawMessage, error) {
	requested, err := c.requested(call.Cause)
	if err != nil {
		return nil, effect.NotDone(err)
	}
	id := key(call.Cause.ActorID)
	central := c.connections()
	if central == nil {
		return nil, effect.NotDone(ocpp.ErrOffline)
	}
	conn, ok := central.Conn(id)
	if !ok {
		return nil, effect.NotDone(ocpp.ErrOffline)
	}
	request, err := compose(requested.Order, requested.Data, c.secrets.of(requested.ID))
	if err != nil {
		return nil, effect.NotDone(err)
	}
	note := func(ctx context.Context, fact station.Message, suffix string) error {
		_, err := c.stations.Record(ctx, call.Cause.ActorID, fact, noted(call, suffix))
		return err
	}
	if err := note(ctx, station.Sent{ID: requested.ID, At: c.now()}, "/sent"); err != nil {
		return nil, effect.NotDone(fmt.Errorf("it could not be noted: %w", err))
	}
	c.asked.Store(request, askedCall{conn, call, requested.ID})
	response, err := conn.Call(ctx, request)
	refused := (*ocpp.CallError)(nil)
	var a answer
	switch {
	case err == nil:
		a, err = c.answerOf(request, response)
	case errors.As(err, &refused):
		a = answer{Answer: string(refused.Code), Detail: refused.Description}
		err = nil
	case errors.Is(err, ocpp.ErrNotSent):
		c.asked.Delete(request)
		return nil, effect.NotDone(err)
	}
	if err == nil {
		c.asked.Delete(request)
		if requested.Action == station.GetConfiguration && a.Accepted {
			a, err = c.configured(ctx, id, a)
		}
	}
	if err == nil {
		return json.Marshal(a)
	}
	// Nobody knows. The call may still be answered; see answeredLate.
	unknown := context.WithoutCancel(ctx)
	if errors.Is(err, ocpp.ErrTimeout) {
		err = errors.Join(err, note(unknown, station.TimedOut{ID: requested.ID, At: c.now()}, "/timed-out"))
	} else {
		err = errors.Join(err, note(unknown, station.InDoubt{ID: requested.ID, Detail: err.Error(), At: c.now()}, "/in-doubt"))
	}
	return nil, err
}

// configured notes the configuration that a station has answered with. It is not kept in
// the command: it is long, and may have secrets.
func (c *Charging) configured(ctx context.Context, id string, a answer) (answer, error) {
	known, unknown := readSettings(a.Data)
	a.Data, a.Detail = nil, fmt.Sprintf("%d keys", len(known))
	return a, c.fact(ctx, id, station.Configured{Settings: known, Unknown: unknown, At: c.now()})
}

// noted are the options of a command that records what became of a call.
func noted(call effect.Call, suffix string) *actor.DoOptions {
	return &actor.DoOptions{CommandID: call.ID + suffix, Metadata: aether.Metadata{
		CorrelationID: call.Cause.Metadata.CorrelationID, CausationID: call.Cause.ID, Traceparent: call.Cause.Metadata.Traceparent,
	}}
}

// recordCall records how a station has answered, or that it was not asked.
func (c *Charging) recordCall(ctx context.Context, call effect.Call, outcome effect.Outcome) error {
	requested, err := c.requested(call.Cause)
	if err != nil {
		return err
	}
	var fact station.Message
	switch {
	case !outcome.Done:
		fact = station.NotSent{ID: requested.ID, Detail: outcome.Reason, At: c.now()}
	case outcome.Data == nil:
		c.secrets.drop(requested.ID)
		return nil // it is known from the station's stream, see resolveCall
	default:
		var a answer
		if err := json.Unmarshal(outcome.Data, &a); err != nil {
			return fmt.Errorf("charging: the outcome of %s is no answer: %w", call.ID, err)
		}
		fact = station.Answered{ID: requested.ID, Accepted: a.Accepted, Answer: a.Answer, Detail: a.Detail, Data: a.Data, At: c.now()}
	}
	if _, err := c.stations.Record(ctx, call.Cause.ActorID, fact, noted(call, "")); err != nil {
		return err
	}
	if a, ok := fact.(station.Answered); !ok || !a.Accepted {
		c.starts.drop(startOf(requested.ID))
	}
	return c.keyTold(ctx, key(call.Cause.ActorID), requested.ID, fact)
}

// resolveCall looks whether it is known by now what became of a call: by a report of the
// station, a late answer, an operator. Where a program died that was about to call, that
// nobody knows is noted here.
func (c *Charging) resolveCall(ctx context.Context, call effect.Call) (outcome effect.Outcome, known bool, err error) {
	requested, err := c.requested(call.Cause)
	if err != nil {
		return outcome, false, err
	}
	state := station.IsNotSent
	found := false
	err = c.stations.View(ctx, call.Cause.ActorID, func(s *station.Station, _ version) {
		if command := s.Command(requested.ID); command != nil {
			state, found = command.State, true
		}
	})
	switch {
	case err != nil:
		return outcome, false, err
	case !found:
		return effect.Outcome{Done: true, Reason: "it was closed long ago"}, true, nil
	case state == station.IsRequested || state == station.IsSent:
		detail := "the server ended while the station was asked"
		_, err := c.stations.Record(ctx, call.Cause.ActorID, station.InDoubt{ID: requested.ID, Detail: detail, At: c.now()}, noted(call, "/in-doubt"))
		return outcome, false, err
	case state == station.IsInDoubt || state == station.IsTimedOut:
		return outcome, false, nil
	}
	return effect.Outcome{Done: true, Reason: "the station's stream has it: " + string(state)}, true, nil
}

// askedCall is a call that waits for its answer, or has waited too long.
type askedCall struct {
	conn    *ocpp.Conn
	call    effect.Call
	command string
}

// answeredLate takes an answer that came after its time.
func (c *Charging) answeredLate(_ *ocpp.Conn, request ocpp.Request, response ocpp.Response, err error) {
	value, ok := c.asked.LoadAndDelete(request)
	if !ok {
		return
	}
	late := value.(askedCall)
	var a answer
	refused := (*ocpp.CallError)(nil)
	if errors.As(err, &refused) {
		a, err = answer{Answer: string(refused.Code), Detail: refused.Description}, nil
	} else if err == nil {
		a, err = c.answerOf(request, response)
	}
	if err != nil {
		return // it cannot be read, so nobody knows still
	}
	c.background.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		id := late.conn.Identity()
		if request.Action() == station.GetConfiguration && a.Accepted {
			a, err = c.configured(ctx, id, a)
		}
		fact := station.Answered{ID: late.command, Accepted: a.Accepted, Answer: a.Answer, Detail: a.Detail, Data: a.Data, At: c.now()}
		if err == nil {
			_, err = c.stations.Record(ctx, late.call.Cause.ActorID, fact, noted(late.call, "/late"))
		}
		if err == nil {
			err = c.keyTold(ctx, id, late.command, fact)
		}
		if err != nil {
			c.logger.Error("charging: a late answer could not be noted", "station", id, "command", late.command, "error", err)
		}
	})
}

// forgetAsked forgets the calls of a connection that is over.
func (c *Charging) forgetAsked(conn *ocpp.Conn) {
	c.asked.Range(func(request, value any) bool {
		if value.(askedCall).conn == conn {
			c.asked.Delete(request)
		}
		return true
	})
}

// secrets are the new authorization keys that stations are about to be told, by the IDs of
// the commands: they are in no event. It is safe for concurrent use; the zero value is
// ready.
type secrets struct {
	mu    sync.Mutex
	known map[string]secret
}

type secret struct{ value, hash string }

func (s *secrets) put(command string, new secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = make(map[string]secret)
	}
	s.known[command] = new
}

func (s *secrets) of(command string) secret {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[command]
}

func (s *secrets) drop(command string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, command)
}

// keyTold keeps the one of two authorization keys that a station has, once that is known.
// Until then both let it in.
func (c *Charging) keyTold(ctx context.Context, id, command string, fact station.Message) error {
	new := c.secrets.of(command)
	if new.hash == "" {
		return nil
	}
	var decided registry.RecordCommand = registry.DropKey{Key: new.hash, At: c.now()}
	if a, ok := fact.(station.Answered); ok && a.Accepted {
		if a.Answer == rebootRequired {
			c.secrets.drop(command)
			return nil // the old one is used until then
		}
		decided = registry.ConfirmKey{Key: new.hash, At: c.now()}
	}
	if _, err := c.records.Record(ctx, recordActor(id), decided, nil); err != nil {
		return err
	}
	c.secrets.drop(command)
	return nil
}

package charging

import (
	"context"
	"net/http"
	"time"

	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/api"
	"github.com/danielgtaylor/huma/v2"
)

// answerOutput is the answer to a command.
type answerOutput struct {
	ETag string `header:"ETag"`
	Body Answer
}

// optioned is an input with the options of a command.
type optioned interface {
	Options(operation string) (*actor.DoOptions, error)
}

func problem(err error) error {
	return api.Error(err, station.NoStation, station.NoCommand, station.NoTransaction, station.NoReservation, station.NoStop,
		registry.NoIDTag, registry.NoTariff, registry.NotInInbox)
}

// carry carries out a command that came over HTTP.
func (c *Charging) carry(ctx context.Context, in optioned, operation, subject, kind string, data any) (*answerOutput, error) {
	options, err := in.Options(operation)
	if err != nil {
		return nil, err
	}
	var a Answer
	if err := c.send(ctx, subject, kind, data, options, &a); err != nil {
		return nil, problem(err)
	}
	return &answerOutput{ETag: api.ETag(a.Version), Body: a}, nil
}

// credentialsOutput is the answer to new credentials, with the command where the station is
// told.
type credentialsOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     Asked
}

// NoteBody is what an operator says about a station.
type NoteBody struct {
	Label      string          `json:"label,omitempty" maxLength:"200" example:"Car park, left"`
	Address    string          `json:"address,omitempty" maxLength:"200"`
	Tariff     string          `json:"tariff,omitempty" maxLength:"48" doc:"ID of the tariff of its sessions; 'default' when there is none."`
	Connectors []registry.Plug `json:"connectors,omitempty" maxItems:"200" doc:"What connector 1, 2 and so on is."`
}

func (b *NoteBody) note() registry.Note {
	return registry.Note{Label: b.Label, Address: b.Address, Tariff: b.Tariff, Connectors: b.Connectors}
}

// stationRoutes adds what operators do about stations.
func (c *Charging) stationRoutes(to huma.API) {
	huma.Register(to, operation("register-station", http.MethodPost, "/stations", "Register a station",
		"From then on it is let in, if it shows what it must.", http.StatusCreated),
		func(ctx context.Context, in *struct {
			api.Command
			Body struct {
				ID string `json:"id" minLength:"1" maxLength:"48" example:"CP-1" doc:"Its identity, as in the URL that it connects to: printable characters without spaces and slashes."`
				NoteBody
				Admission string `json:"admission,omitempty" enum:"Accepted,Pending,Rejected" doc:"The answer to its boots; Accepted by default."`
				Profile   int    `json:"profile,omitempty" minimum:"0" maximum:"3" doc:"The security profile that it must fulfil: 0 nothing, 1 a password, 2 that over TLS, 3 a client certificate. With a password it is 1 at least."`
				Password  string `json:"password,omitempty" maxLength:"40" doc:"Its authorization key: 16 to 20 characters, or as many bytes in hexadecimal digits."`
			}
		}) (*answerOutput, error) {
			b := &in.Body
			if b.Password != "" {
				b.Profile = max(b.Profile, 1)
			}
			if !validStation(b.ID) {
				return nil, api.InvalidField("body.id", "is printable ASCII without spaces and slashes")
			}
			return c.carry(ctx, in, "register "+b.ID, stationActor(b.ID), RegisterStation,
				Registration{Note: b.note(), Admission: station.Admission(b.Admission), Profile: b.Profile, Key: b.Password})
		})
	huma.Register(to, operation("change-station", http.MethodPut, "/stations/{station}", "Change what is noted about a station", "All of it.", http.StatusOK),
		func(ctx context.Context, in *struct {
			api.Plain
			StationInput
			Body NoteBody
		}) (*answerOutput, error) {
			return c.carry(ctx, in, "change "+in.Station, recordActor(in.Station), ChangeNote, in.Body.note())
		})
	huma.Register(to, operation("admit-station", http.MethodPost, "/stations/{station}/admission", "Change the answer to a station's boots", "", http.StatusOK),
		func(ctx context.Context, in *struct {
			api.Command
			StationInput
			Body struct {
				Admission string `json:"admission" enum:"Accepted,Pending,Rejected"`
			}
		}) (*answerOutput, error) {
			return c.carry(ctx, in, "admit "+in.Station, stationActor(in.Station), AdmitStation, station.Admit{Admission: station.Admission(in.Body.Admission)})
		})
	credentials := operation("change-credentials", http.MethodPost, "/stations/{station}/credentials", "Change what a station must show",
		"A security profile is never lowered. What is connected has to connect again. With tell the station is told the new password "+
			"over the connection that it has: the answer is then 202 with the command, and both passwords are good until it has taken it.", http.StatusOK)
	huma.Register(to, credentials, func(ctx context.Context, in *struct {
		api.Plain
		StationInput
		Body struct {
			Profile  int    `json:"profile" minimum:"0" maximum:"3"`
			Password string `json:"password,omitempty" maxLength:"40" doc:"A new one; the one it has when this is missing."`
			Tell     bool   `json:"tell,omitempty" doc:"Tell the station, which must be online; the profile stays as it is."`
		}
	}) (*credentialsOutput, error) {
		options, err := in.Options("credentials of " + in.Station)
		if err != nil {
			return nil, err
		}
		out := &credentialsOutput{Status: http.StatusOK}
		data := Credentials{Profile: in.Body.Profile, Key: in.Body.Password, Tell: in.Body.Tell}
		if err := c.send(ctx, stationActor(in.Station), ChangeKey, data, options, &out.Body); err != nil {
			return nil, problem(err)
		}
		if out.Body.Command != "" {
			out.Status, out.Location = http.StatusAccepted, "/api/charging/commands/"+out.Body.Command
		}
		return out, nil
	})
	huma.Register(to, operation("abandon-transaction", http.MethodPost, "/stations/{station}/transactions/{transaction}/abandon", "Give up a transaction that runs in the books only",
		"If the station tells of its end later all the same, that counts.", http.StatusOK),
		func(ctx context.Context, in *struct {
			api.Command
			StationInput
			Transaction int `path:"transaction" minimum:"1"`
		}) (*answerOutput, error) {
			return c.carry(ctx, in, "abandon "+session.Key(in.Station, in.Transaction), stationActor(in.Station), Abandon, station.Abandon{Transaction: in.Transaction})
		})
	huma.Register(to, operation("assign-stop", http.MethodPost, "/stations/{station}/unmatched-stops/{number}/assign", "Say which transaction an end belongs to", "", http.StatusOK),
		func(ctx context.Context, in *struct {
			api.Command
			StationInput
			Number int `path:"number" minimum:"1"`
			Body   struct {
				Transaction int `json:"transaction" minimum:"1"`
			}
		}) (*answerOutput, error) {
			return c.carry(ctx, in, "assign "+session.Key(in.Station, in.Number), stationActor(in.Station), AssignStop,
				station.Assign{Number: in.Number, Transaction: in.Body.Transaction})
		})
	huma.Register(to, operation("dismiss-stranger", http.MethodDelete, "/inbox/{station}", "Dismiss an unknown station", "It comes back when it knocks again.", http.StatusOK),
		func(ctx context.Context, in *struct {
			api.Command
			StationInput
		}) (*answerOutput, error) {
			return c.carry(ctx, in, "dismiss "+in.Station, registry.InboxID, Dismiss, registry.Forget{Identity: in.Station})
		})
}

// wireRoute adds what goes over the wires.
func (c *Charging) wireRoute(to huma.API) {
	huma.Register(to, operation("get-wire", http.MethodGet, "/stations/{station}/wire", "What went over the wire of a station lately",
		"The last 200 messages since this node has the stations, without credentials; live in the topic charging-wire/{station}.", http.StatusOK),
		func(ctx context.Context, in *StationInput) (*struct{ Body WireLog }, error) {
			if registered, err := c.registered(ctx, in.Station); err != nil || !registered {
				return nil, problem(orElse(err, errNoStation))
			}
			return &struct{ Body WireLog }{c.Wire(in.Station)}, nil
		})
}

// registryRoutes adds id tags and tariffs.
func (c *Charging) registryRoutes(to huma.API) {
	huma.Register(to, operation("set-id-tag", http.MethodPost, "/id-tags", "Set an id tag", "One that is there gets all of this anew.", http.StatusCreated),
		func(ctx context.Context, in *struct {
			api.Command
			Body struct {
				IDTag      string     `json:"idTag" minLength:"1" maxLength:"20" example:"04A2B3C4"`
				Status     string     `json:"status" enum:"Accepted,Blocked"`
				Parent     string     `json:"parent,omitempty" maxLength:"20" doc:"Tags with the same parent can stop each other's transactions."`
				Expires    *time.Time `json:"expires,omitempty"`
				Label      string     `json:"label,omitempty" maxLength:"200"`
				Concurrent bool       `json:"concurrent,omitempty" doc:"It may have several transactions at a time."`
			}
		}) (*answerOutput, error) {
			b := &in.Body
			tag := registry.Tag{IDTag: b.IDTag, Status: registry.Status(b.Status), Parent: b.Parent, Label: b.Label, Concurrent: b.Concurrent}
			if b.Expires != nil {
				tag.Expires = *b.Expires
			}
			actorID, ok := tagActor(b.IDTag)
			if !ok {
				return nil, api.InvalidField("body.idTag", "is not printable text")
			}
			return c.carry(ctx, in, "set "+actorID, actorID, SetIDTag, tag)
		})
	huma.Register(to, operation("remove-id-tag", http.MethodDelete, "/id-tags/{idTag}", "Remove an id tag", "It is none of ours any more.", http.StatusOK),
		func(ctx context.Context, in *struct {
			api.Command
			IDTag string `path:"idTag" maxLength:"20"`
		}) (*answerOutput, error) {
			actorID, ok := tagActor(in.IDTag)
			if !ok {
				return nil, api.InvalidField("path.idTag", "is not printable text")
			}
			return c.carry(ctx, in, "remove "+actorID, actorID, RemoveIDTag, struct{}{})
		})
	huma.Register(to, operation("set-tariff", http.MethodPut, "/tariffs/{tariff}", "Set a tariff",
		"Sessions that are priced keep their price. The tariff 'default' is that of all stations that have no other.", http.StatusOK),
		func(ctx context.Context, in *struct {
			api.Command
			Tariff string `path:"tariff" maxLength:"48" example:"default"`
			Body   struct {
				Currency  string         `json:"currency" pattern:"^[A-Z]{3}$" example:"EUR"`
				Start     int64          `json:"start,omitempty" minimum:"0" doc:"For each session, in minor units."`
				PerKWh    int64          `json:"perKWh,omitempty" minimum:"0" example:"45"`
				PerMinute int64          `json:"perMinute,omitempty" minimum:"0"`
				Bands     []session.Band `json:"bands,omitempty" maxItems:"24" doc:"Where the time of day matters; of several the first."`
				Zone      string         `json:"zone,omitempty" maxLength:"100" example:"Europe/Berlin" doc:"Time zone of the bands; UTC by default."`
			}
		}) (*answerOutput, error) {
			b := &in.Body
			actorID, ok := tariffActor(in.Tariff)
			if !ok {
				return nil, api.InvalidField("path.tariff", "is not printable text")
			}
			return c.carry(ctx, in, "set "+actorID, actorID, SetTariff, registry.Zoned{Zone: b.Zone, Tariff: session.Tariff{
				ID: in.Tariff, Currency: b.Currency, Start: b.Start, Rate: session.Rate{PerKWh: b.PerKWh, PerMinute: b.PerMinute}, Bands: b.Bands,
			}})
		})
	huma.Register(to, operation("remove-tariff", http.MethodDelete, "/tariffs/{tariff}", "Remove a tariff", "", http.StatusOK),
		func(ctx context.Context, in *struct {
			api.Command
			Tariff string `path:"tariff" maxLength:"48"`
		}) (*answerOutput, error) {
			actorID, ok := tariffActor(in.Tariff)
			if !ok {
				return nil, api.InvalidField("path.tariff", "is not printable text")
			}
			return c.carry(ctx, in, "remove "+actorID, actorID, RemoveTariff, struct{}{})
		})
}

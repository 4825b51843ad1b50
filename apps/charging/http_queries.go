package charging

import (
	"context"
	"net/http"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/api"
	"github.com/danielgtaylor/huma/v2"
)

// AfterInput says what the answer is to know.
type AfterInput struct {
	After aether.Position `query:"after" doc:"What happened at this position is known to the answer, which may wait for that: the position of a command's answer."`
}

// PageInput says which page of a list.
type PageInput struct {
	AfterInput
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"How many to return at most."`
	Cursor string `query:"cursor" doc:"Where to go on: the next of the page before."`
}

func (p *PageInput) page() Page { return Page{Cursor: p.Cursor, Limit: p.Limit, After: p.After} }

// HistoryInput says which part of a history.
type HistoryInput struct {
	Before aether.Version `query:"before" doc:"Only what happened before this version."`
	Limit  int            `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"How many to return at most."`
}

// TransactionInput names a transaction, and so on.
type (
	TransactionInput struct {
		Key string `path:"key" maxLength:"100" example:"CP-1-17" doc:"The transaction's name: the station's ID, a dash, its number."`
	}
	CommandInput struct {
		Command string `path:"command" maxLength:"100" doc:"ID of the command."`
	}
	IDTagInput struct {
		IDTag string `path:"idTag" maxLength:"20" example:"04E1A2B3" doc:"The id tag, in any case."`
	}
	TariffInput struct {
		Tariff string `path:"tariff" maxLength:"48" example:"default" doc:"ID of the tariff."`
	}
)

// StationQuery narrows a list to a station, and PendingQuery widens it.
type (
	StationQuery struct {
		Station string `query:"station" maxLength:"255" doc:"Only of this station."`
	}
	PendingQuery struct {
		All bool `query:"all" doc:"Those too that are over."`
	}
	SpanQuery struct {
		From time.Time `query:"from" doc:"From this time on."`
		To   time.Time `query:"to" doc:"Up to this time, which is not in it."`
	}
)

// unanswered is the problem of a query.
func unanswered(err error) error {
	return api.Error(err, station.NoStation, station.NoTransaction, station.NoCommand, registry.NoIDTag, registry.NoTariff, NoVersion)
}

func queryOperation(id, path, summary, about string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: "/api/charging" + path, Summary: summary, Description: about, Tags: []string{Name},
		Errors: []int{http.StatusNotFound, http.StatusServiceUnavailable},
	}
}

// output is an answer with a body alone, and versioned one with the version, too.
type (
	output[D any]    struct{ Body D }
	versioned[D any] struct {
		ETag string `header:"ETag"`
		Body D
	}
)

func replied[D any](d D, err error) (*output[D], error) {
	if err != nil {
		return nil, unanswered(err)
	}
	return &output[D]{d}, nil
}

func repliedAt[D any](d D, version aether.Version, err error) (*versioned[D], error) {
	if err != nil {
		return nil, unanswered(err)
	}
	return &versioned[D]{api.ETag(version), d}, nil
}

func (c *Charging) queryRoutes(to huma.API) {
	c.stationQueries(to)
	c.transactionQueries(to)
	c.listQueries(to)
	c.reportQueries(to)
}

func (c *Charging) stationQueries(to huma.API) {
	huma.Register(to, queryOperation("get-fleet", "/fleet", "Count the stations", "By what they do."),
		func(ctx context.Context, in *AfterInput) (*output[FleetDocument], error) {
			return replied(c.Fleet(ctx, in.After))
		})
	huma.Register(to, queryOperation("list-stations", "/stations", "List the stations", "In the order of their IDs."),
		func(ctx context.Context, in *struct {
			PageInput
			Connection string `query:"connection" enum:"online,offline" doc:"Only those that are, or are not, connected."`
			Status     string `query:"status" maxLength:"50" example:"Charging" doc:"Only those of which a connector has this status; Unknown where it has not reported."`
			Faulted    bool   `query:"faulted" doc:"Only those with a faulted connector."`
			Text       string `query:"text" maxLength:"100" doc:"Only those that have this in their ID, label, address, vendor, model or serial number."`
		}) (*output[StationPage], error) {
			filter := StationFilter{Faulted: in.Faulted, Status: in.Status, Text: in.Text}
			if in.Connection != "" {
				online := in.Connection == "online"
				filter.Online = &online
			}
			return replied(c.Stations(ctx, filter, in.page()))
		})
	huma.Register(to, queryOperation("get-station", "/stations/{station}", "Get a station", "As it is now, or as it was at a version, by its events."),
		func(ctx context.Context, in *struct {
			StationInput
			AfterInput
			Version aether.Version `query:"version" doc:"As it was at this version."`
		}) (*versioned[StationDocument], error) {
			if in.Version > 0 {
				d, err := c.StationAt(ctx, in.Station, in.Version, in.After)
				return repliedAt(d, d.Version, err)
			}
			d, err := c.Station(ctx, in.Station, in.After)
			return repliedAt(d, d.Version, err)
		})
	huma.Register(to, queryOperation("list-station-events", "/stations/{station}/events", "List what happened to a station", "The newest event comes first."),
		func(ctx context.Context, in *struct {
			StationInput
			HistoryInput
		}) (*output[EventPage], error) {
			return replied(c.StationHistory(ctx, in.Station, in.Before, in.Limit))
		})
	huma.Register(to, queryOperation("get-configuration", "/stations/{station}/configuration", "Get the configuration of a station", "As it was reported, and as it was told to be."),
		func(ctx context.Context, in *struct {
			StationInput
			AfterInput
		}) (*output[SettingsDocument], error) {
			return replied(c.Settings(ctx, in.Station, in.After))
		})
	huma.Register(to, queryOperation("list-security-events", "/stations/{station}/security-events", "List the security events of a station", "The newest comes first."),
		func(ctx context.Context, in *struct {
			StationInput
			PageInput
		}) (*output[SecurityPage], error) {
			return replied(c.Security(ctx, in.Station, in.page()))
		})
}

func (c *Charging) transactionQueries(to huma.API) {
	huma.Register(to, queryOperation("list-transactions", "/transactions", "List the transactions", "The one that began last comes first."),
		func(ctx context.Context, in *struct {
			PageInput
			StationQuery
			SpanQuery
			IDTag string `query:"idTag" maxLength:"20" doc:"Only of this id tag, in any case."`
			State string `query:"state" enum:"running,stopped,abandoned" doc:"Only those in this state."`
		}) (*output[TransactionPage], error) {
			filter := TransactionFilter{Station: in.Station, IDTag: in.IDTag, State: in.State, From: in.From, To: in.To}
			return replied(c.Transactions(ctx, filter, in.page()))
		})
	huma.Register(to, queryOperation("get-transaction", "/transactions/{key}", "Get a transaction", "As it is now."),
		func(ctx context.Context, in *struct {
			TransactionInput
			AfterInput
		}) (*versioned[TransactionDocument], error) {
			d, err := c.Transaction(ctx, in.Key, in.After)
			return repliedAt(d, d.Version, err)
		})
	huma.Register(to, queryOperation("get-curve", "/transactions/{key}/curve", "Get what was measured during a transaction", "In the order of the times; a long curve has fewer points."),
		func(ctx context.Context, in *struct {
			TransactionInput
			AfterInput
		}) (*output[CurveDocument], error) {
			return replied(c.Curve(ctx, in.Key, in.After))
		})
	huma.Register(to, queryOperation("list-transaction-events", "/transactions/{key}/events", "List what happened to a transaction", "The newest event comes first."),
		func(ctx context.Context, in *struct {
			TransactionInput
			HistoryInput
		}) (*output[EventPage], error) {
			return replied(c.TransactionHistory(ctx, in.Key, in.Before, in.Limit))
		})
}

func (c *Charging) listQueries(to huma.API) {
	huma.Register(to, queryOperation("list-commands", "/commands", "List what stations were asked", "The newest command comes first."),
		func(ctx context.Context, in *struct {
			PageInput
			StationQuery
			State string `query:"state" enum:"open,doubt,requested,sent,accepted,rejected,not-sent,in-doubt,timed-out,effective,failed,expired" doc:"Only those in this state. open: more is to come; doubt: nobody knows whether the station got it."`
		}) (*output[CommandPage], error) {
			return replied(c.Commands(ctx, CommandFilter{Station: in.Station, State: in.State}, in.page()))
		})
	huma.Register(to, queryOperation("get-command", "/commands/{command}", "Get a command", "What a station was asked, and what became of it."),
		func(ctx context.Context, in *struct {
			CommandInput
			AfterInput
		}) (*output[CommandDocument], error) {
			return replied(c.Command(ctx, in.Command, in.After))
		})
	type pendingInput struct {
		PageInput
		StationQuery
		PendingQuery
	}
	huma.Register(to, queryOperation("list-reservations", "/reservations", "List the reservations", "Those that stand; the newest comes first."),
		func(ctx context.Context, in *pendingInput) (*output[ReservationPage], error) {
			return replied(c.Reservations(ctx, in.Station, in.All, in.page()))
		})
	huma.Register(to, queryOperation("list-unmatched-stops", "/unmatched-stops", "List the stops without a transaction", "For an operator to assign; the newest comes first."),
		func(ctx context.Context, in *pendingInput) (*output[UnmatchedPage], error) {
			return replied(c.Unmatched(ctx, in.Station, in.All, in.page()))
		})
	huma.Register(to, queryOperation("list-faults", "/faults", "List the faults", "Those that last; the newest comes first."),
		func(ctx context.Context, in *pendingInput) (*output[FaultPage], error) {
			return replied(c.Faults(ctx, in.Station, in.All, in.page()))
		})
	huma.Register(to, queryOperation("list-notices", "/notices", "List the notices", "Stations that went offline at about the same time; the newest comes first."),
		func(ctx context.Context, in *PageInput) (*output[NoticePage], error) {
			return replied(c.Notices(ctx, in.page()))
		})
	huma.Register(to, queryOperation("list-id-tags", "/id-tags", "List the id tags", "In the order of their names."),
		func(ctx context.Context, in *PageInput) (*output[IDTagPage], error) {
			return replied(c.IDTags(ctx, in.page()))
		})
	huma.Register(to, queryOperation("get-id-tag", "/id-tags/{idTag}", "Get an id tag", "As it is now."),
		func(ctx context.Context, in *struct {
			IDTagInput
			AfterInput
		}) (*versioned[IDTagDocument], error) {
			d, err := c.IDTag(ctx, in.IDTag, in.After)
			return repliedAt(d, d.Version, err)
		})
	huma.Register(to, queryOperation("list-tariffs", "/tariffs", "List the tariffs", "In the order of their IDs."),
		func(ctx context.Context, in *AfterInput) (*output[TariffList], error) {
			return replied(c.Tariffs(ctx, in.After))
		})
	huma.Register(to, queryOperation("get-tariff", "/tariffs/{tariff}", "Get a tariff", "As it is now."),
		func(ctx context.Context, in *struct {
			TariffInput
			AfterInput
		}) (*versioned[TariffDocument], error) {
			d, err := c.Tariff(ctx, in.Tariff, in.After)
			return repliedAt(d, d.Version, err)
		})
	huma.Register(to, queryOperation("get-inbox", "/inbox", "List the unknown stations", "Who has knocked last comes first."),
		func(ctx context.Context, in *AfterInput) (*output[InboxDocument], error) {
			return replied(c.Inbox(ctx, in.After))
		})
}

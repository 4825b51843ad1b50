package rover

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/internal/api"
	"github.com/aether-es/aether/apps/rover/grid"
	"github.com/aether-es/aether/readdb"
	"github.com/danielgtaylor/huma/v2"
)

// catchUp is how long a query waits at most for what its caller has just done.
const catchUp = 5 * time.Second

// Create makes a grid; an empty ID stands for a new one.
func (s *Rover) Create(ctx context.Context, id string, c grid.Create, options *actor.DoOptions) (CommandDocument, error) {
	if id == "" {
		// From the command's ID, so that a repetition means the same grid.
		if options == nil || options.CommandID == "" {
			id = aether.NewID()
		} else {
			id = options.CommandID
		}
	}
	if !grid.ValidName(id) {
		return CommandDocument{}, &aether.InvalidError{Index: -1, Field: "id", Reason: "is not 1 to 64 bytes of printable text without slashes"}
	}
	return s.Do(ctx, id, c, options)
}

// Do carries out a command on a grid that is there.
func (s *Rover) Do(ctx context.Context, id string, command grid.Command, options *actor.DoOptions) (CommandDocument, error) {
	result, err := s.host.Do(ctx, actorID(id), command, options)
	if err != nil {
		return CommandDocument{}, err
	}
	d := CommandDocument{Grid: id, Version: result.Version, Position: result.Position, Repeated: result.Repeated, Events: []ResultDocument{}}
	for _, e := range result.Events {
		saved, err := s.events.Encode(e)
		if err != nil {
			return d, err
		}
		d.Events = append(d.Events, ResultDocument{saved.Type, saved.Data})
	}
	return d, nil
}

// commandOutput is the answer to a command.
type commandOutput struct {
	ETag string `header:"ETag"`
	Body CommandDocument
}

// GridInput names a grid.
type GridInput struct {
	Grid string `path:"grid" maxLength:"64" example:"mars" doc:"ID of the grid."`
}

func (s *Rover) routes(to huma.API) {
	s.commandRoutes(to)
	s.queryRoutes(to)
}

// answered turns the result of a command into an answer.
func answered(d CommandDocument, err error) (*commandOutput, error) {
	if err != nil {
		return nil, api.Error(err, grid.NoGrid, grid.NoRover)
	}
	return &commandOutput{ETag: api.ETag(d.Version), Body: d}, nil
}

func (s *Rover) commandRoutes(to huma.API) {
	operation := func(id, path, summary string, status int) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: http.MethodPost, Path: path, Summary: summary, Tags: []string{Name}, DefaultStatus: status,
			Errors: []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusNotFound, http.StatusServiceUnavailable},
		}
	}
	huma.Register(to, operation("create-grid", "/api/rover/grids", "Create a grid", http.StatusCreated),
		func(ctx context.Context, in *struct {
			api.Command
			Body struct {
				ID        string       `json:"id,omitempty" maxLength:"64" example:"mars" doc:"A new one by default."`
				Width     int          `json:"width" minimum:"1" maximum:"1000" example:"10"`
				Height    int          `json:"height" minimum:"1" maximum:"1000" example:"8"`
				Obstacles []grid.Point `json:"obstacles,omitempty" maxItems:"10000"`
			}
		}) (*commandOutput, error) {
			options, err := in.Options()
			if err != nil {
				return nil, err
			}
			return answered(s.Create(ctx, in.Body.ID, grid.Create{Width: in.Body.Width, Height: in.Body.Height, Obstacles: in.Body.Obstacles}, options))
		})
	huma.Register(to, operation("land-rover", "/api/rover/grids/{grid}/rovers", "Land a rover", http.StatusCreated),
		func(ctx context.Context, in *struct {
			api.Command
			GridInput
			Body struct {
				ID      string       `json:"id" minLength:"1" maxLength:"64" example:"curiosity"`
				X       int          `json:"x" minimum:"0" example:"1" doc:"Fields east of the south-west corner."`
				Y       int          `json:"y" minimum:"0" example:"2" doc:"Fields north of the south-west corner."`
				Heading grid.Heading `json:"heading" enum:"N,E,S,W" example:"N"`
			}
		}) (*commandOutput, error) {
			options, err := in.Options()
			if err != nil {
				return nil, err
			}
			b := &in.Body
			return answered(s.Do(ctx, in.Grid, grid.Land{Rover: b.ID, Point: grid.Point{X: b.X, Y: b.Y}, Heading: b.Heading}, options))
		})
	huma.Register(to, operation("move-rover", "/api/rover/grids/{grid}/rovers/{rover}/moves", "Move a rover: one command, which stops before what the rover cannot enter", http.StatusOK),
		func(ctx context.Context, in *struct {
			api.Command
			GridInput
			Rover string `path:"rover" maxLength:"64" example:"curiosity" doc:"ID of the rover."`
			Body  struct {
				Moves string `json:"moves" minLength:"1" maxLength:"200" pattern:"^[FBLR]+$" example:"FFRBL" doc:"F forward, B backward, L and R turns."`
			}
		}) (*commandOutput, error) {
			options, err := in.Options()
			if err != nil {
				return nil, err
			}
			return answered(s.Do(ctx, in.Grid, grid.Move{Rover: in.Rover, Moves: in.Body.Moves}, options))
		})
}

func (s *Rover) queryRoutes(to huma.API) {
	operation := func(id, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Tags: []string{Name}}
	}
	huma.Register(to, operation("list-grids", "/api/rover/grids", "List the grids, the one that changed last first"),
		func(ctx context.Context, in *struct {
			Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
			Cursor string `query:"cursor" doc:"The next of the page before."`
		}) (*struct{ Body SummaryPage }, error) {
			page, err := s.List(ctx, in.Cursor, in.Limit)
			if errors.Is(err, readdb.ErrCursor) {
				return nil, huma.Error422UnprocessableEntity("cursor is not one of this list", &huma.ErrorDetail{Location: "query.cursor", Message: err.Error()})
			}
			return &struct{ Body SummaryPage }{page}, queryError(err)
		})
	type gridOutput struct {
		ETag string `header:"ETag"`
		Body GridDocument
	}
	huma.Register(to, operation("get-grid", "/api/rover/grids/{grid}", "Get a grid, also as of any version or time"),
		func(ctx context.Context, in *struct {
			GridInput
			Version aether.Version  `query:"version" doc:"As it was at this version."`
			At      time.Time       `query:"at" doc:"As it was at this time."`
			After   aether.Position `query:"after" doc:"Wait until what happened at this position is in it: the position of a command's answer."`
		}) (*gridOutput, error) {
			var d GridDocument
			var err error
			switch {
			case in.Version != 0 && !in.At.IsZero():
				return nil, huma.Error422UnprocessableEntity("version and at exclude each other")
			case !in.At.IsZero():
				d, err = s.GridAt(ctx, in.Grid, in.At)
			default:
				d, err = s.Grid(ctx, in.Grid, in.Version, in.After)
			}
			return &gridOutput{api.ETag(d.Version), d}, queryError(err)
		})
	huma.Register(to, operation("list-grid-events", "/api/rover/grids/{grid}/events", "List what happened to a grid, the newest first"),
		func(ctx context.Context, in *struct {
			GridInput
			Before aether.Version `query:"before" doc:"Only what happened before this version."`
			Limit  int            `query:"limit" minimum:"1" maximum:"500" default:"50"`
		}) (*struct{ Body EventPage }, error) {
			page, err := s.Events(ctx, in.Grid, in.Before, in.Limit)
			return &struct{ Body EventPage }{page}, queryError(err)
		})
}

func queryError(err error) error { return api.Error(err, grid.NoGrid) }

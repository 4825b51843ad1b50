package rover

import (
	"context"
	"net/http"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/api"
	"github.com/aether-es/aether/apps/rover/grid"
	"github.com/danielgtaylor/huma/v2"
)

// commandOutput is the answer to a command.
type commandOutput struct {
	ETag string `header:"ETag"`
	Body CommandDocument
}

// GridInput names a grid.
type GridInput struct {
	Grid string `path:"grid" maxLength:"64" example:"mars" doc:"ID of the grid."`
}

// answered turns the result of a command into an answer.
func answered(d CommandDocument, err error) (*commandOutput, error) {
	if err != nil {
		return nil, api.Error(err, grid.NoGrid, grid.NoRover)
	}
	return &commandOutput{ETag: api.ETag(d.Version), Body: d}, nil
}

func (s *Rover) commandRoutes(to huma.API) {
	operation := func(id, path, summary, about string, status int) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: http.MethodPost, Path: path, Summary: summary, Description: about, Tags: []string{Name}, DefaultStatus: status,
			Errors: []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusNotFound, http.StatusServiceUnavailable},
		}
	}
	huma.Register(to, operation("create-grid", "/api/rover/grids", "Create a grid", "A cell is named by how many lie west and how many lie south of it: 0,0 is in the south-west.", http.StatusCreated),
		func(ctx context.Context, in *struct {
			api.Command
			Body struct {
				ID        string       `json:"id,omitempty" maxLength:"64" example:"mars" doc:"Its name; a random one by default."`
				Width     int          `json:"width" minimum:"1" maximum:"1000" example:"10" doc:"Cells from west to east."`
				Height    int          `json:"height" minimum:"1" maximum:"1000" example:"8" doc:"Cells from south to north."`
				Obstacles []grid.Point `json:"obstacles,omitempty" maxItems:"10000" doc:"Cells that no rover can enter."`
			}
		}) (*commandOutput, error) {
			options, err := in.Options("create-grid")
			if err != nil {
				return nil, err
			}
			return answered(s.Create(ctx, in.Body.ID, grid.Create{Width: in.Body.Width, Height: in.Body.Height, Obstacles: in.Body.Obstacles}, options))
		})
	huma.Register(to, operation("land-rover", "/api/rover/grids/{grid}/rovers", "Land a rover", "It can land where no obstacle and no other rover is.", http.StatusCreated),
		func(ctx context.Context, in *struct {
			api.Command
			GridInput
			Body struct {
				ID      string       `json:"id" minLength:"1" maxLength:"64" example:"curiosity" doc:"Its name."`
				X       int          `json:"x" minimum:"0" example:"1" doc:"Cells east of the south-west corner."`
				Y       int          `json:"y" minimum:"0" example:"2" doc:"Cells north of the south-west corner."`
				Heading grid.Heading `json:"heading" enum:"N,E,S,W" example:"N" doc:"Where it faces."`
			}
		}) (*commandOutput, error) {
			options, err := in.Options("land-rover")
			if err != nil {
				return nil, err
			}
			b := &in.Body
			return answered(s.Send(ctx, in.Grid, grid.Land{Rover: b.ID, Point: grid.Point{X: b.X, Y: b.Y}, Heading: b.Heading}, options))
		})
	huma.Register(to, operation("move-rover", "/api/rover/grids/{grid}/rovers/{rover}/moves", "Move a rover", "Makes the moves one after another, and stops before what the rover cannot enter: an obstacle, another rover, the edge.", http.StatusOK),
		func(ctx context.Context, in *struct {
			api.Command
			GridInput
			Rover string `path:"rover" maxLength:"64" example:"curiosity" doc:"ID of the rover."`
			Body  struct {
				Moves string `json:"moves" minLength:"1" maxLength:"200" pattern:"^[FBLR]+$" example:"FFRBL" doc:"F forward, B backward, L and R turns."`
			}
		}) (*commandOutput, error) {
			options, err := in.Options("move-rover")
			if err != nil {
				return nil, err
			}
			return answered(s.Send(ctx, in.Grid, grid.Move{Rover: in.Rover, Moves: in.Body.Moves}, options))
		})
}

func (s *Rover) queryRoutes(to huma.API) {
	operation := func(id, path, summary, about string) huma.Operation {
		return huma.Operation{
			OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Description: about, Tags: []string{Name},
			Errors: []int{http.StatusNotFound, http.StatusServiceUnavailable},
		}
	}
	huma.Register(to, operation("list-grids", "/api/rover/grids", "List the grids", "The one that changed last comes first."),
		func(ctx context.Context, in *struct {
			Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"How many to return at most."`
			Cursor string `query:"cursor" doc:"Where to go on: the next of the page before."`
		}) (*struct{ Body SummaryPage }, error) {
			page, err := s.List(ctx, in.Cursor, in.Limit)
			return &struct{ Body SummaryPage }{page}, queryError(err)
		})
	type gridOutput struct {
		ETag string `header:"ETag"`
		Body GridDocument
	}
	huma.Register(to, operation("get-grid", "/api/rover/grids/{grid}", "Get a grid", "As it is now, or as it was at a version or a time."),
		func(ctx context.Context, in *struct {
			GridInput
			Version aether.Version  `query:"version" doc:"As it was at this version."`
			At      time.Time       `query:"at" doc:"As it was at this time."`
			After   aether.Position `query:"after" doc:"What happened at this position is known to the answer, which may wait for that: the position of a command's answer."`
		}) (*gridOutput, error) {
			var d GridDocument
			var err error
			switch {
			case in.Version != 0 && !in.At.IsZero():
				err = api.InvalidField("query.at", "and version exclude each other")
			case !in.At.IsZero():
				d, err = s.GridAt(ctx, in.Grid, in.At, in.After)
			default:
				d, err = s.Grid(ctx, in.Grid, in.Version, in.After)
			}
			return &gridOutput{api.ETag(d.Version), d}, queryError(err)
		})
	huma.Register(to, operation("list-grid-events", "/api/rover/grids/{grid}/events", "List what happened to a grid", "The newest event comes first."),
		func(ctx context.Context, in *struct {
			GridInput
			Before aether.Version `query:"before" doc:"Only what happened before this version."`
			Limit  int            `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"How many to return at most."`
		}) (*struct{ Body EventPage }, error) {
			page, err := s.Events(ctx, in.Grid, in.Before, in.Limit)
			return &struct{ Body EventPage }{page}, queryError(err)
		})
}

func queryError(err error) error { return api.Error(err, grid.NoGrid, NoVersion) }

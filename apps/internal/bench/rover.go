package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/rover"
	"github.com/aether-es/aether/apps/rover/grid"
	filereaddb "github.com/aether-es/aether/filestore/readdb"
	"github.com/aether-es/aether/readdb"
)

const (
	roverGrids       = 100
	roverRate        = 5000 // commands a second
	roverCallers     = 128
	gridRovers       = 4 // on each grid
	rebuildEvents    = 400_000
	queryClients     = 32
	movesEachCommand = grid.MaxMoves
)

// runRover measures the rover system from end to end: how long a command's events take
// to be in the read DB, how fast that is made again, and how fast queries are.
func runRover(ctx context.Context, o *Options) (results []Result, err error) {
	folder, err := os.MkdirTemp(o.Folder, "rover")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	err = inFolder(ctx, filepath.Join(folder, "data"), func(store aether.EventStore) error {
		lag, query, err := roverRuns(ctx, o, store, filepath.Join(folder, "readdb"))
		if err != nil {
			return err
		}
		rebuild, err := roverRebuild(ctx, o, store, filepath.Join(folder, "again"))
		results = []Result{lag, query, rebuild}
		return err
	})
	return results, err
}

// withReadDB runs a part with a new read DB.
func withReadDB(folder string, run func(db *readdb.DB) error) error {
	kv, err := filereaddb.Open(folder, nil)
	if err != nil {
		return err
	}
	db, err := readdb.New(kv)
	if err != nil {
		return errors.Join(err, kv.Close())
	}
	return errors.Join(run(db), db.Close())
}

// roverRuns runs the server, and measures commands and queries.
func roverRuns(ctx context.Context, o *Options, store aether.EventStore, folder string) (lag, query Result, err error) {
	err = withReadDB(folder, func(db *readdb.DB) error {
		logger := slog.New(slog.DiscardHandler)
		system, err := rover.New(node.Alone(store, "default", db, logger))
		if err != nil {
			return err
		}
		return serving(ctx, store, system, func(address string) error {
			if lag, err = commandToDocument(ctx, o, system); err == nil {
				query, err = pointQueries(ctx, o, "http://"+address)
			}
			return err
		})
	})
	return lag, query, err
}

// realisticGrid makes a grid as people have them: the size, the rocks and the four
// rovers of the demo's mars, whose paths are as long as documents keep them. Its
// document has 8 KB.
func realisticGrid(ctx context.Context, system *rover.Rover, id string) error {
	var rocks []grid.Point
	for i := range 36 {
		rocks = append(rocks, grid.Point{X: 12 + i%12, Y: 4 + 2*(i/12)})
	}
	if _, err := system.Do(ctx, id, grid.Create{Width: 24, Height: 16, Obstacles: rocks}, nil); err != nil {
		return err
	}
	for i := range gridRovers {
		name := fmt.Sprint("rover-", i)
		if _, err := system.Do(ctx, id, grid.Land{Rover: name, Point: grid.Point{X: i}, Heading: grid.North}, nil); err != nil {
			return err
		}
		d, err := system.Do(ctx, id, grid.Move{Rover: name, Moves: strings.Repeat("FB", rover.MaxPath/2)}, nil)
		if err == nil {
			err = system.Wait(ctx, d.Position) // what is measured is not behind what was made before
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// commandToDocument sends commands at a rate, and measures from the answer of each
// until what it did can be read. A command has two events: there, and back.
func commandToDocument(ctx context.Context, o *Options, system *rover.Rover) (Result, error) {
	result := Result{Name: "rover visible", Writers: roverCallers, Actors: roverGrids}
	o.Progress(fmt.Sprintf("rover, %d commands a second", roverRate))
	if err := callTogether(roverGrids, func(i int) error {
		return realisticGrid(ctx, system, fmt.Sprint("bench-", i))
	}); err != nil {
		return result, err
	}
	// A caller begins its next command when that is due, so the rate holds unless the
	// system cannot keep up.
	each := roverCallers * time.Second / roverRate
	times := make([][]int64, roverCallers)
	errs := make([]error, roverCallers)
	start := time.Now()
	var callers sync.WaitGroup
	for c := range roverCallers {
		callers.Go(func() {
			due := start.Add(time.Duration(c) * each / roverCallers)
			for n := 0; time.Since(start) < o.Duration && errs[c] == nil; n++ {
				time.Sleep(time.Until(due))
				due = due.Add(each)
				d, err := system.Do(ctx, fmt.Sprint("bench-", c%roverGrids), grid.Move{Rover: fmt.Sprint("rover-", n%gridRovers), Moves: "FB"}, nil)
				answered := time.Now()
				if err == nil {
					err = system.Wait(ctx, d.Position)
				}
				times[c], errs[c] = append(times[c], int64(time.Since(answered))), err
			}
		})
	}
	callers.Wait()
	var all []int64
	for _, t := range times {
		all = append(all, t...)
	}
	result.PerSecond = float64(len(all)) / time.Since(start).Seconds()
	result.P50, result.P99 = percentiles(all)
	return result, errors.Join(errs...)
}

// pointQueries asks for documents over HTTP; the clients are in this process, too.
func pointQueries(ctx context.Context, o *Options, url string) (Result, error) {
	result := Result{Name: "rover query", Writers: queryClients, Actors: roverGrids}
	o.Progress(fmt.Sprintf("rover, queries of %d clients", queryClients))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: queryClients}}
	defer client.CloseIdleConnections()
	var err error
	result.PerSecond, result.P50, result.P99, err = load(ctx, queryClients, o.Duration, func(c, n int) error {
		response, err := client.Get(fmt.Sprintf("%s/api/rover/grids/bench-%d", url, (c+n)%roverGrids))
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("a query was answered with %s", response.Status)
		}
		_, err = io.Copy(io.Discard, response.Body)
		return err
	})
	return result, err
}

// roverRebuild measures how fast the read model is made of the events.
func roverRebuild(ctx context.Context, o *Options, store aether.EventStore, folder string) (Result, error) {
	result := Result{Name: "rover rebuild"}
	o.Progress(fmt.Sprintf("rover, making the read DB of %d events", rebuildEvents))
	err := withReadDB(folder, func(db *readdb.DB) error {
		system, err := rover.New(node.Parts{Store: store, Namespace: "default", Roles: node.Roles{node.Query}, DB: db, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		defer system.Close()
		if err := callTogether(roverGrids, func(i int) error {
			_, err := system.Do(ctx, fmt.Sprint("bench-", i), grid.Land{Rover: "s", Point: grid.Point{X: 10, Y: 10}, Heading: grid.North}, nil)
			return err
		}); err != nil {
			return err
		}
		// There and back, so that nothing is in the way.
		moves := strings.Repeat("FRLB", movesEachCommand/4)
		for n := range rebuildEvents / movesEachCommand / roverGrids {
			if err := callTogether(roverGrids, func(i int) error {
				_, err := system.Do(ctx, fmt.Sprint("bench-", i), grid.Move{Rover: "s", Moves: moves}, nil)
				return err
			}); err != nil {
				return fmt.Errorf("round %d: %w", n, err)
			}
		}
		start := time.Now()
		status, err := system.Project(ctx)
		result.Events = int(status.Cursor.Sequence)
		result.PerSecond = float64(status.Cursor.Sequence) / time.Since(start).Seconds()
		return err
	})
	return result, err
}

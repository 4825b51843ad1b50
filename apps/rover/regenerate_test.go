package rover_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/rover"
	"github.com/aether-es/aether/apps/rover/grid"
	"github.com/aether-es/aether/filestore"
	filereaddb "github.com/aether-es/aether/filestore/readdb"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/readdb"
)

// contents returns all that is in a read DB, space by space.
func contents(t *testing.T, db *readdb.DB) map[string]string {
	t.Helper()
	spaces, err := db.Spaces()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, name := range spaces {
		view, err := db.Space(name).View()
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for pair, err := range view.Raw() {
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%q %q\n", pair.Key, pair.Value)
		}
		all[name] = b.String()
		if err := view.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// withSystem runs a part with the rover system on a store, and a read DB in a folder.
func withSystem(t *testing.T, dir, folder string, bus integration.Bus, part func(s *rover.Rover, db *readdb.DB)) {
	t.Helper()
	engine, err := filestore.Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	store, err := engine.Namespace(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	kv, err := filereaddb.Open(folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	db, err := readdb.New(kv)
	if err != nil {
		t.Fatal(err)
	}
	parts := node.Alone(store, "test", db, slog.New(slog.DiscardHandler))
	parts.Bus = bus
	s, err := rover.New(parts)
	if err != nil {
		t.Fatal(err)
	}
	part(s, db)
	for _, c := range []interface{ Close() error }{s, db, engine} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The folder of the read DB is dropped, and the system started again: all that was in
// it is there again, byte for byte, in every space. Before, it had come bit by bit,
// while commands came and with a restart in between; after, all at once.
func TestReadDBIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(4, 4))
	var before, after map[string]string
	for round := range 2 {
		withSystem(t, dir, filepath.Join(dir, "readdb"), integration.NewLocal(nil), func(s *rover.Rover, db *readdb.DB) {
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx) }()
			for i := range 5 {
				id := fmt.Sprint("grid-", round, "-", i)
				if _, err := s.Do(ctx, id, grid.Create{Width: 9, Height: 9, Obstacles: []grid.Point{{X: 4, Y: 4}}}, nil); err != nil {
					t.Fatal(err)
				}
				for r := range 3 {
					if _, err := s.Do(ctx, id, grid.Land{Rover: fmt.Sprint("r", r), Point: grid.Point{X: r}, Heading: grid.North}, nil); err != nil {
						t.Fatal(err)
					}
				}
			}
			var last rover.CommandDocument
			for range 150 {
				moves := make([]byte, 1+random.IntN(30))
				for i := range moves {
					moves[i] = "FLBRLR"[random.IntN(6)]
				}
				id := fmt.Sprint("grid-", random.IntN(round+1), "-", random.IntN(2)) // two of them get far
				var err error
				last, err = s.Do(ctx, id, grid.Move{Rover: fmt.Sprint("r", random.IntN(3)), Moves: string(moves)}, nil)
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Wait(ctx, last.Position); err != nil {
				t.Fatal(err)
			}
			stop()
			<-ended
			before = contents(t, db)
		})
	}
	withSystem(t, dir, filepath.Join(dir, "again"), nil, func(s *rover.Rover, db *readdb.DB) {
		if _, err := s.Project(t.Context()); err != nil {
			t.Fatal(err)
		}
		after = contents(t, db)
	})
	names := slices.Sorted(maps.Keys(before))
	if len(names) < 2 || !slices.Equal(names, slices.Sorted(maps.Keys(after))) {
		t.Fatalf("the spaces were %q, and are %q", names, slices.Sorted(maps.Keys(after)))
	}
	for _, name := range names {
		if before[name] != after[name] {
			t.Errorf("%s was %d bytes\n%.2000s\nand is %d bytes\n%.2000s", name, len(before[name]), before[name], len(after[name]), after[name])
		}
	}
	for _, collection := range []string{"grids", "summaries", "milestones"} {
		if all := strings.Join(slices.Collect(maps.Values(before)), ""); !strings.Contains(all, collection) {
			t.Errorf("there are no %s: %.500s", collection, all)
		}
	}
}

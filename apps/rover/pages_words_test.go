package rover

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/rover/grid"
	"github.com/aether-es/aether/internal/testenv"
)

func TestWords(t *testing.T) {
	var examples []struct {
		ResultDocument
		Words string `json:"words"`
	}
	text, err := os.ReadFile("testdata/words.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &examples); err != nil {
		t.Fatal(err)
	}
	for _, e := range examples {
		if got := words(e.Type, e.Data); got != e.Words {
			t.Errorf("%s: %q, want %q", e.Type, got, e.Words)
		}
	}
	for _, test := range []struct {
		events []ResultDocument
		want   string
	}{
		{nil, "Nothing changed."},
		{[]ResultDocument{examples[3].ResultDocument}, "ann landed at 1,2, facing north."},
		{[]ResultDocument{examples[4].ResultDocument, examples[6].ResultDocument}, "ann made 2 moves. In the end: ann turned left, now facing west."},
		{[]ResultDocument{examples[4].ResultDocument, examples[10].ResultDocument}, "ann made 1 move. In the end: ann was stopped by bob at 0,1; not made: F."},
	} {
		if got := summary(test.events); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func TestParsePoints(t *testing.T) {
	points, err := parsePoints(" 3,4\n 5,6;\t-1,+2, ")
	if want := []grid.Point{{X: 3, Y: 4}, {X: 5, Y: 6}, {X: -1, Y: 2}}; err != nil || !reflect.DeepEqual(points, want) {
		t.Errorf("%v, %v, want %v", points, err, want)
	}
	for _, text := range []string{"3", "3,", ",4", "3,4,5", "a,b", "3, 4"} {
		if points, err := parsePoints(text); err == nil {
			t.Errorf("%q is %v", text, points)
		}
	}
}

func nodeJS(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		testenv.Lacks(t, "node, for the tests of the JavaScript modules")
	}
	return path
}

func TestModules(t *testing.T) {
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), nodeJS(t), "--test", "testdata")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
}

// A page that applies the changes comes to the document that the projection has.
func TestModelsAgree(t *testing.T) {
	path := nodeJS(t)
	events := grid.Events()
	random := rand.New(rand.NewPCG(1, 2))
	state := grid.Initial("")
	var document GridDocument
	var begin []byte
	var changes []ChangeDocument
	do := func(command grid.Command) {
		happened, err := grid.Decide(state, command)
		if err != nil {
			return // a refusal, which changes nothing
		}
		for _, e := range happened {
			state = grid.Evolve(state, e)
			step := moment{document.Version + 1, document.Position + 3, time.Unix(int64(document.Version), 0).UTC()}
			if created, ok := e.(grid.GridCreated); ok {
				document = newDocument("mars", created, step)
				if begin, err = json.Marshal(document); err != nil {
					t.Fatal(err)
				}
				continue
			}
			document.apply(e, step)
			encoded, err := events.Encode(e)
			if err != nil {
				t.Fatal(err)
			}
			changes = append(changes, ChangeDocument{step.version, step.position, encoded.Type, encoded.Data, step.time})
		}
	}
	do(grid.Create{Width: 7, Height: 5, Obstacles: []grid.Point{{X: 3, Y: 3}, {X: 1, Y: 4}}})
	for range 900 {
		rover := string(rune('a' + random.IntN(4)))
		if random.IntN(10) == 0 {
			do(grid.Land{Rover: rover, Point: grid.Point{X: random.IntN(7), Y: random.IntN(5)}, Heading: grid.East})
			continue
		}
		moves := make([]byte, 1+random.IntN(6))
		for i := range moves {
			moves[i] = "FFFBLR"[random.IntN(6)]
		}
		do(grid.Move{Rover: rover, Moves: string(moves)})
	}
	if len(document.Rovers) != 4 || len(document.Rovers[0].Path) != MaxPath || document.Version < aether.Version(1000) {
		t.Fatalf("too little happened: %d rovers, version %d", len(document.Rovers), document.Version)
	}

	input, err := json.Marshal(map[string]any{"grid": json.RawMessage(begin), "changes": changes})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "testdata/apply.js")
	cmd.Stdin = bytes.NewReader(input)
	var problem strings.Builder
	cmd.Stderr = &problem
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, problem.String())
	}
	var got struct {
		Grid    GridDocument `json:"grid"`
		Picture string       `json:"picture"`
	}
	if err := json.Unmarshal(output, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Grid, document) {
		t.Errorf("the page has\n%+v\nand the projection\n%+v", got.Grid, document)
	}
	if want := picture(&document); got.Picture != want {
		t.Errorf("the page says %q, the server %q", got.Picture, want)
	}
}

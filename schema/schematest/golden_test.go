package schematest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aether-es/aether/schema"
	"github.com/aether-es/aether/schema/schematest"
)

type (
	opened  struct{ Seats int }
	opened2 struct{ Places int }
	closed  struct{}
	forgets struct{ seats int }
)

func (f forgets) String() string { return fmt.Sprint(f.seats) }

// recorder is a test that only listens.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper()           {}
func (r *recorder) Error(args ...any) { r.said += fmt.Sprintln(args...) }

// pool is the events of a ticket pool, at several stages of its life.
func pool(entries ...schema.Entry) *schema.Registry[any] { return schema.New[any](entries...) }

func rename(old opened) opened2 { return opened2{Places: old.Seats} }

func TestGolden(t *testing.T) {
	var (
		first  = schema.Type[opened]("PoolOpened")
		second = schema.Type[opened2]("PoolOpened", schema.Upcast(rename))
		slash  = schema.Type[closed]("pool/closed")
		broken = schema.Type[opened2]("PoolOpened", func(json.RawMessage) (json.RawMessage, error) {
			return nil, errors.New("no idea")
		})
		wrong = schema.Type[opened2]("PoolOpened", schema.Upcast(func(old opened) opened2 { return opened2{} }))
	)
	dir := filepath.Join(t.TempDir(), "golden")
	// The steps build on each other: each is a run over the files of those before.
	for _, step := range []struct {
		name     string
		registry *schema.Registry[any]
		samples  []any
		update   bool
		before   func(t *testing.T)
		want     []string // what the test says, a part of each line; nothing when it passes
	}{
		{name: "no files yet", registry: pool(first), samples: []any{opened{7}},
			want: []string{"PoolOpened.1.json: no such file or directory; UPDATE_GOLDEN=1 writes it"}},
		{name: "files are written", registry: pool(first), samples: []any{opened{7}, opened{8}}, update: true},
		{name: "files are compared", registry: pool(first), samples: []any{opened{7}, opened{8}}},
		{name: "a type is added without a sample", registry: pool(first, slash), samples: []any{opened{7}, opened{8}},
			want: []string{`there is no sample of "pool/closed"`}},
		{name: "a type is added", registry: pool(first, slash), samples: []any{opened{7}, opened{8}, closed{}}, update: true},
		{name: "white space does not count", registry: pool(first, slash), samples: []any{opened{7}, opened{8}, closed{}},
			before: func(t *testing.T) { write(t, dir, "pool%2Fclosed.1.json", "[ {\n}] \n") }},
		{name: "a sample is gone", registry: pool(first, slash), samples: []any{opened{7}, closed{}},
			want: []string{`The saved form of "PoolOpened" changed. If a store has events of schema 1, they need an upcaster to schema 2.`,
				`got  [{"Seats":7}]`, `want [{"Seats":7},{"Seats":8}]`, "UPDATE_GOLDEN=1 writes it"}},
		{name: "a field is renamed", registry: pool(schema.Type[opened2]("PoolOpened"), slash), samples: []any{opened2{7}, opened2{8}, closed{}},
			want: []string{`The saved form of "PoolOpened" changed.`,
				`got  [{"Places":7},{"Places":8}]`, `want [{"Seats":7},{"Seats":8}]`, "UPDATE_GOLDEN=1 writes it"}},
		{name: "a type is gone", registry: pool(first), samples: []any{opened{7}, opened{8}},
			want: []string{"pool%2Fclosed.1.json belongs to no registered type and schema"}},
		{name: "an upcaster is added", registry: pool(second, slash), samples: []any{opened2{9}, closed{}},
			want: []string{"PoolOpened.1.upcast.json: no such file", "PoolOpened.2.json: no such file"}},
		{name: "its files are written", registry: pool(second, slash), samples: []any{opened2{9}, closed{}}, update: true},
		{name: "its files are compared", registry: pool(second, slash), samples: []any{opened2{9}, closed{}}},
		{name: "the upcaster means something else", registry: pool(wrong, slash), samples: []any{opened2{9}, closed{}},
			want: []string{`PoolOpened.1.upcast.json: "PoolOpened" of schema 1 is read differently than before.`,
				`got  [{"Places":0},{"Places":0}]`, `want [{"Places":7},{"Places":8}]`, "UPDATE_GOLDEN=1 writes it"}},
		{name: "the upcaster fails", registry: pool(broken, slash), samples: []any{opened2{9}, closed{}},
			want: []string{`PoolOpened.1.json: sample 1: schema: decode event 0 of actor "": bad data of "PoolOpened", schema 1: upcast schema 1 to 2: no idea`}},
		{name: "the upcaster is removed", registry: pool(schema.Type[opened2]("PoolOpened"), slash), samples: []any{opened2{9}, closed{}},
			want: []string{`The saved form of "PoolOpened" changed.`, "got", "want", "UPDATE_GOLDEN",
				"PoolOpened.1.upcast.json belongs to no", "PoolOpened.2.json belongs to no"}},
		{name: "a former file is empty", registry: pool(second, slash), samples: []any{opened2{9}, closed{}},
			before: func(t *testing.T) { write(t, dir, "PoolOpened.1.json", "[]") },
			want:   []string{"PoolOpened.1.json has no samples"}},
		{name: "a former file is no JSON", registry: pool(second, slash), samples: []any{opened2{9}, closed{}},
			before: func(t *testing.T) { write(t, dir, "PoolOpened.1.json", "{") },
			want:   []string{"PoolOpened.1.json: unexpected end of JSON input"}},
		{name: "a current file is no JSON", registry: pool(first, slash), samples: []any{opened{7}, closed{}},
			want: []string{"PoolOpened.1.json: unexpected end of JSON input", "PoolOpened.1.upcast.json belongs", "PoolOpened.2.json belongs"}},
		{name: "a former file is gone, which no update mends", registry: pool(second, slash), samples: []any{opened2{9}, closed{}}, update: true,
			before: func(t *testing.T) {
				if err := os.Remove(filepath.Join(dir, "PoolOpened.1.json")); err != nil {
					t.Fatal(err)
				}
			},
			want: []string{`the data that programs saved as "PoolOpened", schema 1, is missing; it cannot be made again`}},
	} {
		t.Run(step.name, func(t *testing.T) {
			if step.before != nil {
				step.before(t)
			}
			t.Setenv("UPDATE_GOLDEN", map[bool]string{true: "1"}[step.update])
			expect(t, step.registry, dir, step.samples, step.want)
		})
	}
}

// An update writes nothing into the files of former schemas.
func TestFormerFilesStay(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("UPDATE_GOLDEN", "1")
	const saved = "[{\"Seats\":1}]   "
	write(t, dir, "PoolOpened.1.json", saved)
	expect(t, pool(schema.Type[opened2]("PoolOpened", schema.Upcast(rename))), dir, []any{opened2{9}}, nil)
	if text, err := os.ReadFile(filepath.Join(dir, "PoolOpened.1.json")); err != nil || string(text) != saved {
		t.Errorf("the file is %q, %v", text, err)
	}
}

func TestBadSamples(t *testing.T) {
	t.Setenv("UPDATE_GOLDEN", "1")
	registry := pool(schema.Type[forgets]("PoolOpened"), schema.Type[func()]("PoolFailed"))
	expect(t, registry, t.TempDir(), []any{forgets{7}}, []string{
		"the sample schematest_test.forgets 7 is decoded from its own data {} as 0", `there is no sample of "PoolFailed"`})
	expect(t, registry, t.TempDir(), []any{opened{7}}, []string{"schema: unknown type: the Go type schematest_test.opened is not registered"})
	expect(t, registry, t.TempDir(), []any{func() {}}, []string{`schema: encode "PoolFailed"`})
}

// expect runs Golden and compares what it says, line by line.
func expect(t *testing.T, registry *schema.Registry[any], dir string, samples []any, want []string) {
	t.Helper()
	var r recorder
	schematest.Golden(&r, registry, dir, samples)
	var got []string
	if r.said != "" {
		got = strings.Split(strings.TrimSuffix(r.said, "\n"), "\n")
	}
	if len(got) != len(want) {
		t.Fatalf("said\n%s\nwant %d lines: %q", r.said, len(want), want)
	}
	for i, line := range got {
		if !strings.Contains(line, want[i]) {
			t.Errorf("line %d is\n%s\nwant\n%s", i+1, line, want[i])
		}
	}
}

func write(t *testing.T, dir, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

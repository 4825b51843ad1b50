// Package schematest pins the saved form of a domain's events with files, so that
// no change of the code changes what a store has or how it is read.
package schematest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/schema"
)

// Golden holds the registry against the files in the folder dir, which is theirs
// alone. There is one for every schema of every type:
//
//   - RoverMoved.2.json has the data of the samples of that type, if 2 is its
//     current schema. They are encoded like this, and decoded to what they were.
//   - RoverMoved.1.json is the same from when 1 was the current schema. It is never
//     written again.
//   - RoverMoved.1.upcast.json is what RoverMoved.1.json is today: decoded, which
//     takes it through the upcasters, and encoded again.
//
// There must be a sample of every registered type, and a file of a type that is
// not registered any more is an error, as stores may still have such events.
//
// With UPDATE_GOLDEN=1 in the environment, Golden writes the files of the current
// schemas and the upcast ones in place of comparing them; what they say is to be
// read in the diff. Changing the file of a current schema is right only while no
// event was saved with it; afterwards the type needs an upcaster. (It is no flag
// since a flag would be global, and because "go test ./... -update" fails in
// packages that do not define it.)
func Golden[E any](t testing.TB, registry *schema.Registry[E], dir string, samples []E) {
	t.Helper()
	g := golden[E]{registry: registry, dir: dir, update: os.Getenv("UPDATE_GOLDEN") == "1", used: make(map[string]bool)}
	if err := g.run(samples); err != nil {
		t.Error(err)
	}
}

type golden[E any] struct {
	registry *schema.Registry[E]
	dir      string
	update   bool
	used     map[string]bool // the files that belong here
}

// run returns all that is wrong, joined.
func (g *golden[E]) run(samples []E) error {
	var problems []error
	current := make(map[string][]json.RawMessage)
	for _, sample := range samples {
		event, err := g.registry.Encode(sample)
		if err != nil {
			return err
		}
		again, err := g.registry.Decode(event)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(again, sample) {
			problems = append(problems, fmt.Errorf("the sample %T %+v is decoded from its own data %s as %+v", sample, sample, event.Data, again))
		}
		current[event.Type] = append(current[event.Type], event.Data)
	}
	for _, name := range g.registry.Types() {
		if current[name] == nil {
			problems = append(problems, fmt.Errorf("there is no sample of %q", name))
		}
		last := g.registry.Schema(name)
		for schema := 1; schema < last; schema++ {
			problems = append(problems, g.former(name, schema))
		}
		problems = append(problems, g.compare(g.file(name, last, ""), current[name],
			fmt.Sprintf("The saved form of %q changed. If a store has events of schema %d, they need an upcaster to schema %d", name, last, last+1)))
	}
	return errors.Join(append(problems, g.strangers())...)
}

// former checks a schema that is not the current one.
func (g *golden[E]) former(name string, schema int) error {
	file, upcastFile := g.file(name, schema, ""), g.file(name, schema, ".upcast")
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("the data that programs saved as %q, schema %d, is missing; it cannot be made again but comes from the history of the source: %w", name, schema, err)
	}
	var old, upcast []json.RawMessage
	if err := json.Unmarshal(text, &old); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if len(old) == 0 {
		return fmt.Errorf("%s has no samples", file)
	}
	for i, data := range old {
		value, err := g.registry.Decode(aether.Event{Type: name, Schema: schema, Data: data})
		if err != nil {
			return fmt.Errorf("%s: sample %d: %w", file, i+1, err)
		}
		event, err := g.registry.Encode(value)
		if err != nil {
			return fmt.Errorf("%s: sample %d: %w", file, i+1, err)
		}
		upcast = append(upcast, event.Data)
	}
	return g.compare(upcastFile, upcast,
		fmt.Sprintf("%q of schema %d is read differently than before", name, schema))
}

// file names a file. A type's name may have characters that a file's may not.
func (g *golden[E]) file(name string, schema int, suffix string) string {
	base := fmt.Sprintf("%s.%d%s.json", url.PathEscape(name), schema, suffix)
	g.used[base] = true
	return filepath.Join(g.dir, base)
}

// compare holds samples against a file, or writes it. White space does not count.
func (g *golden[E]) compare(file string, samples []json.RawMessage, changed string) error {
	got, err := json.Marshal(samples)
	if err != nil || samples == nil {
		return err
	}
	if g.update {
		var text bytes.Buffer
		json.Indent(&text, got, "", "\t") // of what Marshal made, it does not fail
		text.WriteByte('\n')
		return errors.Join(os.MkdirAll(g.dir, 0o777), os.WriteFile(file, text.Bytes(), 0o666))
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%w; UPDATE_GOLDEN=1 writes it", err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, text); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		return fmt.Errorf("%s: %s.\n\tgot  %s\n\twant %s\nUPDATE_GOLDEN=1 writes it", file, changed, got, want.Bytes())
	}
	return nil
}

// strangers finds the files that belong to no type and schema.
func (g *golden[E]) strangers() error {
	entries, err := os.ReadDir(g.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var problems []error
	for _, entry := range entries {
		if !g.used[entry.Name()] {
			problems = append(problems, fmt.Errorf("%s belongs to no registered type and schema", filepath.Join(g.dir, entry.Name())))
		}
	}
	return errors.Join(problems...)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/jsonl"
	"github.com/aether-es/aether/storekit"
	"github.com/spf13/cobra"
)

func newImportCommand(p *program) *cobra.Command {
	var want string
	cmd := &cobra.Command{
		Use:   "import [FILE]",
		Short: "Save events that another store exported",
		Long: `Import saves events with the versions, ids and times that they have; from stdin when
there is no FILE or it is "-". It makes the store if there is none. Like append it may
be repeated after an interruption; events that are there already are compared with
the input, and it is an error when they differ.

In the end it prints the number of events and their checksum, as export does: when both
are the same, so are the events. --sha256 compares them, for scripts.`,
		Example: `  aether export --data old | aether import --data new
  aether import events.jsonl --sha256 "$(jq -r .sha256 report.json)"`,
		Args: arguments(0, 1, "a file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if want = strings.ToLower(want); want != "" && !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(want) {
				return &usageError{cmd, errors.New("--sha256 wants 64 hexadecimal digits")}
			}
			input, size, err := p.input(args)
			if err != nil {
				return err
			}
			defer input.Close()
			sum := jsonl.NewSum()
			in := &intake{console: p.console, size: size, prepare: prepareImport}
			err = p.saveTo(cmd.Context(), func(store aether.EventStore) error {
				in.store = store
				in.landed = func(lines []jsonl.Line, events []aether.Event, repeated bool) error {
					if repeated {
						if err := compare(cmd.Context(), store, lines, events); err != nil {
							return err
						}
					}
					for i := range events {
						if _, err := sum.Add(&events[i]); err != nil {
							return err
						}
					}
					return nil
				}
				return in.run(cmd.Context(), input)
			})
			if err != nil {
				return err
			}
			in.report.SHA256 = sum.String()
			if want != "" && want != in.report.SHA256 {
				return fmt.Errorf("the events of the input have the SHA-256 %s, not %s: they are not those that were exported; they are saved", in.report.SHA256, want)
			}
			return p.reportIntake(&in.report, "imported")
		},
	}
	cmd.Flags().StringVar(&want, "sha256", "", "the checksum that export printed; fail when this input's is another")
	p.addWait(cmd)
	return cmd
}

// prepareImport completes the events, so that what is added to the checksum is
// what the store has.
func prepareImport(lines []jsonl.Line, events []aether.Event) ([]aether.Event, error) {
	for i := range lines {
		if lines[i].Event.Version == 0 {
			return nil, &jsonl.LineError{Line: lines[i].Number, Field: "version", Reason: "is missing; import needs it (append does not)"}
		}
	}
	return storekit.Complete(events, time.Now())
}

// compare compares events that had been saved before with those in the store. The
// versions of an actor follow on each other.
func compare(ctx context.Context, store aether.EventStore, lines []jsonl.Line, events []aether.Event) error {
	places := make(map[string][]int)
	for i := range events {
		places[events[i].ActorID] = append(places[events[i].ActorID], i)
	}
	for actorID, its := range places {
		for saved, err := range store.GetEvents(ctx, actorID, events[its[0]].Version-1) {
			if err != nil {
				return err
			}
			i := its[0]
			if field := difference(&saved, &events[i]); field != "" {
				return &jsonl.LineError{Line: lines[i].Number, Field: field, Reason: fmt.Sprintf("is not that of the event %q, version %d of %s, in the store, which stays as it is", saved.ID, saved.Version, saved.ActorID)}
			}
			if its = its[1:]; len(its) == 0 {
				break
			}
		}
	}
	return nil
}

// difference names the first field in which two events of the same ID differ.
func difference(a, b *aether.Event) string {
	switch {
	case a.Type != b.Type:
		return "type"
	case a.Schema != b.Schema:
		return "schema"
	case a.Metadata != b.Metadata:
		return "metadata"
	case !a.Time.Equal(b.Time):
		return "time"
	case string(jsonl.AppendCompact(nil, a.Data)) != string(jsonl.AppendCompact(nil, b.Data)):
		return "data"
	}
	return ""
}

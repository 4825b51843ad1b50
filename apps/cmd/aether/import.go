package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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
there is no FILE or it is "-". The first event makes the store if there is none. Like
append it may be repeated after an interruption; events that are there already are
compared with the input, and it is an error when they differ.

In the end it prints the number of events and their checksum, as export does: when both
are the same, so are the events. --sha256 compares them, for scripts: a FILE before
anything is saved, what comes from stdin or a pipe in the end, when it is saved.`,
		Example: `  aether export --data old | aether import --data new
  aether import events.jsonl --sha256 "$(jq -r .sha256 report.json)"`,
		Args: arguments(0, 1, "a file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if want = strings.ToLower(want); cmd.Flags().Changed("sha256") && !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(want) {
				return &usageError{cmd, errors.New("--sha256 wants 64 hexadecimal digits")}
			}
			if cmd.Flags().Changed("sha256") {
				if err := p.checkSum(cmd.Context(), args, want); err != nil {
					return err
				}
			}
			sum := jsonl.NewSum()
			in := &intake{console: p.console, prepare: prepareImport}
			in.landed = func(events []aether.Event) error {
				for i := range events {
					if _, err := sum.Add(&events[i]); err != nil {
						return err
					}
				}
				return nil
			}
			if err := p.intake(cmd.Context(), in, args); err != nil {
				return err
			}
			in.report.SHA256 = sum.String()
			if want != "" && want != in.report.SHA256 {
				return &sumError{in.report.SHA256, want, "they are saved"}
			}
			return p.reportIntake(&in.report, "imported")
		},
	}
	cmd.Flags().StringVar(&want, "sha256", "", "the checksum that export printed; fail when this input's is another")
	p.addNamespace(cmd)
	p.addProgress(cmd)
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

// checkSum reads a file and compares its checksum before anything of it is saved.
// What is no file can be read only once, and is left for the end.
func (p *program) checkSum(ctx context.Context, args []string, want string) error {
	if len(args) == 0 || args[0] == "-" {
		return nil
	}
	if info, err := os.Stat(args[0]); err == nil && !info.Mode().IsRegular() {
		return nil
	}
	input, size, err := p.input(args)
	if err != nil {
		return err
	}
	defer input.Close()
	reader, sum := jsonl.NewReader(input), jsonl.NewSum()
	for {
		line, err := reader.Read()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return (&intake{}).failed(err, nil)
		}
		lines := []jsonl.Line{line}
		events, err := prepareImport(lines, []aether.Event{line.Event})
		if err != nil {
			return (&intake{}).failed(err, lines)
		}
		if _, err := sum.Add(&events[0]); err != nil {
			return err
		}
		p.console.progress(func() string { return fmt.Sprintf("checking the input: %d %%", 100*reader.Bytes()/max(1, size)) })
	}
	if sum.String() != want {
		return &sumError{sum.String(), want, "nothing is saved"}
	}
	return nil
}

// sumError says that the input is not what --sha256 wants.
type sumError struct{ got, want, saved string }

func (e *sumError) Error() string {
	return fmt.Sprintf("the events of the input have the SHA-256 %s, not %s: they are not those that were exported; %s", e.got, e.want, e.saved)
}

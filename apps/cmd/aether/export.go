package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/jsonl"
	"github.com/spf13/cobra"
)

func newExportCommand(p *program) *cobra.Command {
	force := false
	cmd := &cobra.Command{
		Use:   "export [FILE]",
		Short: "Write all events of a namespace as JSON lines",
		Long: `Export writes the events of a namespace, in the order of their positions, as JSON lines
that import reads: to stdout when there is no FILE or it is "-". A FILE is there whole or
not at all; one that is there already is kept, unless --force is given.

In the end it prints the number of events and their checksum, on stdout when the events
go to a FILE, else on stderr. The checksum is the SHA-256 of the lines without
positions, each with its newline, and so the same in every store that has these events:

  sed 's/,"position":[0-9]*}$/}/' FILE | sha256sum

Other namespaces are exported by themselves; backup copies all of them at once.`,
		Example: `  aether export events.jsonl
  aether export --data old | aether import --data new
  aether export --json events.jsonl > report.json`,
		Args: arguments(0, 1, "a file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && args[0] != "-" && !force {
				if err := keepFile(args[0]); err != nil {
					return err
				}
			}
			return p.readFrom(cmd.Context(), func(engine aether.Engine, store aether.EventStore) error {
				var report exportReport
				write := func(out io.Writer) (err error) {
					if report, err = p.export(cmd.Context(), store, out); err == nil && report.Events == 0 {
						err = p.checkNamespace(cmd.Context(), engine)
					}
					return err
				}
				if len(args) == 0 || args[0] == "-" {
					if err := write(p.stdout); err != nil {
						return err
					}
					return report.print(p.console, p.json)
				}
				if err := writeWhole(args[0], write); err != nil {
					return err
				}
				return report.print(p.stdout, p.json)
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace a FILE that is there already")
	p.addNamespace(cmd)
	p.addProgress(cmd)
	return cmd
}

type exportReport struct {
	Events   int64           `json:"events"`
	Position aether.Position `json:"position"` // of the last
	SHA256   string          `json:"sha256"`
}

func (r *exportReport) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	_, err := fmt.Fprintf(out, "exported %s\nsha256 %s\n", plural(r.Events, "event"), r.SHA256)
	return err
}

// export writes all events.
func (p *program) export(ctx context.Context, store aether.EventStore, to io.Writer) (exportReport, error) {
	var report exportReport
	out := bufio.NewWriterSize(to, 256<<10)
	sum := jsonl.NewSum()
	for e, err := range store.ReadLog(ctx, 0, nil) {
		if err != nil {
			return report, err
		}
		line, err := sum.Add(&e)
		if err == nil {
			_, err = out.Write(line)
		}
		if err != nil {
			return report, err
		}
		report.Position = e.Position
		p.console.progress(func() string { return "exported " + plural(sum.Events(), "event") })
	}
	report.Events, report.SHA256 = sum.Events(), sum.String()
	return report, out.Flush()
}

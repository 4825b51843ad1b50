package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

func newAppendCommand(p *program) *cobra.Command {
	force := false
	cmd := &cobra.Command{
		Use:   "append [FILE]",
		Short: "Save events from JSON lines",
		Long: `Append saves events, one JSON object a line, in the order of the lines; from stdin when
there is no FILE or it is "-". The first event makes the store if there is none.

A line with a version is saved only as that version of its actor: "the latest I know is
the one before". A line without one is saved as its actor's next. Every line counts by
itself: where one is refused, those before it are saved, and the message says so.

Saving the same events again, with the same ids, writes nothing, so after an
interruption the same input may be appended from its beginning. They are compared with
those in the store: an id that comes again with another content is an error (exit 1)
that names the line and the field. Events without an id get a new one each time.

What is unknown, misspelled or there twice in a line is an error. The position is never
read: the store assigns it.

Actors of the kind "grid" belong to the rover system of aether serve, which makes their
events because of commands. An event that it cannot read makes the actor useless, and
nothing takes it out again, so append refuses that kind, unless --force is given.

While a server has the store open append is refused, too: one process at a time saves.`,
		Example: `  aether append events.jsonl
  echo '{"actorId":"lamp/desk","type":"LampLit","data":{"watts":5}}' | aether append
  tail -f facts.jsonl | aether append --data /srv/facts --wait 10s`,
		Args: arguments(0, 1, "a file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := &intake{console: p.console, prepare: prepareAppend}
			if force {
				in.prepare = nil
			}
			if err := p.intake(cmd.Context(), in, args); err != nil {
				return err
			}
			return p.reportIntake(&in.report, "saved")
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "also into actors that belong to a system")
	p.addNamespace(cmd)
	p.addProgress(cmd)
	p.addWait(cmd)
	return cmd
}

// reportIntake tells what append or import did.
func (p *program) reportIntake(r *intakeReport, done string) error {
	if p.json {
		return json.NewEncoder(p.stdout).Encode(r)
	}
	text := "there were no events to be " + done
	switch {
	case r.Saved > 0:
		text = fmt.Sprintf("%s %s, %s", done, plural(r.Saved, "event"), span("position", r.First, r.Position))
		if r.Repeated > 0 {
			text += fmt.Sprintf("; %s had been saved before", grouped(r.Repeated))
		}
	case r.Repeated == 1:
		text = done + " nothing: the event had been saved before"
	case r.Repeated > 0:
		text = fmt.Sprintf("%s nothing: all %s had been saved before", done, plural(r.Repeated, "event"))
	}
	if r.SHA256 != "" {
		text += "\nsha256 " + r.SHA256
	}
	_, err := fmt.Fprintln(p.stdout, text)
	return err
}

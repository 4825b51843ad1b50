package main

import (
	"errors"
	"fmt"

	"github.com/aether-es/aether"
	"github.com/spf13/cobra"
)

func newReadCommand(p *program) *cobra.Command {
	var after, limit uint64
	cmd := &cobra.Command{
		Use:   "read ACTOR",
		Short: "Print the events of one actor",
		Long: `Read prints the events of one actor in the order of their versions.

It reads past all other events to find them, a second per million or two, and leaves
out what was saved since it began.`,
		Example: `  aether read grid/mars
  aether read grid/mars --after 7 --json`,
		Args: actorArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.readFrom(cmd.Context(), func(engine aether.Engine, store aether.EventStore) error {
				out := newPrinter(p.stdout, p.json)
				err := out.printAll(store.GetEvents(cmd.Context(), args[0], aether.Version(after)), limit)
				if err = errors.Join(err, out.flush()); err == nil && out.events == 0 {
					if err := p.checkNamespace(cmd.Context(), engine); err != nil {
						return err
					}
					none := args[0] + " has no events"
					if after > 0 {
						none += fmt.Sprintf(" after version %d", after)
					}
					p.note("%s in namespace %q", printable(none), p.namespace)
				}
				return err
			})
		},
	}
	cmd.Flags().Var((*number)(&after), "after", "only events with a greater `version`")
	p.addNamespace(cmd)
	cmd.Flags().Var((*number)(&limit), "limit", "at most this `number` of events; 0: all")
	return cmd
}

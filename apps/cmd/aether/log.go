package main

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/aether-es/aether"
	"github.com/spf13/cobra"
)

func newLogCommand(p *program) *cobra.Command {
	var (
		follow           bool
		after, to, limit uint64
		kinds, types     []string
	)
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Print events of all actors in the order in which they were saved",
		Long: `Log prints the events of all actors in the order of their positions. With --follow it
waits for more until it is interrupted, and shows what other processes save within
moments. --kind and --type may be given several times; an event must have one of the
kinds, and one of the types.`,
		Example: `  aether log
  aether log --kind grid --type RoverLanded --type RoverBlocked
  aether log --after 1200 --to 1300 --json
  aether log --follow --json | jq --unbuffered .type`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFilters(cmd, kinds, types); err != nil {
				return err
			}
			return p.readFrom(cmd.Context(), func(engine aether.Engine, store aether.EventStore) error {
				ctx := cmd.Context()
				out := newPrinter(p.stdout, p.json)
				read := store.ReadLog
				if follow {
					if p.namespace != defaultNamespace { // it may be misspelt
						if err := p.checkNamespace(ctx, engine); err != nil {
							p.note("%s; this waits for its first", message(err))
						}
					}
					ctx, read = out.follow(ctx), store.FollowLog
				}
				options := &aether.LogOptions{To: aether.Position(to), Kinds: kinds, Types: types}
				err := out.printAll(read(ctx, aether.Position(after), options), limit)
				if follow && errors.Is(err, context.Canceled) {
					err = nil // interrupted, which is how following ends
				}
				if err = errors.Join(err, out.flush()); err == nil && out.events == 0 && !follow {
					if err = p.checkNamespace(ctx, engine); err == nil {
						p.note("there are no %sevents in namespace %q%s", such(len(kinds)+len(types) > 0 || after > 0 || to > 0), p.namespace, commaHint(kinds, types))
					}
				}
				return err
			})
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&follow, "follow", "f", false, "wait for more events, until interrupted")
	flags.Var((*number)(&after), "after", "only events with a greater `position`")
	flags.Var((*number)(&to), "to", "only events up to this `position`; 0: all")
	flags.Var((*number)(&limit), "limit", "at most this `number` of events; 0: all")
	flags.StringArrayVar(&kinds, "kind", nil, "only events of actors of this `kind`, as in kind/key")
	flags.StringArrayVar(&types, "type", nil, "only events of this `type`")
	p.addNamespace(cmd)
	return cmd
}

// such is a word of what nothing was found of, where not everything was looked for.
func such(filtered bool) string {
	if filtered {
		return "such "
	}
	return ""
}

// commaHint tells who has put several kinds or types into one flag, which may have
// commas, what to do instead.
func commaHint(kinds, types []string) string {
	if !slices.ContainsFunc(slices.Concat(kinds, types), func(value string) bool { return strings.Contains(value, ",") }) {
		return ""
	}
	return "; for several kinds or types give --kind or --type several times, without commas"
}

// printAll prints up to limit events, all of them when it is 0.
func (p *printer) printAll(events iter.Seq2[aether.Event, error], limit uint64) error {
	for e, err := range events {
		if err != nil {
			return err
		}
		if err := p.print(&e); err != nil {
			return err
		}
		if uint64(p.events) == limit {
			break
		}
	}
	return nil
}

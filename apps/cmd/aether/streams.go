package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/aether-es/aether"
	"github.com/spf13/cobra"
)

func newStreamsCommand(p *program) *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use:   "streams",
		Short: "List the actors that have events",
		Long: `Streams lists the actors, ordered by their IDs, each with the version of its last event,
which is also the number of its events. With --json a line is
{"actorId":"grid/mars","version":10}.

It reads the whole log, a second per million events or two, and keeps one entry for
each actor in memory.`,
		Example: `  aether streams
  aether streams --kind grid --json`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("kind") {
				if err := checkFilters(cmd, []string{kind}, nil); err != nil {
					return err
				}
			}
			return p.readFrom(cmd.Context(), func(engine aether.Engine, store aether.EventStore) error {
				return p.printStreams(cmd, engine, store, kind)
			})
		},
	}
	p.addNamespace(cmd)
	cmd.Flags().StringVar(&kind, "kind", "", "only actors of this `kind`, as in kind/key")
	return cmd
}

func (p *program) printStreams(cmd *cobra.Command, engine aether.Engine, store aether.EventStore, kind string) error {
	out := bufio.NewWriter(p.stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	rows := &table{out: out, columns: []column{{title: "ACTOR"}, {title: "VERSION", right: true}}}
	found := false
	for actor, err := range store.GetActors(cmd.Context(), kind) {
		if err != nil {
			return errors.Join(err, rows.flush(), out.Flush())
		}
		found = true
		if p.json {
			err = encoder.Encode(stream{actor.ID, actor.Version})
		} else {
			err = rows.row(printable(actor.ID), strconv.FormatUint(uint64(actor.Version), 10))
		}
		if err != nil {
			return err
		}
	}
	if !found {
		if err := p.checkNamespace(cmd.Context(), engine); err != nil {
			return err
		}
		p.note("there are no %sactors in namespace %q", such(kind != ""), p.namespace)
	}
	return errors.Join(rows.flush(), out.Flush())
}

type stream struct {
	ActorID string         `json:"actorId"`
	Version aether.Version `json:"version"`
}

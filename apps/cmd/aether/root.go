package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aether-es/aether"
	"github.com/spf13/cobra"
)

// newRootCommand returns the command line.
func newRootCommand(p *program) *cobra.Command {
	root := &cobra.Command{
		Use:   "aether",
		Short: "Keep events, and read them again",
		Long: `Aether keeps events: facts that are appended to a log and never change. Each belongs to
an actor, "kind/key", whose events have the versions 1, 2, 3 …; together they form a
log with the positions 1, 2, 3 …. A store is a folder, and no server is needed.

Events go in and out as JSON, one a line:

  {"id":"mars-2","actorId":"grid/mars","version":2,"type":"RoverLanded","schema":1,
   "data":{"rover":"spirit","x":1,"y":2},"metadata":{"correlationId":"…"},
   "time":"2026-03-02T08:00:07.25Z","position":2}

Only actorId, type and data must be there, for import also the version.

One process at a time can save. Everything else works while it does: read, log,
streams, export, verify and backup neither wait for it nor get in its way.

Exit codes:
  0  done
  1  failed
  2  wrong usage
  3  version conflict: the actor has another event at that version
Errors go to stderr. With --json they are objects: {"error":…,"class":…}, where the
input was at fault with "line", and with "savedLines", up to which the input is saved.`,
		Example: `  aether append events.jsonl
  aether log --kind station --follow
  aether read station/CP-1 --json | jq .data
  aether <command> --help`,
		Version:               version(),
		SilenceErrors:         true,
		DisableFlagsInUseLine: true,
		SilenceUsage:          true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			message := fmt.Sprintf("there is no command %q", args[0])
			cmd.SuggestionsMinimumDistance = 1 // typing errors, not other words
			if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
				message += "; did you mean " + strings.Join(like, " or ") + "?"
			}
			return &usageError{cmd, errors.New(message)}
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return &usageError{cmd, errors.New("which command?")}
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return p.checkFlags(cmd) },
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{cmd, err} })
	p.addFlags(root)
	root.AddCommand(
		newAppendCommand(p),
		newReadCommand(p),
		newLogCommand(p),
		newStreamsCommand(p),
		newExportCommand(p),
		newImportCommand(p),
		newVerifyCommand(p),
		newBackupCommand(p),
		newRestoreCommand(p),
		newBenchCommand(),
	)
	return root
}

// arguments says how many arguments a command takes, and what they are.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return &usageError{cmd, fmt.Errorf("%s is missing", what)}
		case len(args) > most && most == 0:
			return &usageError{cmd, fmt.Errorf("it takes no argument, but there is %q", args[0])}
		case len(args) > most:
			return &usageError{cmd, fmt.Errorf("it takes one argument, %s, but there are %d: %q", what, len(args), args)}
		}
		return nil
	}
}

// actorArgument is one argument, the ID of an actor.
func actorArgument(cmd *cobra.Command, args []string) error {
	if err := arguments(1, 1, "the actor")(cmd, args); err != nil {
		return err
	}
	var invalid *aether.InvalidError
	if err := aether.CheckActorID(args[0]); errors.As(err, &invalid) {
		return &usageError{cmd, fmt.Errorf("the actor %s", invalid.Reason)}
	}
	return nil
}

// number is the value of a flag. It differs from those that cobra brings in what
// it says of a wrong one.
type number uint64

func (n *number) Set(text string) error {
	value, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return errors.New("it must be a whole number")
	}
	*n = number(value)
	return nil
}

func (n *number) String() string { return strconv.FormatUint(uint64(*n), 10) }
func (n *number) Type() string   { return "number" }

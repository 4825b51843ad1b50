package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aether-es/aether"
	"github.com/spf13/cobra"
)

// newRootCommand returns the command line.
func newRootCommand(p *program) *cobra.Command {
	showVersion := false
	root := &cobra.Command{
		Use:   "aether",
		Short: "Keep events, and read them again",
		Long: `Aether keeps events: facts that are appended to a log and never change. Each belongs to
an actor, "kind/key", whose events have the versions 1, 2, 3 …; together they form a
log with the positions 1, 2, 3 …. A store is a folder, and no server is needed; with
--store it is in PostgreSQL or NATS JetStream, which several machines share.

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
  2  wrong usage: of commands, flags and arguments, not of what is in files
  3  version conflict: the version is not the actor's next

To find nothing is no failure. That a namespace has no events while others have is one:
it is most likely misspelt.

Errors and warnings go to stderr. With --json they are objects: {"warning":…} and
{"error":…,"class":…}. The classes are usage (exit code 2) and conflict (3), and with 1:
  invalid      an event breaks a rule
  duplicate    its id is in the store, with another version or content
  not-found    no such store, backup, namespace or file
  in-use       another process is saving
  damaged      the store or backup is not as it was written
  backup       the folder is a backup, in which nothing can be saved
  unfinished   a backup or restore into the folder was cut short
  unavailable  the servers of the store cannot be reached
  not-migrated the schema in PostgreSQL is not up to date: aether migrate
  disk-full, stopped (the disk failed), interrupted, failed (anything else)

An error of append or import has "savedLines", up to which the input is saved, and
"line" where one is at fault; a conflict "actorId", "tried" and "latest", which are
versions; a duplicate "actorId", "id", "version" in the store, and "tried".`,
		Example: `  aether append events.jsonl
  aether log --kind station --follow
  aether read station/CP-1 --json | jq .data
  aether <command> --help`,
		SilenceErrors:         true,
		DisableFlagsInUseLine: true,
		SilenceUsage:          true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return noSuchCommand(cmd, args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if showVersion {
				return p.printVersion()
			}
			return &usageError{cmd, errors.New("which command?")}
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return p.checkFlags(cmd) },
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.Flags().BoolVar(&showVersion, "version", false, "say which version this is")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{cmd, err} })
	p.addFlags(root)
	root.AddCommand(
		newAppendCommand(p),
		newReadCommand(p),
		newLogCommand(p),
		newStreamsCommand(p),
		newExportCommand(p),
		newImportCommand(p),
		embedded(newVerifyCommand(p)),
		embedded(newBackupCommand(p)),
		embedded(newRestoreCommand(p)),
		newServeCommand(p),
		newRebuildCommand(p),
		newMigrateCommand(p),
		newNATSCommand(p),
		newPaysimCommand(p),
		newSimulateCommand(p),
		newBenchCommand(p),
		newVersionCommand(p),
	)
	root.SetHelpCommand(newHelpCommand())
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if wrong := cmd.Flags().Args(); cmd == root && len(wrong) > 0 {
			p.noHelp = noSuchCommand(root, wrong[0])
			return
		}
		root.PersistentFlags().Lookup("data").Hidden = isStoreless(cmd)
		root.PersistentFlags().Lookup("store").Hidden = isStoreless(cmd) && cmd.Annotations["servers"] == "" || isEmbedded(cmd) || cmd.Annotations["folder"] != ""
		help(cmd, args)
	})
	return root
}

func newHelpCommand() *cobra.Command {
	return storeless(&cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help of a command",
		Args:  arguments(0, 1, "a command"),
		RunE: func(cmd *cobra.Command, args []string) error {
			about, _, err := cmd.Root().Find(args)
			if err != nil || len(args) > 0 && about == cmd.Root() {
				return noSuchCommand(cmd.Root(), args[0])
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	})
}

func noSuchCommand(root *cobra.Command, name string) error {
	message := fmt.Sprintf("there is no command %q", name)
	root.SuggestionsMinimumDistance = 1 // typing errors, not other words
	if like := root.SuggestionsFor(name); len(like) > 0 {
		message += "; did you mean " + strings.Join(like, " or ") + "?"
	}
	return &usageError{root, errors.New(message)}
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

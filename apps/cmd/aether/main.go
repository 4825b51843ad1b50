// Command aether keeps events in a folder and shows them: see aether --help.
package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/aether-es/aether/apps/internal/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program. It returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := newProgram(stdin, stdout, stderr)
	if len(args) > 0 && args[0] == bench.LiveClientsFlag {
		return p.reportError(bench.RunLiveClients(ctx, args[1:], stdout)) // a child of aether bench
	}
	if len(args) > 0 && args[0] == bench.SaleClientsFlag {
		return p.reportError(bench.RunSaleClients(ctx, args[1:], stdout)) // another one
	}
	if len(args) > 0 && args[0] == bench.StationsFlag {
		return p.reportError(bench.RunStations(ctx, args[1:], stdin, stdout)) // and another
	}
	root := newRootCommand(p)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(p.console)
	err := cmp.Or(root.ExecuteContext(ctx), p.noHelp)
	p.console.clear()
	var usage *usageError
	if errors.As(err, &usage) && slices.Contains(args, "--json") {
		p.json = true // it may stand behind the flag at which parsing ended
	}
	return p.reportError(err)
}

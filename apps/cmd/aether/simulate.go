package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/tickets/simulate"
	"github.com/spf13/cobra"
)

func newSimulateCommand(p *program) *cobra.Command {
	cmd := storeless(&cobra.Command{
		Use:   "simulate",
		Short: "Send a rush or stations to a server that runs, and audit what became of it",
		Long: `Simulate does to a server what many people or stations would do at the same time, over the
network from this process, and then audits what has become of it. Start one first: aether serve.`,
		Example: `  aether simulate tickets --customers 5000
  aether simulate stations --count 12`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return &usageError{cmd, fmt.Errorf("there is nothing called %q to simulate; there are tickets and stations", args[0])}
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return &usageError{cmd, errors.New("simulate what?")} },
	})
	cmd.AddCommand(newSimulateTicketsCommand(p), newSimulateStationsCommand(p))
	return cmd
}

func newSimulateTicketsCommand(p *program) *cobra.Command {
	customers, concurrent, capacity, seed := number(5000), number(200), number(1000), number(0)
	var options simulate.Options
	var tokenFile string
	cmd := storeless(&cobra.Command{
		Use:   "tickets",
		Short: "Send a rush of customers to a pool of tickets",
		Long: `Tickets sends a rush of customers to a pool: most buy; some click twice, repeat what they sent,
give back, abandon, pay when the rush is over, are declined, or want too many. It makes a new
pool for that, or takes one that is there.

Afterwards it audits by the integration events, by what each customer was told, by the
queries, and by the ledger of aether paysim, if it is named: sold, held and available
tickets are the capacity at every version; no ticket is in two hands; no customer has more
than four; what was acknowledged has happened, once; money captured is that of the tickets
sold. Exit code 1 says that something is not so. Without customers it audits a pool alone.`,
		Example: `  aether simulate tickets --customers 5000
  aether simulate tickets --customers 5000 --capacity 3000 --ledger http://127.0.0.1:8090
  aether simulate tickets --customers 0 --pool k7x2m9qa4tzc`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if options.Token, err = readToken(tokenFile); err != nil {
				return err
			}
			switch {
			case options.Pool != "" && cmd.Flags().Changed("capacity"):
				return &usageError{cmd, errors.New("--capacity is that of a new pool, so it does not go with --pool")}
			case options.Pool == "" && customers == 0:
				return &usageError{cmd, errors.New("--customers 0 audits only, so it wants --pool")}
			case customers > 1_000_000 || concurrent < 1 || concurrent > 10_000 || capacity < 1 || capacity > math.MaxInt32:
				return &usageError{cmd, errors.New("there are at most a million --customers, and 1 to 10000 of them --concurrent; --capacity is at least 1")}
			}
			for flag, address := range map[string]string{"url": options.URL, "ledger": options.Ledger} {
				if u, err := url.Parse(address); (address != "" || flag == "url") && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
					return &usageError{cmd, fmt.Errorf("--%s is %q; say it like http://127.0.0.1:8080", flag, address)}
				}
			}
			if !cmd.Flags().Changed("seed") {
				seed = number(rand.Uint64() >> 1)
			}
			options.Customers, options.Concurrent, options.Capacity, options.Seed = int(customers), int(concurrent), int(capacity), uint64(seed)
			options.Progress = func(done int) {
				p.console.progress(func() string {
					return fmt.Sprintf("%s of %s", grouped(int64(done)), plural(int64(customers), "customer"))
				})
			}
			return p.simulateTickets(cmd, options)
		},
	})
	cmd.Flags().Var(&customers, "customers", "how many customers come")
	cmd.Flags().Var(&concurrent, "concurrent", "how many of them at a time")
	cmd.Flags().StringVar(&options.URL, "url", "http://127.0.0.1:8080", "`URL` of the server")
	cmd.Flags().StringVar(&options.Pool, "pool", "", "`ID` of a pool that is there; else one is made")
	cmd.Flags().Var(&capacity, "capacity", "how many tickets the new pool has")
	cmd.Flags().StringVar(&options.Ledger, "ledger", "", "`URL` of the aether paysim that takes the money")
	cmd.Flags().StringVar(&tokenFile, "token-file", "", "`file` with the token of the server")
	cmd.Flags().Var(&seed, "seed", "what the customers do follows from it; else from chance")
	cmd.Flags().DurationVar(&options.Settle, "settle", time.Minute, "how long payments under way are waited for in the end")
	return cmd
}

func (p *program) simulateTickets(cmd *cobra.Command, options simulate.Options) error {
	if err := reach(cmd.Context(), options.URL); err != nil {
		return err
	}
	report, err := simulate.Run(cmd.Context(), options)
	if err != nil {
		return err
	}
	if p.json {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(report)
	} else {
		err = report.Write(cmd.OutOrStdout())
	}
	if n := len(report.Problems); err == nil && n > 0 {
		err = fmt.Errorf("the audit of pool %s finds %s; with --seed %d the customers do the same again", report.Pool, plural(int64(n), "error"), options.Seed)
	}
	return err
}

// reach says whether there is a server: a rush waits for one that is away for a while, as
// customers do, and this is not what somebody wants who has not started it.
func reach(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(address, "/")+"/healthz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("there is no server, start one with aether serve: %w", err)
	}
	return response.Body.Close()
}

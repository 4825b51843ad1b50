package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	stations "github.com/aether-es/aether/apps/charging/simulate"
	"github.com/spf13/cobra"
)

// maxStations is how many stations one process may simulate: each has a socket.
const maxStations = 25_000

func newSimulateStationsCommand(p *program) *cobra.Command {
	count, seed, length, settle := number(12), number(1), duration(0), duration(30*time.Second)
	var options stations.Options
	var tokenFile, passwordFile string
	cmd := storeless(&cobra.Command{
		Use:   "stations",
		Short: "Connect charging stations that live as real ones do",
		Long: `Stations connects charging stations to a server, with OCPP 1.6 over WebSocket as any other
station: they boot, report, charge cars that come and go, and do what the server tells them.
Things break as well: faults, power losses, networks that vanish, answers that are lost,
clocks that are wrong; with --calm they do not. First the stations and the ID tags of their
drivers are registered over HTTP; those that are there already are taken as they are.

Each station has a password, which follows from its name and --seed, so that the same
stations are let in again with the same seed; --password-file has another one for all.

With --speed 60 a car charges in a minute what takes an hour, and the next one comes as much
sooner. Clocks stay true: timestamps, heartbeats and whatever the server sets in seconds are
those of real time, but for meter values, which are taken more often, down to one a second.

In the end, after --for or at an interrupt, all cars leave, and the stations' own ledger is
compared with the transactions that the server has: each exactly once, with the right meter
values. Exit code 1 says that something is not so. Every few seconds there is a line on
stderr on how they are.`,
		Example: `  aether simulate stations --count 12
  aether simulate stations --count 500 --speed 60 --for 10m
  aether simulate stations --count 10000 --calm --prefix LOAD-`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if count < 1 || count > maxStations {
				return &usageError{cmd, fmt.Errorf("--count is %d; there are 1 to %d stations", count, maxStations)}
			}
			if options.Speed < 0.001 || options.Speed > 100_000 {
				return &usageError{cmd, errors.New("--speed is from 0.001 to 100000")}
			}
			if u, err := url.Parse(options.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				return &usageError{cmd, fmt.Errorf("--url is %q; say it like http://127.0.0.1:8080", options.URL)}
			}
			if u, err := url.Parse(options.OCPP); options.OCPP != "" && (err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss") {
				return &usageError{cmd, fmt.Errorf("--ocpp is %q; say it like ws://127.0.0.1:8080/ocpp", options.OCPP)}
			}
			if name := fmt.Sprint(options.Prefix, uint64(count)); len(name) > 17 || url.PathEscape(name) != name {
				return &usageError{cmd, fmt.Errorf("--prefix %q does not do: a station would be called %s, which may have 17 letters and digits", options.Prefix, name)}
			}
			var err error
			if options.Token, err = readToken(tokenFile); err != nil {
				return err
			}
			if passwordFile != "" {
				if options.Password, err = readSecret("--password-file", passwordFile); err != nil {
					return err
				}
			}
			options.Count, options.Seed, options.For, options.Settle = int(count), uint64(seed), time.Duration(length), time.Duration(settle)
			p.console.demand(true)
			options.Progress = func(s stations.Status) { p.console.progress(s.String) }
			return p.simulateStations(cmd, options)
		},
	})
	cmd.Flags().Var(&count, "count", "how many stations there are")
	cmd.Flags().StringVar(&options.URL, "url", "http://127.0.0.1:8080", "`URL` of the server")
	cmd.Flags().StringVar(&options.OCPP, "ocpp", "", "`URL` that stations connect to; else /ocpp of the server")
	cmd.Flags().StringVar(&tokenFile, "token-file", "", "`file` with the token of the server")
	cmd.Flags().StringVar(&passwordFile, "password-file", "", "`file` with the password of all stations, 16 to 20 characters; else each has one of the seed")
	cmd.Flags().StringVar(&options.Prefix, "prefix", "SIM-", "how the stations' names `begin`; a number follows")
	cmd.Flags().Var(&seed, "seed", "what happens follows from it")
	cmd.Flags().Float64Var(&options.Speed, "speed", 1, "how many `times` faster than real cars charge and come")
	cmd.Flags().Var(&length, "for", "how long they live; else until an interrupt")
	cmd.Flags().BoolVar(&options.Calm, "calm", false, "nothing breaks, and every answer comes at once")
	cmd.Flags().Var(&settle, "settle", "how long they may take in the end to say all that they have to say")
	return cmd
}

func (p *program) simulateStations(cmd *cobra.Command, options stations.Options) error {
	if err := reach(cmd.Context(), options.URL); err != nil {
		return err
	}
	report, err := stations.Run(cmd.Context(), options)
	if err != nil {
		return err
	}
	if p.json {
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(report)
	} else {
		err = report.Write(cmd.OutOrStdout())
	}
	if n := len(report.Problems); err == nil && n > 0 {
		err = fmt.Errorf("the audit of %s finds %s", plural(int64(report.Stations), "station"), plural(int64(n), "error"))
	}
	return err
}

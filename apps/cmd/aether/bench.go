package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aether-es/aether/apps/internal/bench"
	"github.com/spf13/cobra"
)

// newBenchCommand measures this machine. It keeps no store of the user's: the
// files it makes lie in a folder of its own, which it removes.
func newBenchCommand(p *program) *cobra.Command {
	var names []string
	var about strings.Builder
	for _, b := range bench.Benchmarks() {
		names = append(names, b.Name)
		fmt.Fprintf(&about, "  %-8s %s\n", b.Name, b.About)
	}
	var folder string
	length := duration(3 * time.Second)
	events := number(5_000_000)
	subscribers, stations := number(10_000), number(10_000)
	cmd := storeless(&cobra.Command{
		Use:   "bench [NAME]...",
		Short: "Measure the engine on this machine, against what it stands on",
		Long: `Bench measures the embedded engine on this machine and this disk, and beside it what the
bare disk does. Without a name all benchmarks run:

` + about.String() + `
With --store it measures the engine on these servers, in a schema or streams that it makes
and removes, and in place of the bare file rows that pgx inserts in pipelines, or messages
that the client of NATS publishes: append, load, scan and host.

Ratio: the engine's rate over that of the bare file with as many writers; in "large",
the time of a call in the large store over that in the small one. The writers of
"live", "sale" and "stations" are clients, in a process of their own on the same cores. Machines are noisy:
run it three times and take the medians.`,
		Example: `  aether bench                     all of it, a few minutes
  aether bench append --dir /mnt   appends, on the disk under /mnt
  aether bench --json > run.json   for scripts and comparisons
  aether bench --store nats://127.0.0.1:4222 append load`,
		ValidArgs: names,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.OnlyValidArgs(cmd, args); err != nil {
				return &usageError{cmd, fmt.Errorf("%w; there are %s", err, strings.Join(names, ", "))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			asJSON, err := cmd.Flags().GetBool("json")
			if err != nil {
				return err
			}
			own, err := os.MkdirTemp(folder, "aether-bench-")
			if err != nil {
				return explainFolder(folder, err)
			}
			defer os.RemoveAll(own)
			store := ""
			if cmd.Flags().Changed("store") { // one that is only in the environment may be in use
				store = p.store
			}
			options := &bench.Options{
				Store:       store,
				Folder:      own,
				Duration:    time.Duration(length),
				Scale:       int(events),
				Subscribers: int(subscribers),
				Stations:    int(stations),
				Progress:    func(step string) { fmt.Fprintf(cmd.ErrOrStderr(), "… %s\n", step) },
			}
			report, err := runBenchmarks(cmd.Context(), args, options)
			if err != nil {
				return err
			}
			if asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(report)
			}
			return printReport(cmd.OutOrStdout(), report)
		},
	})
	cmd.Annotations["servers"] = "yes"
	cmd.Flags().StringVar(&folder, "dir", ".", "`folder` on the disk to measure; one is made in it and removed")
	cmd.Flags().Var(&length, "time", "how long each part is measured")
	cmd.Flags().Var(&events, "events", "events of the large store of \"large\"; 0: leave it out")
	cmd.Flags().Var(&subscribers, "subscribers", "connections that get the changes of \"live\"; 0: leave it out")
	cmd.Flags().Var(&stations, "stations", "charging stations of \"stations\"; 0: leave it out")
	return cmd
}

// runBenchmarks runs those of the names, all when there are none.
func runBenchmarks(ctx context.Context, names []string, options *bench.Options) (bench.Report, error) {
	report := bench.Report{Machine: bench.ThisMachine()}
	for _, b := range bench.Benchmarks() {
		if len(names) > 0 && !slices.Contains(names, b.Name) || len(names) == 0 && b.Embedded && options.Store != "" {
			continue
		}
		if b.Embedded && options.Store != "" {
			return report, fmt.Errorf("benchmark %s is about the embedded engine: leave --store out", b.Name)
		}
		results, err := b.Run(ctx, options)
		if err != nil {
			return report, fmt.Errorf("benchmark %s: %w", b.Name, err)
		}
		report.Results = append(report.Results, results...)
	}
	return report, nil
}

func printReport(w io.Writer, report bench.Report) error {
	m := report.Machine
	fmt.Fprintf(w, "%s, %d cores, %d GiB memory, %s %s, %s\n\n", m.CPU, m.Cores, (m.Memory+1<<29)>>30, m.OS, m.Kernel, m.Go)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "benchmark\twriters\tbatch\tactors\tevents\tper second\tratio\tp50 µs\tp99 µs\tMiB\t")
	for _, r := range report.Results {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", r.Name, cell("%d", r.Writers), cell("%d", r.Batch), cell("%d", r.Actors), cell("%d", r.Events),
			cell("%.0f", r.PerSecond), cell("%.2f", r.Ratio), cell("%.0f", r.P50), cell("%.0f", r.P99), cell("%d", r.Bytes>>20))
	}
	return table.Flush()
}

// cell formats a number, and nothing for one that does not apply.
func cell[N int | int64 | float64](format string, n N) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(format, n)
}

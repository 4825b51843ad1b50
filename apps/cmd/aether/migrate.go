package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aether-es/aether/apps/internal/node"
	"github.com/spf13/cobra"
)

func newMigrateCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the schema of a store in PostgreSQL up to date",
		Long: `Migrate makes the schema of a store in PostgreSQL, or brings it up to what this program
needs. Where there is nothing to do it changes nothing. Nodes of the former version may run
meanwhile, unless CHANGELOG.md says otherwise. The schema is "aether", or what the address
names: postgres://…?schema=other. Behind a transaction-pooling proxy, give it the address of
the server itself.

Other stores need no migration.`,
		Example: `  aether migrate --store postgres://aether@localhost/aether`,
		Args:    arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !strings.HasPrefix(p.store, "postgres") {
				return &usageError{cmd, errors.New("--store postgres://… is missing: other stores need no migration")}
			}
			if err := node.MigratePostgres(cmd.Context(), p.store, slog.New(&warnings{console: p.console, json: p.json})); err != nil {
				return err
			}
			if p.json {
				return nil
			}
			_, err := fmt.Fprintln(p.stdout, "the schema is up to date")
			return err
		},
	}
}

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aether-es/aether/filestore"
	"github.com/spf13/cobra"
)

func newVerifyCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that every event is as it was written",
		Long: `Verify reads the whole log, all namespaces, and checks what can be checked: the checksum of
every event and of every file, and that the positions of each namespace and the versions
of each actor have no gaps. It changes nothing and may run while the store is in use.
A backup is compared with what was backed up.

Damage is an error that names the file and the byte. There is no repair that would not
lose events: restore a backup.

One thing it cannot tell: the last save of a store that was not closed may be not whole
because it was never finished, and then nobody was told that it was saved, or because it
was damaged. It says so, with exit code 0, since a save that is being written looks the
same; with --json there is "doubtful".`,
		Example: `  aether verify
  aether verify --json --data /srv/facts`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := filestore.Verify(cmd.Context(), p.dir, p.options())
			if isBackup(p.dir) {
				err = explainBackup(err, "use another backup")
			}
			if err != nil {
				return p.explainOpen(err)
			}
			title := p.dir + " is sound:"
			if report.Doubtful != nil {
				title = p.dir + " is sound up to its last save, which is not whole:"
			}
			return p.printReport(&report, title)
		},
	}
	p.addProgress(cmd)
	return cmd
}

func newBackupCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup DEST",
		Short: "Copy the log to a folder, while it is in use",
		Long: `Backup copies the log, all namespaces, to a folder that must not exist or be empty, and
verifies the copy. It may run while the store is in use: everything is in it that was
saved before it began, and no half of a save. The folder must not lie in that of the
store. A backup that was cut short is not taken for one by restore; backup can be run
again into its folder.

Nothing can be saved in a backup. It can be read, and restored to another folder.`,
		Example: `  aether backup /mnt/backups/$(date +%F)
  aether backup /mnt/backups/today --data /srv/facts`,
		Args: arguments(1, 1, "the folder of the backup"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFolder(args[0], "a backup is a folder: name one that is not there yet, or is empty"); err != nil {
				return err
			}
			report, err := filestore.Backup(cmd.Context(), p.dir, args[0], p.options())
			if err != nil {
				return p.explainOpen(err)
			}
			return p.printReport(&report, "backed up "+p.dir+" to "+args[0]+":")
		},
	}
	p.addProgress(cmd)
	return cmd
}

func newRestoreCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore BACKUP",
		Short: "Make a store from a backup",
		Long: `Restore copies a backup to the folder of the store, which must not exist or be empty, and
verifies the copy. To replace a store, move its folder away first. A restore that was cut
short can be run again.`,
		Example: `  aether restore /mnt/backups/2026-03-02 --data /srv/facts`,
		Args:    arguments(1, 1, "the folder of the backup"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFolder(args[0], "a backup is a folder: name the one that aether backup made"); err != nil {
				return err
			}
			report, err := filestore.Restore(cmd.Context(), args[0], p.dir, p.options())
			if errors.Is(err, filestore.ErrNotFound) {
				return &explained{err, fmt.Sprintf("there is no backup in %s, or one that was not finished", args[0])}
			}
			if err != nil && isFull(p.dir) {
				return &explained{err, fmt.Sprintf("%s is not empty, and nothing was restored: stop what uses it, move it away (mv %s %s.old), and restore again; or name another folder with --data",
					p.dir, p.dir, strings.TrimRight(p.dir, "/"))}
			}
			if err != nil {
				return explainBackup(err, "nothing was restored; use another backup")
			}
			return p.printReport(&report, "restored "+args[0]+" to "+p.dir+":")
		},
	}
	p.addProgress(cmd)
	return cmd
}

// printReport tells what is in a log.
func (p *program) printReport(r *filestore.Report, title string) error {
	if p.json {
		return json.NewEncoder(p.stdout).Encode(r)
	}
	text := fmt.Sprintf("%s %s in %s, %s\n", title, plural(r.Events, "event"), plural(int64(r.Segments), "file"), size(r.Bytes))
	names := slices.SortedFunc(maps.Keys(r.Namespaces), func(a, b string) int { return cmp.Compare(a, b) })
	for _, name := range names {
		text += fmt.Sprintf("  namespace %s: %s\n", printable(name), plural(int64(r.Namespaces[name]), "event"))
	}
	if r.Doubtful != nil {
		text += fmt.Sprintf(`  behind them %s, from byte %d of %s:
  a save that is unfinished, or damaged: the two cannot be told apart.
  While a process saves this is a save on its way: verify again.
  If none does, and none was killed while it saved, it is damage: keep a copy of the
  folder, and compare with a backup. Opening the store for saving takes these bytes out of
  the log, and keeps them in its folder cut.
`, plural(r.Incomplete, "byte"), r.Doubtful.Offset, printable(r.Doubtful.File))
	}
	_, err := fmt.Fprint(p.stdout, text)
	return err
}

// isFull says whether there is a store, or something else, in a folder, and not just what
// a restore that was cut short has left.
func isFull(dir string) bool {
	entries, err := os.ReadDir(dir)
	_, unfinished := os.Stat(filepath.Join(dir, "unfinished"))
	return err == nil && len(entries) > 0 && unfinished != nil
}

// isBackup says whether a folder is a backup.
func isBackup(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "backup.json"))
	return err == nil
}

// explainBackup gives damage of a backup another advice than to restore one.
func explainBackup(err error, advice string) error {
	if damage, ok := errors.AsType[*filestore.DamageError](err); ok {
		return &explained{err, plain(damage) + "; " + advice}
	}
	return err
}

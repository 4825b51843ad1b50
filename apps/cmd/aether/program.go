package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/filestore"
	"github.com/spf13/cobra"
)

// program is what all commands share: where they read and write, and the flags.
type program struct {
	stdin   io.Reader
	stdout  io.Writer
	console *console // stderr

	dir       string
	namespace string
	json      bool
	wait      time.Duration
}

func newProgram(stdin io.Reader, stdout, stderr io.Writer) *program {
	c := newConsole(stderr)
	return &program{stdin: stdin, stdout: &above{c, stdout}, console: c}
}

const (
	defaultDir = "./aether-data"
	dirEnv     = "AETHER_DATA"
)

func (p *program) addFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&p.dir, "data", cmp.Or(os.Getenv(dirEnv), defaultDir), "`folder` of the store; $"+dirEnv+" when that is set")
	flags.StringVar(&p.namespace, "namespace", "default", "`name` of the namespace within the store; nothing crosses it")
	flags.BoolVar(&p.json, "json", false, "write JSON, one object a line")
	flags.Bool("progress", false, "show progress on stderr even if that is no terminal; =false: never")
}

// checkFlags looks at the flags that every command has.
func (p *program) checkFlags(cmd *cobra.Command) error {
	if p.dir == "" {
		return &usageError{cmd, errors.New("--data is empty")}
	}
	var invalid *aether.InvalidError
	if err := aether.CheckNamespace(p.namespace); errors.As(err, &invalid) {
		return &usageError{cmd, fmt.Errorf("--namespace %s", invalid.Reason)}
	}
	if flag := cmd.Flags().Lookup("progress"); flag.Changed {
		p.console.demand(flag.Value.String() == "true")
	}
	return nil
}

// addWait adds the flag of the commands that save.
func (p *program) addWait(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&p.wait, "wait", 0, "how long to wait while another process has the store open: 10s")
}

func (p *program) options() *filestore.Options {
	handler := slog.Handler(slog.NewTextHandler(p.console, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if p.json {
		handler = slog.NewJSONHandler(p.console, &slog.HandlerOptions{Level: slog.LevelWarn})
	}
	return &filestore.Options{Logger: slog.New(handler), Progress: p.showProgress}
}

// showProgress shows how far the store has come with something.
func (p *program) showProgress(now filestore.Progress) {
	p.console.progress(func() string {
		what := map[string]string{
			"check":  "checking the log",
			"index":  "making the index",
			"copy":   "copying the log",
			"verify": "verifying the log",
		}[now.Step]
		return fmt.Sprintf("%s: %s of %s", cmp.Or(what, now.Step), size(now.Done), size(now.Total))
	})
}

// saveTo opens the store for saving, makes it if need be, and closes it in the
// end. It has the lock of the folder meanwhile.
func (p *program) saveTo(ctx context.Context, use func(aether.EventStore) error) (err error) {
	engine, err := p.open(ctx)
	if err != nil {
		return p.explainOpen(err)
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	store, err := engine.Namespace(ctx, p.namespace)
	if err != nil {
		return err
	}
	return use(store)
}

func (p *program) open(ctx context.Context) (*filestore.Store, error) {
	const again = 50 * time.Millisecond
	for start := time.Now(); ; {
		engine, err := filestore.Open(ctx, p.dir, p.options())
		if !errors.Is(err, filestore.ErrInUse) || time.Since(start) >= p.wait {
			return engine, err
		}
		p.console.progress(func() string { return "waiting for the process that has " + p.dir + " open" })
		timer := time.NewTimer(again)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// readFrom opens the store for reading.
//
// All commands that read do it without the lock, read and streams too, although
// those would be faster with the index, which needs the lock: to look at a store
// must never be the reason that a server which starts at this moment finds it in
// use, nor may it wait for one that runs. It also changes nothing, makes no
// folder, and works on a copy that cannot be written to. The price is that the
// log is read from its beginning, a second per million events or two.
func (p *program) readFrom(ctx context.Context, use func(aether.EventStore) error) (err error) {
	engine, err := filestore.OpenReadOnly(ctx, p.dir, p.options())
	if err != nil {
		return p.explainOpen(err)
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	store, err := engine.Namespace(ctx, p.namespace)
	if err != nil {
		return err
	}
	return use(store)
}

// input opens what a command reads: the file of its argument, else stdin. It also
// returns the size, 0 when that is not known.
func (p *program) input(args []string) (io.ReadCloser, int64, error) {
	if len(args) > 0 && args[0] != "-" {
		file, err := os.Open(args[0])
		if err != nil {
			return nil, 0, err
		}
		info, err := file.Stat()
		if err == nil && info.IsDir() {
			err = fmt.Errorf("%s is a folder; append and import read a file of JSON lines", args[0])
		}
		if err != nil {
			return nil, 0, errors.Join(err, file.Close())
		}
		return file, regularSize(info), nil
	}
	file, ok := p.stdin.(*os.File)
	if !ok {
		return io.NopCloser(p.stdin), 0, nil
	}
	if isTerminal(file) {
		fmt.Fprintln(p.console, "Type or paste events, one JSON object a line; Ctrl-D ends.")
	}
	info, err := file.Stat()
	if err != nil {
		return io.NopCloser(file), 0, nil
	}
	return io.NopCloser(file), regularSize(info), nil
}

func regularSize(info os.FileInfo) int64 {
	if info.Mode().IsRegular() {
		return info.Size()
	}
	return 0
}

// note tells a person something that a script need not know.
func (p *program) note(format string, args ...any) {
	if !p.json {
		fmt.Fprintf(p.console, "aether: "+format+"\n", args...)
	}
}

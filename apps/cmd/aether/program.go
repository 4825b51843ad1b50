package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/filestore"
	"github.com/aether-es/aether/natsstore"
)

// program is what all commands share: where they read and write, and the flags.
type program struct {
	stdin   io.Reader
	stdout  io.Writer
	console *console // stderr

	dir       string
	store     string // the address of an engine of several machines; "" for the embedded one
	namespace string
	json      bool
	wait      time.Duration
	logger    *slog.Logger // of a server; nil for commands, which warn on the console

	noHelp error // why help was not shown
}

func newProgram(stdin io.Reader, stdout, stderr io.Writer) *program {
	c := newConsole(stderr)
	return &program{stdin: stdin, stdout: &above{c, stdout}, console: c}
}

func (p *program) options() *filestore.Options {
	return &filestore.Options{Logger: slog.New(&warnings{console: p.console, json: p.json}), Progress: p.showProgress}
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

// intake saves the events of the input. It has the lock of the folder meanwhile;
// where there is no store, from the first event on, which makes it.
func (p *program) intake(ctx context.Context, in *intake, args []string) (err error) {
	input, size, err := p.input(args)
	if err != nil {
		return err
	}
	defer input.Close()
	in.size = size

	var n *node.Node
	defer func() {
		if n != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	in.open = func() (_ aether.EventStore, err error) {
		if n, err = p.open(ctx, ""); err != nil {
			return nil, p.explainOpen(err)
		}
		return n.Engine.Namespace(ctx, p.namespace)
	}
	if p.hasStore(ctx) {
		if in.store, err = in.open(); err != nil {
			return err
		}
	}
	return in.run(ctx, input)
}

// hasStore says whether there is a store, perhaps one that cannot be opened.
func (p *program) hasStore(ctx context.Context) bool {
	if p.store != "" {
		return true // there is a server
	}
	engine, err := filestore.OpenReadOnly(ctx, p.dir, p.options())
	if err == nil {
		err = engine.Close()
	}
	return !errors.Is(err, filestore.ErrNotFound)
}

// open opens the store for saving. The name is what other nodes know this one by.
func (p *program) open(ctx context.Context, name string) (*node.Node, error) {
	options := node.Options{Store: p.store, Folder: p.dir, Name: name, Embedded: p.options(), Logger: p.options().Logger}
	if p.logger != nil {
		options.Logger = p.logger
	}
	const again = 50 * time.Millisecond
	for start := time.Now(); ; {
		n, err := node.Open(ctx, options)
		if err == nil && p.store != "" && p.namespace != "" {
			// Whether a node has its copies in the folder is seen with the first of them.
			if _, err = n.Engine.Namespace(ctx, p.namespace); err != nil {
				n, err = nil, errors.Join(err, n.Close())
			}
		}
		if !isInUse(err) || time.Since(start) >= p.wait {
			return n, err
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

func isInUse(err error) bool {
	return errors.Is(err, filestore.ErrInUse) || errors.Is(err, natsstore.ErrInUse)
}

// withNode opens the store for saving, and closes it.
func (p *program) withNode(ctx context.Context, name string, use func(n *node.Node) error) (err error) {
	n, err := p.open(ctx, name)
	if err != nil {
		return p.explainOpen(err)
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	return use(n)
}

// readFrom opens the store for reading.
//
// All commands that read do it without the lock, read and streams too, although
// those would be faster with the index, which needs the lock: to look at a store
// must never be the reason that a server which starts at this moment finds it in
// use, nor may it wait for one that runs. It also changes nothing, makes no
// folder, and works on a copy that cannot be written to. The price is that the
// log is read from its beginning, a second per million events or two.
//
// A store on servers is opened as a node opens it. On NATS that is to copy the events
// first, into the folder, which no running node may use.
func (p *program) readFrom(ctx context.Context, use func(aether.Engine, aether.EventStore) error) (err error) {
	if p.store != "" {
		return p.withNode(ctx, "", func(n *node.Node) error {
			store, err := n.Engine.Namespace(ctx, p.namespace)
			if err != nil {
				return err
			}
			return use(n.Engine, store)
		})
	}
	engine, err := filestore.OpenReadOnly(ctx, p.dir, p.options())
	if err != nil {
		return p.explainOpen(err)
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	store, err := engine.Namespace(ctx, p.namespace)
	if err != nil {
		return err
	}
	return use(engine, store)
}

// errNoNamespace is the class of checkNamespace.
var errNoNamespace = errors.New("no such namespace")

// checkNamespace fails when the namespace has no events and others have. It is for
// commands that found nothing: it reads the log.
func (p *program) checkNamespace(ctx context.Context, engine aether.Engine) error {
	names, err := engine.Namespaces(ctx)
	if err != nil || len(names) == 0 || slices.Contains(names, p.namespace) {
		return err
	}
	for i := range names {
		names[i] = printable(names[i])
	}
	return &explained{errNoNamespace, fmt.Sprintf("namespace %s has no events; there are: %s", printable(p.namespace), strings.Join(names, ", "))}
}

// note tells a person something that a script need not know.
func (p *program) note(format string, args ...any) {
	if !p.json {
		fmt.Fprintf(p.console, "aether: "+format+"\n", args...)
	}
}

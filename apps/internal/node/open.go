package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/filestore"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/lease"
	"github.com/aether-es/aether/natsstore"
	"github.com/aether-es/aether/pgstore"
)

// Options say where the events are.
type Options struct {
	// Store is the address of an engine of several machines: "postgres://…", "nats://…"
	// or "tls://…" (NATS too). Empty stands for the embedded one in the folder.
	//
	// Some settings are in its query. For NATS: replicas, prefix, sync=always, which says
	// that the servers sync each write, creds, a file, and discover=off, with which only
	// the servers of the address are used. For PostgreSQL: schema, and what its own URLs
	// have.
	Store string

	// Folder is where the embedded store is, and for other engines what this node keeps
	// for itself: its copies and its read DB.
	Folder string

	// Name tells other nodes and operators who this one is.
	Name string

	// Embedded are the settings of the embedded store.
	Embedded *filestore.Options

	Logger *slog.Logger
}

// CheckRoles says why a node on the store of an address, "" for the embedded one, cannot
// have some roles alone.
func CheckRoles(store string, roles Roles) error {
	switch {
	case store == "" && len(roles) < len(AllRoles()):
		return errors.New("nobody else can do the rest: the embedded store is this process's alone")
	case strings.HasPrefix(store, "postgres") && !roles.Has(Command) && (roles.Has(Web) || roles.Has(Effects)):
		return errors.New("on PostgreSQL commands stay in the process that they come from, so web and effects need command")
	}
	return nil
}

// Node is an open engine, and what it offers several processes.
type Node struct {
	Engine   aether.Engine
	Embedded *filestore.Store // the engine, if it is the embedded one

	parts  Parts
	closes []func() error // in the order of opening
}

// Open opens the engine. The embedded store is this process's alone; it is a
// filestore.ErrInUse when another one has it.
func Open(ctx context.Context, o Options) (n *Node, err error) {
	n = &Node{parts: Parts{Roles: AllRoles(), Logger: o.Logger}}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
			n = nil
		}
	}()
	switch scheme, _, _ := strings.Cut(o.Store, ":"); {
	case o.Store == "":
		err = n.openFile(ctx, &o)
	case scheme == "postgres" || scheme == "postgresql":
		err = n.openPostgres(ctx, &o)
	case scheme == "nats" || scheme == "tls":
		err = n.openNATS(ctx, &o)
	default:
		err = errNoStore
	}
	return n, err
}

// Parts returns what systems are made of in a namespace, but for a read DB.
func (n *Node) Parts(ctx context.Context, namespace string, roles Roles) (Parts, error) {
	p := n.parts
	p.Namespace, p.Roles = namespace, roles
	var err error
	p.Store, err = n.Engine.Namespace(ctx, namespace)
	return p, err
}

// Shared says whether other processes can have the store open at the same time.
func (n *Node) Shared() bool { return n.Embedded == nil }

// Close closes the engine, and what belongs to it.
func (n *Node) Close() error {
	var err error
	for i := len(n.closes) - 1; i >= 0; i-- {
		err = errors.Join(err, n.closes[i]())
	}
	return err
}

func (n *Node) openFile(ctx context.Context, o *Options) error {
	engine, err := filestore.Open(ctx, o.Folder, o.Embedded)
	if err != nil {
		return err
	}
	n.Engine, n.Embedded, n.closes = engine, engine, append(n.closes, engine.Close)
	n.local(&lease.Local{})
	return nil
}

// local has events and commands travel within the process: each node publishes for
// itself, and decides what it is sent.
func (n *Node) local(leases lease.Leases) {
	n.parts.Bus = integration.NewLocal(nil)
	n.parts.Commands = integration.Retry(&integration.LocalCommands{}, nil)
	n.parts.Leases = leases
}

func (n *Node) openPostgres(ctx context.Context, o *Options) error {
	dsn, schema, err := PostgresAddress(o.Store)
	if err != nil {
		return err
	}
	engine, err := pgstore.Open(ctx, dsn, &pgstore.Options{Schema: schema, Logger: o.Logger})
	if err != nil {
		return err
	}
	n.Engine, n.closes = engine, append(n.closes, engine.Close)
	n.local(pgstore.NewLeases(engine, &pgstore.LeaseOptions{Owner: o.Name}))
	return nil
}

// PostgresAddress takes the schema out of the address of a store: the rest is for the driver.
func PostgresAddress(store string) (dsn, schema string, err error) {
	u, err := parse(store)
	if err != nil {
		return "", "", err
	}
	query, err := values(u.RawQuery)
	if err != nil {
		return "", "", err
	}
	schema = query.Get("schema")
	query.Del("schema")
	u.RawQuery = query.Encode()
	return u.String(), schema, nil
}

// MigratePostgres brings the schema of a PostgreSQL store up to date.
func MigratePostgres(ctx context.Context, store string, logger *slog.Logger) error {
	dsn, schema, err := PostgresAddress(store)
	if err != nil {
		return err
	}
	return pgstore.Migrate(ctx, dsn, &pgstore.Options{Schema: schema, Logger: logger})
}

func (n *Node) openNATS(ctx context.Context, o *Options) error {
	settings, err := parseNATS(o.Store)
	if err != nil {
		return err
	}
	settings.conn.Name, settings.conn.Logger = o.Name, o.Logger
	conn, err := natsstore.Connect(ctx, settings.url, &settings.conn)
	if err != nil {
		return err
	}
	n.closes = append(n.closes, conn.Close)
	engine, err := natsstore.Open(ctx, conn, filepath.Join(o.Folder, "copies"), &natsstore.Options{Replicas: settings.replicas, SyncAlways: settings.syncs})
	if err != nil {
		return err
	}
	n.Engine, n.closes = engine, append(n.closes, engine.Close)
	bus := natsstore.NewBus(conn, &natsstore.BusOptions{Replicas: settings.replicas})
	n.closes = append(n.closes, bus.Close)
	n.parts.Bus, n.parts.SharedBus = bus, true
	n.parts.Commands = integration.Retry(natsstore.NewCommands(conn, nil), nil)
	n.parts.Leases = natsstore.NewLeases(conn, &natsstore.LeaseOptions{Owner: o.Name, Replicas: settings.replicas})
	return nil
}

// errNoStore does not show what was given: there may be a password in it.
var errNoStore = errors.New("the address of the store is none: it begins with postgres:// or nats://, or is left out for the embedded store")

// parse reads an address. Its errors do not show it, for the same reason.
func parse(store string) (*url.URL, error) {
	u, err := url.Parse(store)
	if err != nil {
		return nil, errors.New("the address of the store is no URL: write postgres://user@host/database or nats://host:port, and a password's special characters as %XX")
	}
	return u, nil
}

// values reads the settings of an address, each of which may be there once.
func values(query string) (url.Values, error) {
	all, err := url.ParseQuery(query)
	if err != nil {
		return nil, errors.New("the settings behind the ? of the store's address cannot be read")
	}
	for name, given := range all {
		if len(given) > 1 {
			return nil, fmt.Errorf("the address of the store has the setting %q %d times", name, len(given))
		}
	}
	return all, nil
}

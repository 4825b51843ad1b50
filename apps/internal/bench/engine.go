package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// engine is one that is measured, and what bounds it.
type engine struct {
	name     string
	bareName string
	cases    []appendCase

	// open runs something in a new store, with what a node keeps in a folder.
	open func(ctx context.Context, folder string, run func(store aether.EventStore) error) error

	// bare measures what the engine stands on, with the same events.
	bare func(ctx context.Context, o *Options, c appendCase) (Result, error)
}

func engineOf(store string) (engine, error) {
	scheme, _, _ := strings.Cut(store, ":")
	single := []appendCase{{1, 1}, {16, 1}, {128, 1}, {1024, 1}}
	switch scheme {
	case "":
		return engine{"filestore", "bare file", append(single, appendCase{1, 100}, appendCase{16, 100}), inFolder, bareFile}, nil
	case "postgres", "postgresql":
		return engine{"pgstore", "pipelined INSERTs", append(single, appendCase{16, 100}), onServers(store, "schema", dropSchema), pipelined}, nil
	case "nats", "tls":
		return engine{"natsstore", "publishing", single, onServers(store, "prefix", dropStreams), published}, nil
	}
	return engine{}, fmt.Errorf("the store begins with %q, and not with postgres:// or nats://", scheme)
}

// setting returns an address with another value of a setting.
func setting(store, name, value string) (string, error) {
	address, query, _ := strings.Cut(store, "?")
	settings, err := url.ParseQuery(query)
	if err != nil {
		return "", errors.New("the settings behind the ? of the store's address cannot be read")
	}
	settings.Set(name, value)
	return address + "?" + settings.Encode(), nil
}

// onServers opens stores of their own beside others on the same servers: the setting with
// this name keeps them apart.
func onServers(address, name string, drop func(ctx context.Context, address, value string) error) func(ctx context.Context, folder string, run func(store aether.EventStore) error) error {
	return func(ctx context.Context, folder string, run func(store aether.EventStore) error) (err error) {
		value := "bench-" + aether.NewID()[24:]
		own, err := setting(address, name, value)
		if err != nil {
			return err
		}
		logger := slog.New(slog.DiscardHandler)
		defer func() { err = errors.Join(err, drop(context.WithoutCancel(ctx), address, value)) }()
		if name == "schema" {
			if err := node.MigratePostgres(ctx, own, logger); err != nil {
				return err
			}
		}
		n, err := node.Open(ctx, node.Options{Store: own, Folder: folder, Logger: logger})
		if err != nil {
			return err
		}
		store, err := n.Engine.Namespace(ctx, "default")
		if err == nil {
			err = run(store)
		}
		return errors.Join(err, n.Close())
	}
}

func dropSchema(ctx context.Context, address, schema string) error {
	return onPostgres(ctx, address, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS "+pgx.Identifier{schema}.Sanitize()+" CASCADE")
		return err
	})
}

func onPostgres(ctx context.Context, address string, use func(conn *pgx.Conn) error) error {
	dsn, _, err := node.PostgresAddress(address)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return use(conn)
}

// pipelined is the limit of the engine on PostgreSQL: rows into a table with the same
// columns and indexes, those of all writers that wait in one pipeline and transaction.
func pipelined(ctx context.Context, o *Options, c appendCase) (result Result, err error) {
	schema := "bench-" + aether.NewID()[24:]
	table := pgx.Identifier{schema, "rows"}.Sanitize()
	defer func() { err = errors.Join(err, dropSchema(context.WithoutCancel(ctx), o.Store, schema)) }()
	err = onPostgres(ctx, o.Store, func(conn *pgx.Conn) error {
		create := "CREATE SCHEMA " + pgx.Identifier{schema}.Sanitize() + "; CREATE TABLE " + table + ` (position bigint PRIMARY KEY, version bigint NOT NULL, time timestamptz NOT NULL,
			actor text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, type text NOT NULL, data text NOT NULL, UNIQUE (actor, version), UNIQUE (actor, id))`
		if _, err := conn.Exec(ctx, create); err != nil {
			return err
		}
		data := string(payload("station/1"))
		insert := "INSERT INTO " + table + " VALUES ($1, $2, $3, $4, $5, $6, $7)"
		position := 0
		return grouped(c.writers, func(group []groupWrite) error {
			batch := &pgx.Batch{}
			for _, w := range group {
				actor := fmt.Sprint("station/", w.writer)
				for i := range c.batch {
					position++
					batch.Queue(insert, position, w.n*c.batch+i, time.Now(), actor, aether.NewID(), "MeterValuesRecorded", data)
				}
			}
			return conn.SendBatch(ctx, batch).Close()
		}, func(write func(writer, n int) error) error {
			result.PerSecond, result.P50, result.P99, err = load(ctx, c.writers, o.Duration, write)
			result.PerSecond *= float64(c.batch)
			return err
		})
	})
	return result, err
}

// onNATS connects to the servers of an address.
func onNATS(address string, use func(js jetstream.JetStream) error) error {
	servers, credentials, _, err := node.NATSAddress(address)
	if err != nil {
		return err
	}
	var options []nats.Option
	if credentials != "" {
		options = append(options, nats.UserCredentials(credentials))
	}
	conn, err := nats.Connect(servers, options...)
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	return use(js)
}

func dropStreams(ctx context.Context, address, prefix string) error {
	return onNATS(address, func(js jetstream.JetStream) (err error) {
		names := js.StreamNames(ctx)
		for name := range names.Name() {
			if strings.HasPrefix(name, prefix) {
				err = errors.Join(err, js.DeleteStream(ctx, name))
			}
		}
		return errors.Join(err, names.Err())
	})
}

// published is the limit of the engine on NATS: each writer publishes a message and waits
// for its answer, in a stream like that of the events.
func published(ctx context.Context, o *Options, c appendCase) (result Result, err error) {
	_, _, replicas, err := node.NATSAddress(o.Store)
	if err != nil {
		return result, err
	}
	name := "bench-" + aether.NewID()[24:]
	err = onNATS(o.Store, func(js jetstream.JetStream) error {
		if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}, Replicas: replicas, Storage: jetstream.FileStorage}); err != nil {
			return err
		}
		data := payload("station/1")
		result.PerSecond, result.P50, result.P99, err = load(ctx, c.writers, o.Duration, func(w, _ int) error {
			_, err := js.Publish(ctx, fmt.Sprint(name, ".", w), data)
			return err
		})
		return errors.Join(err, js.DeleteStream(context.WithoutCancel(ctx), name))
	})
	return result, err
}

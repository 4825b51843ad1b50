package pgstore

import (
	"context"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/backoff"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// statement is a query with its name on the server, where it is prepared once for each
// connection.
type statement struct{ name, sql string }

// binaryFormat asks for everything in binary form.
var binaryFormat = []int16{pgx.BinaryFormatCode}

// execute runs a statement and hands its rows on, which are the driver's: they are
// valid until the call returns. Behind a transaction-pooling proxy the next
// transaction may meet another server, which knows nothing prepared, so the text goes
// along each time.
func (s *Store) execute(ctx context.Context, conn *pgxpool.Conn, st *statement, params [][]byte, row func(values [][]byte) error) error {
	pg := conn.Conn().PgConn()
	var rows *pgconn.ResultReader
	if s.pooled {
		rows = pg.ExecParams(ctx, st.sql, params, nil, binaryFormat, binaryFormat)
	} else {
		if _, err := conn.Conn().Prepare(ctx, st.name, st.sql); err != nil {
			return err
		}
		rows = pg.ExecPrepared(ctx, st.name, params, binaryFormat, binaryFormat)
	}
	var failed error
	for rows.NextRow() {
		if failed == nil {
			failed = row(rows.Values())
		}
	}
	if _, err := rows.Close(); err != nil {
		return err
	}
	return failed
}

// query is execute for what may be done twice, on a connection of the pool. Where the
// server is unavailable it is tried again, for as long as a save would be. When a
// connection was lost the idle ones are as old: all of them are dropped. Each time it
// begins with begin, which forgets the rows that came before.
func (s *Store) query(ctx context.Context, op string, st *statement, bind func(p *parameters), begin func(), row func(values [][]byte) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	b := binders.Get().(*binder)
	defer binders.Put(b)
	b.reset()
	bind(&b.parameters)
	b.space = b.values(b.space)
	end := time.Now().Add(s.options.Timeout)
	for failures := 1; ; failures++ {
		begin()
		epoch := s.epoch.Load()
		err := s.withConn(ctx, func(conn *pgxpool.Conn) error { return s.execute(ctx, conn, st, b.space, row) })
		if err == nil {
			return nil
		}
		wait := backoff.After(failures, 2*time.Millisecond, time.Second)
		if !transient(err) || ctx.Err() != nil || time.Now().Add(wait).After(end) {
			return classify(ctx, op, err)
		}
		if !settled(err) && !isConnect(err) {
			s.dropConns(epoch)
		}
		if err := backoff.Wait(ctx, wait); err != nil {
			return err
		}
	}
}

// fromScratch is the begin of a query whose rows overwrite what came before.
func fromScratch() {}

// binder is what a query needs to send its parameters.
type binder struct {
	parameters
	space [][]byte
}

var binders = sync.Pool{New: func() any { return new(binder) }}

// withConn runs a function with a connection of the pool.
func (s *Store) withConn(ctx context.Context, f func(conn *pgxpool.Conn) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return f(conn)
}

// enter keeps the store from being closed until leave. It is not held while a loop of
// the caller runs, so that the loop may close the store.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return aether.ErrClosed
	}
	return nil
}

func (s *Store) leave() { s.life.RUnlock() }

// dropConns drops the idle connections after one was lost that was there in an epoch:
// the others are of the same age. Of many who have lost theirs the first does it, so
// that those made since are not dropped too.
func (s *Store) dropConns(epoch uint64) {
	if s.epoch.CompareAndSwap(epoch, epoch+1) {
		s.pool.Reset()
	}
}

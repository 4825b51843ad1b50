package pgstore

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/internal/backoff"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// growth is how far the log of a namespace has come, as far as this process knows.
type growth struct {
	mu      sync.Mutex
	latest  aether.Position
	waiters int
	changed chan struct{} // closed when latest moves on; nil when nobody waits
}

// advance takes in that the log has come to a position.
func (n *namespace) advance(latest aether.Position) {
	g := &n.grown
	g.mu.Lock()
	defer g.mu.Unlock()
	if latest > g.latest {
		g.latest = latest
		g.wake()
	}
}

// wake lets those look again who wait.
func (n *namespace) wake() {
	n.grown.mu.Lock()
	defer n.grown.mu.Unlock()
	n.grown.wake()
}

func (g *growth) wake() {
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// wait returns how far the log has come, and, when that is not beyond a position, a
// channel that is closed when it has moved on; leave is called after that was waited
// for.
func (g *growth) wait(after aether.Position) (aether.Position, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.latest > after {
		return g.latest, nil
	}
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	g.waiters++
	return g.latest, g.changed
}

func (g *growth) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiters--
}

func (g *growth) awaited() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiters > 0
}

// watcher tells followers of what other processes save: by notifications, which all
// followers of a store get over one connection, and by looking now and then.
type watcher struct{ begun chan struct{} }

func (w *watcher) init() { w.begun = make(chan struct{}, 1) }

// begin starts the watch, if it has not been.
func (w *watcher) begin() {
	select {
	case w.begun <- struct{}{}:
	default:
	}
}

// runWatch runs until the store is closed. It opens its connection when somebody
// begins to follow.
func (s *Store) runWatch(ctx context.Context) {
	select {
	case <-s.watch.begun:
	case <-ctx.Done():
		return
	}
	if s.pooled {
		s.poll(ctx)
		return
	}
	for failures := 0; ctx.Err() == nil; {
		heard, err := s.listen(ctx)
		if heard {
			failures = 0
		}
		failures++
		if ctx.Err() != nil {
			return
		}
		if failures == 2 {
			s.logger.Warn("pgstore: notifications do not come, trying again", "error", classify(ctx, "listen", err))
		}
		_ = backoff.Wait(ctx, backoff.After(failures, 5*time.Millisecond, time.Second))
	}
}

// poll looks now and then whether something is new, where no notifications come.
func (s *Store) poll(ctx context.Context) {
	ticker := time.NewTicker(s.options.PollInterval)
	defer ticker.Stop()
	for {
		_ = s.withConn(ctx, func(conn *pgxpool.Conn) error { return s.look(ctx, conn.Conn()) })
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// listen waits for notifications until the connection is lost, and looks by itself at
// the beginning, for what was saved before, and when none has come for a while, which
// also shows that the connection is alive. It returns true when it has got that far.
func (s *Store) listen(ctx context.Context) (bool, error) {
	config := s.config.Copy()
	attempt, cancel := context.WithTimeout(ctx, s.options.Timeout/3)
	defer cancel()
	conn, err := pgx.ConnectConfig(attempt, config)
	if err != nil {
		return false, err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(attempt, "LISTEN "+pgx.Identifier{s.channel()}.Sanitize()); err != nil {
		return false, err
	}
	for {
		attempt, cancel := context.WithTimeout(ctx, s.options.Timeout/3)
		err := s.look(attempt, conn)
		cancel()
		if err != nil {
			return true, err
		}
		if err := s.hear(ctx, conn); err != nil {
			return true, err
		}
	}
}

// hear takes in notifications for as long as one poll interval.
func (s *Store) hear(ctx context.Context, conn *pgx.Conn) error {
	quiet, cancel := context.WithTimeout(ctx, s.options.PollInterval)
	defer cancel()
	for {
		notification, err := conn.WaitForNotification(quiet)
		if err != nil {
			if quiet.Err() != nil && !conn.IsClosed() {
				return ctx.Err()
			}
			return err
		}
		position, name, _ := strings.Cut(notification.Payload, " ")
		latest, err := strconv.ParseUint(position, 10, 64)
		if n := s.lookup(name); n != nil && err == nil {
			n.advance(aether.Position(latest))
		}
	}
}

// look asks how far the namespaces have come that somebody follows.
func (s *Store) look(ctx context.Context, conn *pgx.Conn) error {
	var names []string
	for _, n := range s.all() {
		if n.grown.awaited() {
			names = append(names, n.name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	var params parameters
	params.texts(names)
	mode := s.sql.heads.sql
	rows := conn.PgConn().ExecParams(ctx, mode, params.values(nil), nil, binaryFormat, binaryFormat)
	for rows.NextRow() {
		row := rows.Values()
		latest, err := toInt8(row[1])
		if n := s.lookup(string(row[0])); n != nil && err == nil {
			n.advance(aether.Position(latest))
		}
	}
	_, err := rows.Close()
	return err
}

// channel is where notifications of this schema go.
func (s *Store) channel() string { return "aether:" + s.options.Schema }

func formatPosition(p aether.Position) string { return strconv.FormatUint(uint64(p), 10) }

// notifier tells other processes of what was saved. It does so after the commit and
// not in it: transactions that notify are committed one at a time by the whole server,
// those of other namespaces and programs too. What is lost when a process dies in
// between the others find when they look.
type notifier struct {
	mu    sync.Mutex
	news  map[string]aether.Position
	ready chan struct{} // has an item when there are news
}

func (t *notifier) init() {
	t.news, t.ready = make(map[string]aether.Position), make(chan struct{}, 1)
}

func (t *notifier) add(name string, latest aether.Position) {
	t.mu.Lock()
	t.news[name] = max(t.news[name], latest)
	t.mu.Unlock()
	select {
	case t.ready <- struct{}{}:
	default:
	}
}

// take returns the news, as the notifications say them.
func (t *notifier) take() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var messages []string
	for name, latest := range t.news {
		messages = append(messages, formatPosition(latest)+" "+name)
	}
	clear(t.news)
	return messages
}

// notifyPause is the least time between notifications: under load one tells of many
// groups of saves.
const notifyPause = 5 * time.Millisecond

// runNotify runs until the store is closed.
func (s *Store) runNotify(ctx context.Context) {
	for {
		select {
		case <-s.notify.ready:
		case <-ctx.Done():
			return
		}
		attempt, cancel := context.WithTimeout(ctx, s.options.Timeout/3)
		// Where it fails the others find out by themselves.
		_ = s.withConn(attempt, func(conn *pgxpool.Conn) error {
			var params parameters
			params.text(s.channel())
			params.texts(s.notify.take())
			return s.execute(attempt, conn, &s.sql.notify, params.values(nil), func([][]byte) error { return nil })
		})
		cancel()
		_ = backoff.Wait(ctx, notifyPause)
	}
}

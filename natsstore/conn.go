package natsstore

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// minVersion is the oldest server that has atomic batches.
var minVersion = [2]int{2, 12}

// ConnOptions are the settings of a connection. The zero value is what a server
// without authentication needs.
type ConnOptions struct {
	// Name is what the server shows of the connection: "aether" when empty.
	Name string

	// Prefix is what the names of streams and subjects begin with: "aether" when empty;
	// 1 to 32 lower case letters, digits and hyphens. Systems with different prefixes
	// share a server, and nothing else.
	Prefix string

	// CredentialsFile is a .creds file of NATS. A user and password, or a token, may be
	// in the URL instead.
	CredentialsFile string

	// TLS is for URLs of the form tls://….
	TLS *tls.Config

	// NoDiscovery keeps the connection to the servers of the URL. Otherwise it also goes
	// to those that the servers tell of, under the addresses that they know, which may
	// lead nowhere where there is a proxy in between.
	NoDiscovery bool

	// Timeout is how long a call waits for a cluster that does not answer, or has no
	// leader, before it fails with [ErrUnavailable]: 10 seconds when zero.
	Timeout time.Duration

	// Logger is told what an operator should know. It is slog.Default() when nil.
	Logger *slog.Logger
}

// Conn is a connection to a NATS server or cluster. It connects again by itself, to any
// server of the cluster. It is safe for concurrent use, and carries everything of this
// package.
type Conn struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	timeout time.Duration
	logger  *slog.Logger
	names   names

	mu     sync.Mutex
	closed bool
	up     context.Context // ends when the connection is lost; replaced when it is there again
	down   context.CancelFunc
	onUp   map[*func()]struct{}
}

// ackTimeout is how long a message waits for the answer that it is saved, before its
// outcome is looked up. Saves take some milliseconds; a change of leaders loses answers.
const ackTimeout = 3 * time.Second

// askTimeout is how long a question waits, before it is put again: one that comes to a
// server whose cluster is choosing a leader is not answered.
const askTimeout = time.Second

// Connect connects to a server, or to one of several whose URLs are separated by
// commas: "nats://127.0.0.1:4222". The server must be of version 2.12 or later and have
// JetStream: [ErrUnsupported] otherwise. One that cannot be reached is tried for as long
// as ConnOptions.Timeout says.
func Connect(ctx context.Context, url string, options *ConnOptions) (*Conn, error) {
	var o ConnOptions
	if options != nil {
		o = *options
	}
	c := &Conn{
		timeout: cmp.Or(max(o.Timeout, 0), 10*time.Second),
		logger:  cmp.Or(o.Logger, slog.Default()),
		names:   cmp.Or(names(o.Prefix), defaultPrefix),
		onUp:    make(map[*func()]struct{}),
	}
	if !c.names.valid() {
		return nil, &aether.InvalidError{Index: -1, Field: "prefix", Reason: fmt.Sprintf("is %q; it has 1 to 32 lower case letters, digits and hyphens", o.Prefix)}
	}
	c.up, c.down = context.WithCancel(context.Background())
	settings := []nats.Option{
		nats.Name(cmp.Or(o.Name, "aether")),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(50 * time.Millisecond),
		nats.ReconnectJitter(50*time.Millisecond, 100*time.Millisecond),
		nats.ReconnectBufSize(-1), // what is sent to nobody fails at once
		nats.PingInterval(2 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.Timeout(min(c.timeout, 5*time.Second)),
		nats.DisconnectErrHandler(c.disconnected),
		nats.ReconnectHandler(c.reconnected),
		nats.ErrorHandler(c.failed),
	}
	if o.CredentialsFile != "" {
		settings = append(settings, nats.UserCredentials(o.CredentialsFile))
	}
	if o.TLS != nil {
		settings = append(settings, nats.Secure(o.TLS))
	}
	if o.NoDiscovery {
		settings = append(settings, nats.IgnoreDiscoveredServers())
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err := c.dial(ctx, url, settings)
	if err != nil {
		return nil, err
	}
	if c.js, err = jetstream.New(c.nc); err == nil {
		err = c.check(ctx)
	}
	if err != nil {
		c.nc.Close()
		return nil, err
	}
	return c, nil
}

// dial connects. A server that cannot be reached may be about to start, or to start
// again, so it is tried for as long as the options say.
func (c *Conn) dial(ctx context.Context, url string, settings []nats.Option) (err error) {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		if c.nc, err = nats.Connect(url, settings...); err == nil {
			return nil
		}
		var network net.Error
		if !temporary(err) && !errors.As(err, &network) && !errors.Is(err, io.EOF) {
			return c.connectError(err)
		}
		if !pause(bounded, wait) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return &UnavailableError{Op: "connect", Reason: err.Error()}
		}
	}
}

func (c *Conn) connectError(err error) error {
	if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) {
		return fmt.Errorf("%w: connect: %v", ErrUnauthorized, err)
	}
	return &UnavailableError{Op: "connect", Reason: err.Error()}
}

// check finds out whether the server can carry Aether.
func (c *Conn) check(ctx context.Context) error {
	version := c.nc.ConnectedServerVersion()
	if !atLeast(version, minVersion) {
		return &UnsupportedError{version, fmt.Sprintf("Aether needs %d.%d or later, for atomic batches", minVersion[0], minVersion[1])}
	}
	if !c.nc.HeadersSupported() {
		return &UnsupportedError{version, "it does not support headers"}
	}
	err := c.try(ctx, "connect", func(ctx context.Context) error {
		_, err := c.js.AccountInfo(ctx)
		if errors.Is(err, nats.ErrNoResponders) {
			return jetstream.ErrJetStreamNotEnabled
		}
		return err
	})
	if err != nil {
		return err
	}
	if limit := int(c.nc.MaxPayload()); limit < fullPayload {
		c.logger.Warn("natsstore: the server takes only smaller messages than Aether has; saves of large events will fail",
			"setting", "max_payload", "is", limit, "needed", fullPayload)
	}
	return nil
}

// fullPayload is the size of the largest message that an event makes: its data, and its
// texts with what escaping may add to them.
const fullPayload = aether.MaxEventSize + 8<<10

func atLeast(version string, least [2]int) bool {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	x, err := strconv.Atoi(major)
	y, err2 := strconv.Atoi(minor)
	return err == nil && err2 == nil && (x > least[0] || x == least[0] && y >= least[1])
}

// Close ends the connection. Stores, buses and what else uses it is to be closed before.
func (c *Conn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.nc.Close()
	return nil
}

func (c *Conn) disconnected(_ *nats.Conn, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down()
	if !c.closed {
		c.logger.Warn("natsstore: the connection is lost; connecting again", "error", err)
	}
}

func (c *Conn) reconnected(*nats.Conn) {
	c.mu.Lock()
	c.down()
	c.up, c.down = context.WithCancel(context.Background())
	calls := make([]func(), 0, len(c.onUp))
	for f := range c.onUp {
		calls = append(calls, *f)
	}
	c.mu.Unlock()
	c.logger.Info("natsstore: connected again", "server", c.nc.ConnectedServerName())
	for _, f := range calls {
		f()
	}
}

func (c *Conn) failed(_ *nats.Conn, sub *nats.Subscription, err error) {
	subject := ""
	if sub != nil {
		subject = sub.Subject
	}
	c.logger.Warn("natsstore: the driver reports an error", "subject", subject, "error", err)
}

// whenUp has a function called whenever the connection was made again, until the one
// returned is called.
func (c *Conn) whenUp(f func()) (remove func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onUp[&f] = struct{}{}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.onUp, &f)
	}
}

// whileUp returns a context that ends when the connection is lost, too, or a time is over.
func (c *Conn) whileUp(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	c.mu.Lock()
	up := c.up
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, d)
	stop := context.AfterFunc(up, cancel)
	return ctx, func() { stop(); cancel() }
}

// request sends a message and returns the answer. When ctx has not ended, every error
// means that the answer will not be known.
func (c *Conn) request(ctx context.Context, m *nats.Msg, d time.Duration) (*nats.Msg, error) {
	up, cancel := c.whileUp(ctx, d)
	defer cancel()
	reply, err := c.nc.RequestMsgWithContext(up, m)
	switch {
	case err == nil || up.Err() == nil:
		return reply, err
	case ctx.Err() != nil:
		return nil, ctx.Err() // which may be another one than that of up
	}
	return nil, nats.ErrTimeout // also where the connection was lost
}

// ask calls a function of the server's API, and decodes the answer.
func (c *Conn) ask(ctx context.Context, subject string, request, answer any) error {
	m := &nats.Msg{Subject: "$JS.API." + subject}
	if request != nil {
		data, err := json.Marshal(request)
		if err != nil {
			return err
		}
		m.Data = data
	}
	reply, err := c.request(ctx, m, askTimeout)
	if err != nil {
		return err
	}
	var failed struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &failed); err != nil {
		return err
	}
	if failed.Error != nil {
		return failed.Error
	}
	return json.Unmarshal(reply.Data, answer)
}

// try calls a function, again and again while its error may go away by itself, for as
// long as the options say. Its error is one of this package, or that of ctx.
func (c *Conn) try(ctx context.Context, op string, f func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		once, cancel := context.WithTimeout(bounded, askTimeout)
		err := f(once)
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case bounded.Err() != nil:
			return &UnavailableError{Op: op, Reason: err.Error()}
		case !temporary(err):
			return c.driverError(op, err)
		case !pause(bounded, wait):
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return &UnavailableError{Op: op, Reason: err.Error()}
		}
	}
}

// pause waits, and says whether ctx has not ended before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

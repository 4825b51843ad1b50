package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// StationOptions say what a station is like. The zero value works.
type StationOptions struct {
	// Model is what it is and can do: the first of [Models] by default.
	Model *Model

	// Password is for HTTP basic authentication; without one there is none.
	Password string

	// Speed is how many times faster than real time cars charge, 1 by default. The
	// interval of meter values shrinks with it, down to a second.
	Speed float64

	// Seed decides what is left to chance.
	Seed uint64

	// Skew is how wrong the station's clock is. It is set right by what the central
	// system answers, unless it is Stubborn.
	Skew     time.Duration
	Stubborn bool

	// Mischief is how likely each call of the central system is answered slowly, not
	// at all though it was obeyed, or with a refusal: 0 to 1.
	Mischief float64

	// MinBackoff and MaxBackoff bound the wait between attempts to connect, from one
	// second to a minute by default.
	MinBackoff, MaxBackoff time.Duration

	// Dial makes network connections; net.Dialer's DialContext by default.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Station is a charging station that is not there. It behaves as one with people, cars
// and bad luck around it, which are its methods. They may be called concurrently, and
// also while Run has not begun or has ended: then nobody hears of it.
type Station struct {
	id, endpoint string
	o            StationOptions
	ledger       *book
	stats        *counters

	mu      sync.Mutex
	work    sync.WaitGroup // of the goroutine that sends
	running bool
	since   time.Time // when it was switched on first
	letIn   bool      // it was connected, at some time
	random  *rand.Rand

	// The surroundings.
	powered, network bool
	dark             bool               // it has no power, whatever it was about to do
	changed          chan struct{}      // tells Run of them
	hangUp           context.CancelFunc // ends the connection, and the attempts to have one
	line             *line              // the newest
	frozen           []*line            // those that ended without the other side being told

	// The conversation, see outbox.go and boot.go.
	conn         *ocpp.Conn
	queue        []*message
	sending      *message
	pumping      bool
	retryAt      time.Time // of the first transaction-related message
	registration v16.RegistrationStatus
	interval     time.Duration
	heartbeat    *job
	bootReason   string

	// What it remembers. All of it survives a reboot.
	skew        time.Duration
	password    string
	connectors  []*connector // the first one is the main controller
	settings    map[string]string
	localList   map[string]v16.IDTagInfo
	listVersion int
	cache       map[string]v16.IDTagInfo
	profiles    []installed
	firmware    firmware
	logUpload   upload
	diagnostics upload
	security    certificates

	agenda agenda
	life   *life // nil where somebody else drives it
}

// NewStation returns a station that is switched on when Run is called. The endpoint is
// the URL of the central system without the identity, as in ws://127.0.0.1:8080/ocpp.
func NewStation(endpoint, identity string, options *StationOptions) *Station {
	s := &Station{
		id: identity, endpoint: endpoint, ledger: &book{}, stats: &counters{}, network: true, changed: make(chan struct{}, 1),
		settings: map[string]string{},
	}
	if options != nil {
		s.o = *options
	}
	if s.o.Model == nil {
		s.o.Model = &Models()[0]
	}
	s.o.Speed = cmp.Or(s.o.Speed, 1)
	s.o.MinBackoff = cmp.Or(s.o.MinBackoff, time.Second)
	s.o.MaxBackoff = cmp.Or(s.o.MaxBackoff, time.Minute)
	s.skew, s.password = s.o.Skew, s.o.Password
	s.random = rand.New(rand.NewPCG(s.o.Seed, 0))
	s.agenda.wake = func() { s.do(s.agenda.run) }
	for i := range len(s.o.Model.Connectors) + 1 {
		c := &connector{id: i}
		if i > 0 {
			c.plug = s.o.Model.Connectors[i-1]
			c.register = float64(100_000 + s.random.IntN(5_000_000))
		}
		s.connectors = append(s.connectors, c)
	}
	return s
}

// Identity returns the identity of the station.
func (s *Station) Identity() string { return s.id }

// do does something with the lock, and then what follows from it.
func (s *Station) do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.follow()
}

// follow tells the central system what has changed, with the lock.
func (s *Station) follow() {
	s.reportStatuses()
	s.startPump()
	s.agenda.arm(s.running)
}

// now is the time by the station's own clock.
func (s *Station) now() time.Time { return time.Now().Add(s.skew).Truncate(time.Millisecond) }

// pace is how long something takes that goes on as fast as cars charge here.
func (s *Station) pace(d time.Duration) time.Duration {
	return time.Duration(float64(d) / s.o.Speed)
}

// Run switches the station on and keeps it connected until ctx is done. It returns the
// error of ctx. It may be called again, not concurrently.
func (s *Station) Run(ctx context.Context) error {
	s.do(func() {
		s.running = true
		if s.since.IsZero() {
			s.since = time.Now()
		}
		if !s.dark {
			s.powerOn("PowerUp")
		}
	})
	defer func() {
		s.mu.Lock()
		s.running, s.powered = false, false
		s.agenda.arm(false)
		s.thaw()
		s.mu.Unlock()
		s.work.Wait()
	}()
	for ctx.Err() == nil {
		period, cancel := context.WithCancel(ctx)
		s.mu.Lock()
		up, password := s.powered && s.network, s.password
		s.hangUp = cancel
		s.mu.Unlock()
		if up {
			s.thawAll()
			client := ocpp.NewClient(s.endpoint, s.id, v16.Messages{}, (*answers)(s), s.clientOptions(password))
			_ = client.Run(period) // it ends with period
		} else {
			select {
			case <-ctx.Done():
			case <-s.changed:
			}
		}
		cancel()
	}
	return ctx.Err()
}

func (s *Station) clientOptions(password string) *ocpp.ClientOptions {
	ping := time.Duration(s.number("WebSocketPingInterval")) * time.Second
	if ping <= 0 {
		ping = -1
	}
	return &ocpp.ClientOptions{
		ConnOptions: ocpp.ConnOptions{PingInterval: ping, Logger: slog.New(slog.DiscardHandler)},
		Password:    password, MinBackoff: s.o.MinBackoff, MaxBackoff: s.o.MaxBackoff,
		Dial: s.dial,
	}
}

func (s *Station) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dial := s.o.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, network, address)
	if err != nil {
		s.stats.failures.Add(1)
		return nil, err
	}
	l := &line{Conn: conn}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line = l
	return l, nil
}

// surroundings notes that power or network have come or gone, with the lock.
func (s *Station) surroundings() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
	if s.hangUp != nil {
		s.hangUp()
	}
}

// thaw tells the other side of lines that have ended, with the lock.
func (s *Station) thaw() {
	for _, l := range s.frozen {
		_ = l.Conn.Close() // it has been given up long ago
	}
	s.frozen = nil
}

func (s *Station) thawAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.thaw()
}

// silence ends the connection in a way that the other side does not see, with the lock.
func (s *Station) silence() {
	if s.line != nil {
		s.line.freeze()
		s.frozen = append(s.frozen, s.line)
		s.line = nil
	}
}

// cut ends the connection, with the lock. Another one is made after a while.
func (s *Station) cut() {
	if s.line != nil {
		_ = s.line.Close() // it is over in any case
		s.line = nil
	}
}

// Online says whether it is connected and has been accepted.
func (s *Station) Online() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn != nil && s.registration == v16.RegistrationAccepted
}

// Settled says whether it is online and has nothing more to say.
func (s *Station) Settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn != nil && s.registration == v16.RegistrationAccepted && len(s.queue) == 0 && s.sending == nil
}

// ErrNoConnector says that a station has no such connector.
var ErrNoConnector = errors.New("simulate: the station has no such connector")

// at returns a connector that cars can be plugged into.
func (s *Station) at(number int) (*connector, error) {
	if number < 1 || number >= len(s.connectors) {
		return nil, fmt.Errorf("%w: %s has %d, not %d", ErrNoConnector, s.id, len(s.connectors)-1, number)
	}
	return s.connectors[number], nil
}

// with does something to a connector, with the lock, and what follows from it.
func (s *Station) with(number int, f func(c *connector) error) (err error) {
	s.do(func() {
		var c *connector
		if c, err = s.at(number); err == nil {
			err = f(c)
		}
	})
	return err
}

package simulate_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/charging/simulate"
)

// endpoint is where stations of a test connect to; the host is nowhere.
const endpoint = "ws://central/ocpp"

// pipes is a network that exists in a bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// central is a central system that remembers what stations say.
type central struct {
	t      *testing.T
	server *ocpp.Server
	net    *pipes

	mu           sync.Mutex
	boots        []v16.RegistrationStatus // the next answers; Accepted when there is none
	interval     int
	tags         map[string]v16.IDTagInfo
	refuse       map[string]int // how often an action is refused
	hang         chan struct{}  // nothing is answered until it is closed
	calls        []ocpp.Request
	transactions []*transaction
	known        map[string]bool // stations over HTTP
	passwords    map[string]string
	lie          func(*transaction) // of what HTTP tells
}

// transaction is one of the central system. It is the same when the station tells again.
type transaction struct {
	ID         int        `json:"id"`
	Station    string     `json:"station"`
	Connector  int        `json:"connector"`
	IDTag      string     `json:"idTag"`
	MeterStart int        `json:"meterStart"`
	MeterStop  *int       `json:"meterStop"`
	StartedAt  time.Time  `json:"startedAt"`
	StoppedAt  *time.Time `json:"stoppedAt"`

	reason v16.Reason
	values []v16.MeterValuesReq
	starts int
}

func newCentral(t *testing.T) *central {
	c := &central{
		t: t, net: &pipes{conns: make(chan net.Conn), done: make(chan struct{})}, interval: 300,
		tags: map[string]v16.IDTagInfo{}, refuse: map[string]int{}, known: map[string]bool{}, passwords: map[string]string{},
	}
	for _, tag := range []string{"ANNA", "BEN"} {
		c.tags[tag] = v16.IDTagInfo{Status: v16.AuthorizationAccepted}
	}
	c.tags["ANNA"] = v16.IDTagInfo{Status: v16.AuthorizationAccepted, ParentIDTag: "FAMILY"}
	c.tags["CARL"] = v16.IDTagInfo{Status: v16.AuthorizationAccepted, ParentIDTag: "FAMILY"}
	return c
}

// serve begins to serve, and stops when the test ends.
func (c *central) serve(ctx context.Context) (stop func()) {
	c.server = ocpp.NewServer(v16.Messages{Strict: true}, c, c, &ocpp.ServerOptions{
		NoCompression: true, ConnOptions: ocpp.ConnOptions{Logger: slog.New(slog.DiscardHandler)},
	})
	mux := http.NewServeMux()
	mux.Handle("/ocpp/{identity}", c.server)
	mux.HandleFunc("POST /api/charging/stations", c.postStation)
	mux.HandleFunc("POST /api/charging/id-tags", c.postTag)
	mux.HandleFunc("GET /api/charging/transactions", c.getTransactions)
	web := &http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan error, 1)
	go func() { served <- web.Serve(c.net) }()
	return func() {
		if err := c.server.Shutdown(ctx); err != nil {
			c.t.Errorf("Shutdown: %v", err)
		}
		_ = web.Close()
		<-served
	}
}

// Credentials lets everybody in who is not known with a password.
func (c *central) Credentials(_ context.Context, identity string) (ocpp.Credentials, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if password, ok := c.passwords[identity]; ok {
		key, err := ocpp.ParseKey(password)
		return ocpp.Credentials{Profile: 1, Keys: []ocpp.KeyHash{ocpp.HashKey(key)}}, err
	}
	return ocpp.Credentials{}, nil
}

func (c *central) Connected(context.Context, *ocpp.Conn) {}
func (c *central) Seen(*ocpp.Conn)                       {}
func (c *central) Disconnected(*ocpp.Conn, error)        {}

func (c *central) Handle(_ context.Context, conn *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
	c.mu.Lock()
	hang := c.hang
	c.mu.Unlock()
	if hang != nil {
		<-hang
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if call.Violation != nil {
		c.t.Errorf("%s violates the standard: %v", call.Action, call.Violation)
	}
	if c.refuse[call.Action] > 0 {
		c.refuse[call.Action]--
		return nil, ocpp.Errorf(ocpp.InternalError, "not today")
	}
	c.calls = append(c.calls, call.Request)
	switch q := call.Request.(type) {
	case *v16.BootNotificationReq:
		status := v16.RegistrationAccepted
		if len(c.boots) > 0 {
			status, c.boots = c.boots[0], c.boots[1:]
		}
		return &v16.BootNotificationConf{CurrentTime: time.Now(), Interval: c.interval, Status: status}, nil
	case *v16.HeartbeatReq:
		return &v16.HeartbeatConf{CurrentTime: time.Now()}, nil
	case *v16.AuthorizeReq:
		return &v16.AuthorizeConf{IDTagInfo: c.info(q.IDTag)}, nil
	case *v16.StartTransactionReq:
		return &v16.StartTransactionConf{TransactionID: c.start(conn.Identity(), q).ID, IDTagInfo: c.info(q.IDTag)}, nil
	case *v16.StopTransactionReq:
		c.stop(q)
		return &v16.StopTransactionConf{}, nil
	case *v16.MeterValuesReq:
		if q.TransactionID != nil && *q.TransactionID > 0 {
			tx := c.transactions[*q.TransactionID-1]
			tx.values = append(tx.values, *q)
		}
		return &v16.MeterValuesConf{}, nil
	case *v16.StatusNotificationReq:
		return &v16.StatusNotificationConf{}, nil
	case *v16.SecurityEventNotificationReq:
		return &v16.SecurityEventNotificationConf{}, nil
	case *v16.FirmwareStatusNotificationReq:
		return &v16.FirmwareStatusNotificationConf{}, nil
	case *v16.SignedFirmwareStatusNotificationReq:
		return &v16.SignedFirmwareStatusNotificationConf{}, nil
	case *v16.DiagnosticsStatusNotificationReq:
		return &v16.DiagnosticsStatusNotificationConf{}, nil
	case *v16.LogStatusNotificationReq:
		return &v16.LogStatusNotificationConf{}, nil
	case *v16.SignCertificateReq:
		return &v16.SignCertificateConf{Status: v16.Accepted}, nil
	}
	return nil, ocpp.Errorf(ocpp.NotSupported, "not in this test")
}

func (c *central) info(tag string) v16.IDTagInfo {
	if info, ok := c.tags[tag]; ok {
		return info
	}
	if strings.HasPrefix(tag, "V-") { // the virtual tag of a remote start
		return v16.IDTagInfo{Status: v16.AuthorizationAccepted}
	}
	return v16.IDTagInfo{Status: v16.AuthorizationInvalid}
}

// refuses has an action refused for a number of times.
func (c *central) refuses(action string, times int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse[action] = times
}

func (c *central) start(station string, q *v16.StartTransactionReq) *transaction {
	for _, tx := range c.transactions {
		if tx.Station == station && tx.Connector == q.ConnectorID && tx.IDTag == q.IDTag && tx.MeterStart == q.MeterStart && tx.StartedAt.Equal(q.Timestamp) {
			tx.starts++
			return tx
		}
	}
	tx := &transaction{ID: len(c.transactions) + 1, Station: station, Connector: q.ConnectorID, IDTag: q.IDTag, MeterStart: q.MeterStart, StartedAt: q.Timestamp, starts: 1}
	c.transactions = append(c.transactions, tx)
	return tx
}

func (c *central) stop(q *v16.StopTransactionReq) {
	if q.TransactionID < 1 || q.TransactionID > len(c.transactions) {
		return
	}
	tx := c.transactions[q.TransactionID-1]
	tx.MeterStop, tx.StoppedAt, tx.reason = &q.MeterStop, &q.Timestamp, q.ReasonOrDefault()
}

func (c *central) postStation(w http.ResponseWriter, r *http.Request) {
	var d struct {
		ID, Password string
		Connectors   []simulate.Plug
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := json.NewDecoder(r.Body).Decode(&d); err != nil || r.Header.Get("Idempotency-Key") == "" || len(d.Connectors) == 0 || d.Connectors[0].Power == 0 {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	if c.known[d.ID] {
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"type":"https://example.com/problems/station-exists"}`)
		return
	}
	c.known[d.ID], c.passwords[d.ID] = true, d.Password
	w.WriteHeader(http.StatusCreated)
}

func (c *central) postTag(w http.ResponseWriter, r *http.Request) {
	var d struct{ IDTag, Status string }
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.tags[d.IDTag] = v16.IDTagInfo{Status: v16.AuthorizationStatus(d.Status)}
	w.WriteHeader(http.StatusCreated)
}

// getTransactions has pages of two.
func (c *central) getTransactions(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	after, _ := strconv.Atoi(r.FormValue("cursor"))
	page := struct {
		Transactions []transaction `json:"transactions"`
		Next         string        `json:"next"`
	}{Transactions: []transaction{}}
	for _, tx := range c.transactions {
		if tx.Station != r.FormValue("station") || tx.ID <= after {
			continue
		}
		if len(page.Transactions) == 2 {
			page.Next = strconv.Itoa(page.Transactions[1].ID)
			break
		}
		told := *tx
		if c.lie != nil {
			c.lie(&told)
		}
		page.Transactions = append(page.Transactions, told)
	}
	_ = json.NewEncoder(w).Encode(page)
}

// rig is a station and its central system.
type rig struct {
	*central
	*simulate.Station
}

// alone runs a test with one station in a bubble.
func alone(t *testing.T, options simulate.StationOptions, prepare func(c *central), test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCentral(t)
		if prepare != nil {
			prepare(c)
		}
		stop := c.serve(t.Context())
		options.Dial = c.net.dial
		r := &rig{c, simulate.NewStation(endpoint, "CP-1", &options)}
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan error, 1)
		go func() { over <- r.Run(ctx) }()
		synctest.Wait()
		test(t, r)
		cancel()
		if err := <-over; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
		stop()
	})
}

// pass lets time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// call makes a call of the central system, and waits for what follows.
func call[Conf any, R v16.RequestFor[Conf]](t *testing.T, r *rig, request R) *Conf {
	t.Helper()
	conn, ok := r.server.Conn("CP-1")
	if !ok {
		t.Fatalf("%s: the station is not connected", request.Action())
	}
	conf, err := v16.Call(t.Context(), conn, request)
	if err != nil {
		t.Fatalf("%s: %v", request.Action(), err)
	}
	pass(time.Second)
	return conf
}

// heard forgets what has been said before, and returns it.
func (c *central) heard() []ocpp.Request {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.calls
	c.calls = nil
	return calls
}

// statuses are what a connector has told, of calls.
func statuses(calls []ocpp.Request, connector int) string {
	var all []string
	for _, request := range calls {
		if q, ok := request.(*v16.StatusNotificationReq); ok && q.ConnectorID == connector {
			word := string(q.Status)
			if q.ErrorCode != v16.ErrorNoError {
				word += "(" + string(q.ErrorCode) + ")"
			}
			all = append(all, word)
		}
	}
	return strings.Join(all, " ")
}

// actions are the names of calls, without those named.
func actions(calls []ocpp.Request, without ...string) string {
	var all []string
	for _, request := range calls {
		if !slices.Contains(without, request.Action()) {
			all = append(all, request.Action())
		}
	}
	return strings.Join(all, " ")
}

func check[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tx returns the only transaction that the central system has.
func (c *central) tx() *transaction {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.transactions) != 1 {
		c.t.Fatalf("the central system has %d transactions, want 1", len(c.transactions))
	}
	return c.transactions[0]
}

// agrees checks that the books of both are the same.
func (r *rig) agrees() {
	r.t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	entries := r.Ledger()
	check(r.t, "transactions of the station", len(entries), len(r.transactions))
	for i, e := range entries {
		tx := r.transactions[i]
		if e.ID != tx.ID || e.MeterStart != tx.MeterStart || !e.Settled || tx.MeterStop == nil || *tx.MeterStop != e.MeterStop || !tx.StoppedAt.Equal(e.StoppedAt) || e.Reason != tx.reason {
			r.t.Errorf("the station has %+v, the central system %+v", e, tx)
		}
	}
}

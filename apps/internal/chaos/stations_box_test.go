package chaos

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// box is a station with two connectors. What it has to tell of transactions it keeps until it
// is answered, in order, as the standard wants it.
type box struct {
	d      *depot
	id     string
	random *rand.Rand
	remote chan *v16.RemoteStartTransactionReq // that were accepted

	meter   [3]int
	running [3]*transaction // by connectors
	ledger  []*transaction
	queue   []message
	clock   time.Time // moves with what happens, so that no two things have the same time

	conn *ocpp.Conn
	pull context.CancelFunc

	mu    sync.Mutex
	calls map[string]told // by id tag
}

// told is what a station knows of a remote start.
type told struct {
	times             int
	accepted, started bool
}

// transaction is one, as its station knows it.
type transaction struct {
	connector             int
	tag                   string
	meterStart, meterStop int
	started, stopped      time.Time
	readings              []reading
	id                    int  // 0 before it is known
	gaveUp                bool // it never was
	told                  bool // the start was answered
}

type reading struct {
	at time.Time
	wh int
}

// message is something about a transaction that is to be told.
type message struct {
	of      *transaction
	request func() ocpp.Request
	answer  func(ocpp.Response)
}

func newBox(d *depot, id string, seed uint64) *box {
	return &box{
		d: d, id: id, random: rand.New(rand.NewPCG(seed, 0)), remote: make(chan *v16.RemoteStartTransactionReq, 10),
		clock: time.Now().UTC().Add(-time.Hour).Truncate(time.Second), calls: make(map[string]told),
	}
}

// tick is the next moment of its clock.
func (b *box) tick() time.Time {
	b.clock = b.clock.Add(time.Second)
	return b.clock
}

// live is its life, up to when all is told.
func (b *box) live() {
	defer b.drop()
	for range 15 + b.random.IntN(15) {
		b.step()
		b.flush(1 + b.random.IntN(3))
		pause(b.d.t.Context(), time.Duration(b.random.IntN(40))*time.Millisecond)
	}
	for range 3 { // what was started from afar meanwhile
		b.startRemote()
		for connector := range b.running {
			b.stop(connector)
		}
		b.flush(1 << 20)
		pause(b.d.t.Context(), 50*time.Millisecond)
	}
	b.drop() // so nothing more comes
	b.startRemote()
	for connector := range b.running {
		b.stop(connector)
	}
	b.flush(1 << 20)
}

// step is something that happens to it.
func (b *box) step() {
	b.startRemote()
	connector := 1 + b.random.IntN(2)
	switch b.random.IntN(8) {
	case 0, 1:
		if b.running[connector] == nil {
			b.start(connector, fmt.Sprintf("T%08x", b.random.Uint32()))
		}
	case 2, 3:
		b.metered(connector)
	case 4:
		b.stop(connector)
	case 5:
		b.drop()
	case 6:
		if conn := b.connected(); conn != nil {
			b.call(conn, &v16.StatusNotificationReq{ConnectorID: connector, Status: v16.StatusAvailable, ErrorCode: v16.ErrorNoError})
		}
	}
}

// startRemote starts what it has promised to.
func (b *box) startRemote() {
	for {
		select {
		case r := <-b.remote:
			if b.running[*r.ConnectorID] != nil {
				continue // somebody was faster, and it cannot any more
			}
			b.start(*r.ConnectorID, r.IDTag)
			b.mu.Lock()
			t := b.calls[r.IDTag]
			t.started = true
			b.calls[r.IDTag] = t
			b.mu.Unlock()
		default:
			return
		}
	}
}

func (b *box) start(connector int, tag string) {
	t := &transaction{connector: connector, tag: tag, meterStart: b.meter[connector], started: b.tick()}
	b.running[connector] = t
	b.ledger = append(b.ledger, t)
	request := &v16.StartTransactionReq{ConnectorID: connector, IDTag: tag, MeterStart: t.meterStart, Timestamp: t.started}
	b.queue = append(b.queue, message{t, func() ocpp.Request { return request }, func(r ocpp.Response) {
		t.id, t.told = r.(*v16.StartTransactionConf).TransactionID, true
		if t.id <= 0 {
			b.d.t.Errorf("%s: a start was answered %+v", b.id, r)
		}
	}})
}

// number is the ID of a transaction in a message, -1 when it did not get one.
func (t *transaction) number() *int {
	n := t.id
	if n == 0 {
		n = -1
	}
	return &n
}

func (b *box) metered(connector int) {
	t := b.running[connector]
	if t == nil {
		return
	}
	b.meter[connector] += 1 + b.random.IntN(500)
	r := reading{b.tick(), b.meter[connector]}
	t.readings = append(t.readings, r)
	b.queue = append(b.queue, message{of: t, request: func() ocpp.Request {
		return &v16.MeterValuesReq{ConnectorID: connector, TransactionID: t.number(), MeterValue: []v16.MeterValue{
			{Timestamp: r.at, SampledValue: []v16.SampledValue{{Value: fmt.Sprint(r.wh)}}},
		}}
	}})
}

func (b *box) stop(connector int) {
	t := b.running[connector]
	if t == nil {
		return
	}
	b.metered(connector) // without an ID, it says which connector the end is of
	b.running[connector] = nil
	t.meterStop, t.stopped = b.meter[connector], b.tick()
	b.queue = append(b.queue, message{of: t, request: func() ocpp.Request {
		return &v16.StopTransactionReq{TransactionID: *t.number(), MeterStop: t.meterStop, Timestamp: t.stopped, IDTag: t.tag}
	}})
}

// flush tells so much of what there is to tell as it can.
func (b *box) flush(most int) {
	for ; most > 0 && len(b.queue) > 0 && b.d.t.Context().Err() == nil && !b.d.t.Failed(); most-- {
		conn := b.connected()
		if conn == nil {
			continue
		}
		m := b.queue[0]
		response, err := b.call(conn, m.request())
		if err != nil {
			_, starts := m.request().(*v16.StartTransactionReq)
			if starts && errors.Is(err, ocpp.ErrNoAnswer) && b.random.IntN(10) == 0 {
				m.of.gaveUp = true // it will never know the ID
				b.queue = b.queue[1:]
			}
			continue
		}
		if m.answer != nil {
			m.answer(response)
		}
		b.queue = b.queue[1:]
	}
}

// call makes a call, whose answer may be lost.
func (b *box) call(conn *ocpp.Conn, request ocpp.Request) (ocpp.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if b.random.IntN(8) == 0 { // the connection breaks at some moment
		timer := time.AfterFunc(time.Duration(b.random.IntN(3000))*time.Microsecond, b.pull)
		defer timer.Stop()
	}
	response, err := conn.Call(ctx, request)
	if refused := (*ocpp.CallError)(nil); errors.As(err, &refused) && refused.Code != ocpp.InternalError {
		b.d.t.Errorf("%s: %s was answered %v", b.id, request.Action(), err)
	}
	return response, err
}

// connected returns its connection, a new one if need be, or nil when nobody is there.
func (b *box) connected() *ocpp.Conn {
	if b.conn != nil && b.conn.Err() == nil {
		return b.conn
	}
	b.drop()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	running, pull := context.WithCancel(context.Background())
	handler := func(_ context.Context, conn *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
		return b.handle(conn, call, pull)
	}
	conn, err := ocpp.Dial(ctx, "ws"+strings.TrimPrefix(b.d.url, "http")+"/ocpp", b.id, v16.Messages{}, ocpp.HandlerFunc(handler),
		&ocpp.ClientOptions{ConnOptions: ocpp.ConnOptions{Logger: slog.New(slog.DiscardHandler)}})
	if err != nil {
		pull()
		pause(b.d.t.Context(), 50*time.Millisecond)
		return nil
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = conn.Run(running) // why it is over does not matter
	}()
	b.conn, b.pull = conn, func() { pull(); <-over }
	boot, err := v16.Call(ctx, conn, &v16.BootNotificationReq{ChargePointVendor: "Volt", ChargePointModel: "Duo"})
	if err != nil {
		return nil
	}
	if boot.Status != v16.RegistrationAccepted {
		b.d.t.Errorf("%s: the boot was answered %+v", b.id, boot)
	}
	return conn
}

// drop ends the connection without a word.
func (b *box) drop() {
	if b.conn != nil {
		b.pull()
		b.conn = nil
	}
}

// handle answers what it is asked, in one of the ways that stations do.
func (b *box) handle(conn *ocpp.Conn, call ocpp.Call, pull func()) (ocpp.Response, error) {
	r, ok := call.Request.(*v16.RemoteStartTransactionReq)
	if !ok {
		return nil, ocpp.Errorf(ocpp.NotSupported, "%s is not supported", call.Action)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.calls[r.IDTag]
	t.times++
	way := rand.IntN(6)
	t.accepted = way != 0
	b.calls[r.IDTag] = t
	switch way {
	case 0:
		return &v16.RemoteStartTransactionConf{Status: v16.Rejected}, nil
	case 1: // the answer is lost, and it does nothing
		return nil, lose(conn, pull)
	case 2: // the answer is lost, and it starts all the same
		b.remote <- r
		return nil, lose(conn, pull)
	case 3: // it never starts
		return &v16.RemoteStartTransactionConf{Status: v16.Accepted}, nil
	}
	b.remote <- r
	return &v16.RemoteStartTransactionConf{Status: v16.Accepted}, nil
}

// lose ends a connection on which an answer is to be lost.
func lose(conn *ocpp.Conn, pull func()) error {
	pull()
	for conn.Err() == nil {
		pause(context.Background(), time.Millisecond)
	}
	return errors.New("the answer is lost")
}

// told returns what it knows of the remote start of a tag.
func (b *box) told(tag string) told {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls[tag]
}

// askedTimes is how many remote starts have come.
func (b *box) askedTimes() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, t := range b.calls {
		n += t.times
	}
	return n
}

// delivered says whether the start with a tag was told, and answered.
func (b *box) delivered(tag string) bool {
	for _, t := range b.ledger {
		if t.tag == tag {
			return t.told
		}
	}
	return false
}

// certain is how many transactions the server must know.
func (b *box) certain() int {
	n := 0
	for _, t := range b.ledger {
		if !t.gaveUp {
			n++
		}
	}
	return n
}

// find returns the transaction that a document is of.
func (b *box) find(f charging.TransactionDocument) *transaction {
	for _, t := range b.ledger {
		if t.connector == f.Connector && strings.EqualFold(t.tag, f.IDTag) && t.meterStart == f.MeterStart && t.started.Equal(f.StartedAt) {
			return t
		}
	}
	return nil
}

package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// StationsFlag is the first argument with which the program becomes the process of the
// stations; the address of the server and how many there are follow.
const StationsFlag = "--bench-stations"

// What the process of the stations is told to do, one at a time.
const (
	stationsConnect = "connect" // all connect, boot, and report two connectors
	stationsStorm   = "storm"   // all lose their connection, and make a new one and a call at once
	stationsLoad    = "load"    // all together send so many messages a second
)

// stationOrder is what it is told, stationReport what it found: how many stations, or
// messages, a second there were, and how long each took.
type stationOrder struct {
	Do       string        `json:"do"`
	Duration time.Duration `json:"duration"`
}

type stationReport struct {
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_us"`
	P99       float64 `json:"p99_us"`
	Error     string  `json:"error,omitempty"`
}

// stationProcess is the process, as the server sees it.
type stationProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func startStations(ctx context.Context, address string, n int) (*stationProcess, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &stationProcess{cmd: exec.CommandContext(ctx, program, StationsFlag, address, strconv.Itoa(n))}
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = json.NewDecoder(bufio.NewReader(out))
	return p, p.cmd.Start()
}

func (p *stationProcess) do(what string, d time.Duration) (r stationReport, err error) {
	if err := json.NewEncoder(p.in).Encode(stationOrder{what, d}); err != nil {
		return r, err
	}
	if err = p.out.Decode(&r); err == nil && r.Error != "" {
		err = errors.New(r.Error)
	}
	return r, err
}

func (p *stationProcess) close() error {
	return errors.Join(p.in.Close(), p.cmd.Wait())
}

// RunStations is the process of the stations.
func RunStations(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("it needs an address and a number")
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	f := &stationFleet{endpoint: "ws://" + args[0] + "/ocpp", stations: make([]benchStation, n)}
	for i := range f.stations {
		f.stations[i].id = fmt.Sprintf("CP-%05d", i)
	}
	defer f.cut()
	orders, says := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var order stationOrder
		if err := orders.Decode(&order); err != nil {
			return nil // nothing more is wanted
		}
		var r stationReport
		switch order.Do {
		case stationsConnect:
			r, err = f.connect(ctx, 200, true)
		case stationsStorm:
			f.cut()
			r, err = f.connect(ctx, n, false)
		case stationsLoad:
			r, err = f.load(ctx, order.Duration)
		}
		if err != nil {
			r.Error = err.Error()
		}
		if err := says.Encode(r); err != nil {
			return err
		}
	}
}

type stationFleet struct {
	endpoint string
	stations []benchStation
}

type benchStation struct {
	id   string
	conn *ocpp.Conn
	cut  context.CancelFunc
}

// cut ends all connections at once, without a word.
func (f *stationFleet) cut() {
	for i := range f.stations {
		if cut := f.stations[i].cut; cut != nil {
			cut()
		}
	}
}

// connect connects all stations, so many at a time, and has each make its calls.
func (f *stationFleet) connect(ctx context.Context, together int, boot bool) (r stationReport, err error) {
	var next atomic.Int64
	times := make([]int64, len(f.stations))
	begin := time.Now()
	err = callTogether(together, func(int) error {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(f.stations) {
				return nil
			}
			since := begin // of a storm, in which all begin at once
			if boot {
				since = time.Now()
			}
			if err := f.stations[i].connect(ctx, f.endpoint, boot); err != nil {
				return err
			}
			times[i] = int64(time.Since(since))
		}
	})
	r.PerSecond = float64(len(f.stations)) / time.Since(begin).Seconds()
	r.P50, r.P99 = percentiles(times)
	return r, err
}

// connect connects a station; when the server asks it to come later it does.
func (s *benchStation) connect(ctx context.Context, endpoint string, boot bool) error {
	options := &ocpp.ClientOptions{
		ConnOptions:      ocpp.ConnOptions{PingInterval: -1, Logger: slog.New(slog.DiscardHandler)},
		HandshakeTimeout: time.Minute,
	}
	for {
		conn, err := ocpp.Dial(ctx, endpoint, s.id, v16.Messages{}, ocpp.HandlerFunc(refuseAll), options)
		if refused := (*ocpp.HandshakeError)(nil); errors.As(err, &refused) && refused.RetryAfter > 0 {
			select {
			case <-time.After(refused.RetryAfter):
			case <-ctx.Done():
				return ctx.Err()
			}
			continue
		}
		if err != nil {
			return err
		}
		running, cut := context.WithCancel(ctx)
		s.conn, s.cut = conn, cut
		go func() { _ = conn.Run(running) }() // calls tell why it is over
		break
	}
	var calls []ocpp.Request
	if boot {
		calls = append(calls, &v16.BootNotificationReq{ChargePointVendor: "Volt", ChargePointModel: "Duo", FirmwareVersion: "1.0"})
		for connector := range 3 {
			calls = append(calls, s.status(connector, v16.StatusAvailable))
		}
	} else {
		calls = append(calls, &v16.HeartbeatReq{}, s.status(1, v16.StatusPreparing))
	}
	for _, call := range calls {
		if _, err := s.conn.Call(ctx, call); err != nil {
			return fmt.Errorf("%s of %s: %w", call.Action(), s.id, err)
		}
	}
	return nil
}

func refuseAll(_ context.Context, _ *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
	return nil, ocpp.Errorf(ocpp.NotSupported, "%s is not supported", call.Action)
}

func (s *benchStation) status(connector int, status v16.ChargePointStatus) ocpp.Request {
	return &v16.StatusNotificationReq{ConnectorID: connector, Status: status, ErrorCode: v16.ErrorNoError, Timestamp: time.Now().UTC()}
}

// load has the stations send stationMessages a second, each at its own time: of ten five are
// meter values, three heartbeats, and two statuses that are news.
func (f *stationFleet) load(ctx context.Context, d time.Duration) (r stationReport, err error) {
	const charging = 500 // stations that have a transaction
	charge := min(charging, len(f.stations))
	transactions := make([]int, charge)
	err = callTogether(50, func(worker int) error {
		for i := worker; i < charge; i += 50 {
			conf, err := v16.Call(ctx, f.stations[i].conn, &v16.StartTransactionReq{
				ConnectorID: 2, IDTag: fmt.Sprint("TAG", i), MeterStart: 1000, Timestamp: time.Now().UTC(),
			})
			if err != nil {
				return err
			}
			transactions[i] = conf.TransactionID
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	var (
		mu    sync.Mutex
		times []int64
		errs  []error
		calls sync.WaitGroup
	)
	begin := time.Now()
	for n := 0; time.Since(begin) < d && ctx.Err() == nil; n++ {
		s := &f.stations[rand.IntN(len(f.stations))]
		var request ocpp.Request
		switch {
		case n%10 < 5:
			i := rand.IntN(charge)
			s = &f.stations[i]
			request = meterValues(transactions[i], 1000+n)
		case n%10 < 8:
			request = &v16.HeartbeatReq{}
		default:
			request = s.status(1, []v16.ChargePointStatus{v16.StatusAvailable, v16.StatusPreparing, v16.StatusFinishing}[rand.IntN(3)])
		}
		due := begin.Add(time.Duration(n) * time.Second / stationMessages)
		time.Sleep(time.Until(due))
		calls.Go(func() {
			_, err := s.conn.Call(ctx, request)
			took := int64(time.Since(due))
			mu.Lock()
			defer mu.Unlock()
			times = append(times, took)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s of %s: %w", request.Action(), s.id, err))
			}
		})
	}
	calls.Wait()
	r.PerSecond = float64(len(times)) / time.Since(begin).Seconds()
	r.P50, r.P99 = percentiles(times)
	return r, errors.Join(errs...)
}

func meterValues(transaction, wh int) ocpp.Request {
	return &v16.MeterValuesReq{ConnectorID: 2, TransactionID: &transaction, MeterValue: []v16.MeterValue{{
		Timestamp: time.Now().UTC(),
		SampledValue: []v16.SampledValue{
			{Value: strconv.Itoa(wh)},
			{Value: "11040", Measurand: v16.MeasurandPowerActiveImport, Unit: v16.UnitW},
			{Value: "16", Measurand: v16.MeasurandCurrentImport, Unit: v16.UnitA},
			{Value: "55", Measurand: v16.MeasurandSoC, Unit: v16.UnitPercent},
		},
	}}}
}

// Package simulate has charging stations that are not there. They behave as real ones
// do, and connect to a central system over the network like any other:
//
//	station := simulate.NewStation("ws://127.0.0.1:8080/ocpp", "CP-1", nil)
//	go station.Run(ctx)
//	station.PlugIn(1, simulate.Car{})
//	station.Tap(1, "TAG-1")
//
// [Run] has a fleet of them live for a while, with drivers, faults and bad networks, and
// audits afterwards what the central system knows of their transactions.
//
//	station.go    the Station, and how it comes and goes
//	line.go       a network connection that breaks as mobile ones do
//	agenda.go     what a station is going to do: one timer
//	outbox.go     what it says, and says again
//	boot.go       start, heartbeats, clock, power
//	connector.go  status and transactions
//	authorize.go  who may charge
//	meter.go      energy, and what meters say about it
//	model.go      makes of stations, cars and their curves
//	hands.go      what people do to a station
//	calls.go      what the central system may ask; also trigger.go, config.go,
//	              reserve.go, profiles.go, firmware.go, security.go
//	life.go       drivers and misfortunes
//	ledger.go     what a station believes
//	fleet.go      many stations; client.go, audit.go, report.go
//
// # Time
//
// Clocks are true: intervals that the central system sets, timestamps, expiry dates and
// schedules are those of real time. With a speed above 1 cars charge faster, drivers come
// more often, and meter values are taken more often, down to one each second.
//
// # Cost
//
// A station has one goroutine, which reads its connection, and one timer. Another
// goroutine lives while it has something to send.
//
// The section numbers in comments are those of OCPP 1.6; "security" means the security
// extension, "errata" the sheet for 1.6, "J errata" that for 1.6-J.
package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// Options of [Run]. URL and Count are needed.
type Options struct {
	// URL is that of the server, and Token what its requests need. OCPP is the URL that
	// stations connect to, without their identity: by default /ocpp of the same server.
	URL, Token, OCPP string

	// Count stations are called Prefix and a number, from 1; the Prefix is "SIM-" by
	// default.
	Count  int
	Prefix string

	// Seed decides what happens, and what the stations' passwords are, unless there is
	// a Password for all.
	Seed     uint64
	Password string

	// Speed is how many times faster than real time cars charge and come, 1 by default.
	Speed float64

	// For is how long they live; without it until ctx is done.
	For time.Duration

	// Calm: nothing breaks, no clock is wrong, and every call is answered at once.
	Calm bool

	// Settle is how long the stations may take in the end to say all that they have to
	// say, and how long requests over HTTP are made again: 30 seconds by default.
	Settle time.Duration

	// Progress is told how the fleet is, every Every: 5 seconds by default.
	Progress func(Status)
	Every    time.Duration

	// Dial makes network connections; net.Dialer's DialContext by default.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

func (o *Options) setDefaults() error {
	o.Prefix = cmp.Or(o.Prefix, "SIM-")
	o.Speed = cmp.Or(o.Speed, 1)
	o.Settle = cmp.Or(o.Settle, 30*time.Second)
	o.Every = cmp.Or(o.Every, 5*time.Second)
	if o.OCPP == "" {
		rest, ok := strings.CutPrefix(o.URL, "http")
		if !ok {
			return fmt.Errorf("simulate: the URL is %q, and begins with http:// or https://", o.URL)
		}
		o.OCPP = "ws" + strings.TrimSuffix(rest, "/") + "/ocpp"
	}
	if o.Count < 1 {
		return errors.New("simulate: there must be a station at least")
	}
	if tag := tagOf(stationID(o.Prefix, o.Count-1), 3); len(tag) > 20 {
		return fmt.Errorf("simulate: the prefix %q is too long: an ID tag would be %s, and has 20 characters at most", o.Prefix, tag)
	}
	if o.Speed < 0.001 || o.Speed > 100_000 {
		return fmt.Errorf("simulate: the speed is %v; it is at least 0.001, and at most 100000", o.Speed)
	}
	return nil
}

// Run has stations registered and live, and audits. What the audit finds is in the
// report; the error says why there is none. The end of ctx ends their lives, but not the
// audit.
func Run(ctx context.Context, options Options) (*Report, error) {
	f, err := NewFleet(options)
	if err != nil {
		return nil, err
	}
	if err := f.Register(ctx); err != nil {
		return nil, err
	}
	began := time.Now()
	living, stop := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	work.Go(func() { _ = f.Live(living) }) // it ends with living
	f.watch(ctx)
	f.Settle(living)
	report, err := f.Audit(living)
	if err == nil {
		report.Seconds = time.Since(began).Seconds()
	}
	return report, err
}

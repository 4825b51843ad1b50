package simulate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// Fleet is many stations with random lives. [Run] does all that can be done with one:
//
//	fleet, err := NewFleet(options)
//	err = fleet.Register(ctx)
//	go fleet.Live(living)
//	…
//	fleet.Settle(ctx)
//	report, err := fleet.Audit(ctx)
type Fleet struct {
	o        *Options
	client   *client
	stations []*Station
	lives    []*life
	before   []map[transactionID]bool // the transactions of before, for each station
	stats    counters

	mu        sync.Mutex
	since     time.Time // the last Status
	callsThen int64
}

func stationID(prefix string, i int) string { return prefix + strconv.Itoa(i+1) }

// tagOf is the ID tag of the driver of a connector.
func tagOf(station string, connector int) string { return fmt.Sprintf("%s-T%d", station, connector) }

// entriesKept is how many entries the ledgers of all stations have together, so that the
// memory is bounded.
const entriesKept = 500_000

// NewFleet returns a fleet. Nothing happens until Register and Live are called.
func NewFleet(options Options) (*Fleet, error) {
	o := &options
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	f := &Fleet{o: o, client: newClient(o), before: make([]map[transactionID]bool, o.Count), since: time.Now()}
	models := Models()
	for i := range o.Count {
		random := rand.New(rand.NewPCG(o.Seed, uint64(i)))
		model := &models[random.IntN(len(models))]
		id := stationID(o.Prefix, i)
		options := &StationOptions{
			Model: model, Password: f.password(id), Speed: o.Speed, Seed: random.Uint64(), MaxBackoff: 30 * time.Second, Dial: o.Dial,
		}
		luck := random.IntN(100)
		if !o.Calm {
			options.Mischief = 0.03
			switch {
			case luck < 3: // nobody has told it about summer time
				options.Skew, options.Stubborn = []time.Duration{-time.Hour, time.Hour, 2 * time.Hour}[luck], true
			case luck < 6: // its battery is empty
				options.Skew = time.Until(time.Unix(0, 0))
			}
		}
		s := NewStation(o.OCPP, id, options)
		s.stats = &f.stats
		s.ledger.limit = max(16, entriesKept/o.Count)
		var tags []string
		for c := range model.Connectors {
			tags = append(tags, tagOf(id, c+1))
		}
		f.stations = append(f.stations, s)
		f.lives = append(f.lives, newLife(o.Seed, uint64(i), len(model.Connectors), tags, o.Calm))
	}
	return f, nil
}

// Stations returns the stations, which may be driven by hand as well.
func (f *Fleet) Stations() []*Station { return slices.Clone(f.stations) }

// password is that of a station: the same in each run, so that it is let in again.
func (f *Fleet) password(id string) string {
	if f.o.Password != "" {
		return f.o.Password
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", id, f.o.Seed))
	return fmt.Sprintf("%x", sum[:10]) // as long as a key may be
}

// Register makes the stations and the ID tags known to the server, and sees that the
// first station is let in. What is there already is taken as it is.
func (f *Fleet) Register(ctx context.Context) error {
	defer f.client.http.CloseIdleConnections()
	err := each(ctx, len(f.stations), func(ctx context.Context, i int) error {
		s := f.stations[i]
		type document struct {
			ID         string `json:"id"`
			Connectors []Plug `json:"connectors"`
			Password   string `json:"password"`
		}
		fresh, err := f.client.create(ctx, "/api/charging/stations", document{s.id, s.o.Model.Connectors, s.o.Password})
		if err != nil {
			return err
		}
		for _, tag := range f.lives[i].tags {
			if _, err := f.client.create(ctx, "/api/charging/id-tags", map[string]string{"idTag": tag, "status": "Accepted"}); err != nil {
				return err
			}
		}
		if fresh {
			return nil
		}
		known, err := f.client.transactions(ctx, s.id)
		f.before[i] = make(map[transactionID]bool, len(known))
		for _, t := range known {
			f.before[i][t.ID] = true
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("the stations are not registered: %w", err)
	}
	return f.tryOne(ctx)
}

// tryOne says why stations are not let in, if they are not.
func (f *Fleet) tryOne(ctx context.Context) error {
	s := f.stations[0]
	conn, err := ocpp.Dial(ctx, f.o.OCPP, s.id, v16.Messages{}, (*answers)(s), &ocpp.ClientOptions{Password: s.o.Password, Dial: f.o.Dial})
	var refused *ocpp.HandshakeError
	switch {
	case errors.As(err, &refused) && refused.Status == 401:
		return fmt.Errorf("%s is not let in: it was registered with another password; use the seed or the password of then, or another prefix", s.id)
	case errors.As(err, &refused) && refused.Status == 503:
		return nil // the stations wait
	case err != nil:
		return fmt.Errorf("%s is not let in at %s: %w", s.id, f.o.OCPP, err)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	_ = conn.Run(over) // it ends at once
	return nil
}

// starts is how many stations are switched on in a second.
const starts = 500

// Live switches the stations on, one after the other, and lets things happen to them
// until ctx is done. Then they are gone, whatever they were doing. It is called once.
func (f *Fleet) Live(ctx context.Context) error {
	var work sync.WaitGroup
	for i, s := range f.stations {
		work.Go(func() {
			select {
			case <-time.After(time.Duration(i) * time.Second / starts):
			case <-ctx.Done():
				return
			}
			s.do(func() { f.lives[i].begin(s) })
			_ = s.Run(ctx) // it ends with ctx
		})
	}
	work.Wait()
	return ctx.Err()
}

// watch tells how the fleet is, until its time is over.
func (f *Fleet) watch(ctx context.Context) {
	if f.o.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.o.For)
		defer cancel()
	}
	ticker := time.NewTicker(f.o.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if f.o.Progress != nil {
			f.o.Progress(f.Status())
		}
	}
}

// Settle has all cars leave, mends what is broken, lets nothing more happen, and waits
// until the stations have said all that they have to say about transactions: not longer
// than the options allow.
func (f *Fleet) Settle(ctx context.Context) {
	for i, s := range f.stations {
		s.do(func() { f.lives[i].end(s) })
	}
	ctx, cancel := context.WithTimeout(ctx, f.o.Settle)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for _, s := range f.stations {
		for !s.delivered() {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}
}

// delivered says whether nothing is left to say about transactions.
func (s *Station) delivered() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.queue {
		if m.tx != nil {
			return false
		}
	}
	return true
}

package natsstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/lease"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// LeaseOptions are the settings of [Leases]. The zero value is what most need.
type LeaseOptions struct {
	// TTL is for how long a lease holds without being renewed, so how long it takes
	// until another takes over from one that was killed: 10 seconds when zero, 500
	// milliseconds at least. It is renewed three times as often.
	TTL time.Duration

	// Owner tells others who has a lease: a node's name or address, or anything.
	Owner string

	// Replicas is on how many servers the leases are: 1 when zero.
	Replicas int
}

// Leases is [lease.Leases] over JetStream.
//
// No clock but the local, monotonic ones counts. The holder believes in its lease for
// nine tenths of the TTL after it began the last renewal that succeeded; another takes
// over when it has watched the lease for a whole TTL without seeing a renewal. So the two
// do not overlap, as long as the clocks run at the same speed, and a process that was
// paused looks at its clock before it acts. Where that is not enough, as what was begun
// in time may arrive late, the token fences: whoever is acted upon refuses a token that is
// lower than one it has seen. Saves need none: versions keep them correct.
type Leases struct {
	conn    *Conn
	options LeaseOptions
	made    sync.Mutex
	there   bool // the stream was made
}

var _ lease.Leases = (*Leases)(nil)

// leaseRecord is the message of a lease.
type leaseRecord struct {
	ID       string        `json:"id"` // of the holding
	Owner    string        `json:"owner,omitempty"`
	Token    uint64        `json:"token,omitempty"` // not there in the first message, whose sequence it is
	TTL      time.Duration `json:"ttl"`             // nanoseconds
	Released bool          `json:"released,omitempty"`
}

const (
	leasesRole = "leases"
	minTTL     = 500 * time.Millisecond
)

// NewLeases returns the leases of a connection's prefix. The connection must outlive
// them.
func NewLeases(conn *Conn, options *LeaseOptions) *Leases {
	l := &Leases{conn: conn}
	if options != nil {
		l.options = *options
	}
	l.options.TTL = max(cmp.Or(max(l.options.TTL, 0), 10*time.Second), minTTL)
	l.options.Replicas = cmp.Or(max(l.options.Replicas, 0), 1)
	return l
}

func (l *Leases) stream() string { return string(l.conn.names) + "-" + leasesRole }

func (l *Leases) subject(name string) string {
	return string(appendToken([]byte(string(l.conn.names)+"."+leasesRole+"."), name))
}

// enter checks a lease's name, and makes the stream unless it is there.
func (l *Leases) enter(ctx context.Context, name string) error {
	if name == "" || len(name) > aether.MaxNameLength {
		return &aether.InvalidError{Index: -1, Field: "lease", Reason: fmt.Sprintf("has a name of %d bytes; it needs 1 to %d", len(name), aether.MaxNameLength)}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	l.made.Lock()
	defer l.made.Unlock()
	if l.there {
		return nil
	}
	err := l.conn.createStream(ctx, jetstream.StreamConfig{
		Name:              l.stream(),
		Subjects:          []string{string(l.conn.names) + "." + leasesRole + ".*"},
		Description:       "leases of an Aether system",
		Retention:         jetstream.LimitsPolicy,
		Storage:           jetstream.FileStorage,
		Replicas:          l.options.Replicas,
		MaxMsgs:           -1,
		MaxBytes:          -1,
		MaxMsgsPerSubject: 1,
		MaxMsgSize:        -1,
		Duplicates:        100 * time.Millisecond,
	})
	l.there = err == nil
	return err
}

// Acquire is described at [lease.Leases].
func (l *Leases) Acquire(ctx context.Context, name string) (lease.Lease, error) {
	if err := l.enter(ctx, name); err != nil {
		return nil, err
	}
	// A message to the subject is a reason to look at once: perhaps it is released.
	changed := make(chan struct{}, 1)
	sub, err := l.conn.nc.Subscribe(l.subject(name), func(*nats.Msg) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return nil, l.conn.driverError("acquire", err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // nobody listens any more
	var watched uint64
	var since time.Time
	for {
		record, sequence, err := l.look(ctx, name)
		if err == nil {
			if sequence != watched {
				watched, since = sequence, time.Now()
			}
			if sequence == 0 || record.Released || time.Since(since) >= record.TTL {
				taken, err := l.take(ctx, name, sequence)
				if err != nil {
					return nil, err
				}
				if taken != nil {
					return taken, nil
				}
				continue
			}
		} else if ctx.Err() == nil && !errors.Is(err, ErrUnavailable) {
			return nil, err
		}
		timer := time.NewTimer(l.options.TTL / 5)
		select {
		case <-timer.C:
		case <-changed:
			pause(ctx, 5*time.Millisecond) // it is heard before it is saved
		case <-ctx.Done():
		}
		timer.Stop()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// look returns the last message of a lease; its sequence is 0 when there is none.
func (l *Leases) look(ctx context.Context, name string) (record leaseRecord, sequence uint64, err error) {
	err = l.conn.try(ctx, "acquire", func(ctx context.Context) error {
		m, s, err := l.conn.lastMessage(ctx, l.stream(), l.subject(name))
		if isCode(err, codeMessageNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		record, sequence = leaseRecord{}, s
		if json.Unmarshal(m.Data, &record) != nil {
			record = leaseRecord{Released: true} // it is nobody's
		}
		return nil
	})
	return record, sequence, err
}

// write writes a message that follows another one.
// It is landed only if the message is in the stream; there need not be an error otherwise.
func (l *Leases) write(ctx context.Context, name string, record leaseRecord, after uint64) (outcome, uint64, error) {
	data, err := json.Marshal(record)
	if err != nil {
		return forbidden, 0, err
	}
	m := &nats.Msg{Subject: l.subject(name), Data: data, Header: nats.Header{headerExpected: {strconv.FormatUint(after, 10)}}}
	return l.conn.publish(ctx, m)
}

// take tries to become the holder. It returns nil when somebody else was first.
func (l *Leases) take(ctx context.Context, name string, after uint64) (lease.Lease, error) {
	id := aether.NewID()
	began := time.Now()
	what, token, err := l.write(ctx, name, leaseRecord{ID: id, Owner: l.options.Owner, TTL: l.options.TTL}, after)
	if what == unknown || what == stale {
		// Perhaps it has landed all the same. If it lands later, it runs out.
		record, sequence, err := l.look(ctx, name)
		if err != nil || record.ID != id {
			if errors.Is(err, ErrUnavailable) {
				err = nil
			}
			return nil, err
		}
		what, token = landed, sequence
	}
	if what != landed {
		return nil, err
	}
	h := &holding{leases: l, name: name, sequence: token, record: leaseRecord{ID: id, Owner: l.options.Owner, Token: token, TTL: l.options.TTL}}
	return lease.Hold(ctx, lease.Terms{Token: token, TTL: l.options.TTL, Since: began, Renew: h.renew, Release: h.release}), nil
}

// holding is a lease that is held. Its functions are called one at a time.
type holding struct {
	leases   *Leases
	name     string
	record   leaseRecord
	sequence uint64 // of its last message that is known
}

func (h *holding) renew(ctx context.Context) error {
	switch what, sequence, err := h.leases.write(ctx, h.name, h.record, h.sequence); what {
	case landed:
		h.sequence = sequence
		return nil
	case stale, unknown:
		// The answer to an earlier try was lost, or somebody else has it.
		return h.find(ctx)
	case forbidden:
		return err
	default:
		return fmt.Errorf("not renewed: %w", nats.ErrNoResponders)
	}
}

// find looks for the last message of the lease. If it is this holding's, what follows on
// it can be tried again.
func (h *holding) find(ctx context.Context) error {
	last, sequence, err := h.leases.look(ctx, h.name)
	switch {
	case err != nil:
		return err
	case last.ID != h.record.ID:
		return lease.ErrLost
	}
	h.sequence = sequence
	return fmt.Errorf("no answer: %w", nats.ErrTimeout)
}

func (h *holding) release(ctx context.Context) error {
	h.record.Released = true
	return h.leases.conn.try(ctx, "release", func(ctx context.Context) error {
		switch what, _, err := h.leases.write(ctx, h.name, h.record, h.sequence); what {
		case landed:
			return nil
		case forbidden:
			return err
		}
		err := h.find(ctx)
		if errors.Is(err, lease.ErrLost) {
			return nil
		}
		return err
	})
}

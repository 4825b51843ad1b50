package simulate

import (
	"sync/atomic"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// Entry is a transaction as its station believes it was.
type Entry struct {
	// ID is what the central system has given it, 0 if the station was not told.
	ID        int    `json:"id"`
	Connector int    `json:"connector"`
	IDTag     string `json:"idTag"`

	// In Wh, and by the station's clock. Those of the end are zero until then.
	MeterStart int       `json:"meterStart"`
	MeterStop  int       `json:"meterStop"`
	StartedAt  time.Time `json:"startedAt"`
	StoppedAt  time.Time `json:"stoppedAt"`

	Reason v16.Reason `json:"reason,omitempty"`

	// Skewed: the station's clock was wrong. Remote: it was started remotely. Settled:
	// all about it has been sent, and was taken, or Dropped: then these messages were
	// refused until the station gave up.
	Skewed  bool     `json:"skewed,omitempty"`
	Remote  bool     `json:"remote,omitempty"`
	Settled bool     `json:"settled,omitempty"`
	Dropped []string `json:"dropped,omitempty"`
}

// Stopped says whether it is over.
func (e *Entry) Stopped() bool { return !e.StoppedAt.IsZero() }

// book has the entries of a station. It is guarded by the lock of the station.
type book struct {
	entries []*Entry
	limit   int // of the entries, 0 for none
	dropped int // entries that were settled and gave way to others
}

// begin adds an entry. Where there are too many, the oldest one gives way, if it is
// settled.
func (b *book) begin(e Entry) *Entry {
	if b.limit > 0 && len(b.entries) >= b.limit && b.entries[0].Settled {
		b.entries[0] = nil
		b.entries = b.entries[1:]
		b.dropped++
	}
	b.entries = append(b.entries, &e)
	return &e
}

// settled notes that the central system has taken the end of a transaction, or was
// not to be persuaded.
func (b *book) settled(e *Entry) { e.Settled = true }

func (b *book) copy() []Entry {
	entries := make([]Entry, len(b.entries))
	for i, e := range b.entries {
		entries[i] = *e
	}
	return entries
}

// counters are about the conversations of many stations.
type counters struct {
	calls    atomic.Int64 // made to the central system
	refused  atomic.Int64 // of them: answered with a CALLERROR
	failures atomic.Int64 // not answered in time, or not sent; or no connection
	commands atomic.Int64 // of the central system
	connects atomic.Int64
}

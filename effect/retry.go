package effect

import (
	"cmp"
	"time"

	"github.com/aether-es/aether/internal/backoff"
)

// Retry says how often and how long something is tried, and how long it is waited
// between. After the n-th failure the wait is
//
//	d/2 + random(0 … d/2)    where d = min(MaxBackoff, MinBackoff · 2^(n-1))
type Retry struct {
	// Attempts is how many there are, the first one included.
	Attempts int

	// Within is the time after the first attempt in which the others begin, a day by
	// default.
	Within time.Duration

	// MinBackoff is d after the first failure, a second by default; MaxBackoff is the
	// highest d, five minutes by default.
	MinBackoff time.Duration
	MaxBackoff time.Duration
}

func (r Retry) withDefaults(attempts int) Retry {
	r.Attempts = cmp.Or(max(r.Attempts, 0), attempts)
	r.Within = cmp.Or(max(r.Within, 0), 24*time.Hour)
	r.MinBackoff = cmp.Or(max(r.MinBackoff, 0), time.Second)
	r.MaxBackoff = cmp.Or(max(r.MaxBackoff, 0), 5*time.Minute)
	return r
}

// wait returns how long to wait after so many failures.
func (r Retry) wait(failures int) time.Duration {
	return backoff.After(failures, r.MinBackoff, r.MaxBackoff)
}

// next returns when to try again, after so many failures of which the first began
// at a time, and whether the limits allow it.
func (r Retry) next(now, first time.Time, failures int) (time.Time, bool) {
	at := now.Add(r.wait(failures))
	return at, failures < r.Attempts && !at.After(first.Add(r.Within))
}

// storeRetry is for reads and saves that failed, recordRetry for outcomes that were
// not recorded: both are tried for ever.
func storeRetry() Retry {
	return Retry{MinBackoff: 50 * time.Millisecond, MaxBackoff: 10 * time.Second}
}
func recordRetry() Retry { return Retry{MinBackoff: time.Second, MaxBackoff: time.Minute} }

package pebblefs

import "github.com/cockroachdb/pebble/v2"

// Gate returns what schedules the compactions of a Pebble: one at a time, and none after
// the failure. One that cannot read what it is about would begin again at once, for ever,
// and those that write would only hang.
func (p *FS) Gate() pebble.CompactionScheduler {
	return &gate{pebble.NewConcurrencyLimitSchedulerWithNoPeriodicGrantingForTest(), p}
}

// gate stands on the scheduler that Pebble has by itself, without its ticker: that is
// for limits which change by themselves, and this one does not rise.
type gate struct {
	*pebble.ConcurrencyLimitScheduler
	fs *FS
}

func (g *gate) Register(goroutines int, db pebble.DBForCompaction) {
	g.ConcurrencyLimitScheduler.Register(goroutines, gatedDB{db, g.fs})
}

type gatedDB struct {
	pebble.DBForCompaction
	fs *FS
}

// GetAllowedWithoutPermission is how many compactions may run.
func (d gatedDB) GetAllowedWithoutPermission() int {
	if d.fs.Err() != nil {
		return 0
	}
	return min(1, d.DBForCompaction.GetAllowedWithoutPermission())
}

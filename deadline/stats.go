package deadline

import (
	"context"
	"slices"
	"time"

	"github.com/aether-es/aether"
)

// Stats says how a scheduler is doing.
type Stats struct {
	// Live says that Run has read the log up to its end. Before that the others
	// say how far it has come, and nothing is fired.
	Live bool

	// Position is up to where the log has been read.
	Position aether.Position

	// Pending is how many deadlines there are, with those whose Fire is under way;
	// Failed how many of them have failed and are to be fired again.
	Pending int
	Failed  int

	// Next is when the next one is to be fired, or fired again; zero when none
	// waits. It is past when all of Options.Concurrency are busy.
	Next time.Time
}

// Stats is for operators and metrics, and costs next to nothing. Everything is zero
// while Run does not run.
func (s *Scheduler) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := Stats{Live: s.live, Position: s.position, Pending: s.table.pending(), Failed: s.table.failed}
	if next := s.firstTry(); next != never {
		stats.Next = time.UnixMicro(next).UTC()
	}
	return stats
}

// Pending returns the n deadlines that are to be fired next, or fired again,
// ordered by when they are due; those whose Fire is under way are among them. It
// reads an event of the log for each.
func (s *Scheduler) Pending(ctx context.Context, n int) ([]Deadline, error) {
	s.mu.Lock()
	entries := s.table.soonest(max(n, 0))
	s.mu.Unlock()
	deadlines := make([]Deadline, 0, len(entries))
	for _, e := range entries {
		d, err := s.deadlineOf(ctx, e)
		if err != nil {
			return nil, err
		}
		deadlines = append(deadlines, d)
	}
	slices.SortStableFunc(deadlines, func(a, b Deadline) int { return a.At.Compare(b.At) })
	return deadlines, nil
}

package memstore

import (
	"context"
	"iter"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/storekit"
)

func (n *namespace) ReadLog(ctx context.Context, after aether.Position, options *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		n.read(ctx, after, options, false, yield)
	}
}

func (n *namespace) FollowLog(ctx context.Context, after aether.Position, options *aether.LogOptions) iter.Seq2[aether.Event, error] {
	return func(yield func(aether.Event, error) bool) {
		n.read(ctx, after, options, true, yield)
	}
}

// read yields what the log holds, and, if it is to follow, what comes.
func (n *namespace) read(ctx context.Context, after aether.Position, options *aether.LogOptions, follow bool, yield func(aether.Event, error) bool) {
	to := ^aether.Position(0)
	if options != nil && options.To != 0 {
		to = options.To
	}
	for {
		n.store.mu.RLock()
		log, grown := n.log, n.grown
		err := n.store.ready(ctx)
		n.store.mu.RUnlock()
		if err != nil {
			yield(aether.Event{}, err)
			return
		}
		for end := min(to, aether.Position(len(log))); after < end; after++ {
			e := log[after]
			if err := n.store.ready(ctx); err != nil {
				yield(aether.Event{}, err)
				return
			}
			if storekit.Matches(options, e.ActorID, e.Type) && !yield(clone(e), nil) {
				return
			}
		}
		if !follow || after >= to {
			return
		}
		// grown was read together with log: it is closed if log has grown since.
		select {
		case <-grown:
		case <-ctx.Done():
		case <-n.store.closed:
		}
	}
}

func (n *namespace) GetLatestPosition(ctx context.Context) (aether.Position, error) {
	n.store.mu.RLock()
	defer n.store.mu.RUnlock()
	if err := n.store.ready(ctx); err != nil {
		return 0, err
	}
	return aether.Position(len(n.log)), nil
}

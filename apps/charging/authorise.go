package charging

import (
	"context"
	"sync"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/station"
)

// authorise says what an id tag may do at a station.
func (c *Charging) authorise(ctx context.Context, id, tag string) (v16.IDTagInfo, error) {
	return c.info(ctx, id, tag, 0)
}

// mayStart says whether an id tag may start a transaction now.
func (c *Charging) mayStart(ctx context.Context, id, tag string) (v16.IDTagInfo, error) {
	running, err := c.runningOf(ctx, tag)
	if err != nil {
		return v16.IDTagInfo{}, err
	}
	return c.info(ctx, id, tag, running)
}

func (c *Charging) info(ctx context.Context, id, text string, running int) (v16.IDTagInfo, error) {
	if remote, err := c.madeForRemote(ctx, id, text); err != nil || remote {
		return v16.IDTagInfo{Status: v16.AuthorizationAccepted}, err
	}
	tag, err := c.tag(ctx, text)
	if err != nil {
		return v16.IDTagInfo{}, err
	}
	var parent *registry.Tag
	if tag != nil && tag.Parent != "" {
		if parent, err = c.tag(ctx, tag.Parent); err != nil {
			return v16.IDTagInfo{}, err
		}
	}
	status := registry.Authorise(tag, parent, running, c.now())
	info := v16.IDTagInfo{Status: v16.AuthorizationStatus(status)}
	if tag != nil {
		info.ParentIDTag, info.ExpiryDate = tag.Parent, tag.Expires
	}
	return info, nil
}

// tag returns an id tag, nil when it is none of ours.
func (c *Charging) tag(ctx context.Context, text string) (tag *registry.Tag, err error) {
	actorID, ok := tagActor(text)
	if !ok {
		return nil, nil
	}
	err = c.tags.View(ctx, actorID, func(t *registry.Tag, _ version) {
		if t != nil {
			copied := *t
			tag = &copied
		}
	})
	return tag, err
}

// madeForRemote says whether a tag was made for a remote start of a station that has not
// ended: stations may ask about it, or stop with it.
func (c *Charging) madeForRemote(ctx context.Context, id, tag string) (made bool, err error) {
	err = c.stations.View(ctx, stationActor(id), func(s *station.Station, _ version) {
		for _, command := range s.Commands {
			if command.Action != station.RemoteStart || registry.TagKey(command.IDTag) != registry.TagKey(tag) {
				continue
			}
			t := s.Transaction(command.Started)
			made = made || command.Open() || t != nil && t.Running()
		}
	})
	return made, err
}

// starts remembers who has just started a transaction, until the read model knows it. It is
// safe for concurrent use; the zero value is ready.
type starts struct {
	mu     sync.Mutex
	recent []recentStart // the newest last
}

type recentStart struct {
	tag, key string
	at       time.Time
}

// remembering is how long a start is remembered: much longer than a read model lags.
const remembering = time.Minute

func (s *starts) add(tag, key string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.recent) > 0 && at.Sub(s.recent[0].at) > remembering {
		s.recent = s.recent[1:]
	}
	s.recent = append(s.recent, recentStart{registry.TagKey(tag), key, at})
}

// of returns the transactions that a tag has started lately.
func (s *starts) of(tag string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for _, r := range s.recent {
		if r.tag == registry.TagKey(tag) {
			keys = append(keys, r.key)
		}
	}
	return keys
}

// runningOf returns how many transactions an id tag has: as the read model says, where this
// node has one, and of those that have just started.
func (c *Charging) runningOf(_ context.Context, tag string) (int, error) {
	var keys []string
	if c.projector != nil && c.projector.Ready() == nil {
		var err error
		if keys, err = c.runningTransactions(tag); err != nil {
			return 0, err
		}
	}
	running := len(keys)
	for _, key := range c.starts.of(tag) {
		known := false
		if c.projector != nil && c.projector.Ready() == nil {
			var err error
			if known, err = c.knowsTransaction(key); err != nil {
				return 0, err
			}
		}
		if !known {
			running++
		}
	}
	return running, nil
}

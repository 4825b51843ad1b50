package charging

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/station"
)

// authorise says what an id tag may do at a station.
func (c *Charging) authorise(ctx context.Context, id, tag string) (v16.IDTagInfo, error) {
	remote, account, err := c.madeForRemote(ctx, id, tag)
	if err != nil {
		return v16.IDTagInfo{}, err
	}
	if !remote {
		return c.info(ctx, tag, 0)
	}
	// For the station it has the group of whom it was made for, whose tags may stop it.
	info := v16.IDTagInfo{}
	if account != "" {
		if info, err = c.info(ctx, account, 0); err != nil {
			return v16.IDTagInfo{}, err
		}
	}
	info.Status = v16.AuthorizationAccepted
	return info, nil
}

// mayStart says whether an id tag may start a transaction now, and reserves the start: of two
// at the same time one is a second one. The caller drops it where it comes to nothing.
func (c *Charging) mayStart(ctx context.Context, id, tag, start string) (v16.IDTagInfo, error) {
	if remote, _, err := c.madeForRemote(ctx, id, tag); err != nil || remote {
		info, other := c.authorise(ctx, id, tag)
		return info, cmp.Or(err, other)
	}
	others := c.starts.begin(tag, start, c.now())
	return c.info(ctx, tag, c.running(tag, others))
}

// info says what a tag may do that has so many transactions.
func (c *Charging) info(ctx context.Context, text string, running int) (v16.IDTagInfo, error) {
	tag, err := c.tag(ctx, text)
	if err != nil {
		return v16.IDTagInfo{}, err
	}
	parent, err := c.parentOf(ctx, tag)
	if err != nil {
		return v16.IDTagInfo{}, err
	}
	info := v16.IDTagInfo{Status: v16.AuthorizationStatus(registry.Authorise(tag, parent, running, c.now()))}
	if tag != nil {
		info.ParentIDTag, info.ExpiryDate = tag.Parent, tag.Expires
	}
	return info, nil
}

// mayInGeneral says what a tag of ours may do, whatever it does now.
func (c *Charging) mayInGeneral(ctx context.Context, tag *registry.Tag) (registry.Status, error) {
	parent, err := c.parentOf(ctx, tag)
	return registry.Authorise(tag, parent, 0, c.now()), err
}

// parentOf returns the parent of a tag, nil where that is none of ours.
func (c *Charging) parentOf(ctx context.Context, tag *registry.Tag) (*registry.Tag, error) {
	if tag == nil || tag.Parent == "" {
		return nil, nil
	}
	return c.tag(ctx, tag.Parent)
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
// ended, and for whom: stations may ask about it, or stop with it.
func (c *Charging) madeForRemote(ctx context.Context, id, tag string) (made bool, account string, err error) {
	err = c.stations.View(ctx, stationActor(id), func(s *station.Station, _ version) {
		for _, command := range s.Commands {
			if command.Action != station.RemoteStart || registry.TagKey(command.IDTag) != registry.TagKey(tag) {
				continue
			}
			if t := s.Transaction(command.Started); command.Open() || t != nil && t.Running() {
				made, account = true, command.Account
			}
		}
	})
	return made, account, err
}

// starts remembers who starts a transaction, until the read model knows it. It is safe for
// concurrent use; the zero value is ready.
type starts struct {
	mu     sync.Mutex
	recent []recentStart // the newest last
}

// recentStart is one of a tag. Its start is what it is known by before it has a transaction,
// whose key comes then.
type recentStart struct {
	tag, start, key string
	at              time.Time
}

// remembering is how long a start is remembered: much longer than a read model lags.
const remembering = time.Minute

// startOf is what the start is known by that a command asks for, startAt one that a station
// tells of.
func startOf(command string) string { return "command " + command }

func startAt(id string, start station.Start) string { return id + " " + start.Key() }

// begin remembers a start, once, and returns the others of its tag: the keys of their
// transactions, "" for those that have none yet.
func (s *starts) begin(tag, start string, at time.Time) (others []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.recent) > 0 && at.Sub(s.recent[0].at) > remembering {
		s.recent = s.recent[1:]
	}
	known := false
	for _, r := range s.recent {
		switch {
		case r.start == start:
			known = true
		case r.tag == registry.TagKey(tag):
			others = append(others, r.key)
		}
	}
	if !known {
		s.recent = append(s.recent, recentStart{tag: registry.TagKey(tag), start: start, at: at})
	}
	return others
}

// began gives a start its transaction.
func (s *starts) began(start, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.recent {
		if s.recent[i].start == start {
			s.recent[i].key = key
		}
	}
}

// drop forgets a start that comes to nothing.
func (s *starts) drop(start string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent = slices.DeleteFunc(s.recent, func(r recentStart) bool { return r.start == start })
}

// running returns how many transactions an id tag has: as the read model says, where this
// node has one that can be read, and those of its recent starts that are not in it. To be
// wrong about it is better than to keep a station waiting.
func (c *Charging) running(tag string, recent []string) int {
	if c.projector == nil || c.projector.Ready() != nil {
		return len(recent)
	}
	known, err := c.runningTransactions(tag)
	running := len(known)
	for _, key := range recent {
		found := false
		if key != "" && err == nil {
			found, err = c.knowsTransaction(key)
		}
		if !found {
			running++
		}
	}
	if err != nil {
		c.logger.Warn("charging: it is not known how many transactions an id tag has", "error", err)
	}
	return running
}

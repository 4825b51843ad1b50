package charging

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/projection"
	"github.com/aether-es/aether/readdb"
)

// NoVersion is the reason of the refusal of a version that a station does not have yet.
const NoVersion = "no-version"

// VersionFacts are the facts of such a refusal.
type VersionFacts struct {
	Latest aether.Version `json:"latest"`
}

// What is not there.
var (
	errNoStation     = aether.Refuse(station.NoStation, "there is no such station")
	errNoTransaction = aether.Refuse(station.NoTransaction, "there is no such transaction")
	errNoCommand     = aether.Refuse(station.NoCommand, "there is no such command")
	errNoIDTag       = aether.Refuse(registry.NoIDTag, "there is no such id tag")
	errNoTariff      = aether.Refuse(registry.NoTariff, "there is no such tariff")
)

// catchUp is how long a query waits at most for what its caller has just done.
const catchUp = 5 * time.Second

// view returns the documents of a moment, at which what happened at a position is known;
// it waits for that, for a while, and fails with [projection.ErrBehind]. The caller
// closes it.
func (c *Charging) view(ctx context.Context, after aether.Position) (*readdb.View, error) {
	if after != 0 {
		ctx, cancel := context.WithTimeout(ctx, catchUp)
		defer cancel()
		if err := c.projector.Wait(ctx, after); err != nil {
			return nil, err
		}
	}
	if err := c.projector.Ready(); err != nil {
		return nil, err
	}
	return c.projector.Space().View()
}

// inLog fails with [projection.ErrBehind] when the log has not come to a position. What
// is asked of the log need not wait: a command is answered when it is there.
func (c *Charging) inLog(ctx context.Context, position aether.Position) error {
	if position == 0 {
		return nil
	}
	latest, err := c.parts.Store.GetLatestPosition(ctx)
	if err == nil && latest < position {
		err = fmt.Errorf("%w: the log ends at %d", projection.ErrBehind, latest)
	}
	return err
}

// Page says which part of a list is asked for. The zero value is its beginning.
type Page struct {
	Cursor string // the Next of the page before
	Limit  int    // how many at most, 50 by default

	// After is a position: what happened there is known to the answer, which waits for
	// that, for a while, and fails with [projection.ErrBehind].
	After aether.Position
}

// facet says which documents of a collection are listed: those that have something in
// common, and of these the ones with a time from one on, up to another (zero for no bound),
// which match.
type facet[D any] struct {
	name     string
	from, to time.Time
	oldest   bool // comes first, and not the newest
	place    func(d *D) (time.Time, string)
	match    func(d *D) bool // nil for all
}

// mostScanned is how many documents one page looks at: the rest is for the next page.
const mostScanned = 20_000

// list returns a page of the documents, and the cursor of the next one.
func (f *facet[D]) list(r readdb.Reader, of *readdb.Collection[D], page Page) (found []D, next string, err error) {
	within, err := f.within(page.Cursor)
	if err != nil {
		return nil, "", err
	}
	limit, scanned := page.Limit, 0
	if limit <= 0 {
		limit = readdb.DefaultLimit
	}
	var at time.Time
	var key string
	for d, err := range of.All(r, &readdb.ListOptions{Index: byFacet, Range: within, Reverse: !f.oldest}) {
		if err != nil {
			return nil, "", err
		}
		if scanned == mostScanned {
			return found, placeCursor(at, key), nil
		}
		scanned++
		if f.match == nil || f.match(&d) {
			if len(found) == limit {
				return found, placeCursor(at, key), nil
			}
			found = append(found, d)
		}
		at, key = f.place(&d)
	}
	return found, "", nil
}

// within is the part of the index behind a cursor.
func (f *facet[D]) within(cursor string) (readdb.Range, error) {
	first, beyond := readdb.Tuple(facetOf(f.name)), readdb.Tuple(readdb.Text(f.name[:min(len(f.name), longestFacet)]+"\x00"))
	if !f.from.IsZero() {
		first = readdb.Tuple(facetOf(f.name), readdb.Time(f.from))
	}
	if !f.to.IsZero() {
		beyond = readdb.Tuple(facetOf(f.name), readdb.Time(f.to))
	}
	if cursor == "" {
		return readdb.Between(first, beyond), nil
	}
	at, key, ok := cursorPlace(cursor)
	switch {
	case !ok || !f.from.IsZero() && at.Before(f.from) || !f.to.IsZero() && !at.Before(f.to):
		return readdb.Range{}, readdb.ErrCursor
	case f.oldest:
		first = readdb.Tuple(facetOf(f.name), readdb.Time(at), readdb.Text(key+"\x00"))
	default:
		beyond = readdb.Tuple(facetOf(f.name), readdb.Time(at), readdb.Text(key))
	}
	return readdb.Between(first, beyond), nil
}

// placeCursor is the cursor behind a place, and cursorPlace the place behind a cursor.
func placeCursor(at time.Time, key string) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d.%s", at.Unix(), at.Nanosecond(), key))
}

func cursorPlace(cursor string) (at time.Time, key string, ok bool) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	parts := strings.SplitN(string(text), ".", 3)
	if err != nil || len(parts) < 3 {
		return at, "", false
	}
	seconds, ofSeconds := strconv.ParseInt(parts[0], 10, 64)
	nanos, ofNanos := strconv.ParseInt(parts[1], 10, 64)
	const most = 300_000_000_000 // the year 9999, and some
	if ofSeconds != nil || ofNanos != nil || seconds < -most || seconds > most || nanos < 0 || nanos >= 1e9 {
		return at, "", false
	}
	return time.Unix(seconds, nanos).UTC(), parts[2], true
}

// cursorKey is the place behind a cursor of a list by keys.
func cursorKey(cursor string) (string, error) {
	key, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return "", readdb.ErrCursor
	}
	return string(key), nil
}

func keyCursor(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

package tickets

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/live"
	"github.com/aether-es/aether/projection"
	"github.com/aether-es/aether/readdb"
)

// The kinds of live topics: "pool/k7x2m9qa4tzc" has how a pool is, with the price and the
// waiting room, as [PoolDocument]; "claim/k7x2m9qa4tzc-17.…" a cart, as [ClaimDocument]
// without codes, see [topicOf]; "pools" the first page of the list, as [PoolPage]. A
// change of a pool is its new document, and one of "pools" that of one pool; of a claim
// there are documents only. Positions are those of the log.
const (
	topicPool  = "pool"
	topicClaim = "claim"
	topicPools = "pools"
)

// publish tells the pages what has been applied. However many events of a pool that
// were, its document is sent once; that of a claim is read when somebody looks at it.
func (t *Tickets) publish(events []integration.Event) {
	if t.hub == nil {
		return
	}
	v, err := t.projector.Space().View()
	if err != nil {
		return // it is closed
	}
	defer v.Close()
	changed, cancelled := make(map[string]aether.Position), make(map[string]bool) // pools
	var changes []live.Change
	for _, e := range events {
		if claim := claimOf(v, e); claim != "" {
			changes = append(changes, live.Change{Topic: claim, Position: uint64(e.Position)})
		}
		if aether.Kind(e.Subject) == pool.Kind {
			changed[poolID(e.Subject)] = e.Position
			if e.Type == eventPrefix+"PoolCancelled" {
				cancelled[poolID(e.Subject)] = true
			}
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(changed), func(a, b string) int { return cmp.Compare(changed[a], changed[b]) }) {
		p, err := getPool(v, id)
		if err != nil {
			continue // it was applied, so this cannot be
		}
		if data, err := json.Marshal(p.document(t.now())); err == nil {
			changes = append(changes,
				live.Change{Topic: topicPool + "/" + id, Position: uint64(p.Position), Data: data},
				live.Change{Topic: topicPools, Position: uint64(p.Position), Data: data})
		}
	}
	t.hub.Publish(changes...)
	if len(cancelled) > 0 { // what was held is not any more, without an event for each claim
		t.hub.Refresh(func(topic string) bool {
			name, ok := strings.CutPrefix(topic, topicClaim+"/")
			claim, _, _ := strings.Cut(name, ".")
			id, _, valid := parseClaim(claim)
			return ok && valid && cancelled[id]
		})
	}
}

// claimOf returns the topic of the claim that an event has changed, "" when it has
// changed none.
func claimOf(r readdb.Reader, e integration.Event) string {
	id := e.Subject[strings.IndexByte(e.Subject, '/')+1:]
	if aether.Kind(e.Subject) == PaymentKind {
		m, found, err := moneys.Get(r, id)
		if err != nil || !found {
			return ""
		}
		claim := claimID(m.Pool, m.Claim)
		c, _, err := claims.Get(r, claim)
		if err != nil || c.Payment != id {
			return "" // of an earlier attempt to pay for it
		}
		return topicOf(claim, c.Customer)
	}
	var moment struct {
		Event struct {
			Claim    int    `json:"claim"`
			Customer string `json:"customer"` // most of them have it
		} `json:"event"`
	}
	if json.Unmarshal(e.Data, &moment) != nil || moment.Event.Claim == 0 {
		return ""
	}
	claim, customer := claimID(id, moment.Event.Claim), moment.Event.Customer
	if customer == "" {
		c, found, err := claims.Get(r, claim)
		if err != nil || !found {
			return ""
		}
		customer = c.Customer
	}
	return topicOf(claim, customer)
}

// readClaim returns a claim without codes.
func readClaim(r readdb.Reader, id string) (ClaimDocument, error) {
	c, found, err := claims.Get(r, id)
	if err == nil && !found {
		err = errNoClaim
	}
	if err != nil {
		return ClaimDocument{}, err
	}
	p, err := getPool(r, c.Pool)
	return c.document(&p), err
}

// refresh has the pages look again: something was applied that publish was not told.
func (t *Tickets) refresh() {
	if t.hub != nil {
		t.hub.Refresh(func(topic string) bool {
			kind := aether.Kind(topic)
			return kind == topicPool || kind == topicClaim || kind == topicPools
		})
	}
}

func (t *Tickets) poolTopic(ctx context.Context, id string) (live.Document, error) {
	d, err := t.Pool(ctx, id, 0)
	return document(d.Position, d, err)
}

func (t *Tickets) claimTopic(ctx context.Context, name string) (live.Document, error) {
	v, err := t.view(ctx, 0)
	if err != nil {
		return live.Document{}, err
	}
	defer v.Close()
	claim, _, _ := strings.Cut(name, ".")
	d, err := readClaim(v, claim)
	if err == nil && d.Topic != topicClaim+"/"+name {
		err = errNoClaim
	}
	return document(d.Position, d, err)
}

// poolsOnPage is how many pools the live list begins with.
const poolsOnPage = 50

func (t *Tickets) poolsTopic(ctx context.Context, _ string) (live.Document, error) {
	v, err := t.view(ctx, 0)
	if err != nil {
		return live.Document{}, err
	}
	defer v.Close()
	cursor, err := projection.CursorOf(v)
	if err != nil {
		return live.Document{}, err
	}
	d, err := t.listPools(v, "", poolsOnPage)
	return document(cursor.Position, d, err)
}

func document(position aether.Position, d any, err error) (live.Document, error) {
	if refusal, ok := errors.AsType[*aether.Refusal](err); ok && (refusal.Reason == pool.NoPool || refusal.Reason == pool.NoClaim) {
		return live.Document{}, live.ErrNoTopic
	}
	if err != nil {
		return live.Document{}, err
	}
	data, err := json.Marshal(d)
	return live.Document{Position: uint64(position), Data: data}, err
}

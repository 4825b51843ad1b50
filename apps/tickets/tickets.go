// Package tickets sells limited pools of tickets in a rush, never one too many.
//
//	http.go, commands.go   a command comes in, over HTTP or a bus
//	pool/                  the decider: what happens because of it
//	create.go, names.go    a pool and its unique name, saved at once; the codes of tickets
//	effects*.go, payment/  what the payment provider is asked because of it
//	payments.go, cases.go  what became of the money, and what an operator settles
//	webhooks.go            what the payment provider tells of its own accord
//	deadlines.go           what is due later: holds, admissions, offers, refunds
//	mapping.go             what others may know of all that
//	projection.go          the read model, which records.go has the form of
//	queries.go, sales.go   what is asked of it, and documents.go what is answered
//	topics.go              what pages are told of at once
//	snapshot.go            a pool as it is kept to be loaded fast
//	pages*.go, *.templ     the pages of customers; promoter*.go those of promoters
package tickets

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/internal/server"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/apps/tickets/payment"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/deadline"
	"github.com/aether-es/aether/effect"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/live"
	"github.com/aether-es/aether/projection"
	"github.com/aether-es/aether/schema"
)

// Config is what the system stands on beside the parts of every system.
type Config struct {
	// SoleWriter promises that this process alone writes to the pools, so that a refusal
	// is the answer of what is in memory, and that it alone asks the payment provider.
	SoleWriter bool

	// Provider takes money. Without one, pools are free or paid at the door.
	Provider payment.Provider

	// WebhookSecret proves that a webhook comes from the provider; without it none is
	// taken.
	WebhookSecret string

	// Clock is that of the machine when nil.
	Clock aether.Clock
}

// Tickets is the tickets system. It is made by [New] and is safe for concurrent use.
type Tickets struct {
	parts         node.Parts
	provider      payment.Provider
	webhookSecret string
	clock         aether.Clock
	logger        *slog.Logger

	events    registries
	names     *schema.Registry[nameEvent]
	host      *actor.Host[*pool.Pool, pool.Command, pool.Event]
	payments  *actor.Host[paymentState, paymentCommand, PaymentEvent]
	history   *integration.LogHistory
	relay     *integration.Relay
	projector *projection.Projector // nil where the node answers no queries
	deadlines *deadline.Scheduler
	effects   *effect.Runner
	hub       *live.Hub
	stuck     stuck

	mu    sync.Mutex
	fixed map[string]pool.PoolCreated // by pool; see origin
}

var _ server.System = (*Tickets)(nil)

// Decider returns the behaviour of pools.
func Decider() actor.Decider[*pool.Pool, pool.Command, pool.Event] {
	return actor.Decider[*pool.Pool, pool.Command, pool.Event]{
		Kind:      pool.Kind,
		Events:    pool.Events(),
		Initial:   pool.Initial,
		Decide:    pool.Decide,
		Evolve:    pool.Evolve,
		Conflicts: conflicts,
		Snapshots: snapshots(),
	}
}

// conflicts says whether what others did matters to a promoter who has not seen it:
// another rule to who changes the rule, another state of the sale to who changes that.
// Claims and purchases matter to nobody.
func conflicts(command pool.Command, theirs []pool.Event) bool {
	for _, event := range theirs {
		switch event.(type) {
		case pool.PricingChanged:
			if _, ok := command.(pool.ChangePricing); ok {
				return true
			}
		case pool.SalesStopped, pool.SalesResumed, pool.PoolCancelled:
			switch command.(type) {
			case pool.Stop, pool.Resume, pool.Cancel:
				return true
			}
		}
	}
	return false
}

// mailbox is how many commands may wait for one pool: a rush comes all at once.
const mailbox = 1 << 15

// New returns the system.
func New(parts node.Parts, config Config) (*Tickets, error) {
	t := &Tickets{
		parts: parts, provider: config.Provider, webhookSecret: config.WebhookSecret, clock: config.Clock, logger: cmp.Or(parts.Logger, slog.Default()),
		events: newRegistries(), names: nameEvents(), fixed: make(map[string]pool.PoolCreated),
	}
	if t.clock == nil {
		t.clock = aether.MachineClock{}
	}
	t.host = actor.NewHost(parts.Store, Decider(), &actor.HostOptions{
		MailboxSize: mailbox, SnapshotEvery: snapshotEvery, SoleWriter: config.SoleWriter, Logger: t.logger,
	})
	t.payments = actor.NewHost(parts.Store, paymentDecider(), &actor.HostOptions{Logger: t.logger})
	m := t.events.mapping()
	t.relay = integration.NewRelay(parts.Store, parts.Namespace, m, parts.Bus, &integration.RelayOptions{Logger: t.logger})
	t.history = &integration.LogHistory{Mapping: m, Log: parts.Store, Namespace: parts.Namespace}
	t.deadlines = deadline.New(parts.Store, t.dueRule(), &deadline.Options{Clock: t.clock, Logger: t.logger})
	t.effects = effect.New(parts.Store, t.paymentEffects(), &effect.Options{SoleRunner: config.SoleWriter, Clock: t.clock, Logger: t.logger})
	if !parts.Roles.Has(node.Query) {
		return t, nil
	}
	var err error
	t.projector, err = projection.New(parts.DB, t.events.projection(), t.history, parts.Bus, &projection.Options{
		Applied: t.publish, CaughtUp: t.refresh, Logger: t.logger,
	})
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// now is the time that commands are carried out at, as exact as events keep it.
func (t *Tickets) now() time.Time { return t.clock.Now().UTC().Truncate(time.Microsecond) }

// Web describes the system to the pages.
func (t *Tickets) Web() web.System { return System() }

// Register adds what the system answers, as far as the node has the roles for it.
func (t *Tickets) Register(to *server.Server) {
	t.hub = to.Hub
	to.History(t.history)
	to.Open(public())
	roles := t.parts.Roles
	if roles.Has(t.parts.RelayRole()) {
		to.Relay(t.relay)
	}
	if roles.Has(node.Web) {
		t.promoterRoutes(to.API)
		t.customerRoutes(to.API)
		t.waitingRoutes(to.API)
		t.moneyRoutes(to.API)
	}
	if roles.Has(node.Query) {
		to.Projector(Name, t.projector)
		to.Topic(topicPool, t.poolTopic)
		to.Topic(topicClaim, t.claimTopic)
		to.Topic(topicPools, t.poolsTopic)
		t.queryRoutes(to.API)
		if roles.Has(node.Web) {
			newPages(to.Site, t).register(to.Mux)
			newPromoterPages(to.Site, t).register(to.Mux)
		}
	}
}

// Run publishes what happens, applies it, decides commands, asks the payment provider and
// sends what is due, as far as these are the roles of the node, until ctx ends. What
// cannot be published, or applied, stops that part alone, which an operator sees; Run ends
// when a part does, and the store or the bus is closed.
func (t *Tickets) Run(ctx context.Context) error {
	jobs := []node.Job{
		t.parts.RelayJob(t.relay),
		{Name: "the projection", Role: node.Query, Run: func(ctx context.Context) error { return t.projector.Run(ctx) }},
		t.parts.CommandJob(pool.Kind, t.answer),
		{Name: "the deadlines", Role: node.Effects, Lease: "deadlines/" + Name, Run: t.deadlines.Run},
	}
	if t.provider != nil {
		jobs = append(jobs, node.Job{Name: "the payments", Role: node.Effects, Lease: "payments/" + Name, Run: t.effects.Run})
	}
	return t.parts.Run(ctx, Name, jobs...)
}

// Project brings the read model up to date once; the system must have no bus, and
// not run.
func (t *Tickets) Project(ctx context.Context) (projection.Status, error) {
	err := t.projector.Run(ctx)
	return t.projector.Status(), err
}

// Rebuild makes the read model again, beside the one that is there, which is then
// dropped; for the rest it is Project.
func (t *Tickets) Rebuild(ctx context.Context) (projection.Status, error) {
	t.projector.Rebuild()
	return t.Project(ctx)
}

// Status returns how far the read model is.
func (t *Tickets) Status() projection.Status { return t.projector.Status() }

// Wait returns once the read model has what happened at a position, or ctx ends.
func (t *Tickets) Wait(ctx context.Context, position aether.Position) error {
	return t.projector.Wait(ctx, position)
}

// Close waits for the commands under way.
func (t *Tickets) Close() error { return errors.Join(t.host.Close(), t.payments.Close()) }

// origin returns the first event of a pool, in which is what of it never changes. The
// secret in it is for the codes of tickets, and nothing else.
func (t *Tickets) origin(ctx context.Context, id string) (pool.PoolCreated, error) {
	t.mu.Lock()
	created, known := t.fixed[id]
	t.mu.Unlock()
	if known {
		return created, nil
	}
	if !validPool(id) {
		return created, errNoPool
	}
	for e, err := range t.parts.Store.GetEvents(ctx, poolActor(id), 0) {
		if err != nil {
			return created, err
		}
		event, err := t.events.pools.Decode(e)
		if err != nil {
			return created, err
		}
		created, known = event.(pool.PoolCreated)
		break
	}
	if !known {
		return created, errNoPool
	}
	t.mu.Lock()
	t.fixed[id] = created
	t.mu.Unlock()
	return created, nil
}

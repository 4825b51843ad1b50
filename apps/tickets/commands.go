package tickets

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/integration"
)

// The commands that come over a bus have these types; their data is as in package pool,
// but for the times, which are those of the server, and for CheckIn, which has a code.
// Their subject is the actor of the pool. To create one it may be empty.
const (
	CreatePool    = "create-pool"
	ChangePricing = "change-pricing"
	StopSales     = "stop-sales"
	ResumeSales   = "resume-sales"
	CancelPool    = "cancel-pool"
	RefundOrder   = "refund-order"
	CheckIn       = "check-in"
	CloseRoom     = "close-waiting-room"

	ClaimTickets = "claim-tickets"
	BuyTickets   = "buy-tickets"
	GiveBack     = "give-back-tickets"
	JoinList     = "join-waiting-list"
	LeaveList    = "leave-waiting-list"
	JoinRoom     = "join-waiting-room"
)

// The commands of the system itself, which come when they are due. One that comes from
// somebody else, or too early, is refused or does what would have been done anyway.
const (
	expireClaim = "expire-claim"
	admitDue    = "admit-customers"
	offerSome   = "offer-tickets"
	refundSome  = "refund-orders"
)

// Code is the data of CheckIn.
type Code struct {
	Code string `json:"code"`
}

// command is what goes with a command over HTTP or a form.
type command struct {
	pool     string
	kind     string
	customer string // whose ID the answer is to tell; "" for none
	data     any
	options  *actor.DoOptions
}

// send has the system carry out a command, wherever the pool is served.
func (t *Tickets) send(ctx context.Context, c command) (CommandDocument, error) {
	data, err := json.Marshal(c.data)
	if err != nil {
		return CommandDocument{}, err
	}
	request := integration.Request{Namespace: t.parts.Namespace, Kind: pool.Kind, Type: c.kind, Data: data}
	if o := c.options; o != nil {
		request.ID, request.At, request.Metadata = o.CommandID, o.At, o.Metadata
	}
	if c.pool != "" {
		if !validPool(c.pool) {
			return CommandDocument{}, errNoPool
		}
		request.Subject = poolActor(c.pool)
	}
	reply, err := t.parts.Commands.Send(ctx, request)
	if err != nil {
		return CommandDocument{}, err
	}
	var d CommandDocument
	err = json.Unmarshal(reply.Data, &d)
	d.Customer = c.customer
	return d, err
}

// answer carries out a command that came over the bus.
func (t *Tickets) answer(ctx context.Context, r integration.Request) (integration.Reply, error) {
	id, ok := strings.CutPrefix(r.Subject, pool.Kind+"/")
	if r.Subject == "" && r.Type == CreatePool {
		if r.ID == "" {
			r.ID = aether.NewID()
		}
		id, ok = newPoolID(r.ID), true
	}
	if !ok || !validPool(id) {
		return integration.Reply{}, invalid("subject", fmt.Sprintf("is %q, and not a pool: %s/ and 1 to 40 small letters, digits and dashes", r.Subject, pool.Kind))
	}
	c, err := t.decode(ctx, id, r.Type, r.Data)
	if err != nil {
		return integration.Reply{}, err
	}
	options := &actor.DoOptions{CommandID: r.ID, At: r.At, Metadata: r.Metadata}
	var d CommandDocument
	if create, ok := c.(pool.Create); ok {
		d, err = t.create(ctx, id, create, options)
	} else {
		d, err = t.do(ctx, id, c, options)
	}
	if err != nil {
		return integration.Reply{}, err
	}
	data, err := json.Marshal(d)
	return integration.Reply{Data: data}, err
}

// do carries out a command on a pool. A command with the ID of another one that was
// carried out on the pool is an [aether.ErrDuplicateEvent].
func (t *Tickets) do(ctx context.Context, id string, c pool.Command, options *actor.DoOptions) (CommandDocument, error) {
	if buy, ok := c.(pool.Buy); ok && t.provider == nil {
		if err := t.payable(ctx, id, buy.Claim); err != nil {
			return CommandDocument{}, err
		}
	}
	result, err := t.host.Do(ctx, poolActor(id), c, options)
	if err != nil {
		return CommandDocument{}, err
	}
	if result.Repeated && !led(c, result.Events) {
		return CommandDocument{}, reused(poolActor(id), result.CommandID, result.Version-aether.Version(len(result.Events))+1)
	}
	d := CommandDocument{ID: id, Pool: id, Version: result.Version, Position: result.Position, Repeated: result.Repeated, Events: len(result.Events)}
	d.led(result.Events)
	if buy, ok := c.(pool.Buy); ok && d.Claim == nil {
		err = t.boughtBefore(ctx, &d, buy.Claim)
	}
	return d, err
}

// NoProvider is the reason of the refusal to buy what is to be paid for online, where there
// is nobody to pay to.
const NoProvider = "no-payment-provider"

// payable refuses to begin a payment that no provider would take: the pool was made where
// there was one.
func (t *Tickets) payable(ctx context.Context, id string, number int) error {
	created, err := t.origin(ctx, id)
	if err != nil || created.Payment != pool.Online {
		return err
	}
	due := false
	err = t.host.View(ctx, poolActor(id), func(p *pool.Pool, _ aether.Version) {
		c := p.Claims[number]
		due = c != nil && !c.Paying && !c.IsSold() && c.Amount() > 0
	})
	if err == nil && due {
		err = aether.Refuse(NoProvider, "nothing can be paid online here at the moment; the tickets stay held until their time is over")
	}
	return err
}

// boughtBefore puts into the answer how a claim is that is bought, or being paid for,
// because of an earlier command.
func (t *Tickets) boughtBefore(ctx context.Context, d *CommandDocument, number int) error {
	return t.host.View(ctx, poolActor(d.Pool), func(p *pool.Pool, _ aether.Version) {
		c := p.Claims[number]
		if c == nil {
			return
		}
		d.ID = claimID(d.Pool, number)
		d.Claim = &ClaimResult{State: ClaimSold, Tickets: append([]int{}, c.Tickets...), Price: c.Price, Amount: c.Amount()}
		if c.Paying {
			d.Claim.State, d.Claim.Until = ClaimPaying, c.Until
		}
	})
}

// reused says that the ID of a command came with another one before.
func reused(actorID, commandID string, first aether.Version) error {
	return &aether.DuplicateError{ActorID: actorID, EventID: actor.EventID(commandID, 0), Tried: first, Version: first}
}

// led puts into an answer what a command has led to.
func (d *CommandDocument) led(events []pool.Event) {
	for _, event := range events {
		switch e := event.(type) {
		case pool.TicketClaimed:
			if e.Offered { // to somebody else
				continue
			}
			c := d.claim(e.Claim, ClaimHeld)
			c.Price, c.Rule, c.Until = e.Price, e.Rule, e.Until
			c.Tickets, c.Amount = append(c.Tickets, e.Ticket), c.Amount+e.Price
		case pool.TicketBought:
			c := d.claim(e.Claim, ClaimSold)
			c.Price = e.Price
			c.Tickets, c.Amount = append(c.Tickets, e.Ticket), c.Amount+e.Price
		case pool.PaymentStarted:
			c := d.claim(e.Claim, ClaimPaying)
			c.Amount, c.Until = e.Amount, e.Until
		case pool.ClaimReleased:
			d.claim(e.Claim, ClaimReleased).Tickets = e.Tickets
		case pool.OrderRefunded:
			c := d.claim(e.Claim, ClaimRefunded)
			c.Tickets, c.Amount = e.Tickets, e.Amount
		case pool.TicketCheckedIn:
			d.claim(e.Claim, ClaimSold).Tickets = []int{e.Ticket}
		case pool.RoomJoined:
			d.Place = e.Place
		}
	}
}

// claim returns the claim of an answer, which is the first that its command was about.
func (d *CommandDocument) claim(number int, state ClaimState) *ClaimResult {
	if d.Claim == nil {
		d.ID, d.Claim = claimID(d.Pool, number), &ClaimResult{State: state, Tickets: []int{}}
	}
	return d.Claim
}

// decode returns a command for a pool as of now.
func (t *Tickets) decode(ctx context.Context, id, kind string, data json.RawMessage) (pool.Command, error) {
	at := t.now()
	switch kind {
	case CreatePool:
		return read(data, func(c *pool.Create) { c.At = at })
	case ChangePricing:
		return read(data, func(*pool.ChangePricing) {})
	case StopSales:
		return read(data, func(c *pool.Stop) { c.At = at })
	case ResumeSales:
		return read(data, func(c *pool.Resume) { c.At = at })
	case CancelPool:
		return read(data, func(c *pool.Cancel) { c.At = at })
	case RefundOrder:
		return read(data, func(c *pool.Refund) { c.At = at })
	case CheckIn:
		return t.decodeCheckIn(ctx, id, data, at)
	case CloseRoom:
		return read(data, func(c *pool.CloseRoom) { c.At = at })
	case ClaimTickets:
		return read(data, func(c *pool.ClaimTickets) { c.At = at })
	case BuyTickets:
		return read(data, func(c *pool.Buy) { c.At = at })
	case GiveBack:
		return read(data, func(c *pool.GiveBack) { c.At = at })
	case JoinList:
		return read(data, func(c *pool.JoinList) { c.At = at })
	case LeaveList:
		return read(data, func(c *pool.LeaveList) { c.At = at })
	case JoinRoom:
		return read(data, func(c *pool.JoinRoom) { c.At = at })
	case expireClaim:
		return read(data, func(c *pool.Expire) { c.At = at })
	case admitDue:
		return read(data, func(c *pool.Admit) { c.At = at })
	case offerSome:
		return read(data, func(c *pool.OfferSome) { c.At = at })
	case refundSome:
		return read(data, func(c *pool.RefundSome) { c.At = at })
	}
	return nil, invalid("type", fmt.Sprintf("is %q, and no command for a pool", kind))
}

// read reads a command, and sets what its sender does not.
func read[C pool.Command](data json.RawMessage, set func(*C)) (pool.Command, error) {
	var c C
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, invalid("data", "cannot be read: "+err.Error())
	}
	set(&c)
	return c, nil
}

// decodeCheckIn verifies a code, with the secret that nobody else has.
func (t *Tickets) decodeCheckIn(ctx context.Context, id string, data json.RawMessage, at time.Time) (pool.Command, error) {
	var c Code
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, invalid("data", "cannot be read: "+err.Error())
	}
	created, err := t.origin(ctx, id)
	if err != nil {
		return nil, err
	}
	ticket, claim, err := readCode(created.Secret, id, c.Code)
	return pool.CheckIn{Ticket: ticket, Claim: claim, At: at}, err
}

func invalid(field, reason string) error {
	return &aether.InvalidError{Index: -1, Field: field, Reason: reason}
}

package tickets

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/internal/api"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/danielgtaylor/huma/v2"
)

// commandOutput is the answer to a command.
type commandOutput struct {
	ETag string `header:"ETag"`
	Body CommandDocument
}

// optioned is an input with the options of a command.
type optioned interface {
	Options(operation string) (*actor.DoOptions, error)
}

// PoolInput names a pool.
type PoolInput struct {
	Pool string `path:"pool" maxLength:"40" example:"k7x2m9qa4tzc" doc:"ID of the pool."`
}

// ClaimInput names a claim.
type ClaimInput struct {
	Claim string `path:"claim" maxLength:"60" example:"k7x2m9qa4tzc-17" doc:"ID of the claim."`
}

// Slopes is what changes a price.
type Slopes struct {
	Rise    int64       `json:"rise,omitempty" doc:"How much more the last ticket costs than the first."`
	Steps   []pool.Step `json:"steps,omitempty" maxItems:"20" doc:"Added where so many percent are sold."`
	Drop    int64       `json:"drop,omitempty" doc:"How much less a ticket costs when the event begins than before the last hours."`
	Before  int         `json:"before,omitempty" minimum:"0" doc:"How many hours before the event the price begins to drop."`
	Floor   int64       `json:"floor,omitempty" minimum:"0" doc:"It is never less."`
	Ceiling int64       `json:"ceiling,omitempty" minimum:"0" doc:"It is never more; 0 for no ceiling."`
	Round   int64       `json:"round,omitempty" minimum:"0" doc:"Prices are rounded to a multiple of this, halves up."`
}

// RuleBody is a rule for prices, in minor units.
type RuleBody struct {
	Base int64 `json:"base" minimum:"0" example:"5000" doc:"What the first ticket costs, long before the event."`
	Slopes
}

func (s *Slopes) rule(base int64) pool.Rule {
	return pool.Rule{Base: base, Rise: s.Rise, Steps: s.Steps, Drop: s.Drop, Before: s.Before, Floor: s.Floor, Ceiling: s.Ceiling, Round: s.Round}
}

// PriceBody is an amount.
type PriceBody struct {
	Amount   int64  `json:"amount" minimum:"0" example:"5000" doc:"In minor units: 5000 are 50.00."`
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" example:"EUR" doc:"ISO 4217."`
}

// QuantityBody says who wants how many.
type QuantityBody struct {
	CustomerBody
	Quantity int `json:"quantity" minimum:"1" maximum:"4" example:"2" doc:"How many tickets."`
}

func problem(err error) error { return api.Error(err, pool.NoPool, pool.NoClaim, NotOpen) }

// carry carries out a command that came over HTTP.
func (t *Tickets) carry(ctx context.Context, in optioned, operation string, c command) (*commandOutput, error) {
	options, err := in.Options(operation)
	if err != nil {
		return nil, err
	}
	c.options = options
	d, err := t.send(ctx, c)
	if err != nil {
		return nil, problem(err)
	}
	return &commandOutput{ETag: api.ETag(d.Version), Body: d}, nil
}

// about carries out a command about a claim.
func (t *Tickets) about(ctx context.Context, in optioned, kind, claim string, data func(number int) any) (*commandOutput, error) {
	id, number, ok := parseClaim(claim)
	if !ok {
		return nil, problem(errNoClaim)
	}
	return t.carry(ctx, in, kind+" "+claim, command{pool: id, kind: kind, data: data(number)})
}

func commandOperation(id, method, path, summary, about string, status int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: "/api/tickets" + path, Summary: summary, Description: about, Tags: []string{Name}, DefaultStatus: status,
		Errors: []int{http.StatusConflict, http.StatusNotFound, http.StatusServiceUnavailable},
	}
}

func (t *Tickets) promoterRoutes(to huma.API) {
	huma.Register(to, commandOperation("create-pool", http.MethodPost, "/pools", "Create a pool", "Its name is unique: when two promoters take one at the same instant, exactly one of them has it.", http.StatusCreated),
		func(ctx context.Context, in *struct {
			api.Command
			Body struct {
				Name      string     `json:"name" minLength:"1" maxLength:"120" example:"Jazz Night"`
				Capacity  int        `json:"capacity" minimum:"1" maximum:"1000000" example:"500" doc:"How many tickets there are."`
				Price     PriceBody  `json:"price" doc:"Of the first ticket."`
				Pricing   *Slopes    `json:"pricing,omitempty" doc:"What changes the price; nothing by default."`
				EventDate time.Time  `json:"eventDate" doc:"When the event begins, and the sale ends."`
				Payment   string     `json:"payment,omitempty" enum:"free,door,online" doc:"How tickets are paid for. By default online where there is a payment provider, else at the door; free where the price is 0."`
				Room      *pool.Room `json:"room,omitempty" doc:"A waiting room for a rush; none by default."`
			}
		}) (*commandOutput, error) {
			b := &in.Body
			return t.carry(ctx, in, CreatePool, command{kind: CreatePool, data: pool.Create{
				Name: b.Name, Capacity: b.Capacity, Rule: cmp.Or(b.Pricing, &Slopes{}).rule(b.Price.Amount), Currency: b.Price.Currency,
				EventDate: b.EventDate, Payment: t.payment(b.Payment, b.Price.Amount, b.Pricing), Room: b.Room,
			}})
		})
	huma.Register(to, commandOperation("change-pricing", http.MethodPut, "/pools/{pool}/pricing", "Change the prices", "From now on; what is claimed keeps its price.", http.StatusOK),
		func(ctx context.Context, in *struct {
			api.Command
			PoolInput
			Body RuleBody
		}) (*commandOutput, error) {
			return t.carry(ctx, in, ChangePricing, command{pool: in.Pool, kind: ChangePricing, data: pool.ChangePricing{Rule: in.Body.rule(in.Body.Base)}})
		})
	type poolCommand struct {
		api.Command
		PoolInput
	}
	for _, o := range []struct {
		kind, path, summary, about string
		data                       any
	}{
		{StopSales, "stop", "Stop the sale", "At once: no claim and no purchase comes after it.", pool.Stop{}},
		{ResumeSales, "resume", "Resume the sale", "What came free meanwhile goes to the waiting list.", pool.Resume{}},
		{CloseRoom, "room/close", "Close the waiting room", "Everybody may claim from now on.", pool.CloseRoom{}},
	} {
		huma.Register(to, commandOperation(o.kind, http.MethodPost, "/pools/{pool}/"+o.path, o.summary, o.about, http.StatusOK),
			func(ctx context.Context, in *poolCommand) (*commandOutput, error) {
				return t.carry(ctx, in, o.kind, command{pool: in.Pool, kind: o.kind, data: o.data})
			})
	}
	huma.Register(to, commandOperation("cancel-pool", http.MethodPost, "/pools/{pool}/cancel", "Cancel the event", "For good: everything sold is refunded.", http.StatusOK),
		func(ctx context.Context, in *struct {
			api.Command
			PoolInput
			Body *struct {
				Reason string `json:"reason,omitempty" maxLength:"500" doc:"For the customers."`
			}
		}) (*commandOutput, error) {
			var c pool.Cancel
			if in.Body != nil {
				c.Reason = in.Body.Reason
			}
			return t.carry(ctx, in, CancelPool, command{pool: in.Pool, kind: CancelPool, data: c})
		})
	huma.Register(to, commandOperation("refund-order", http.MethodPost, "/claims/{claim}/refund", "Refund an order", "Its tickets are available again, and the money is given back.", http.StatusOK),
		func(ctx context.Context, in *struct {
			api.Command
			ClaimInput
		}) (*commandOutput, error) {
			return t.about(ctx, in, RefundOrder, in.Claim, func(n int) any { return pool.Refund{Claim: n} })
		})
	huma.Register(to, commandOperation("check-in", http.MethodPost, "/pools/{pool}/check-ins", "Check a ticket in", "Once: a ticket that was scanned before is refused, with the time.", http.StatusCreated),
		func(ctx context.Context, in *struct {
			api.Command
			PoolInput
			Body struct {
				Code string `json:"code" maxLength:"100" example:"12-5-MFRGGZDFMZTWQ2LK" doc:"What the ticket shows."`
			}
		}) (*commandOutput, error) {
			// The code is the command: another one with the same key is another ticket.
			code := strings.ToUpper(strings.TrimSpace(in.Body.Code))
			return t.carry(ctx, in, CheckIn+" "+code, command{pool: in.Pool, kind: CheckIn, data: Code{code}})
		})
}

// payment returns how a new pool is paid for, where its promoter does not say.
func (t *Tickets) payment(said string, amount int64, slopes *Slopes) pool.Payment {
	switch {
	case said != "":
		return pool.Payment(said)
	case amount == 0 && slopes == nil:
		return pool.Free
	case t.provider == nil:
		return pool.Door
	}
	return pool.Online
}

func (t *Tickets) customerRoutes(to huma.API) {
	huma.Register(to, commandOperation("claim-tickets", http.MethodPost, "/pools/{pool}/claims", "Claim tickets",
		"Holds them for ten minutes, at the price that the customer has seen or a lower one. Where the price is higher by now it is refused with the new price.", http.StatusCreated),
		func(ctx context.Context, in *struct {
			api.Plain
			CustomerHeader
			PoolInput
			Body struct {
				QuantityBody
				PriceSeen int64 `json:"priceSeen" minimum:"0" example:"5000" doc:"What a ticket cost when the customer looked, in minor units."`
			}
		}) (*commandOutput, error) {
			b := &in.Body
			customer, err := in.customer(&b.CustomerBody)
			if err != nil {
				return nil, err
			}
			return t.carry(ctx, in, ClaimTickets, command{
				pool: in.Pool, kind: ClaimTickets, customer: customer, data: pool.ClaimTickets{Customer: customer, Quantity: b.Quantity, PriceSeen: b.PriceSeen},
			})
		})
	huma.Register(to, commandOperation("buy-tickets", http.MethodPost, "/claims/{claim}/buy", "Buy what is claimed",
		"Where it is paid for online this starts the payment, and the claim tells what becomes of it.", http.StatusOK),
		func(ctx context.Context, in *struct {
			api.Plain
			CustomerHeader
			ClaimInput
			Body struct {
				CustomerBody
				Method string `json:"method,omitempty" maxLength:"200" example:"pm_card_visa" doc:"How it is paid for online: the provider's name of a payment method, never a card number."`
			}
		}) (*commandOutput, error) {
			b := &in.Body
			customer, err := in.customer(&b.CustomerBody)
			if err != nil {
				return nil, err
			}
			return t.about(ctx, in, BuyTickets, in.Claim, func(n int) any { return pool.Buy{Claim: n, Customer: customer, Method: b.Method} })
		})
	huma.Register(to, commandOperation("give-back-tickets", http.MethodDelete, "/claims/{claim}", "Give a claim back", "Its tickets are available again at once.", http.StatusOK),
		func(ctx context.Context, in *struct {
			api.Plain
			CustomerToken
			ClaimInput
		}) (*commandOutput, error) {
			return t.about(ctx, in, GiveBack, in.Claim, func(n int) any { return pool.GiveBack{Claim: n, Customer: in.customer()} })
		})
}

func (t *Tickets) waitingRoutes(to huma.API) {
	huma.Register(to, commandOperation("join-waiting-list", http.MethodPost, "/pools/{pool}/waiting-list", "Join the waiting list",
		"Of a pool that is sold out. What comes free is offered to the first in line, for half an hour.", http.StatusCreated),
		func(ctx context.Context, in *struct {
			api.Plain
			CustomerHeader
			PoolInput
			Body QuantityBody
		}) (*commandOutput, error) {
			customer, err := in.customer(&in.Body.CustomerBody)
			if err != nil {
				return nil, err
			}
			return t.carry(ctx, in, JoinList, command{
				pool: in.Pool, kind: JoinList, customer: customer, data: pool.JoinList{Customer: customer, Quantity: in.Body.Quantity},
			})
		})
	huma.Register(to, commandOperation("leave-waiting-list", http.MethodDelete, "/pools/{pool}/waiting-list", "Leave the waiting list", "", http.StatusOK),
		func(ctx context.Context, in *struct {
			api.Plain
			CustomerToken
			PoolInput
		}) (*commandOutput, error) {
			return t.carry(ctx, in, LeaveList, command{pool: in.Pool, kind: LeaveList, data: pool.LeaveList{Customer: in.customer()}})
		})
	huma.Register(to, commandOperation("join-waiting-room", http.MethodPost, "/pools/{pool}/room", "Join the waiting room", "Customers are let in in the order in which they came.", http.StatusCreated),
		func(ctx context.Context, in *struct {
			api.Plain
			CustomerHeader
			PoolInput
			Body CustomerBody
		}) (*commandOutput, error) {
			customer, err := in.customer(&in.Body)
			if err != nil {
				return nil, err
			}
			return t.carry(ctx, in, JoinRoom, command{pool: in.Pool, kind: JoinRoom, customer: customer, data: pool.JoinRoom{Customer: customer}})
		})
}

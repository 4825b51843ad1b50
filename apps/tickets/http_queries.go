package tickets

import (
	"context"
	"errors"
	"net/http"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/api"
	"github.com/aether-es/aether/apps/tickets/payment"
	"github.com/danielgtaylor/huma/v2"
)

// PageInput says which page of a list.
type PageInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"How many to return at most."`
	Cursor string `query:"cursor" doc:"Where to go on: the next of the page before."`
}

// AfterInput says what the answer is to know.
type AfterInput struct {
	After aether.Position `query:"after" doc:"What happened at this position is known to the answer, which may wait for that: the position of a command's answer."`
}

func queryOperation(id, path, summary, about string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: "/api/tickets" + path, Summary: summary, Description: about, Tags: []string{Name},
		Errors: []int{http.StatusNotFound, http.StatusServiceUnavailable},
	}
}

// output is an answer with a body alone.
type output[D any] struct{ Body D }

func answered[D any](d D, err error) (*output[D], error) {
	if err != nil {
		return nil, problem(err)
	}
	return &output[D]{d}, nil
}

func (t *Tickets) queryRoutes(to huma.API) {
	huma.Register(to, queryOperation("list-pools", "/pools", "List the pools", "The one made last comes first."),
		func(ctx context.Context, in *PageInput) (*output[PoolPage], error) {
			return answered(t.Pools(ctx, in.Cursor, in.Limit))
		})
	type poolOutput struct {
		ETag string `header:"ETag"`
		Body PoolDocument
	}
	huma.Register(to, queryOperation("get-pool", "/pools/{pool}", "Get a pool", "With what a ticket costs at this moment."),
		func(ctx context.Context, in *struct {
			PoolInput
			AfterInput
		}) (*poolOutput, error) {
			d, err := t.Pool(ctx, in.Pool, in.After)
			if err != nil {
				return nil, problem(err)
			}
			return &poolOutput{api.ETag(d.Version), d}, nil
		})
	huma.Register(to, queryOperation("get-claim", "/claims/{claim}", "Get a claim", "A cart, or an order with the codes of its tickets; for its customer."),
		func(ctx context.Context, in *struct {
			CustomerToken
			ClaimInput
			AfterInput
		}) (*output[ClaimDocument], error) {
			return answered(t.Claim(ctx, in.Claim, in.customer(), in.After))
		})
	huma.Register(to, queryOperation("list-my-tickets", "/mine", "List a customer's tickets", "Of the customer who asks, with their codes; the newest claim comes first."),
		func(ctx context.Context, in *struct {
			CustomerToken
			PageInput
			AfterInput
		}) (*output[CustomerDocument], error) {
			return answered(t.Customer(ctx, in.customer(), in.Cursor, in.Limit, in.After))
		})
	huma.Register(to, queryOperation("get-place", "/pools/{pool}/place", "Get a customer's place", "Of the customer who asks, in the waiting room and on the waiting list."),
		func(ctx context.Context, in *struct {
			CustomerToken
			PoolInput
			AfterInput
		}) (*output[PlaceDocument], error) {
			return answered(t.Place(ctx, in.Pool, in.customer(), in.After))
		})
	huma.Register(to, queryOperation("get-sales", "/pools/{pool}/sales", "Get the history of a sale", "For promoters: totals, and what happened when."),
		func(ctx context.Context, in *struct {
			PoolInput
			AfterInput
		}) (*output[SalesDocument], error) {
			return answered(t.Sales(ctx, in.Pool, in.After))
		})
	huma.Register(to, queryOperation("list-orders", "/pools/{pool}/orders", "List the orders of a pool", "For promoters: claims that were bought, the newest first."),
		func(ctx context.Context, in *struct {
			PoolInput
			PageInput
			AfterInput
		}) (*output[OrderPage], error) {
			return answered(t.Orders(ctx, in.Pool, in.Cursor, in.Limit, in.After))
		})
	huma.Register(to, queryOperation("list-waiting", "/pools/{pool}/waiting-list", "List who waits for tickets", "For promoters: the first in line comes first."),
		func(ctx context.Context, in *struct {
			PoolInput
			PageInput
			AfterInput
		}) (*output[WaitingPage], error) {
			return answered(t.Waiting(ctx, in.Pool, in.Cursor, in.Limit, in.After))
		})
	export := queryOperation("export-orders", "/pools/{pool}/sales.csv", "Export the orders of a pool", "As comma-separated values, one order a line; amounts are in minor units.")
	export.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: "string"}}}}}
	huma.Register(to, export, func(ctx context.Context, in *PoolInput) (*huma.StreamResponse, error) {
		if _, err := t.Pool(ctx, in.Pool, 0); err != nil {
			return nil, problem(err)
		}
		return &huma.StreamResponse{Body: func(ctx huma.Context) {
			ctx.SetHeader("Content-Type", "text/csv; charset=utf-8")
			ctx.SetHeader("Content-Disposition", `attachment; filename="`+in.Pool+`.csv"`)
			if err := t.Export(ctx.Context(), in.Pool, ctx.BodyWriter()); err != nil && ctx.Context().Err() == nil {
				t.logger.Error("tickets: an export broke off", "pool", in.Pool, "error", err)
				panic(http.ErrAbortHandler) // so that nobody takes what has come for all of it
			}
		}}, nil
	})
	simulate := queryOperation("simulate-pricing", "/pools/{pool}/pricing/simulation", "Try a rule", "What it would have earned over the history of this sale, from the same customers.")
	simulate.Method = http.MethodPost
	simulate.Errors = append(simulate.Errors, http.StatusConflict)
	huma.Register(to, simulate, func(ctx context.Context, in *struct {
		PoolInput
		Body struct {
			Rule RuleBody `json:"rule"`
		}
	}) (*output[SimulationDocument], error) {
		return answered(t.Simulate(ctx, in.Pool, in.Body.Rule.rule(in.Body.Rule.Base)))
	})
	type cases struct {
		Cases []CaseDocument `json:"cases" doc:"The oldest comes first."`
	}
	huma.Register(to, queryOperation("list-cases", "/cases", "List open payments", "For operators: money of which it is not known what became of it, or with which something has gone wrong."),
		func(ctx context.Context, _ *struct{}) (*output[cases], error) {
			open, err := t.Cases(ctx)
			return answered(cases{open}, err)
		})
}

// moneyRoutes are what operators and the payment provider do about payments.
func (t *Tickets) moneyRoutes(to huma.API) {
	huma.Register(to, commandOperation("settle-case", http.MethodPost, "/cases/settle", "Settle an open payment", "In one of the ways that it lists.", http.StatusNoContent),
		func(ctx context.Context, in *struct {
			Body struct {
				ID   string `json:"id" minLength:"1" maxLength:"300" doc:"Of the case."`
				Way  string `json:"way" enum:"look,done,not-done,again" doc:"look: the provider is asked what became of it. done, not-done: somebody has seen it. again: the provider is asked to do it once more."`
				By   string `json:"by" minLength:"1" maxLength:"100" doc:"Who says so."`
				Note string `json:"note,omitempty" maxLength:"500" doc:"How they know."`
			}
		}) (*struct{}, error) {
			return nil, problem(t.Settle(ctx, in.Body.ID, in.Body.Way, in.Body.By, in.Body.Note))
		})
	webhook := commandOperation("payment-webhook", http.MethodPost, "/payments/webhook", "Take a webhook of the payment provider",
		"Signed by the provider. It is a hint: the provider is asked, where that matters.", http.StatusNoContent)
	webhook.Errors = []int{http.StatusBadRequest, http.StatusForbidden, http.StatusServiceUnavailable}
	huma.Register(to, webhook, func(ctx context.Context, in *struct {
		Signature string `header:"Stripe-Signature" doc:"Proves that it is from the provider."`
		RawBody   []byte
	}) (*struct{}, error) {
		event, err := payment.ParseWebhook(in.RawBody, in.Signature, t.webhookSecret, t.clock.Now())
		switch {
		case errors.Is(err, payment.ErrSignature):
			return nil, api.NewProblem(http.StatusForbidden, err.Error())
		case err != nil:
			return nil, api.NewProblem(http.StatusBadRequest, err.Error())
		}
		return nil, problem(t.Notified(ctx, event))
	})
}

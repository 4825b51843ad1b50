package charging

import (
	"context"
	"net/http"
	"time"

	"github.com/aether-es/aether/apps/internal/api"
	"github.com/danielgtaylor/huma/v2"
)

// reportDays is how many days a report has when nobody says.
const reportDays = 30

// DaysQuery says which days.
type DaysQuery struct {
	From string `query:"from" format:"date" example:"2026-03-01" doc:"The first day, UTC; 30 days before the last one by default."`
	To   string `query:"to" format:"date" example:"2026-03-31" doc:"The last day; today by default."`
}

// days returns the first and the last one.
func (q *DaysQuery) days(now time.Time) (from, to time.Time, err error) {
	to = now
	if q.To != "" {
		if to, err = time.Parse(time.DateOnly, q.To); err != nil {
			return from, to, api.InvalidField("query.to", "is not a day, as 2026-03-31")
		}
	}
	from = to.AddDate(0, 0, 1-reportDays)
	if q.From != "" {
		if from, err = time.Parse(time.DateOnly, q.From); err != nil {
			return from, to, api.InvalidField("query.from", "is not a day, as 2026-03-01")
		}
	}
	return from, to, nil
}

func (c *Charging) reportQueries(to huma.API) {
	report := queryOperation("get-report", "/report", "Report on some days", "Energy, revenue, use and uptime.")
	report.Errors = append(report.Errors, http.StatusConflict)
	huma.Register(to, report, func(ctx context.Context, in *struct {
		DaysQuery
		AfterInput
	}) (*output[ReportDocument], error) {
		from, to, err := in.days(c.now())
		if err != nil {
			return nil, err
		}
		return replied(c.Report(ctx, from, to, in.After))
	})
	huma.Register(to, queryOperation("list-charge-details", "/charge-details", "List charge detail records", "Of the sessions that ended in a span of time, in the order of their ends."),
		func(ctx context.Context, in *struct {
			PageInput
			SpanQuery
		}) (*output[DetailPage], error) {
			return replied(c.Details(ctx, in.From, in.To, in.page()))
		})
	export := queryOperation("export-charge-details", "/charge-details.csv", "Export charge detail records",
		"As comma-separated values, a session a line; energy is in Wh, amounts are in minor units.")
	export.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: "string"}}}}}
	huma.Register(to, export, func(ctx context.Context, in *struct {
		AfterInput
		SpanQuery
	}) (*huma.StreamResponse, error) {
		v, err := c.view(ctx, in.After)
		if err != nil {
			return nil, unanswered(err)
		}
		if err := v.Close(); err != nil {
			return nil, unanswered(err)
		}
		return &huma.StreamResponse{Body: func(ctx huma.Context) {
			ctx.SetHeader("Content-Type", "text/csv; charset=utf-8")
			ctx.SetHeader("Content-Disposition", `attachment; filename="charge-details.csv"`)
			if err := c.Export(ctx.Context(), in.From, in.To, ctx.BodyWriter()); err != nil && ctx.Context().Err() == nil {
				c.logger.Error("charging: an export broke off", "error", err)
				panic(http.ErrAbortHandler) // so that nobody takes what has come for all of it
			}
		}}, nil
	})
}

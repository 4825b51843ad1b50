package paysim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/aether-es/aether/apps/internal/web"
)

// pageData is what the page shows.
type pageData struct {
	Faults   []string
	Webhook  string
	Waiting  int // webhooks
	Payments []LedgerPayment
	Count    int
	Totals   []total
}

type total struct {
	Currency string
	Sums
}

// shown is how many payments the page has; all are in the ledger.
const shown = 200

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	ledger := s.Ledger()
	p := pageData{
		Faults: s.faultLines(), Webhook: s.options.Webhook, Waiting: s.hooks.count(),
		Payments: ledger.Payments[max(0, len(ledger.Payments)-shown):], Count: len(ledger.Payments),
	}
	slices.Reverse(p.Payments)
	for _, currency := range slices.Sorted(maps.Keys(ledger.Totals)) {
		p.Totals = append(p.Totals, total{currency, ledger.Totals[currency]})
	}
	s.site.Render(w, r, http.StatusOK, web.Page{Title: "Payments", Path: "/"}, simPage(p))
}

func (p *pageData) counted() string {
	if p.Count > len(p.Payments) {
		return fmt.Sprintf("The last %d of %d.", len(p.Payments), p.Count)
	}
	return fmt.Sprintf("%d in all.", p.Count)
}

// faultLines says what goes wrong in the names that PUT takes: "timeout: 0.1".
func (s *Server) faultLines() []string {
	var set map[string]json.RawMessage
	if err := json.Unmarshal(mustJSON(s.Faults()), &set); err != nil {
		return []string{err.Error()}
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		lines = append(lines, name+": "+string(set[name]))
	}
	return lines
}

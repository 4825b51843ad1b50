package paysim

import (
	"net/http"
	"time"
)

// Ledger is the account of all payments, in minor units, the oldest first. At any time
//
//	authorised = captured + released + what is held
//
// where those of the status "requires_capture" are held.
type Ledger struct {
	Payments []LedgerPayment `json:"payments"`
	Totals   map[string]Sums `json:"totals"` // by currency
}

// LedgerPayment is a payment in a ledger.
type LedgerPayment struct {
	ID          string    `json:"id"`
	Reference   string    `json:"reference,omitempty"` // the text "reference" of its metadata
	Description string    `json:"description,omitempty"`
	Method      string    `json:"method,omitempty"`
	Status      string    `json:"status"`           // in Stripe's words
	Reason      string    `json:"reason,omitempty"` // of a decline
	Currency    string    `json:"currency"`
	Amount      int64     `json:"amount"`
	Cancelled   bool      `json:"cancelled"`
	Created     time.Time `json:"created"`
	Sums
}

// Sums are amounts in minor units.
type Sums struct {
	Authorised int64 `json:"authorised"` // reserved, ever
	Captured   int64 `json:"captured"`   // of that, taken
	Released   int64 `json:"released"`   // of that, let go
	Refunded   int64 `json:"refunded"`   // of what was taken, given back
}

// Ledger returns the account as it is now.
func (s *Server) Ledger() Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := Ledger{Payments: make([]LedgerPayment, 0, len(s.order)), Totals: make(map[string]Sums)}
	for _, i := range s.order {
		p := LedgerPayment{
			ID: i.ID, Reference: i.Metadata["reference"], Description: i.Description, Method: i.Method, Status: i.Status,
			Currency: i.Currency, Amount: i.Amount, Cancelled: i.Status == canceled, Created: i.Created,
			Sums: Sums{i.Authorised, i.Captured, i.Released, i.Refunded},
		}
		if i.LastError != nil {
			p.Reason = i.LastError.DeclineCode
		}
		l.Payments = append(l.Payments, p)
		sum := l.Totals[i.Currency]
		sum.Authorised += i.Authorised
		sum.Captured += i.Captured
		sum.Released += i.Released
		sum.Refunded += i.Refunded
		l.Totals[i.Currency] = sum
	}
	return l
}

func (s *Server) getLedger(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Ledger())
}

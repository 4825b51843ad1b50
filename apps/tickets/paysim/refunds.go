package paysim

import (
	"net/http"
	"time"
)

// createRefund gives back what was captured.
func (s *Server) createRefund(r *request, c *change) (any, *apiError) {
	if err := r.only("payment_intent", "amount", "metadata", "reason", "expand"); err != nil {
		return nil, err
	}
	expand, err := r.expands("payment_intent.latest_charge")
	if err != nil {
		return nil, err
	}
	id := r.params.Get("payment_intent")
	if id == "" {
		return nil, invalid("payment_intent", "parameter_missing", "One of the following params should be provided for this request: payment_intent or charge.")
	}
	i := s.intents[id]
	if i == nil {
		return nil, noIntent(id, "payment_intent", http.StatusNotFound)
	}
	if i.Captured == 0 {
		return nil, unexpected(i, "refund", "refunded: succeeded")
	}
	left := i.Captured - i.Refunded
	if left == 0 {
		err := invalid("", "charge_already_refunded", "Charge %s has already been refunded.", i.Charge)
		err.early = false
		return nil, err
	}
	amount, err := r.amount("amount", left)
	if err != nil {
		return nil, err
	}
	if amount > left {
		err := invalid("amount", "", "Refund amount (%d) is greater than unrefunded amount on charge (%d)", amount, left)
		err.early = false
		return nil, err
	}
	i.Refunded += amount
	c.Intent = i
	refund := refundJSON{
		ID: newID("re"), Object: "refund", Amount: amount, Charge: i.Charge, Created: time.Now().Unix(), Currency: i.Currency,
		Metadata: r.metadata(), PaymentIntent: i.ID, Status: "succeeded",
	}
	c.tell("charge.refunded", i.charge())
	c.tell("refund.created", refund)
	failed := refund
	if expand {
		refund.PaymentIntent = i.view(true)
	}
	if i.Method == refundFails { // the answer does not know that yet
		i.Refunded -= amount
		failed.Status, failed.FailureReason = "failed", "expired_or_canceled_card"
		c.tell("refund.failed", failed)
	}
	return refund, nil
}

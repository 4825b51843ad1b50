package paysim

import "maps"

// intentJSON is a payment intent as Stripe tells it.
type intentJSON struct {
	ID                 string            `json:"id"`
	Object             string            `json:"object"`
	Amount             int64             `json:"amount"`
	AmountCapturable   int64             `json:"amount_capturable"`
	AmountReceived     int64             `json:"amount_received"`
	CanceledAt         *int64            `json:"canceled_at"`
	CaptureMethod      string            `json:"capture_method"`
	ConfirmationMethod string            `json:"confirmation_method"`
	Created            int64             `json:"created"`
	Currency           string            `json:"currency"`
	Description        *string           `json:"description"`
	LastPaymentError   *apiError         `json:"last_payment_error"`
	LatestCharge       any               `json:"latest_charge"` // the ID, or a chargeJSON
	Livemode           bool              `json:"livemode"`
	Metadata           map[string]string `json:"metadata"`
	PaymentMethod      *string           `json:"payment_method"`
	PaymentMethodTypes []string          `json:"payment_method_types"`
	Status             string            `json:"status"`
}

// chargeJSON is the charge of a payment intent.
type chargeJSON struct {
	ID             string            `json:"id"`
	Object         string            `json:"object"`
	Amount         int64             `json:"amount"`
	AmountCaptured int64             `json:"amount_captured"`
	AmountRefunded int64             `json:"amount_refunded"`
	Captured       bool              `json:"captured"`
	Created        int64             `json:"created"`
	Currency       string            `json:"currency"`
	Livemode       bool              `json:"livemode"`
	Metadata       map[string]string `json:"metadata"`
	Paid           bool              `json:"paid"`
	PaymentIntent  string            `json:"payment_intent"`
	Refunded       bool              `json:"refunded"`
	Status         string            `json:"status"`
}

// refundJSON is a refund.
type refundJSON struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	Amount        int64             `json:"amount"`
	Charge        string            `json:"charge"`
	Created       int64             `json:"created"`
	Currency      string            `json:"currency"`
	Metadata      map[string]string `json:"metadata"`
	PaymentIntent any               `json:"payment_intent"` // the ID, or an intentJSON
	Status        string            `json:"status"`
	FailureReason string            `json:"failure_reason,omitempty"`
}

// listJSON is what a search has found.
type listJSON struct {
	Object   string       `json:"object"`
	Data     []intentJSON `json:"data"`
	HasMore  bool         `json:"has_more"`
	NextPage *string      `json:"next_page,omitempty"`
	URL      string       `json:"url"`
}

// view returns a payment as it is now; nothing of it changes afterwards.
func (i *intent) view(expand bool) intentJSON {
	v := intentJSON{
		ID: i.ID, Object: "payment_intent", Amount: i.Amount, AmountReceived: i.Captured,
		CaptureMethod: i.CaptureMethod, ConfirmationMethod: "automatic", Created: i.Created.Unix(), Currency: i.Currency,
		LastPaymentError: i.LastError, Metadata: maps.Clone(i.Metadata), PaymentMethodTypes: []string{"card"}, Status: i.Status,
	}
	if i.Status == needsCapture {
		v.AmountCapturable = i.Authorised
	}
	if !i.CancelledAt.IsZero() {
		at := i.CancelledAt.Unix()
		v.CanceledAt = &at
	}
	if i.Description != "" {
		v.Description = &i.Description
	}
	if i.Method != "" {
		method := i.Method
		v.PaymentMethod = &method
	}
	switch {
	case i.Charge != "" && expand:
		v.LatestCharge = i.charge()
	case i.Charge != "":
		v.LatestCharge = i.Charge
	}
	return v
}

func (i *intent) charge() chargeJSON {
	status := "succeeded"
	if i.Authorised == 0 {
		status = "failed"
	}
	return chargeJSON{
		ID: i.Charge, Object: "charge", Amount: i.Amount, AmountCaptured: i.Captured,
		// As with Stripe, an authorisation that is let go is a refund of its charge.
		AmountRefunded: i.Refunded + i.Released,
		Captured:       i.Captured > 0, Created: i.Created.Unix(), Currency: i.Currency, Metadata: maps.Clone(i.Metadata),
		Paid: i.Authorised > 0, PaymentIntent: i.ID, Refunded: i.Refunded+i.Released >= i.Amount && i.Authorised > 0, Status: status,
	}
}

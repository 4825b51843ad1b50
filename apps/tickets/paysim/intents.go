package paysim

import (
	"crypto/rand"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// intent is a payment, in Stripe's words a payment intent with its charge.
type intent struct {
	ID            string            `json:"id"`
	Charge        string            `json:"charge,omitempty"` // its ID, "" before the first attempt
	Status        string            `json:"status"`
	Amount        int64             `json:"amount"`
	Currency      string            `json:"currency"`
	CaptureMethod string            `json:"captureMethod"`
	Method        string            `json:"method,omitempty"`
	Description   string            `json:"description,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	Created       time.Time         `json:"created"`
	CancelledAt   time.Time         `json:"cancelledAt,omitzero"`
	LastError     *apiError         `json:"lastError,omitempty"`

	Authorised int64 `json:"authorised,omitempty"` // reserved, ever
	Captured   int64 `json:"captured,omitempty"`   // of that, taken
	Released   int64 `json:"released,omitempty"`   // of that, let go
	Refunded   int64 `json:"refunded,omitempty"`   // of what was taken, given back
}

// The statuses, in Stripe's words.
const (
	needsMethod       = "requires_payment_method"
	needsConfirmation = "requires_confirmation"
	needsCapture      = "requires_capture"
	succeeded         = "succeeded"
	canceled          = "canceled"
)

func newID(kind string) string { return kind + "_" + rand.Text() }

// noIntent is the error for a payment that is not there.
func noIntent(id, param string, status int) *apiError {
	err := invalid(param, "resource_missing", "No such payment_intent: '%s'", id)
	err.status = status
	return err
}

// unexpected is the error for a payment that is not in the right state.
func unexpected(i *intent, do, want string) *apiError {
	view := i.view(false)
	return &apiError{
		Type: "invalid_request_error", Code: "payment_intent_unexpected_state", status: http.StatusBadRequest, Intent: &view,
		Message: "You cannot " + do + " this PaymentIntent because it has a status of " + i.Status + ". Only a PaymentIntent with one of the following statuses may be " + want + ".",
	}
}

func (s *Server) createIntent(r *request, c *change) (any, *apiError) {
	if err := r.only("amount", "currency", "capture_method", "confirm", "payment_method", "payment_method_types",
		"error_on_requires_action", "metadata", "description", "expand"); err != nil {
		return nil, err
	}
	expand, err := r.expands("latest_charge")
	if err != nil {
		return nil, err
	}
	i := &intent{
		ID: newID("pi"), Status: needsMethod, CaptureMethod: "automatic", Currency: strings.ToLower(r.params.Get("currency")),
		Description: r.params.Get("description"), Metadata: r.metadata(), Created: time.Now().UTC(),
	}
	if i.Amount, err = r.amount("amount", 0); err != nil {
		return nil, err
	}
	if !regexp.MustCompile(`^[a-z]{3}$`).MatchString(i.Currency) {
		return nil, invalid("currency", "", "Invalid currency: %s", i.Currency)
	}
	if i.Amount < 50 { // the least of most currencies
		return nil, invalid("amount", "amount_too_small", "Amount must be at least 0.50 %s", i.Currency)
	}
	if method := r.params.Get("capture_method"); method == "manual" || method == "automatic" {
		i.CaptureMethod = method
	} else if method != "" {
		return nil, invalid("capture_method", "", "Invalid capture_method: must be one of automatic or manual")
	}
	confirm, err := r.flag("confirm")
	if err != nil {
		return nil, err
	}
	if err := i.setMethod(r); err != nil {
		return nil, err
	}
	if confirm && i.Method == "" {
		return nil, invalid("payment_method", "parameter_missing", "You cannot confirm this PaymentIntent because it's missing a payment method.")
	}
	s.intents[i.ID] = i
	s.order = append(s.order, i)
	c.Intent = i
	c.tell("payment_intent.created", i.view(false))
	if confirm {
		if err := i.confirm(c); err != nil {
			return nil, err
		}
	}
	return i.view(expand), nil
}

// setMethod takes the method of payment of a request.
func (i *intent) setMethod(r *request) *apiError {
	method := r.params.Get("payment_method")
	if method == "" {
		return nil
	}
	if _, err := charge(method); err != nil {
		return err
	}
	i.Method = method
	if i.Status == needsMethod {
		i.Status = needsConfirmation
	}
	return nil
}

func (s *Server) confirmIntent(r *request, c *change) (any, *apiError) {
	if err := r.only("payment_method", "error_on_requires_action", "expand"); err != nil {
		return nil, err
	}
	expand, err := r.expands("latest_charge")
	if err != nil {
		return nil, err
	}
	i := s.intents[r.id]
	if i == nil {
		return nil, noIntent(r.id, "intent", http.StatusNotFound)
	}
	if i.Status != needsMethod && i.Status != needsConfirmation {
		return nil, unexpected(i, "confirm", "confirmed: requires_payment_method, requires_confirmation")
	}
	if err := i.setMethod(r); err != nil {
		return nil, err
	}
	if i.Status == needsMethod {
		return nil, unexpected(i, "confirm", "confirmed without a payment method: requires_confirmation")
	}
	c.Intent = i
	if err := i.confirm(c); err != nil {
		return nil, err
	}
	return i.view(expand), nil
}

// confirm reserves the amount, and takes it unless that is to be done by hand.
func (i *intent) confirm(c *change) *apiError {
	i.Charge = newID("ch")
	declined, _ := charge(i.Method)
	if declined != nil {
		i.Status, i.Method, i.LastError = needsMethod, "", declined
		view := i.view(false)
		answer := *declined
		answer.Intent = &view
		c.tell("payment_intent.payment_failed", view)
		return &answer
	}
	i.Status, i.Authorised, i.LastError = needsCapture, i.Amount, nil
	if i.CaptureMethod == "automatic" {
		i.Status, i.Captured = succeeded, i.Amount
		c.tell("payment_intent.succeeded", i.view(false))
		return nil
	}
	c.tell("payment_intent.amount_capturable_updated", i.view(false))
	return nil
}

func (s *Server) captureIntent(r *request, c *change) (any, *apiError) {
	if err := r.only("amount_to_capture", "expand"); err != nil {
		return nil, err
	}
	expand, err := r.expands("latest_charge")
	if err != nil {
		return nil, err
	}
	i := s.intents[r.id]
	if i == nil {
		return nil, noIntent(r.id, "intent", http.StatusNotFound)
	}
	amount, err := r.amount("amount_to_capture", i.Amount)
	switch {
	case err != nil:
		return nil, err
	case i.Status != needsCapture:
		return nil, unexpected(i, "capture", "captured: requires_capture")
	case amount > i.Authorised:
		err := invalid("amount_to_capture", "amount_too_large",
			"The amount_to_capture %d is greater than the amount that can be captured, %d.", amount, i.Authorised)
		err.early = false
		return nil, err
	}
	i.Status, i.Captured, i.Released = succeeded, amount, i.Authorised-amount
	c.Intent = i
	c.tell("payment_intent.succeeded", i.view(false))
	return i.view(expand), nil
}

func (s *Server) cancelIntent(r *request, c *change) (any, *apiError) {
	if err := r.only("cancellation_reason", "expand"); err != nil {
		return nil, err
	}
	expand, err := r.expands("latest_charge")
	if err != nil {
		return nil, err
	}
	i := s.intents[r.id]
	if i == nil {
		return nil, noIntent(r.id, "intent", http.StatusNotFound)
	}
	if i.Status == succeeded || i.Status == canceled {
		return nil, unexpected(i, "cancel", "canceled: requires_payment_method, requires_capture, requires_confirmation")
	}
	i.Status, i.Released, i.CancelledAt = canceled, i.Authorised, time.Now().UTC()
	c.Intent = i
	c.tell("payment_intent.canceled", i.view(false))
	return i.view(expand), nil
}

func (s *Server) getIntent(r *request, _ *change) (any, *apiError) {
	if err := r.only("expand"); err != nil {
		return nil, err
	}
	expand, err := r.expands("latest_charge")
	if err != nil {
		return nil, err
	}
	if i := s.intents[r.id]; i != nil {
		return i.view(expand), nil
	}
	return nil, noIntent(r.id, "intent", http.StatusNotFound)
}

// searchClause is the one form of search there is: metadata["name"]:"value".
var searchClause = regexp.MustCompile(`^metadata\[["']([^"'\]]+)["']\]:"((?:[^"\\]|\\["\\])*)"$`)

// searchIntents finds payments by their metadata, the newest first.
func (s *Server) searchIntents(r *request, _ *change) (any, *apiError) {
	if err := r.only("query", "limit", "page", "expand"); err != nil {
		return nil, err
	}
	expand, err := r.expands("data.latest_charge")
	if err != nil {
		return nil, err
	}
	clause := searchClause.FindStringSubmatch(r.params.Get("query"))
	if clause == nil {
		return nil, invalid("query", "", `We were unable to parse your search query: only metadata["name"]:"value" is understood here.`)
	}
	limit, err := r.count("limit", 10, 1, 100)
	if err != nil {
		return nil, err
	}
	skip, err := r.count("page", 0, 0, len(s.order))
	if err != nil {
		return nil, err
	}
	value := strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(clause[2])
	until := time.Now().Add(-millis(s.faults.SearchMillis, 0))
	list := listJSON{Object: "search_result", URL: "/v1/payment_intents/search", Data: []intentJSON{}}
	found := 0
	for _, i := range slices.Backward(s.order) {
		if i.Metadata[clause[1]] != value || i.Created.After(until) {
			continue
		}
		if len(list.Data) == limit {
			list.HasMore = true
			next := strconv.Itoa(found)
			list.NextPage = &next
			break
		}
		if found++; found > skip {
			list.Data = append(list.Data, i.view(expand))
		}
	}
	return list, nil
}

func (r *request) count(name string, byDefault, least, most int) (int, *apiError) {
	text := r.params.Get(name)
	if text == "" {
		return byDefault, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, invalid(name, "", "Invalid %s: should be %d to %d", name, least, most)
	}
	return n, nil
}

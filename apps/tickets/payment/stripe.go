package payment

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v83"
)

// Stripe is the provider of that name, or one that speaks like it. It is made by
// [New] and is safe for concurrent use.
type Stripe struct {
	client *stripe.Client
	http   *http.Client
}

var _ Provider = (*Stripe)(nil)

// Options of [New].
type Options struct {
	// URL is where the provider is, without a path: Stripe itself by default. Without
	// TLS only this machine is allowed, since the key is sent there.
	URL string

	// Timeout is how long a call may take, 20 seconds by default.
	Timeout time.Duration
}

const defaultTimeout = 20 * time.Second

// reference is the name of our reference in the metadata of the provider's objects.
const reference = "reference"

// New returns a client with a secret key: "sk_…", or "rk_…" for a restricted one.
// Nothing is sent yet. Calls are not repeated here, that is up to the caller; only the
// library of HTTP sends a request anew, with its key, when a connection that was idle
// turns out to be cut. And nothing is sent beside them, like measurements or the name
// of this machine.
func New(secretKey string, options *Options) (*Stripe, error) {
	var o Options
	if options != nil {
		o = *options
	}
	if !strings.HasPrefix(secretKey, "sk_") && !strings.HasPrefix(secretKey, "rk_") ||
		strings.ContainsFunc(secretKey, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("payment: the secret key should begin with sk_ or rk_ and have no spaces; find it on the provider's page of API keys")
	}
	address := cmp.Or(o.URL, stripe.APIURL)
	if err := checkURL(address); err != nil {
		return nil, fmt.Errorf("payment: the URL of the provider, %q: %w", address, err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64 // for the rush
	s := &Stripe{http: &http.Client{
		Transport:     guard{transport},
		Timeout:       cmp.Or(max(o.Timeout, 0), defaultTimeout),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	s.client = stripe.NewClient(secretKey, stripe.WithBackends(stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		URL:               &address,
		HTTPClient:        s.http,
		MaxNetworkRetries: stripe.Int64(0),
		EnableTelemetry:   stripe.Bool(false),
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull}, // errors are returned
	})))
	return s, nil
}

// Close closes the connections that no call uses.
func (s *Stripe) Close() { s.http.CloseIdleConnections() }

func checkURL(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	switch host := u.Hostname(); {
	case host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("it should be a scheme and a host, like https://api.stripe.com")
	case u.Scheme == "https":
	case u.Scheme != "http":
		return errors.New("the scheme should be https")
	case host != "localhost" && !net.ParseIP(host).IsLoopback():
		return errors.New("without TLS the provider must be on this machine: use https")
	}
	return nil
}

// Authorise implements [Provider].
func (s *Stripe) Authorise(ctx context.Context, key string, a Authorisation) (Payment, error) {
	c := call{op: "authorise", subject: a.Reference}
	if err := cmp.Or(a.check(), checkKey(key)); err != nil {
		return Payment{}, c.invalid(err)
	}
	params := &stripe.PaymentIntentCreateParams{
		Amount:             &a.Amount,
		Currency:           stripe.String(strings.ToLower(a.Currency)),
		CaptureMethod:      stripe.String(stripe.PaymentIntentCaptureMethodManual),
		Confirm:            stripe.Bool(true),
		PaymentMethod:      &a.Method,
		PaymentMethodTypes: []*string{stripe.String("card")},
		// Nobody waits here for a question of the customer's bank: that is a decline.
		ErrorOnRequiresAction: stripe.Bool(true),
		Metadata:              map[string]string{reference: a.Reference},
	}
	if a.Description != "" {
		params.Description = &a.Description
	}
	params.AddExpand("latest_charge")
	params.SetIdempotencyKey(headerKey(key))
	intent, err := s.client.V1PaymentIntents.Create(c.begin(ctx), params)
	if p, declined := declinedBy(err, a); declined {
		return p, nil
	}
	return c.answer(intent, err)
}

// Capture implements [Provider].
func (s *Stripe) Capture(ctx context.Context, key, payment string, amount int64) (Payment, error) {
	c := call{op: "capture", subject: payment}
	if err := cmp.Or(checkAmount(amount), checkKey(key), checkID(payment)); err != nil {
		return Payment{}, c.invalid(err)
	}
	params := &stripe.PaymentIntentCaptureParams{AmountToCapture: &amount}
	params.AddExpand("latest_charge")
	params.SetIdempotencyKey(headerKey(key))
	p, err := c.answer(s.client.V1PaymentIntents.Capture(c.begin(ctx), payment, params))
	return s.orElse(ctx, p, err, func(now Payment) bool { return now.Captured == amount })
}

// Cancel implements [Provider].
func (s *Stripe) Cancel(ctx context.Context, key, payment string) (Payment, error) {
	c := call{op: "cancel", subject: payment}
	if err := cmp.Or(checkKey(key), checkID(payment)); err != nil {
		return Payment{}, c.invalid(err)
	}
	params := &stripe.PaymentIntentCancelParams{}
	params.AddExpand("latest_charge")
	params.SetIdempotencyKey(headerKey(key))
	p, err := c.answer(s.client.V1PaymentIntents.Cancel(c.begin(ctx), payment, params))
	return s.orElse(ctx, p, err, func(now Payment) bool { return now.Status == Cancelled })
}

// Refund implements [Provider].
func (s *Stripe) Refund(ctx context.Context, key, payment string, amount int64) (Payment, error) {
	c := call{op: "refund", subject: payment}
	if err := cmp.Or(checkAmount(amount), checkKey(key), checkID(payment)); err != nil {
		return Payment{}, c.invalid(err)
	}
	params := &stripe.RefundCreateParams{PaymentIntent: &payment, Amount: &amount}
	params.AddExpand("payment_intent.latest_charge")
	params.SetIdempotencyKey(headerKey(key))
	refund, err := s.client.V1Refunds.Create(c.begin(ctx), params)
	p, err := c.answer(refund.PaymentIntent, err)
	if err == nil && (refund.Status == stripe.RefundStatusFailed || refund.Status == stripe.RefundStatusCanceled) {
		return p, c.failed(ErrRejected, fmt.Errorf("the refund %s is %s: %s", refund.ID, refund.Status, refund.FailureReason))
	}
	return s.orElse(ctx, p, err, func(now Payment) bool { return now.Status == Refunded })
}

// orElse looks at a payment that was not changed as wanted, since it may have been
// before: the provider does not remember keys for ever.
func (s *Stripe) orElse(ctx context.Context, p Payment, err error, wanted func(now Payment) bool) (Payment, error) {
	failed, ok := errors.AsType[*Error](err)
	if !ok || failed.class != ErrRejected || !failed.answered {
		return p, err
	}
	now, getErr := s.Get(ctx, failed.Subject)
	switch {
	case getErr != nil:
		return Payment{}, &Error{Op: failed.Op, Subject: failed.Subject, class: ErrUnknown,
			err: fmt.Errorf("it is rejected, %w, and how the payment is now cannot be seen: %w", failed.err, getErr)}
	case wanted(now):
		return now, nil
	}
	failed.Now = now.Status
	return Payment{}, failed
}

// Find implements [Provider]. It is an error if several payments of the reference
// hold money.
func (s *Stripe) Find(ctx context.Context, ours string) (Payment, bool, error) {
	c := call{op: "find", subject: ours}
	if len(ours) == 0 || len(ours) > MaxReference {
		return Payment{}, false, c.invalid(fmt.Errorf("the reference has %d bytes; it should have 1 to %d", len(ours), MaxReference))
	}
	params := &stripe.PaymentIntentSearchParams{}
	params.Query = fmt.Sprintf(`metadata["%s"]:"%s"`, reference, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(ours))
	params.Limit = stripe.Int64(100)
	params.AddExpand("data.latest_charge")
	var best Payment
	for intent, err := range s.client.V1PaymentIntents.Search(c.begin(ctx), params) {
		p, err := c.answer(intent, err)
		switch {
		case err != nil:
			return Payment{}, false, err
		case p.Reference != ours:
		case best.Status.HoldsMoney() && p.Status.HoldsMoney():
			return Payment{}, false, c.failed(ErrRejected, fmt.Errorf("%s and %s hold money for it: cancel or refund one of them", best.ID, p.ID))
		case best.ID == "" || p.Status.HoldsMoney():
			best = p
		}
	}
	return best, best.ID != "", nil
}

// Get implements [Provider].
func (s *Stripe) Get(ctx context.Context, payment string) (Payment, error) {
	c := call{op: "get", subject: payment}
	if err := checkID(payment); err != nil {
		return Payment{}, c.invalid(err)
	}
	params := &stripe.PaymentIntentRetrieveParams{}
	params.AddExpand("latest_charge")
	return c.answer(s.client.V1PaymentIntents.Retrieve(c.begin(ctx), payment, params))
}

func checkID(payment string) error {
	if len(payment) == 0 || len(payment) > 255 {
		return fmt.Errorf("the ID of a payment has %d bytes; it should have 1 to 255", len(payment))
	}
	return nil
}

func checkKey(key string) error {
	if key == "" {
		return errors.New("the call has no key: without one it could have its effect twice")
	}
	return nil
}

// headerKey returns a key as it is sent: itself, or its hash where it is longer than
// the provider allows or has what a header cannot.
func headerKey(key string) string {
	if len(key) <= 255 && !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256-" + hex.EncodeToString(sum[:])
}

// Package paysim is a small stand-in for a payment provider, for tests, demonstrations
// and rushes that are simulated. It speaks the part of Stripe's API that package
// payment uses, over HTTP, and has a memory:
//
//	POST /v1/payment_intents                       create, and confirm
//	GET  /v1/payment_intents/{id}
//	POST /v1/payment_intents/{id}/confirm|capture|cancel
//	GET  /v1/payment_intents/search
//	POST /v1/refunds
//
// Keys are remembered with their parameters and answers; what is declined depends on
// the method of payment, as with Stripe's test cards; and events are told by signed
// webhooks. Of its own it has, on the same address:
//
//	GET /             the payments and the faults, to read
//	GET /sim/ledger   all payments, for audits: see [Ledger]
//	GET /sim/faults   what goes wrong: see [Faults]
//	PUT /sim/faults   from now on
//
// It moves no money and knows no cards, and serves this machine only.
package paysim

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/aether-es/aether/apps/internal/web"
)

// The keys of a Server that was not given others.
const (
	SecretKey     = "sk_test_paysim"
	WebhookSecret = "whsec_paysim"
)

// Options of [New]. All may be missing.
type Options struct {
	// SecretKey is what requests need, [SecretKey] by default.
	SecretKey string

	// Webhook is the URL that events are sent to. Without one none are.
	Webhook string

	// WebhookSecret is what they are signed with, [WebhookSecret] by default.
	WebhookSecret string

	// File keeps the payments, a line of JSON for each change, which is on disk before
	// the answer is sent. Without one they are in memory. One process at a time may use
	// it.
	File string

	// Faults are what goes wrong from the beginning, Seed decides where.
	Faults Faults
	Seed   uint64

	// Client sends the webhooks; by default one that waits 10 seconds for an answer.
	Client *http.Client

	// Logger is [slog.Default] by default.
	Logger *slog.Logger
}

// Server is the provider. It is made by [New], is an http.Handler, and is safe for
// concurrent use.
type Server struct {
	options Options
	mux     *http.ServeMux
	site    *web.Site
	hooks   *hooks
	journal *journal // nil when everything is in memory
	closing context.Context
	close   context.CancelFunc

	mu      sync.Mutex
	intents map[string]*intent
	order   []*intent // the oldest first
	keys    map[string]*keyed
	faults  Faults
	random  *rand.Rand
	failed  error // nothing is kept any more
}

// New returns a provider with the payments in the file, if there is one.
func New(options *Options) (*Server, error) {
	s := &Server{intents: make(map[string]*intent), keys: make(map[string]*keyed)}
	if options != nil {
		s.options = *options
	}
	o := &s.options
	o.SecretKey = cmp.Or(o.SecretKey, SecretKey)
	o.WebhookSecret = cmp.Or(o.WebhookSecret, WebhookSecret)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	o.Client = cmp.Or(o.Client, &http.Client{Timeout: 10 * time.Second})
	s.random = rand.New(rand.NewPCG(o.Seed, 0))
	if err := o.Faults.check(); err != nil {
		return nil, fmt.Errorf("paysim: the faults: %w", err)
	}
	s.faults = o.Faults.clone()
	if o.Webhook != "" {
		if err := checkWebhook(o.Webhook); err != nil {
			return nil, fmt.Errorf("paysim: the URL of the webhook, %q: %w", o.Webhook, err)
		}
	}
	var err error
	if s.site, err = web.New(&web.Options{Logger: o.Logger}); err != nil {
		return nil, err
	}
	if o.File != "" {
		if s.journal, err = openJournal(o.File, s.restore); err != nil {
			return nil, fmt.Errorf("paysim: the file %s: %w", o.File, err)
		}
	}
	s.closing, s.close = context.WithCancel(context.Background())
	s.hooks = &hooks{
		url: o.Webhook, secret: o.WebhookSecret, client: o.Client, logger: o.Logger,
		closing: s.closing, slots: make(chan struct{}, 8),
	}
	s.routes()
	return s, nil
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Run serves on a listener, which it closes, until ctx ends; requests that are held are
// cut then. The listener must be of this machine only.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	defer listener.Close()
	if host, _, err := net.SplitHostPort(listener.Addr().String()); err != nil || !net.ParseIP(host).IsLoopback() {
		return fmt.Errorf("paysim: it would listen on %s, where others could change payments: use 127.0.0.1", listener.Addr())
	}
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
		BaseContext:    func(net.Listener) context.Context { return ctx },
		ErrorLog:       slog.NewLogLogger(s.options.Logger.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := server.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// Close cuts the requests that are held, gives up the webhooks that wait, and closes
// the file. Requests that come afterwards fail.
func (s *Server) Close() error {
	s.close()
	s.hooks.wait()
	s.mu.Lock()
	already := errors.Is(s.failed, errClosed)
	s.failed = errClosed
	s.mu.Unlock()
	if s.journal == nil || already {
		return nil
	}
	return s.journal.close()
}

var errClosed = errors.New("the provider is closed")

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	for pattern, do := range map[string]operation{
		"POST /v1/payment_intents":              s.createIntent,
		"GET /v1/payment_intents/search":        s.searchIntents,
		"GET /v1/payment_intents/{id}":          s.getIntent,
		"POST /v1/payment_intents/{id}/confirm": s.confirmIntent,
		"POST /v1/payment_intents/{id}/capture": s.captureIntent,
		"POST /v1/payment_intents/{id}/cancel":  s.cancelIntent,
		"POST /v1/refunds":                      s.createRefund,
	} {
		s.mux.HandleFunc(pattern, s.api(do))
	}
	for _, method := range []string{"GET", "POST", "DELETE"} {
		s.mux.HandleFunc(method+" /v1/", s.api(noRoute))
	}
	s.mux.HandleFunc("GET /sim/ledger", s.getLedger)
	s.mux.HandleFunc("GET /sim/faults", s.getFaults)
	s.mux.HandleFunc("PUT /sim/faults", s.putFaults)
	pages := http.NewServeMux()
	s.site.Register(pages)
	s.mux.Handle("GET /", pages) // static files, and the page for what is not there
	s.mux.HandleFunc("GET /{$}", s.page)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	to := json.NewEncoder(w)
	to.SetIndent("", "  ")
	_ = to.Encode(v) // whoever asked is gone if that fails
}

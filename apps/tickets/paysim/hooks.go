package paysim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/aether-es/aether/internal/backoff"
	"github.com/stripe/stripe-go/v83"
	"github.com/stripe/stripe-go/v83/webhook"
)

// event is what a webhook tells.
type event struct {
	kind   string
	object any
}

func (c *change) tell(kind string, object any) { c.events = append(c.events, event{kind, object}) }

// announce sends events, as the faults want it.
func (s *Server) announce(r *request, events []event) {
	if s.options.Webhook == "" {
		return
	}
	for _, e := range events {
		id := newID("evt")
		body := mustJSON(map[string]any{
			"id": id, "object": "event", "api_version": stripe.APIVersion, "created": time.Now().Unix(), "type": e.kind,
			"data": map[string]any{"object": e.object}, "livemode": false, "pending_webhooks": 1,
			"request": map[string]any{"id": newID("req"), "idempotency_key": r.key},
		})
		for _, wait := range s.deliveries() {
			s.hooks.send(id, body, wait)
		}
	}
}

// deliveries returns after what times an event is sent, each time it is.
func (s *Server) deliveries() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &s.faults
	if s.chance(f.WebhookLost) {
		return nil
	}
	waits := make([]time.Duration, 1, 2)
	if s.chance(f.WebhookTwice) {
		waits = append(waits, 0)
	}
	for i := range waits {
		if s.chance(f.WebhookLate) {
			waits[i] = time.Duration(s.random.Float64() * float64(millis(f.WebhookLateMillis, 5000)))
		}
	}
	return waits
}

// hooks sends webhooks, which are gone with the program: they are hints.
type hooks struct {
	url, secret string
	client      *http.Client
	logger      *slog.Logger
	closing     context.Context
	slots       chan struct{} // as many as are sent at the same time

	mu      sync.Mutex
	closed  bool
	waiting int
	sending sync.WaitGroup
}

const (
	maxHooks    = 10_000 // that wait
	hookTries   = 5
	minHookWait = 500 * time.Millisecond
	maxHookWait = 10 * time.Second
)

func checkWebhook(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return fmt.Errorf("it should be like http://127.0.0.1:8080/api/tickets/webhook")
	}
	return nil
}

// send sends an event after a while, and again as long as it is not taken.
func (h *hooks) send(id string, body []byte, wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	if h.waiting >= maxHooks {
		h.logger.Warn("paysim: a webhook is lost, since so many wait", "event", id, "waiting", h.waiting)
		return
	}
	h.waiting++
	h.sending.Go(func() {
		defer h.done()
		for failures := 0; ; wait = backoff.After(failures, minHookWait, maxHookWait) {
			if backoff.Wait(h.closing, wait) != nil {
				return
			}
			err := h.post(body)
			if err == nil || h.closing.Err() != nil {
				return
			}
			if failures++; failures == hookTries {
				h.logger.Warn("paysim: a webhook is not taken, and given up", "event", id, "url", h.url, "error", err)
				return
			}
		}
	})
}

func (h *hooks) done() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting--
}

// post sends an event once, signed as of now.
func (h *hooks) post(body []byte) error {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-h.closing.Done():
		return h.closing.Err()
	}
	r, err := http.NewRequestWithContext(h.closing, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("Stripe-Signature", webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: h.secret}).Header)
	answer, err := h.client.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10))
	if closeErr := answer.Body.Close(); err == nil {
		err = closeErr
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("the answer is %s", answer.Status)
	}
	return err
}

// wait returns when nothing is sent any more.
func (h *hooks) wait() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.sending.Wait()
}

func (h *hooks) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting
}

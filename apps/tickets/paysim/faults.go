package paysim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Faults is what goes wrong. The shares are of the requests to /v1, or of the events,
// from 0 to 1; the first fault whose share says so is the one that happens.
type Faults struct {
	// Next are the faults of the next requests, one each, before any share is looked
	// at: "lose", "timeout", "cut", "fail", "break", "slow", or "" for none.
	Next []Fault `json:"next,omitempty"`

	Lose    float64 `json:"lose,omitempty"`
	Timeout float64 `json:"timeout,omitempty"`
	Cut     float64 `json:"cut,omitempty"`
	Fail    float64 `json:"fail,omitempty"`
	Break   float64 `json:"break,omitempty"`
	Slow    float64 `json:"slow,omitempty"`

	// HangMillis is how long a request without an answer is held before the connection
	// is cut: a minute by default.
	HangMillis int `json:"hangMillis,omitempty"`

	// SlowMillis is the longest wait of one that is slow: 2 seconds by default.
	SlowMillis int `json:"slowMillis,omitempty"`

	// SearchMillis is how long a payment is not found by search.
	SearchMillis int `json:"searchMillis,omitempty"`

	// WebhookTwice is the share of events that are sent twice, WebhookLost of those that
	// are not sent, WebhookLate of those that come late: up to WebhookLateMillis, 5
	// seconds by default, so that later ones overtake them.
	WebhookTwice      float64 `json:"webhookTwice,omitempty"`
	WebhookLost       float64 `json:"webhookLost,omitempty"`
	WebhookLate       float64 `json:"webhookLate,omitempty"`
	WebhookLateMillis int     `json:"webhookLateMillis,omitempty"`
}

// Fault is what goes wrong with a request. The method of payment "pm_sim_timeout", and
// so on, has that fault happen to the first request with a key, and is else a good card.
type Fault string

// The faults.
const (
	Lose    Fault = "lose"    // not executed, and not answered
	Timeout Fault = "timeout" // executed, and not answered
	Cut     Fault = "cut"     // executed, and the connection is cut
	Fail    Fault = "fail"    // not executed, and answered with 500
	Break   Fault = "break"   // executed, and answered with 500 each time
	Slow    Fault = "slow"    // executed after a while
)

func allFaults() []Fault { return []Fault{Lose, Timeout, Cut, Fail, Break, Slow} }

// shares returns the shares in the order of allFaults.
func (f *Faults) shares() []float64 {
	return []float64{f.Lose, f.Timeout, f.Cut, f.Fail, f.Break, f.Slow}
}

func (f *Faults) check() error {
	for _, share := range append(f.shares(), f.WebhookTwice, f.WebhookLost, f.WebhookLate) {
		if !(share >= 0 && share <= 1) {
			return fmt.Errorf("the share %v is not from 0 to 1", share)
		}
	}
	for _, millis := range []int{f.HangMillis, f.SlowMillis, f.SearchMillis, f.WebhookLateMillis} {
		if millis < 0 || time.Duration(millis)*time.Millisecond > time.Hour {
			return fmt.Errorf("the time of %d ms is not from 0 to an hour", millis)
		}
	}
	for _, next := range f.Next {
		if next != "" && !slices.Contains(allFaults(), next) {
			return fmt.Errorf("there is no fault %q; there are %q", next, allFaults())
		}
	}
	return nil
}

func (f *Faults) clone() Faults {
	c := *f
	c.Next = slices.Clone(f.Next)
	return c
}

func millis(n, byDefault int) time.Duration {
	if n == 0 {
		n = byDefault
	}
	return time.Duration(n) * time.Millisecond
}

// chance says whether a share comes true. With mu held.
func (s *Server) chance(share float64) bool { return share > 0 && s.random.Float64() < share }

// fault decides what goes wrong with a request, which is the first one of its key, or
// not. With mu held.
func (s *Server) fault(method string, first bool) Fault {
	if next := s.faults.Next; len(next) > 0 {
		s.faults.Next = next[1:]
		return next[0]
	}
	if named, ok := strings.CutPrefix(method, "pm_sim_"); ok && first {
		return Fault(named)
	}
	for i, share := range s.faults.shares() {
		if s.chance(share) {
			return allFaults()[i]
		}
	}
	return ""
}

// hang holds a request, and cuts its connection.
func (s *Server) hang(r *http.Request) {
	s.mu.Lock()
	d := millis(s.faults.HangMillis, 60_000)
	s.mu.Unlock()
	s.pause(r, d)
	panic(http.ErrAbortHandler)
}

// pause waits; not longer than the client.
func (s *Server) pause(r *http.Request, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-s.closing.Done():
	}
}

// SetFaults changes what goes wrong from now on.
func (s *Server) SetFaults(f Faults) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("paysim: the faults: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f.clone()
	return nil
}

// Faults returns what goes wrong.
func (s *Server) Faults() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults.clone()
}

func (s *Server) getFaults(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Faults())
}

// putFaults takes all faults at once. It wants JSON to be called that, which pages of
// other sites cannot do.
func (s *Server) putFaults(w http.ResponseWriter, r *http.Request) {
	var f Faults
	from := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	from.DisallowUnknownFields()
	err := from.Decode(&f)
	if err == nil && from.More() {
		err = errors.New("there is more than one JSON value")
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/json" {
		err = errors.New("the content type should be application/json")
	}
	if err == nil {
		err = s.SetFaults(f)
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	s.getFaults(w, r)
}

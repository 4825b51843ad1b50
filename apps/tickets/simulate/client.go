package simulate

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aether-es/aether/internal/backoff"
)

// Client asks a server. It is safe for concurrent use.
type Client struct {
	http       *http.Client
	url, token string
	patience   time.Duration

	mu        sync.Mutex
	steps     map[string]*step
	refusals  map[string]int
	unanswers map[string]int // attempts without an answer, by why
}

// step is what was measured of one kind of requests.
type step struct {
	answered, refused int
	took              []time.Duration // of attempts that were answered
}

// NewClient returns a client with so many connections at most. A request that is not
// answered, or with "not now", is made again for as long as the patience lasts. The token
// may be "".
func NewClient(url, token string, connections int, patience time.Duration) *Client {
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxIdleConnsPerHost: connections, MaxIdleConns: connections, MaxConnsPerHost: connections,
	}
	return &Client{
		http: &http.Client{Transport: transport, Timeout: patience}, url: strings.TrimSuffix(url, "/"), token: token, patience: patience,
		steps: map[string]*step{}, refusals: map[string]int{}, unanswers: map[string]int{},
	}
}

// Close ends its connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Request is one to the server. Step is what it is called in the report.
type Request struct {
	Step, Method, Path string

	// Customer is the token of the customer who makes it, and has none of the server; ""
	// when it is somebody else.
	Customer string

	// Key is the Idempotency-Key, the same for every attempt.
	Key  string
	Body any // as JSON; nil for none
}

// Answer is one of the server.
type Answer struct {
	Status int
	Reason string          // of a refusal
	Facts  json.RawMessage // of a refusal
	body   []byte
}

// OK says whether it did what it was asked.
func (a *Answer) OK() bool { return a.Status >= 200 && a.Status < 300 }

// Text is the answer in short, for messages.
func (a *Answer) Text() string {
	return fmt.Sprintf("%d %s", a.Status, a.body[:min(len(a.body), 300)])
}

// errUnanswered says that a request had no answer for as long as the patience lasts.
var errUnanswered = errors.New("no answer")

func newKey() string { return rand.Text()[:16] }

// Do makes a request, until it is answered, and reads a good answer into a value. Every
// answer but "not now" is one: see [Answer.OK]. The error says that there is none.
func (c *Client) Do(ctx context.Context, r Request, into any) (Answer, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = json.Marshal(r.Body); err != nil {
			return Answer{}, err
		}
	}
	end := time.Now().Add(c.patience)
	for failures := 0; ; failures++ {
		answer, err := c.once(ctx, &r, body)
		switch {
		case err == nil && answer.Status != http.StatusServiceUnavailable:
			c.note(r.Step, &answer)
			if answer.OK() && into != nil {
				if err := json.Unmarshal(answer.body, into); err != nil {
					return answer, fmt.Errorf("%s %s: the answer is not as it should be: %w", r.Method, r.Path, err)
				}
			}
			return answer, nil
		case err == nil:
			err = errors.New(answer.Text())
			c.unanswered("not now")
		case ctx.Err() != nil:
			return answer, ctx.Err()
		default:
			c.unanswered("no connection, or it broke")
		}
		if time.Now().After(end) {
			return answer, fmt.Errorf("%s %s: %w in %v: %w", r.Method, r.Path, errUnanswered, c.patience, err)
		}
		if err := backoff.Wait(ctx, backoff.After(failures+1, 20*time.Millisecond, time.Second)); err != nil {
			return answer, err
		}
	}
}

// once makes one attempt.
func (c *Client) once(ctx context.Context, r *Request, body []byte) (Answer, error) {
	began := time.Now()
	request, err := http.NewRequestWithContext(ctx, r.Method, c.url+r.Path, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if r.Key != "" {
		request.Header.Set("Idempotency-Key", r.Key)
	}
	if r.Customer != "" {
		request.Header.Set("Customer-Token", r.Customer)
	} else if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{Status: response.StatusCode}
	answer.body, err = io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if closeErr := response.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return Answer{}, err
	}
	if !answer.OK() {
		var problem struct {
			Reason string          `json:"reason"`
			Facts  json.RawMessage `json:"facts"`
		}
		if json.Unmarshal(answer.body, &problem) == nil {
			answer.Reason, answer.Facts = problem.Reason, problem.Facts
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.step(r.Step)
	s.took = append(s.took, time.Since(began))
	return answer, nil
}

// step returns what is measured of one. With mu held.
func (c *Client) step(name string) *step {
	s := c.steps[name]
	if s == nil {
		s = &step{}
		c.steps[name] = s
	}
	return s
}

func (c *Client) note(name string, a *Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.step(name)
	s.answered++
	if a.Reason != "" {
		s.refused++
		c.refusals[a.Reason]++
	}
}

func (c *Client) unanswered(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unanswers[why]++
}

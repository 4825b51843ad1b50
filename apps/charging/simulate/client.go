package simulate

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aether-es/aether/internal/backoff"
)

// client asks the central system over HTTP.
type client struct {
	http       *http.Client
	url, token string
	patience   time.Duration // while there is no answer
}

// concurrent is how many requests are made at a time.
const concurrent = 16

func newClient(o *Options) *client {
	transport := &http.Transport{DialContext: o.Dial, MaxIdleConnsPerHost: concurrent, MaxConnsPerHost: concurrent}
	return &client{&http.Client{Transport: transport, Timeout: o.Settle}, strings.TrimSuffix(o.URL, "/"), o.Token, o.Settle}
}

// answer is one of the server.
type answer struct {
	status int
	body   []byte
}

func (a *answer) ok() bool { return a.status >= 200 && a.status < 300 }

func (a *answer) String() string {
	return fmt.Sprintf("%d %s", a.status, a.body[:min(len(a.body), 300)])
}

// exists says whether what was to be made is there already.
func (a *answer) exists() bool {
	var problem struct {
		Type string `json:"type"`
	}
	return a.status == http.StatusConflict && json.Unmarshal(a.body, &problem) == nil && strings.HasSuffix(problem.Type, "-exists")
}

// do makes a request, again with the same key until it is answered, or patience ends.
func (c *client) do(ctx context.Context, method, path string, body any) (*answer, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	key, end := rand.Text(), time.Now().Add(c.patience)
	for failures := 1; ; failures++ {
		a, err := c.once(ctx, method, path, key, data)
		if err == nil && a.status != http.StatusServiceUnavailable && a.status != http.StatusTooManyRequests {
			return a, nil
		}
		if err == nil {
			err = errors.New(a.String())
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return nil, fmt.Errorf("%s %s: %w", method, path, err)
		}
		if err := backoff.Wait(ctx, backoff.After(failures, 50*time.Millisecond, 2*time.Second)); err != nil {
			return nil, err
		}
	}
}

func (c *client) once(ctx context.Context, method, path, key string, body []byte) (*answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, nil)
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost {
		request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", key)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	a := &answer{status: response.StatusCode}
	a.body, err = io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if closeErr := response.Body.Close(); err == nil {
		err = closeErr
	}
	return a, err
}

// create makes a station or an ID tag, and says whether it is new.
func (c *client) create(ctx context.Context, path string, body any) (fresh bool, err error) {
	a, err := c.do(ctx, http.MethodPost, path, body)
	switch {
	case err != nil:
		return false, err
	case a.ok():
		return true, nil
	case a.exists():
		return false, nil
	}
	return false, fmt.Errorf("POST %s: %s", path, a)
}

// transactionID is a number or a text: both are the same here.
type transactionID string

// UnmarshalJSON reads either.
func (id *transactionID) UnmarshalJSON(data []byte) error {
	*id = transactionID(strings.Trim(string(data), `"`))
	return nil
}

// transactionDocument is a transaction as the central system has it.
type transactionDocument struct {
	ID         transactionID `json:"id"`
	Connector  int           `json:"connector"`
	IDTag      string        `json:"idTag"`
	MeterStart int           `json:"meterStart"`
	MeterStop  *int          `json:"meterStop"`
	StartedAt  time.Time     `json:"startedAt"`
	StoppedAt  *time.Time    `json:"stoppedAt"`
	EnergyWh   *float64      `json:"energyWh"`
}

// transactions returns all those of a station.
func (c *client) transactions(ctx context.Context, station string) ([]transactionDocument, error) {
	var all []transactionDocument
	for cursor := ""; ; {
		query := url.Values{"station": {station}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		path := "/api/charging/transactions?" + query.Encode()
		a, err := c.do(ctx, http.MethodGet, path, nil)
		if err == nil && !a.ok() {
			err = fmt.Errorf("GET %s: %s", path, a)
		}
		if err != nil {
			return nil, err
		}
		var page struct {
			Transactions []transactionDocument `json:"transactions"`
			Next         string                `json:"next"`
		}
		if err := json.Unmarshal(a.body, &page); err != nil {
			return nil, fmt.Errorf("GET %s: the answer is not as it should be: %w", path, err)
		}
		all = append(all, page.Transactions...)
		if page.Next == "" || page.Next == cursor {
			return all, nil
		}
		cursor = page.Next
	}
}

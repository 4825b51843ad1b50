package paysim

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxBody is how many bytes of a request are read.
const maxBody = 64 << 10

// request is one to the API.
type request struct {
	id     string // in the path
	key    string // "" without one
	params url.Values
	path   string // with the method
}

// change is what an operation has changed, in memory: a line of the file.
type change struct {
	Intent *intent `json:"intent,omitempty"`
	Key    *keyed  `json:"key,omitempty"`

	events []event
}

// operation executes a request, with Server.mu held. It checks everything before it
// changes anything.
type operation func(r *request, c *change) (any, *apiError)

// keyed is what is remembered of a key.
type keyed struct {
	Key     string          `json:"key"`
	Request string          `json:"request"` // method and path
	Params  string          `json:"params"`  // their hash
	Status  int             `json:"status"`  // 0 while there is no answer
	Body    json.RawMessage `json:"body"`

	running bool
}

// apiError is an error as Stripe tells it.
type apiError struct {
	Type        string      `json:"type"`
	Code        string      `json:"code,omitempty"`
	DeclineCode string      `json:"decline_code,omitempty"`
	Message     string      `json:"message"`
	Param       string      `json:"param,omitempty"`
	Intent      *intentJSON `json:"payment_intent,omitempty"`

	status int

	// early: it was found before the request was executed, so the key does not keep it.
	early bool
}

func invalid(param, code, format string, args ...any) *apiError {
	return &apiError{
		Type: "invalid_request_error", Code: code, Param: param, Message: fmt.Sprintf(format, args...),
		status: http.StatusBadRequest, early: true,
	}
}

func noRoute(r *request, _ *change) (any, *apiError) {
	err := invalid("", "", "Unrecognized request URL (%s).", r.path)
	err.status = http.StatusNotFound
	return nil, err
}

// api answers requests with an operation, as often as they come with one key.
func (s *Server) api(do operation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		request, refused := s.read(w, r)
		if refused != nil {
			send(w, refused.status, mustJSON(errorBody{refused}), "")
			return
		}
		fault, known, refused := s.begin(request)
		switch {
		case refused != nil:
			send(w, refused.status, mustJSON(errorBody{refused}), request.key)
			return
		case fault == Lose:
			s.end(known)
			s.hang(r)
		case fault == Fail:
			s.end(known)
			send(w, http.StatusInternalServerError, mustJSON(errorBody{broken()}), request.key)
			return
		case fault == Slow:
			s.mu.Lock()
			d := time.Duration(s.random.Float64() * float64(millis(s.faults.SlowMillis, 2000)))
			s.mu.Unlock()
			s.pause(r, d)
		}
		status, body, replayed := s.execute(request, known, do, fault)
		switch fault {
		case Timeout:
			s.hang(r)
		case Cut:
			panic(http.ErrAbortHandler)
		}
		if replayed {
			w.Header().Set("Idempotent-Replayed", "true")
		}
		send(w, status, body, request.key)
	}
}

type errorBody struct {
	Error *apiError `json:"error"`
}

func broken() *apiError {
	return &apiError{Type: "api_error", Message: "An unknown error occurred", status: http.StatusInternalServerError}
}

// read checks who asks, and reads the parameters.
func (s *Server) read(w http.ResponseWriter, r *http.Request) (*request, *apiError) {
	key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || subtle.ConstantTimeCompare([]byte(key), []byte(s.options.SecretKey)) != 1 {
		err := invalid("", "", "Invalid API Key provided")
		err.status = http.StatusUnauthorized
		return nil, err
	}
	request := &request{id: r.PathValue("id"), path: r.Method + ": " + r.URL.Path}
	if r.Method == http.MethodGet {
		request.params = r.URL.Query()
		return request, nil
	}
	request.key = r.Header.Get("Idempotency-Key")
	if len(request.key) > 255 {
		return nil, invalid("", "", "Idempotency keys have at most 255 characters")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, invalid("", "", "The body cannot be read: %v", err)
	}
	request.params = r.PostForm
	return request, nil
}

// begin decides what goes wrong with a request, and takes its key, which is nil when
// there is none.
func (s *Server) begin(r *request) (Fault, *keyed, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return "", nil, broken()
	}
	method := r.params.Get("payment_method")
	if r.key == "" {
		return s.fault(method, true), nil, nil
	}
	sum := sha256.Sum256([]byte(r.params.Encode()))
	params := hex.EncodeToString(sum[:])
	known := s.keys[r.key]
	switch {
	case known == nil:
		known = &keyed{Key: r.key, Request: r.path, Params: params, running: true}
		s.keys[r.key] = known
		return s.fault(method, true), known, nil
	case known.Request != r.path || known.Params != params:
		err := invalid("", "", "Keys for idempotent requests can only be used with the same endpoint and parameters they were first used with. "+
			"Try using a key other than '%s' if you meant to execute a different request.", r.key)
		err.Type = "idempotency_error"
		return "", nil, err
	case known.running:
		err := invalid("", "idempotency_key_in_use", "There is currently another in-progress request using this Idempotency-Key")
		err.Type, err.status = "idempotency_error", http.StatusConflict
		return "", nil, err
	}
	known.running = true
	return s.fault(method, false), known, nil
}

// end lets a key go, without an answer.
func (s *Server) end(known *keyed) {
	if known == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known.running = false
}

// execute does what a request wants, unless its key has an answer. What has changed is
// on disk when it returns.
func (s *Server) execute(r *request, known *keyed, do operation, fault Fault) (status int, body []byte, replayed bool) {
	defer s.end(known)
	s.mu.Lock()
	if s.failed != nil {
		s.mu.Unlock()
		return http.StatusInternalServerError, mustJSON(errorBody{broken()}), false
	}
	if known != nil && known.Status != 0 {
		s.mu.Unlock()
		return known.Status, known.Body, true
	}
	var c change
	value, refused := do(r, &c)
	status, body = http.StatusOK, nil
	switch {
	case refused != nil:
		status, body = refused.status, mustJSON(errorBody{refused})
	default:
		body = mustJSON(value)
	}
	switch early := refused != nil && refused.early; {
	case early && known != nil:
		delete(s.keys, known.Key)
	case early:
	case fault == Break:
		status, body = http.StatusInternalServerError, mustJSON(errorBody{broken()})
		fallthrough
	default:
		if known != nil {
			known.Status, known.Body = status, body
			c.Key = known
		}
	}
	var written int64
	var err error
	if s.journal != nil && (c.Intent != nil || c.Key != nil) {
		written, err = s.journal.append(mustJSON(c))
	}
	s.mu.Unlock()
	if err == nil && written > 0 {
		err = s.journal.sync(written)
	}
	if err != nil {
		return s.fail(err)
	}
	s.announce(r, c.events)
	return status, body, false
}

func (s *Server) fail(err error) (int, []byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = err
		s.options.Logger.Error("paysim: nothing is kept any more, and every request fails: restart it", "error", err)
	}
	return http.StatusInternalServerError, mustJSON(errorBody{broken()}), false
}

func send(w http.ResponseWriter, status int, body []byte, key string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Request-Id", newID("req"))
	if key != "" {
		w.Header().Set("Idempotency-Key", key)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone if that fails
}

// mustJSON is for what this package defines itself.
func mustJSON(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return body
}

// only refuses parameters that an endpoint does not know.
func (r *request) only(names ...string) *apiError {
	for _, given := range slices.Sorted(maps.Keys(r.params)) {
		name, _, _ := strings.Cut(given, "[")
		if !slices.Contains(names, name) {
			return invalid(given, "parameter_unknown", "Received unknown parameter: %s", given)
		}
	}
	return nil
}

// amount returns a parameter in minor units; the default where it is missing.
func (r *request) amount(name string, byDefault int64) (int64, *apiError) {
	text := r.params.Get(name)
	if text == "" {
		if byDefault == 0 {
			return 0, invalid(name, "parameter_missing", "Missing required param: %s.", name)
		}
		return byDefault, nil
	}
	amount, err := strconv.ParseInt(text, 10, 64)
	if err != nil || amount < 1 {
		return 0, invalid(name, "parameter_invalid_integer", "Invalid positive integer: %s", text)
	}
	if amount > 99_999_999 {
		return 0, invalid(name, "amount_too_large", "Amount must be no more than 999,999.99")
	}
	return amount, nil
}

// flag returns a parameter that is true or false, which is the default.
func (r *request) flag(name string) (bool, *apiError) {
	switch text := r.params.Get(name); text {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, invalid(name, "", "Invalid boolean: %s", text)
	}
}

// expands says whether a property is to be expanded; others cannot be.
func (r *request) expands(property string) (bool, *apiError) {
	found := false
	for name, values := range r.params {
		if name != "expand" && !strings.HasPrefix(name, "expand[") {
			continue
		}
		for _, value := range values {
			if value != property && !strings.HasPrefix(property, value+".") {
				return false, invalid(name, "", "This property cannot be expanded (%s).", value)
			}
			found = found || value == property
		}
	}
	return found, nil
}

// metadata returns the parameters "metadata[name]".
func (r *request) metadata() map[string]string {
	m := make(map[string]string)
	for name, values := range r.params {
		if inner, ok := strings.CutPrefix(name, "metadata["); ok && strings.HasSuffix(inner, "]") && values[0] != "" {
			m[strings.TrimSuffix(inner, "]")] = values[0]
		}
	}
	return m
}

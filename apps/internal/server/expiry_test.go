package server

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A session ends, and is renewed by the pages that are loaded in its second half.
func TestSessionEnds(t *testing.T) {
	s := &Server{Config: Config{Token: "a-token-of-some-length"}, Mux: &Mux{}}
	guarded := s.guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for name, test := range map[string]struct {
		left    time.Duration
		path    string
		status  int
		renewed bool
	}{
		"over":                 {-time.Second, "/rover", http.StatusUnauthorized, false},
		"new":                  {sessionLife, "/rover", http.StatusOK, false},
		"nearly over":          {time.Minute, "/rover", http.StatusOK, true},
		"nearly over, no page": {time.Minute, "/api/status", http.StatusOK, false},
	} {
		r := httptest.NewRequest("GET", test.path, nil)
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: s.sign(time.Now().Add(test.left))})
		w := httptest.NewRecorder()
		guarded.ServeHTTP(w, r)
		if renewed := w.Header().Get("Set-Cookie") != ""; w.Code != test.status || renewed != test.renewed {
			t.Errorf("%s: %d, renewed is %t", name, w.Code, renewed)
		}
	}
}

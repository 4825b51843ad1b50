package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/aether-es/aether/apps/internal/api"
)

// stage is a box of the picture on the start page.
type stage struct {
	name, what string
}

// stages are the way of an event, in order.
var stages = []stage{
	{"Command", "what you ask for"},
	{"Actor", "says yes or no"},
	{"Log", "saved for good"},
	{"Integration event", "told to others"},
	{"Projection", "works it out"},
	{"Read DB", "what pages read"},
	{"Screen", "changes at once"},
}

// startPage is what the start page shows.
type startPage struct {
	status *Status // nil when there is none
	did    string  // what an operator has just had done: "retry" or "skip"
	form   Form    // what was not done
}

func (s *Site) start(w http.ResponseWriter, r *http.Request) {
	s.showStart(w, r, http.StatusOK, startPage{did: r.URL.Query().Get("did")})
}

func (s *Site) showStart(w http.ResponseWriter, r *http.Request, status int, p startPage) {
	if s.options.Status != nil {
		found, err := s.options.Status(r.Context())
		if err == nil {
			p.status = &found
		} else {
			s.logger.Warn("web: the start page has no figures", "error", err)
		}
	}
	page := Page{Title: "Start", Path: "/", Scripts: []string{"start.js"}, Styles: []string{"start.css"}, Live: s.options.Status != nil}
	s.Render(w, r, status, page, s.startContent(p))
}

// steer has the API do what an operator has chosen on the start page: the form works
// without JavaScript, and there is one way to do it.
func (s *Site) steer(mux http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f := ReadForm(w, r, "projection", "do", "event")
		do := f.Values["do"]
		if do != "retry" && do != "skip" || f.Values["projection"] == "" {
			f.Title, f.Failure = "The input is not right", "The form could not be read."
			s.showStart(w, r, http.StatusUnprocessableEntity, startPage{form: f})
			return
		}
		order := r.Clone(r.Context())
		order.Body, order.ContentLength, order.Header = http.NoBody, 0, http.Header{"Accept": {"application/json"}}
		order.URL = &url.URL{Path: "/api/projections/" + f.Values["projection"] + "/" + do}
		if do == "skip" {
			order.URL.RawQuery = url.Values{"sequence": {f.Values["event"]}}.Encode()
		}
		answer := kept{header: make(http.Header), status: http.StatusOK}
		mux.ServeHTTP(&answer, order)
		if answer.status/100 == 2 {
			http.Redirect(w, r, "/?did="+do+"#systems", http.StatusSeeOther)
			return
		}
		problem := api.NewProblem(answer.status, "")
		_ = json.Unmarshal(answer.body.Bytes(), problem) // what is no problem has its status
		f.Fail(problem)
		s.showStart(w, r, answer.status, startPage{form: f})
	}
}

// kept is an answer that is kept.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header            { return k.header }
func (k *kept) WriteHeader(status int)         { k.status = status }
func (k *kept) Write(text []byte) (int, error) { return k.body.Write(text) }

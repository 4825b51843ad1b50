package web

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/internal/api"
)

// maxForm is how many bytes a form may have.
const maxForm = 1 << 20

// Form is a form that was sent, or is to be: what was put in, and what is wrong with
// it, by field. A page shows it with [Input], [Choice] and [FormFailure], and sends
// Key in a hidden field of the name "key".
type Form struct {
	Key    string // of the command: sent twice, it has its effect once
	Values map[string]string
	Wrong  map[string]string

	// Title and Failure say why the server did not do it.
	Title, Failure string

	logger *slog.Logger // gets what they do not say; nil for a form that was not sent
}

// NewForm returns a form with a name, value pair after the other.
func NewForm(values ...string) Form {
	f := Form{Key: rand.Text(), Values: map[string]string{}, Wrong: map[string]string{}}
	for i := 0; i+1 < len(values); i += 2 {
		f.Values[values[i]] = values[i+1]
	}
	return f
}

// ReadForm returns the form of a request, without space around what was put in. What
// cannot be read, or is larger than 1 MB, is a failure of the form.
func ReadForm(w http.ResponseWriter, r *http.Request, names ...string) Form {
	f := NewForm()
	f.logger = api.Logger(r.Context())
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		f.Title, f.Failure = "The input is not right", "The form could not be read."
		return f
	}
	for _, name := range names {
		f.Values[name] = strings.TrimSpace(r.PostForm.Get(name))
	}
	if key := r.PostForm.Get("key"); key != "" && len(key) <= 200 {
		f.Key = key
	}
	return f
}

// OK says whether nothing is known to be wrong with the input.
func (f *Form) OK() bool { return len(f.Wrong) == 0 && f.Failure == "" }

// Command names the command that the form is. Sent twice it is the same; sent again
// after something was put in anew, as with the Back button, it is another one.
func (f *Form) Command() *actor.DoOptions {
	var content strings.Builder
	for _, name := range slices.Sorted(maps.Keys(f.Values)) {
		fmt.Fprintf(&content, "%q=%q ", name, f.Values[name])
	}
	return &actor.DoOptions{CommandID: api.CommandID("form "+content.String(), f.Key)}
}

// Number returns a field that is a whole number; if it is none, that is what is wrong
// with it.
func (f *Form) Number(name string) int {
	n, err := strconv.Atoi(f.Values[name])
	if err != nil {
		f.Wrong[name] = "This is not a whole number."
	}
	return n
}

// Fail keeps in the form why a command failed, and returns the status to answer with.
// The reasons are those of [Explain].
func (f *Form) Fail(err error, notFound ...string) int {
	failure := Explain(err, notFound...)
	if failure.Cause != nil && f.logger != nil {
		f.logger.Error("a form failed", "error", failure.Cause)
	}
	f.Title, f.Failure = failure.Title, failure.Detail
	if f.Failure == "" {
		f.Failure = "The server could not do it. Send it again in a while: it is not done twice."
	}
	return failure.Status
}

package rover

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/apps/rover/grid"
)

// maxForm is how large a form may be: the most obstacles there can be, and more.
const maxForm = 1 << 20

// form is a form that was sent, or is to be: what was put in, and what is wrong with
// it, by field.
type form struct {
	Key    string // of the command: sent twice, it has its effect once
	Values map[string]string
	Wrong  map[string]string

	// Title and Failure say why the server did not do it.
	Title, Failure string
}

// newForm returns a form with a name, value pair after the other.
func newForm(values ...string) form {
	f := form{Key: rand.Text(), Values: map[string]string{}, Wrong: map[string]string{}}
	for i := 0; i+1 < len(values); i += 2 {
		f.Values[values[i]] = values[i+1]
	}
	return f
}

// command names the command that the form is.
func (f *form) command() *actor.DoOptions { return &actor.DoOptions{CommandID: f.Key} }

// readForm returns the form of a request.
func readForm(w http.ResponseWriter, r *http.Request, names ...string) form {
	f := newForm()
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

// ok says whether there is nothing wrong with the input.
func (f *form) ok() bool { return len(f.Wrong) == 0 && f.Failure == "" }

// number returns a field that is a number.
func (f *form) number(name string) int {
	n, err := strconv.Atoi(f.Values[name])
	if err != nil {
		f.Wrong[name] = "This is not a whole number."
	}
	return n
}

// points returns a field that is a list of fields.
func (f *form) points(name string) []grid.Point {
	points, err := parsePoints(f.Values[name])
	if err != nil {
		f.Wrong[name] = err.Error()
	}
	return points
}

// parsePoints reads "3,4 5,6", with spaces or lines between them.
func parsePoints(text string) ([]grid.Point, error) {
	points := []grid.Point{}
	for word := range strings.FieldsSeq(text) {
		left, right, ok := strings.Cut(strings.TrimRight(word, ";,"), ",")
		x, errX := strconv.Atoi(left)
		y, errY := strconv.Atoi(right)
		if !ok || errX != nil || errY != nil {
			return nil, fmt.Errorf("%q is not a field; fields are like 3,4 with spaces between them", word)
		}
		points = append(points, grid.Point{X: x, Y: y})
	}
	return points, nil
}

// fail keeps the error of a command in the form and returns the status to answer
// with.
func (f *form) fail(err error) int {
	failure := web.Explain(err, grid.NoGrid)
	f.Title, f.Failure = failure.Title, failure.Detail
	if f.Failure == "" {
		f.Failure = "The server could not do it. Send it again in a while: it is not done twice."
	} else {
		f.Failure += "."
	}
	return failure.Status
}

// cleanMoves returns moves as a command takes them: people write them in small
// letters and with spaces, too.
func cleanMoves(text string) string {
	return strings.ToUpper(strings.Join(strings.Fields(text), ""))
}

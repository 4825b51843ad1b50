package rover_test

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// visitor is a browser without JavaScript.
type visitor struct {
	*world
	client http.Client
}

func newVisitor(t *testing.T) *visitor { return &visitor{world: newWorld(t)} }

// open follows a link, or sends a form that is given as pairs of name and value. It
// returns the page it ends at, and its path.
func (v *visitor) open(path string, form ...string) (status int, at, text string) {
	v.t.Helper()
	var response *http.Response
	var err error
	if form == nil {
		response, err = v.client.Get(v.url + path)
	} else {
		values := url.Values{}
		for i := 0; i < len(form); i += 2 {
			values.Add(form[i], form[i+1])
		}
		response, err = v.client.PostForm(v.url+path, values)
	}
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, forbidden := range []string{`<style`, ` style=`, `<script>`, ` on[a-z]+=`} {
		if found := regexp.MustCompile(forbidden).FindString(string(body)); found != "" {
			v.t.Errorf("%s has %q, which the policy forbids", path, found)
		}
	}
	return response.StatusCode, response.Request.URL.Path, string(body)
}

func (v *visitor) expect(status int, at string, texts []string, path string, form ...string) string {
	v.t.Helper()
	gotStatus, gotAt, text := v.open(path, form...)
	if gotStatus != status || gotAt != at {
		v.t.Errorf("%s %q: %d at %s, want %d at %s", path, form, gotStatus, gotAt, status, at)
	}
	for _, want := range texts {
		if !strings.Contains(text, want) {
			v.t.Errorf("%s %q: the page has no %q", path, form, want)
		}
	}
	return text
}

func TestPagesWithoutJavaScript(t *testing.T) {
	v := newVisitor(t)
	v.expect(200, "/rover", []string{"There is no grid yet"}, "/rover")
	v.expect(422, "/rover", []string{`value="mars"`, `value="x"`, "not a whole number", "7;8</textarea>", "is not a cell", `aria-invalid="true"`},
		"/rover", "id", "mars", "width", "x", "height", "4", "obstacles", "7;8")
	v.expect(409, "/rover", []string{"Refused", "The obstacle at 9,9 is outside", "9,9</textarea>"},
		"/rover", "id", "mars", "width", "5", "height", "4", "obstacles", "9,9")
	v.expect(200, "/rover/mars", []string{"5 by 4 cells, 1 obstacle, no rovers", "No rover has landed"},
		"/rover", "id", "mars", "width", "5", "height", "4", "obstacles", "2,2")
	v.expect(409, "/rover", []string{"The grid is there already."}, "/rover", "id", "mars", "width", "5", "height", "4")
	v.expect(200, "/rover", []string{`href="/rover/mars"`}, "/rover")

	v.expect(422, "/rover/mars/rovers", []string{`value="ann"`, "not a whole number"}, "/rover/mars/rovers", "id", "ann", "x", "", "y", "0", "heading", "N")
	v.expect(409, "/rover/mars/rovers", []string{"At 2,2 is an obstacle.", `value="S" checked`}, "/rover/mars/rovers", "id", "ann", "x", "2", "y", "2", "heading", "S")
	v.expect(200, "/rover/mars", []string{"ann landed at 0,0, facing north.", `<option value="ann" selected`},
		"/rover/mars/rovers", "id", "ann", "x", "0", "y", "0", "heading", "N")

	v.expect(200, "/rover/mars", []string{"ann made 4 moves. In the end: ann was stopped by an obstacle at 2,2; not made: FB."},
		"/rover/mars/moves", "rover", "ann", "moves", "ffr ffb")
	v.expect(200, "/rover/mars", []string{"ann turned left, now facing north."}, "/rover/mars/moves", "rover", "ann", "moves", "", "step", "L")
	v.expect(409, "/rover/mars/moves", []string{"Moves are 1 to 200", `value="FXF"`}, "/rover/mars/moves", "rover", "ann", "moves", "FXF")
	v.expect(409, "/rover/mars/moves", []string{"No rover &#34;bob&#34; has landed here."}, "/rover/mars/moves", "rover", "bob", "moves", "F")

	// The same form twice, as by a double click, is one command.
	for range 2 {
		v.expect(200, "/rover/mars", []string{"ann moved forward to 1,3."}, "/rover/mars/moves", "rover", "ann", "step", "F", "key", "once")
	}

	past := v.expect(200, "/rover/mars", []string{"This is the past: version 3.", "At 0,1, facing north.", "At version 3: 5 by 4 cells, 1 obstacle, 1 rover", "The past cannot be changed.", `data-driving disabled`, `data-landing disabled`, `value="3"`, `?version=2"`, `?version=4"`}, "/rover/mars?version=3")
	if strings.Count(past, `aria-current="true"`) != 1 {
		t.Error("no event, or several, is the one that is shown")
	}
	v.expect(200, "/rover/mars", []string{"At 1,3, facing north."}, "/rover/mars?version=99")
	older := v.expect(200, "/rover/mars", []string{"The grid was made"}, "/rover/mars?before=2")
	if strings.Contains(older, "ann landed at 0,0, facing north.</span>") {
		t.Error("events before version 2 have version 2")
	}

	now := v.expect(200, "/rover/mars", []string{`<p class="quiet"><span data-size>5 by 4 cells`}, "/rover/mars")
	if strings.Contains(now, "data-driving disabled") || strings.Contains(now, "data-landing disabled") {
		t.Error("in the present rovers can be neither driven nor landed")
	}

	none := v.expect(404, "/rover/none", []string{"Not found", "There is no grid &#34;none&#34;.", `<a class="button main" href="/rover">All grids</a>`, `<a href="/rover" aria-current="page">`}, "/rover/none")
	if strings.Contains(none, "no-grid") {
		t.Error("people are told the reason for programs")
	}
	v.expect(404, "/rover/none/moves", []string{"Not found"}, "/rover/none/moves", "rover", "ann", "moves", "F")
}

// What people call things is text, wherever it is shown.
func TestPagesEscape(t *testing.T) {
	v := newVisitor(t)
	const name = `<b a="1">&é?#`
	path := "/rover/" + url.PathEscape(name)
	v.expect(200, "/rover/"+name, []string{"&lt;b a="}, "/rover", "id", name, "width", "5", "height", "4")
	text := v.expect(200, "/rover/"+name, []string{"&lt;b a="}, path+"/rovers", "id", name, "x", "0", "y", "0", "heading", "N")
	if strings.Contains(text, "<b a=") {
		t.Error("a name is markup")
	}
	v.expect(200, "/rover", []string{`href="/rover/` + html.EscapeString(url.PathEscape(name)) + `"`}, "/rover")
	v.expect(200, "/rover/"+name, []string{"This is the past"}, path+"?version=1")
}

// A grid that nobody has named has an ID that is no name.
func TestPagesUnnamed(t *testing.T) {
	v := newVisitor(t)
	_, at, text := v.open("/rover", "width", "5", "height", "4")
	id := strings.TrimPrefix(at, "/rover/")
	if want := "<h1>Unnamed grid " + id[len(id)-6:] + "</h1>"; !strings.Contains(text, want) || !strings.Contains(text, "<code>"+id+"</code>") {
		t.Errorf("%s has no %s", at, want)
	}
	v.expect(200, "/rover", []string{">Unnamed grid " + id[len(id)-6:] + "</a>", "Version 1</span>, changed <time"}, "/rover")
}

// Large grids and many rovers are drawn, too.
func TestPagesLarge(t *testing.T) {
	v := newVisitor(t)
	var obstacles strings.Builder
	for i := range 10_000 {
		obstacles.WriteString(" " + strconv.Itoa(i%100*10) + "," + strconv.Itoa(i/100*10))
	}
	v.expect(200, "/rover/big", []string{"1000 by 1000 cells, 10000 obstacles"},
		"/rover", "id", "big", "width", "1000", "height", "1000", "obstacles", obstacles.String())
	v.expect(200, "/rover/thin", []string{"1 by 1 cells"}, "/rover", "id", "thin", "width", "1", "height", "1")
}

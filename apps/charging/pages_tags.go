package charging

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/readdb"
)

// tagsPage is the page of the id tags.
type tagsPage struct {
	IDTagPage
	text   string // that is looked for
	cursor string
	change web.Form
	now    time.Time
}

func (p *pages) tags(w http.ResponseWriter, r *http.Request) {
	p.showTags(w, r, http.StatusOK, web.NewForm())
}

func (p *pages) showTags(w http.ResponseWriter, r *http.Request, status int, change web.Form) {
	page := paging(r)
	t := tagsPage{text: strings.TrimSpace(r.URL.Query().Get("text")), cursor: page.Cursor, change: change, now: p.charging.now()}
	var err error
	if t.text == "" {
		t.IDTagPage, err = p.charging.IDTags(r.Context(), page)
	} else {
		t.IDTagPage, err = p.charging.searchIDTags(r.Context(), t.text, page)
	}
	if err != nil {
		p.problem(w, r, err)
		return
	}
	p.show(w, r, status, sessionsPlace("Id tags", tagsPath, topicSessions), tagsContent(t))
}

// searchIDTags is [Charging.IDTags] of those with a text in them, their label or parent.
func (c *Charging) searchIDTags(ctx context.Context, text string, page Page) (IDTagPage, error) {
	d := IDTagPage{IDTags: []IDTagDocument{}}
	v, err := c.view(ctx, page.After)
	if err != nil {
		return d, err
	}
	defer v.Close()
	last, err := cursorKey(page.Cursor)
	if err != nil {
		return d, err
	}
	all := readdb.ListOptions{}
	if last != "" {
		all.Range = readdb.Between(readdb.Text(last+"\x00"), readdb.Text("\U0010FFFF"))
	}
	text = strings.ToLower(text)
	scanned := 0
	for t, err := range idTags.All(v, &all) {
		if err != nil {
			return d, err
		}
		match := strings.Contains(t.Key, text) || strings.Contains(strings.ToLower(t.Label), text) || strings.Contains(strings.ToLower(t.Parent), text)
		if scanned == mostScanned || match && len(d.IDTags) == readdb.DefaultLimit {
			d.Next = keyCursor(last)
			break
		}
		scanned, last = scanned+1, t.Key
		if !match {
			continue
		}
		if t.Running, err = running(v, t.Key); err != nil {
			return d, err
		}
		d.IDTags = append(d.IDTags, t.IDTagDocument)
	}
	return d, nil
}

// badge is a word about what an id tag may do, and its kind.
func (d *IDTagDocument) badge(now time.Time) (kind, text string) {
	switch {
	case d.Status == registry.Blocked:
		return "bad", "Blocked"
	case !d.Expires.IsZero() && !now.Before(d.Expires):
		return "warn", "Expired"
	}
	return "good", "May charge"
}

// changeTag blocks an id tag, unblocks or removes it.
func (p *pages) changeTag(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "tag", "do")
	actorID, ok := tagActor(f.Values["tag"])
	do := f.Values["do"]
	if f.OK() && (!ok || do != "block" && do != "unblock" && do != "remove") {
		f.Title, f.Failure = "The input is not right", "The form could not be read."
	}
	if !f.OK() {
		p.showTags(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	kind, done, data := RemoveIDTag, "tag-removed", any(struct{}{})
	if do != "remove" {
		d, err := p.charging.IDTag(r.Context(), f.Values["tag"], 0)
		if err != nil {
			p.showTags(w, r, fail(&f, err, nil), f)
			return
		}
		d.Status = map[string]registry.Status{"block": registry.Blocked, "unblock": registry.Accepted}[do]
		kind, done, data = SetIDTag, "tag-set", d.Tag
	}
	var a Answer
	if err := p.charging.send(r.Context(), actorID, kind, data, f.Command(), &a); err != nil {
		p.showTags(w, r, fail(&f, err, nil), f)
		return
	}
	web.Done(w, r, tagsPath, a.Position, done)
}

// tagPage is the page on which an id tag is added, or changed.
type tagPage struct {
	web.Form
	known bool // it is there already
}

const tagExpires = "expires"

func (p *pages) editTag(w http.ResponseWriter, r *http.Request) {
	tag := r.URL.Query().Get("tag")
	if tag == "" {
		p.showTag(w, r, http.StatusOK, tagPage{Form: web.NewForm("status", string(registry.Accepted))})
		return
	}
	d, err := p.charging.IDTag(r.Context(), tag, web.After(r))
	if err != nil {
		p.problem(w, r, err)
		return
	}
	f := web.NewForm("known", d.IDTag, "idTag", d.IDTag, "status", string(d.Status), "parent", d.Parent, "label", d.Label, tagExpires, inputMoment(d.Expires))
	if d.Concurrent {
		f.Values["concurrent"] = "on"
	}
	p.showTag(w, r, http.StatusOK, tagPage{f, true})
}

func (p *pages) showTag(w http.ResponseWriter, r *http.Request, status int, t tagPage) {
	title := "New id tag"
	if t.known {
		title = "Id tag " + t.Values["idTag"]
	}
	p.show(w, r, status, sessionsPlace(title, tagsPath), tagContent(t))
}

// inputMoment is a moment as an input for dates has it, in UTC; sessions.js rewrites it as
// the visitor's clock has it.
func inputMoment(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02T15:04")
}

// readOptional is [web.Form.Moment] of an input that may be empty. What was put in is then in
// UTC, as the page has it.
func readOptional(f *web.Form, name string) time.Time {
	if f.Values[name] == "" {
		return time.Time{}
	}
	at := f.Moment(name)
	if f.Wrong[name] == "" {
		f.Values[name] = inputMoment(at)
	}
	return at
}

func (p *pages) setTag(w http.ResponseWriter, r *http.Request) {
	f := web.ReadForm(w, r, "known", "idTag", "status", "parent", "label", tagExpires, web.InZone(tagExpires), "concurrent")
	options := f.Command()
	t := tagPage{f, f.Values["known"] != ""}
	tag := registry.Tag{
		IDTag: f.Values["idTag"], Status: registry.Status(f.Values["status"]), Parent: f.Values["parent"], Label: f.Values["label"],
		Expires: readOptional(&f, tagExpires), Concurrent: f.Values["concurrent"] == "on",
	}
	actorID, ok := tagActor(tag.IDTag)
	if f.OK() && !ok {
		f.Wrong["idTag"] = "An id tag has 1 to 20 bytes of printable text."
	}
	if f.OK() && !t.known {
		d, err := p.charging.IDTag(r.Context(), tag.IDTag, 0)
		if err == nil && d.Tag != tag {
			f.Wrong["idTag"] = "There is this id tag already. Change it in the list."
		} else if _, missing := refused(err); err != nil && !missing {
			p.showTag(w, r, fail(&f, err, nil), t)
			return
		}
	}
	if !f.OK() {
		p.showTag(w, r, http.StatusUnprocessableEntity, t)
		return
	}
	var a Answer
	if err := p.charging.send(r.Context(), actorID, SetIDTag, tag, options, &a); err != nil {
		status := fail(&f, err, map[string]string{registry.BadIDTag: "idTag"})
		t.Form = f
		p.showTag(w, r, status, t)
		return
	}
	web.Done(w, r, tagsPath, a.Position, "tag-set")
}

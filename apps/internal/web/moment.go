package web

import "time"

// InZone is the field in which a page with JavaScript says what moment the input of a date
// is: only the browser knows its time zone. It is one of the names for [ReadForm].
func InZone(name string) string { return name + "-at" }

// Moment returns an input that is a date with a time: UTC, unless the page says otherwise.
// One that is none is what is wrong with the form.
func (f *Form) Moment(name string) time.Time {
	if exact := f.Values[InZone(name)]; exact != "" {
		if at, err := time.Parse(time.RFC3339, exact); err == nil {
			return at.UTC()
		}
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04"} {
		if at, err := time.Parse(layout, f.Values[name]); err == nil {
			return at
		}
	}
	f.Wrong[name] = "This is not a date with a time; one is like 2030-05-17 20:00."
	return time.Time{}
}

package pool

import (
	"encoding/json"
	"iter"
)

// Line is a waiting list. To join it, to leave it from wherever, and to look who is on
// it takes the same time however long it is.
type Line struct {
	first, last *place
	places      map[string]*place // by customer
}

// place is an entry between its neighbours.
type place struct {
	Waiting
	before, behind *place
}

// Waiting is an entry of the waiting list.
type Waiting struct {
	Customer string `json:"customer"`
	Quantity int    `json:"quantity"`
}

func newLine() *Line { return &Line{places: map[string]*place{}} }

// Len is how many wait.
func (l *Line) Len() int { return len(l.places) }

// Has says whether a customer waits.
func (l *Line) Has(customer string) bool { return l.places[customer] != nil }

// All are those who wait, the first in front.
func (l *Line) All() iter.Seq[Waiting] {
	return func(yield func(Waiting) bool) {
		for at := l.first; at != nil; at = at.behind {
			if !yield(at.Waiting) {
				return
			}
		}
	}
}

func (l *Line) join(w Waiting) {
	if l.Has(w.Customer) {
		return
	}
	at := &place{Waiting: w, before: l.last}
	if l.last == nil {
		l.first = at
	} else {
		l.last.behind = at
	}
	l.last, l.places[w.Customer] = at, at
}

func (l *Line) leave(customer string) {
	at := l.places[customer]
	if at == nil {
		return
	}
	if at.before == nil {
		l.first = at.behind
	} else {
		at.before.behind = at.behind
	}
	if at.behind == nil {
		l.last = at.before
	} else {
		at.behind.before = at.before
	}
	delete(l.places, customer)
}

// MarshalJSON writes the entries in their order.
func (l *Line) MarshalJSON() ([]byte, error) {
	entries := make([]Waiting, 0, l.Len())
	for w := range l.All() {
		entries = append(entries, w)
	}
	return json.Marshal(entries)
}

// UnmarshalJSON reads what MarshalJSON has written.
func (l *Line) UnmarshalJSON(data []byte) error {
	var entries []Waiting
	if err := json.Unmarshal(data, &entries); err != nil {
		return err
	}
	*l = *newLine()
	for _, w := range entries {
		l.join(w)
	}
	return nil
}

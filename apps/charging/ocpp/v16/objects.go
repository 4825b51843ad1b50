package v16

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/internal/jsonstring"
)

// enumeration is a type with a list of values.
type enumeration interface {
	~string
	valid() bool
}

func enum[T enumeration](f *fields, name string, p *T, c card) {
	if !f.writing {
		raw, ok := f.take(name, c)
		if !ok {
			return
		}
		s, ok := jsonstring.Parse(raw)
		if !ok {
			f.wrongType(name, c, "a string")
			return
		}
		*p = T(s)
		f.rule((*p).valid(), name, "is not a value of its enumeration")
		return
	}
	if c == required || *p != "" {
		f.occurs(*p != "", name, "is missing")
		f.rule((*p).valid(), name, "is not a value of its enumeration")
		f.key(name)
		f.out = jsonstring.Append(f.out, string(*p))
	}
}

// pointer is a *T that lists fields.
type pointer[T any] interface {
	*T
	message
}

// within returns what reads or writes an object of the object.
func (f *fields) within(name string) *fields {
	return &fields{report: f.report, at: f.at + name + ".", writing: f.writing}
}

func (f *fields) write(name string, m message) {
	inner := f.within(name)
	inner.out = append(f.out, '{')
	m.fields(inner)
	f.out = append(inner.out, '}')
}

// read reads an object and returns the violation that makes it useless, if any.
func (f *fields) read(name string, raw json.RawMessage, m message) *ocpp.CallError {
	inner := f.within(name)
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &inner.object) != nil {
		if f.first != nil {
			return f.first // which one does not matter, and there may be many
		}
		return f.violation(ocpp.TypeConstraintViolation, name, "is not an object")
	}
	m.fields(inner)
	return inner.broken
}

func object[T any, P pointer[T]](f *fields, name string, p *T) {
	if f.writing {
		f.key(name)
		f.write(name, P(p))
		return
	}
	if raw, ok := f.take(name, required); ok {
		if broken := f.read(name, raw, P(p)); broken != nil {
			f.breaks(broken)
		}
	}
}

func optionalObject[T any, P pointer[T]](f *fields, name string, p **T) {
	if f.writing {
		if *p != nil {
			object[T, P](f, name, *p)
		}
		return
	}
	if raw, ok := f.take(name, optional); ok {
		v := new(T)
		if f.read(name, raw, P(v)) == nil {
			*p = v
		}
	}
}

// list is a list of objects: "0..*", or "1..*" if it is required.
func list[T any, P pointer[T]](f *fields, name string, p *[]T, c card) {
	if f.writing {
		if len(*p) == 0 {
			f.occurs(c == optional, name, "is empty")
			return
		}
		f.key(name)
		for i := range *p {
			f.out = append(f.out, "[,"[min(i, 1)])
			f.write(index(name, i), P(&(*p)[i]))
		}
		f.out = append(f.out, ']')
		return
	}
	elements, ok := f.elements(name, c)
	if !ok {
		return
	}
	f.occurs(c == optional || len(elements) > 0, name, "is empty")
	for i, raw := range elements {
		var v T
		if f.done() {
			return
		}
		if f.read(index(name, i), raw, P(&v)) == nil {
			*p = append(*p, v)
		}
	}
}

func (f *fields) elements(name string, c card) ([]json.RawMessage, bool) {
	raw, ok := f.take(name, c)
	if !ok {
		return nil, false
	}
	var elements []json.RawMessage
	if json.Unmarshal(raw, &elements) != nil {
		f.wrongType(name, c, "an array")
		return nil, false
	}
	return elements, true
}

// decode reads a payload. A lenient one goes on after violations and returns whether
// what it has read is of use, in spite of the error.
func decode(payload []byte, m message, lenient bool) (useful bool, err error) {
	r := &report{lenient: lenient}
	f := &fields{report: r}
	if !utf8.Valid(payload) {
		return false, ocpp.Errorf(ocpp.FormationViolation, "the payload is not valid UTF-8")
	}
	if len(payload) > 0 && json.Unmarshal(payload, &f.object) != nil {
		return false, ocpp.Errorf(ocpp.FormationViolation, "the payload is not a JSON object")
	}
	m.fields(f)
	switch {
	case r.first == nil:
		return true, nil
	case f.broken != nil:
		return false, f.broken
	}
	return lenient, r.first
}

// encode writes a payload, or says what is wrong with the message.
func encode(m message) ([]byte, error) {
	f := &fields{report: &report{}, writing: true, out: []byte{'{'}}
	m.fields(f)
	if f.first != nil {
		return nil, f.first
	}
	return append(f.out, '}'), nil
}

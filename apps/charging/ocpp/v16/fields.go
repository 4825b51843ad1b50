package v16

import (
	"encoding/json"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/internal/jsonstring"
)

// message is what all types with fields of their own can do: list them. The list
// serves for reading and for writing, and says what is checked.
type message interface{ fields(f *fields) }

// fields reads or writes the fields of one object.
type fields struct {
	*report
	at string // where the object is in the message: "chargingProfile.", "" for the message

	// When reading: what the object has, and the violation that makes it useless.
	object map[string]json.RawMessage
	broken *ocpp.CallError

	// When writing.
	writing bool
	out     []byte
}

// report is about a whole message.
type report struct {
	lenient bool            // go on after a violation
	first   *ocpp.CallError // the first violation
}

// card is a cardinality: "1..1" or "0..1".
type card bool

const (
	required card = true
	optional card = false
)

// violation notes that a field is not as it must be. The reason does not repeat what
// is in the field: that may be a credential.
func (f *fields) violation(code ocpp.ErrorCode, name, reason string) *ocpp.CallError {
	if f.first != nil && (f.done() || f.at != "") {
		return f.first // which one does not matter, and there may be many
	}
	v := ocpp.Errorf(code, "%s%s %s", f.at, name, reason)
	if f.first == nil {
		f.first = v
	}
	return v
}

// breaks notes a violation without which the object makes no sense.
func (f *fields) breaks(v *ocpp.CallError) {
	if f.broken == nil {
		f.broken = v
	}
}

// done says that there is no use in going on.
func (f *fields) done() bool { return f.first != nil && !f.lenient }

// take returns a field as it was read. Null is like absence.
func (f *fields) take(name string, c card) (json.RawMessage, bool) {
	if f.done() {
		return nil, false
	}
	raw, ok := f.object[name]
	if ok && string(raw) != "null" {
		return raw, true
	}
	if c == required {
		f.breaks(f.violation(ocpp.OccurenceConstraintViolation, name, "is missing"))
	}
	return nil, false
}

// wrongType notes that a field is of another type.
func (f *fields) wrongType(name string, c card, want string) {
	v := f.violation(ocpp.TypeConstraintViolation, name, "is not "+want)
	if c == required {
		f.breaks(v)
	}
}

// key begins a field that is written.
func (f *fields) key(name string) {
	if len(f.out) > 0 && f.out[len(f.out)-1] != '{' {
		f.out = append(f.out, ',')
	}
	f.out = jsonstring.Append(f.out, name)
	f.out = append(f.out, ':')
}

// rule notes a violation of a rule about a value.
func (f *fields) rule(holds bool, name, reason string) {
	if !holds && !f.done() && f.broken == nil {
		f.violation(ocpp.PropertyConstraintViolation, name, reason)
	}
}

// occurs notes a violation of a rule about what must or must not be there.
func (f *fields) occurs(holds bool, name, reason string) {
	if !holds && !f.done() && f.broken == nil {
		f.violation(ocpp.OccurenceConstraintViolation, name, reason)
	}
}

// unlimited is the length of a text without a limit.
const unlimited = 0

func (f *fields) text(name string, p *string, c card, limit int) {
	if !f.writing {
		raw, ok := f.take(name, c)
		if !ok {
			return
		}
		s, ok := f.textOf(raw, name)
		if !ok {
			f.wrongType(name, c, "a string")
			return
		}
		*p = s
	}
	f.checkText(name, *p, limit)
	if f.writing && (c == required || *p != "") {
		f.key(name)
		f.out = jsonstring.Append(f.out, *p)
	}
}

// uri is a text with a URI, which has a scheme.
func (f *fields) uri(name string, p *string, limit int) {
	f.text(name, p, required, limit)
	u, err := url.Parse(*p)
	f.rule(err == nil && u.Scheme != "", name, "is not a URI")
}

// textOf reads a string, and of a fact also a number.
func (f *fields) textOf(raw json.RawMessage, name string) (string, bool) {
	s, ok := jsonstring.Parse(raw)
	if ok || !f.lenient || !isNumber(raw) {
		return s, ok
	}
	f.violation(ocpp.TypeConstraintViolation, name, "is not a string")
	return string(raw), true
}

func (f *fields) checkText(name, s string, limit int) {
	if limit != unlimited {
		f.rule(utf8.RuneCountInString(s) <= limit, name, "has more than "+strconv.Itoa(limit)+" characters")
	}
	if f.writing {
		f.rule(utf8.ValidString(s), name, "is not valid UTF-8")
	}
}

// optionalText is a text whose absence differs from an empty one.
func (f *fields) optionalText(name string, p **string, limit int) {
	if f.writing {
		if *p != nil {
			f.text(name, *p, required, limit)
		}
		return
	}
	if _, ok := f.take(name, optional); ok {
		s, before := new(string), f.first
		f.text(name, s, optional, limit)
		if f.first == before || f.lenient {
			*p = s
		}
	}
}

func (f *fields) texts(name string, p *[]string, limit int) {
	if f.writing {
		if len(*p) == 0 {
			return
		}
		f.key(name)
		for i, s := range *p {
			f.checkText(index(name, i), s, limit)
			f.out = append(f.out, "[,"[min(i, 1)])
			f.out = jsonstring.Append(f.out, s)
		}
		f.out = append(f.out, ']')
		return
	}
	elements, ok := f.elements(name, optional)
	if !ok {
		return
	}
	for i, raw := range elements {
		s, ok := f.textOf(raw, index(name, i))
		if !ok {
			f.wrongType(index(name, i), optional, "a string")
			continue
		}
		f.checkText(index(name, i), s, limit)
		*p = append(*p, s)
	}
}

// anyInteger is the least value of an integer without one.
const anyInteger = -1 << 63

func (f *fields) integer(name string, p *int, c card, least int) {
	if !f.writing {
		raw, ok := f.take(name, c)
		if !ok {
			return
		}
		n, ok := f.integerOf(raw, name)
		if !ok {
			f.wrongType(name, c, "an integer")
			return
		}
		*p = n
	}
	f.rule(*p >= least, name, "is less than "+strconv.Itoa(least))
	if f.writing {
		f.key(name)
		f.out = strconv.AppendInt(f.out, int64(*p), 10)
	}
}

func (f *fields) optionalInteger(name string, p **int, least int) {
	if f.writing {
		if *p != nil {
			f.integer(name, *p, optional, least)
		}
		return
	}
	raw, ok := f.take(name, optional)
	if !ok {
		return
	}
	n, ok := f.integerOf(raw, name)
	if !ok {
		f.wrongType(name, optional, "an integer")
		return
	}
	f.rule(n >= least, name, "is less than "+strconv.Itoa(least))
	*p = &n
}

// integerOf reads an integer, and of a fact also 12.0, 12.7 and "12".
func (f *fields) integerOf(raw json.RawMessage, name string) (int, bool) {
	n, err := strconv.Atoi(string(raw))
	if err == nil || !f.lenient {
		return n, err == nil
	}
	s, isText := jsonstring.Parse(raw)
	if !isText {
		s = string(raw)
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || !(x > -1<<53 && x < 1<<53) {
		return 0, false
	}
	f.violation(ocpp.TypeConstraintViolation, name, "is not an integer")
	return int(x), true
}

func (f *fields) boolean(name string, p *bool) {
	if f.writing {
		f.key(name)
		f.out = strconv.AppendBool(f.out, *p)
		return
	}
	raw, ok := f.take(name, required)
	switch {
	case !ok:
	case string(raw) == "true" || string(raw) == "false":
		*p = raw[0] == 't'
	default:
		f.wrongType(name, required, "a boolean")
	}
}

// date is zero when it is absent. It is read as stations write it, an optional one
// also as an empty string, and written in one way.
func (f *fields) date(name string, p *time.Time, c card) {
	if f.writing {
		if c == required || !p.IsZero() {
			f.occurs(!p.IsZero(), name, "is missing")
			f.rule(p.UTC().Year() <= 9999 && p.UTC().Year() >= 0, name, "is not a year of four digits")
			f.key(name)
			f.out = jsonstring.Append(f.out, FormatTime(*p))
		}
		return
	}
	raw, ok := f.take(name, c)
	if !ok {
		return
	}
	s, ok := jsonstring.Parse(raw)
	if !ok {
		f.wrongType(name, c, "a string with a date")
		return
	}
	if s == "" && c == optional {
		return
	}
	at, err := ParseTime(s)
	f.rule(err == nil, name, "is not a date in ISO 8601")
	*p = at
}

func (f *fields) decimal(name string, p *Decimal) {
	if f.writing {
		f.key(name)
		f.out = append(f.out, p.String()...)
		return
	}
	if raw, ok := f.take(name, required); ok {
		*p = f.decimalOf(raw, name, required)
	}
}

func (f *fields) optionalDecimal(name string, p **Decimal) {
	if f.writing {
		if *p != nil {
			f.decimal(name, *p)
		}
		return
	}
	if raw, ok := f.take(name, optional); ok {
		d := f.decimalOf(raw, name, optional)
		*p = &d
	}
}

func (f *fields) decimalOf(raw json.RawMessage, name string, c card) Decimal {
	if !isNumber(raw) {
		f.wrongType(name, c, "a number")
		return 0
	}
	d, err := ParseDecimal(string(raw))
	if err != nil {
		f.violation(ocpp.PropertyConstraintViolation, name, err.Error())
	}
	return d
}

func isNumber(raw json.RawMessage) bool {
	return len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9')
}

func index(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }

package ocpp

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// trace tells about a message of this side.
func (c *Conn) trace(w Wire, frame Frame) {
	if c.o.Wire != nil {
		c.traceData(w, frame.Append(nil))
	}
}

// traceData tells about a message.
func (c *Conn) traceData(w Wire, data []byte) {
	if c.o.Wire != nil {
		c.mu.Lock()
		secret := c.calls.secret
		c.mu.Unlock()
		w.Time, w.Message = time.Now(), without(redact(data), secret)
		w.Problem = string(without([]byte(w.Problem), secret))
		c.o.Wire(c, w)
	}
}

// without replaces a credential, in letters of any case.
func without(text []byte, secret string) []byte {
	if len(secret) < minKey {
		return text // too short to be one, and may be part of anything
	}
	for i := 0; i+len(secret) <= len(text); i++ {
		if bytes.EqualFold(text[i:i+len(secret)], []byte(secret)) {
			text = append(append(text[:i:i], hidden...), text[i+len(secret):]...)
		}
	}
	return text
}

// hidden stands for a credential.
const hidden = "***"

// withheld stands for a message that cannot be searched for credentials.
const withheld = "(withheld: it may contain credentials, and is not JSON)"

// Redact returns a copy of a message, or of a part of one, without the credentials that are
// known as such: the value of AuthorizationKey, user information in URLs.
func Redact(data []byte) []byte { return redact(data) }

// redact returns a copy of a message without the credentials that are known as such.
func redact(data []byte) []byte {
	if !suspicious(data) {
		return bytes.Clone(data)
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return []byte(withheld)
	}
	v, found := redacted(v)
	if !found {
		return bytes.Clone(data)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return []byte(withheld)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// suspicious says whether a message is worth a closer look. Escapes can hide anything.
func suspicious(data []byte) bool {
	return bytes.Contains(data, []byte("@")) || bytes.Contains(data, []byte(`\u`)) ||
		bytes.Contains(bytes.ToLower(data), []byte("authorizationkey"))
}

// redacted replaces the credentials in a value of JSON.
func redacted(v any) (_ any, found bool) {
	switch v := v.(type) {
	case []any:
		for i := range v {
			var f bool
			v[i], f = redacted(v[i])
			found = found || f
		}
	case map[string]any:
		secret := false
		for name, value := range v {
			text, ok := value.(string)
			secret = secret || ok && strings.EqualFold(name, "key") && strings.EqualFold(text, "AuthorizationKey")
		}
		for name, value := range v {
			f := secret && strings.EqualFold(name, "value") || strings.EqualFold(name, "AuthorizationKey")
			if f {
				v[name] = hidden
			} else {
				v[name], f = redacted(value)
			}
			found = found || f
		}
	case string:
		return redactedText(v)
	}
	return v, found
}

// redactedText replaces the user information of a URL, and looks into JSON that is
// text in a message, as vendors have it in DataTransfer.
func redactedText(s string) (string, bool) {
	if strings.Contains(s, "://") && strings.Contains(s, "@") {
		u, err := url.Parse(s)
		if err != nil {
			return hidden, true
		}
		if u.User == nil {
			return s, false
		}
		u.User = nil
		scheme, rest, _ := strings.Cut(u.String(), "://")
		return scheme + "://" + hidden + "@" + rest, true
	}
	if strings.Contains(strings.ToLower(s), "authorizationkey") && strings.ContainsAny(s, "{=:") {
		return hidden, true
	}
	return s, false
}

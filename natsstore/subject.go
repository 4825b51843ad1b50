package natsstore

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// names are those of streams, buckets and subjects on the server: the prefix of the
// connection. A namespace has a stream for each of several roles; the subjects of its
// events and snapshots have five tokens: prefix, role, namespace, and the actor's kind
// and key. See docs/format.md.
type names string

const defaultPrefix names = "aether"

const (
	eventsRole    = "events"
	snapshotsRole = "snapshots"
	busRole       = "bus"
)

func (n names) valid() bool {
	for i := range len(n) {
		c := n[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-') {
			return false
		}
	}
	return len(n) >= 1 && len(n) <= 32
}

// stream returns the name of a namespace's stream.
func (n names) stream(role, namespace string) string {
	return string(n) + "-" + role + "-" + placeName(namespace)
}

// subjects returns how the messages of that stream are called.
func (n names) subjects(role, namespace string) subjects {
	return subjects{string(n) + "." + role + "." + placeName(namespace) + "."}
}

// appendToken encodes a text as one token of a subject. ASCII letters and digits, and
// those of the marks that mean nothing to NATS, a shell or a URL's path, stand for
// themselves, every other byte is a percent sign and two hexadecimal digits.
func appendToken(b []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; plainByte(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}

func plainByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("-_/:@,+=~!", c) >= 0
}

// parseToken is the reverse of appendToken. It takes only what appendToken makes, so
// no two tokens are the same text.
func parseToken(token string) (string, bool) {
	if !strings.Contains(token, "%") {
		for i := range len(token) {
			if !plainByte(token[i]) {
				return "", false
			}
		}
		return token, token != ""
	}
	text := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		c := token[i]
		if c == '%' {
			if len(token) < i+3 {
				return "", false
			}
			hi, lo := unhex(token[i+1]), unhex(token[i+2])
			if hi > 15 || lo > 15 {
				return "", false
			}
			if c = hi<<4 | lo; plainByte(c) {
				return "", false
			}
			i += 2
		} else if !plainByte(c) {
			return "", false
		}
		text = append(text, c)
	}
	return string(text), true
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// placeName is how a namespace is called in the names of streams, folders and
// subjects: by itself when it is short and has only lower case letters, digits,
// hyphens and underscores, else by a hash, which begins with a tilde. So the names fit
// the limits of the server and of file systems; the namespace itself is in the
// stream's metadata.
func placeName(namespace string) string {
	plain := len(namespace) <= 64
	for i := range len(namespace) {
		c := namespace[i]
		plain = plain && ('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_')
	}
	if plain {
		return namespace
	}
	sum := sha256.Sum256([]byte(namespace))
	return "~" + hex.EncodeToString(sum[:20])
}

// subjects encodes the actors of one namespace.
type subjects struct{ prefix string } // "aether.events.default."

// of returns the subject of an actor's messages. The first slash of its ID is where
// the kind ends.
func (s subjects) of(actorID string) string {
	kind, key, _ := strings.Cut(actorID, "/")
	b := make([]byte, 0, len(s.prefix)+len(actorID)+16)
	b = append(b, s.prefix...)
	b = append(appendToken(b, kind), '.')
	return string(appendToken(b, key))
}

// actor is the reverse of of.
func (s subjects) actor(subject string) (string, bool) {
	rest, ok := strings.CutPrefix(subject, s.prefix)
	if !ok {
		return "", false
	}
	kindToken, keyToken, ok := strings.Cut(rest, ".")
	if !ok {
		return "", false
	}
	kind, ok := parseToken(kindToken)
	if !ok || strings.Contains(kind, "/") {
		return "", false
	}
	key, ok := parseToken(keyToken)
	return kind + "/" + key, ok
}

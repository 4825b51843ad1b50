package ocpp

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// The length of an authorization key in bytes (security whitepaper A00.FR.205).
const (
	minKey = 16
	maxKey = 20
)

// ErrBadKey is what ParseKey says.
var ErrBadKey = fmt.Errorf("ocpp: an authorization key is %d to %d bytes, or as many in hexadecimal digits", minKey, maxKey)

// ParseKey reads an authorization key as people and files have it: as hexadecimal
// digits, like in the configuration key AuthorizationKey, or as it is.
func ParseKey(text string) ([]byte, error) {
	if key, ok := unhex(text); ok {
		return key, nil
	}
	if len(text) < minKey || len(text) > maxKey {
		return nil, ErrBadKey
	}
	return []byte(text), nil
}

// unhex reads a key from hexadecimal digits.
func unhex(text string) ([]byte, bool) {
	if len(text) < 2*minKey || len(text) > 2*maxKey {
		return nil, false
	}
	key, err := hex.DecodeString(text)
	return key, err == nil
}

// NewKey returns a random authorization key. Its hexadecimal digits are the value of
// AuthorizationKey for ChangeConfiguration.
func NewKey() []byte {
	key := make([]byte, maxKey)
	_, _ = rand.Read(key) // it does not fail
	return key
}

// KeyHash is what a central system keeps of an authorization key: SHA-256 of a random
// salt and the key. A slow hash would protect passwords that people choose; keys are
// random, and a thousand stations that reconnect want to be checked within a second.
type KeyHash struct {
	salt [16]byte
	sum  [sha256.Size]byte
	set  bool
}

// HashKey hashes a key with a new salt.
func HashKey(key []byte) KeyHash {
	h := KeyHash{set: true}
	_, _ = rand.Read(h.salt[:]) // it does not fail
	h.sum = h.of(key)
	return h
}

func (h *KeyHash) of(key []byte) [sha256.Size]byte {
	return sha256.Sum256(append(h.salt[:len(h.salt):len(h.salt)], key...))
}

// Matches says whether a password is the key: as it is, or written in hexadecimal
// digits, since stations do both. It takes as long for any password of the same form.
func (h KeyHash) Matches(password string) bool {
	plain := h.of([]byte(password))
	key, _ := unhex(password)
	digits := h.of(key)
	same := subtle.ConstantTimeCompare(plain[:], h.sum[:]) | subtle.ConstantTimeCompare(digits[:], h.sum[:])
	return h.set && same == 1
}

const hashPrefix = "sha256:"

// MarshalText writes the hash as "sha256:salt:sum". It says nothing about the key.
func (h KeyHash) MarshalText() ([]byte, error) {
	if !h.set {
		return nil, errors.New("ocpp: a KeyHash without a key")
	}
	return fmt.Appendf(nil, hashPrefix+"%x:%x", h.salt, h.sum), nil
}

// UnmarshalText reads what MarshalText has written.
func (h *KeyHash) UnmarshalText(text []byte) error {
	var read KeyHash
	rest, ok := strings.CutPrefix(string(text), hashPrefix)
	salt, sum, _ := strings.Cut(rest, ":")
	s, err1 := hex.DecodeString(salt)
	m, err2 := hex.DecodeString(sum)
	if !ok || err1 != nil || err2 != nil || copy(read.salt[:], s) != len(read.salt) || len(s) != len(read.salt) ||
		copy(read.sum[:], m) != len(read.sum) || len(m) != len(read.sum) {
		return errors.New("ocpp: not the hash of an authorization key")
	}
	read.set = true
	*h = read
	return nil
}

// String hides the hash from logs.
func (h KeyHash) String() string { return "KeyHash(***)" }

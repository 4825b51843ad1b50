package ocpp_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
)

func TestParseKey(t *testing.T) {
	for text, want := range map[string]string{
		"0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF": "\x00\x01\x02\x03\x04\x05\x06\x07" + strings.Repeat("\xff", 12),
		"0001020304050607ffffffffffffffff":         "\x00\x01\x02\x03\x04\x05\x06\x07" + strings.Repeat("\xff", 8),
		"0123456789abcdef":                         "0123456789abcdef", // as digits it would be too short
		"not hexadecimal, ok!":                     "not hexadecimal, ok!",
	} {
		if key, err := ocpp.ParseKey(text); err != nil || string(key) != want {
			t.Errorf("%s is %q, %v", text, key, err)
		}
	}
	for _, text := range []string{"", "short", "fifteen bytes!!", "twenty-one bytes, no!", strings.Repeat("a", 31), strings.Repeat("a", 33), strings.Repeat("a", 42), strings.Repeat("g", 40)} {
		if key, err := ocpp.ParseKey(text); !errors.Is(err, ocpp.ErrBadKey) {
			t.Errorf("%q is %q, %v", text, key, err)
		}
	}
}

func TestKeyHashIsSaltedAndSaysNothing(t *testing.T) {
	key := ocpp.NewKey()
	if len(key) != 20 || bytes.Equal(key, ocpp.NewKey()) {
		t.Errorf("the key is %x", key)
	}
	a, b := ocpp.HashKey(key), ocpp.HashKey(key)
	if a == b {
		t.Error("the hashes are the same")
	}
	text, err := a.MarshalText()
	if err != nil || strings.Contains(string(text), fmt.Sprintf("%x", key)) || !strings.HasPrefix(string(text), "sha256:") {
		t.Errorf("it is written as %s, %v", text, err)
	}
	var c ocpp.KeyHash
	if err := c.UnmarshalText(text); err != nil || c != a || !c.Matches(string(key)) || c.Matches("another key, 20 bytes") {
		t.Errorf("it is read as %v, %v", c, err)
	}
	if s := fmt.Sprintf("%v %s", a, a); s != "KeyHash(***) KeyHash(***)" {
		t.Errorf("it prints as %s", s)
	}
	for _, bad := range []string{"", "sha256:", "sha256:00:00", string(text) + "00", string(text[:len(text)-2]), "md5" + string(text[6:])} {
		if err := c.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
	var none ocpp.KeyHash
	if _, err := none.MarshalText(); err == nil || none.Matches("") || none.Matches(string(key)) {
		t.Error("the zero hash is one")
	}
}

// A hash for passwords would take 13 minutes for this.
func TestTenThousandStationsAreCheckedInAMoment(t *testing.T) {
	key := ocpp.NewKey()
	hash, password := ocpp.HashKey(key), fmt.Sprintf("%x", key)
	start := time.Now()
	for range 10_000 {
		if !hash.Matches(password) {
			t.Fatal("the key does not match")
		}
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
}

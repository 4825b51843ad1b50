package paysim_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aether-es/aether/apps/tickets/paysim"
)

// filled leaves payments of all kinds in a file.
func filled(t *testing.T) (path string, ledger paysim.Ledger) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "payments.jsonl")
	s := start(t, paysim.Options{File: path})
	p := authorised(t, s, "a")
	ask(t, s, "POST /v1/payment_intents/"+p.ID+"/capture", "c", "amount_to_capture=4000")
	ask(t, s, "POST /v1/refunds", "r", "payment_intent="+p.ID+"&amount=1000")
	ask(t, s, create, "d", order("pm_card_chargeDeclined"))
	ask(t, s, "POST /v1/payment_intents/"+authorised(t, s, "b").ID+"/cancel", "x", "")
	ask(t, s, create, "wrong", "amount=1")
	ledger = s.Ledger()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path, ledger
}

func TestRestart(t *testing.T) {
	path, want := filled(t)
	for range 2 {
		s := start(t, paysim.Options{File: path})
		if got := s.Ledger(); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
		first := want.Payments[0]
		if got := authorised(t, s, "a"); !got.replayed || got.ID != first.ID {
			t.Errorf("the key is forgotten: %+v", got)
		}
		if got := ask(t, s, create, "d", order("pm_card_chargeDeclined")); !got.replayed || got.Error.DeclineCode != "generic_decline" {
			t.Errorf("the decline is forgotten: %+v", got)
		}
		if got := ask(t, s, "POST /v1/payment_intents/"+first.ID+"/capture", "a", ""); got.Error.Type != "idempotency_error" {
			t.Errorf("the parameters of the key are forgotten: %+v", got)
		}
		if got := ask(t, s, "POST /v1/refunds", "r2", "payment_intent="+first.ID+"&amount=3001"); got.code != 400 {
			t.Errorf("what was refunded is forgotten: %+v", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What was answered is in the file already, whatever happens then.
func TestDurable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "payments.jsonl")
	s := start(t, paysim.Options{File: path})
	p := authorised(t, s, "a")
	for _, request := range []struct{ what, key, form string }{
		{"POST /v1/payment_intents/" + p.ID + "/capture", "c", ""},
		{"POST /v1/refunds", "", "payment_intent=" + p.ID},
		{create, "", order("pm_card_chargeDeclined")},
	} {
		ask(t, s, request.what, request.key, request.form)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		now := filepath.Join(t.TempDir(), "now.jsonl")
		if err := os.WriteFile(now, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := start(t, paysim.Options{File: now}).Ledger(); !reflect.DeepEqual(got, s.Ledger()) {
			t.Errorf("after %s: got %+v\nwant %+v", request.what, got, s.Ledger())
		}
	}
}

// A program that is killed leaves a part of a line at most: wherever the file ends, all
// whole lines count, and it goes on.
func TestTorn(t *testing.T) {
	path, _ := filled(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode of the file is %v, %v", info.Mode(), err)
	}
	payments := 0
	for end := 0; end <= len(text); end += 331 {
		torn := filepath.Join(t.TempDir(), "torn.jsonl")
		if err := os.WriteFile(torn, text[:end], 0o600); err != nil {
			t.Fatal(err)
		}
		s := start(t, paysim.Options{File: torn})
		n := len(s.Ledger().Payments)
		if n < payments {
			t.Fatalf("of %d bytes there are %d payments, of fewer %d", end, n, payments)
		}
		payments = n
		authorised(t, s, "new")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(torn)
		whole := text[:bytes.LastIndexByte(text[:end], '\n')+1]
		if err != nil || !bytes.HasPrefix(after, whole) || bytes.Count(after, []byte("\n")) != bytes.Count(whole, []byte("\n"))+1 {
			t.Fatalf("of %d bytes it has become %q, %v", end, after, err)
		}
	}
	if payments < 2 {
		t.Errorf("the longest file has %d payments", payments)
	}

	// A part that is longer than what is written next.
	if err := os.WriteFile(path, append(text, bytes.Repeat([]byte("x"), 64<<10)...), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s := start(t, paysim.Options{File: path})
		authorised(t, s, "new")
		if n := len(s.Ledger().Payments); n != payments+1 {
			t.Errorf("there are %d payments, want %d", n, payments+1)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err != nil || !bytes.HasSuffix(text, []byte("}\n")) {
			t.Errorf("the part is still there: %v", err)
		}
	}
}

func TestDamaged(t *testing.T) {
	path, _ := filled(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string]string{
		"no JSON":   "hello\n" + string(text),
		"no ID":     `{"intent":{"status":"succeeded"}}` + "\n" + string(text),
		"no answer": `{"key":{"key":"k"}}` + "\n" + string(text),
		"cut":       strings.Replace(string(text), "\"authorised\"", "\n", 1),
	} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := paysim.New(&paysim.Options{File: path})
		if err == nil {
			t.Errorf("%s: %+v", name, s.Ledger())
			_ = s.Close()
		} else if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: the error is %v", name, err)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != damaged {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if _, err := paysim.New(&paysim.Options{File: filepath.Join(t.TempDir(), "none", "x")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the folder the error is %v", err)
	}
}

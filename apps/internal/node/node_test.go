package node

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aether-es/aether/lease"
)

func TestParseRoles(t *testing.T) {
	for text, want := range map[string]Roles{
		"command": {Command}, "query, web": {Query, Web}, "web,web": {Web}, AllRoles().String(): AllRoles(),
	} {
		if roles, err := ParseRoles(text); err != nil || !reflect.DeepEqual(roles, want) {
			t.Errorf("%q: %v, %v", text, roles, err)
		}
	}
	for _, text := range []string{"", "command,", "Command", "queries"} {
		if roles, err := ParseRoles(text); err == nil || !strings.Contains(err.Error(), "effects") {
			t.Errorf("%q: %v, %v", text, roles, err)
		}
	}
}

func TestParseNATS(t *testing.T) {
	s, err := parseNATS("nats://user:pass@a:4222,b:4222,nats://c?replicas=3&sync=always&prefix=p&creds=file")
	if err != nil {
		t.Fatal(err)
	}
	if s.url != "nats://user:pass@a:4222,b:4222,nats://c" || s.replicas != 3 || !s.syncs || s.conn.Prefix != "p" || s.conn.CredentialsFile != "file" {
		t.Errorf("it is read as %+v", s)
	}
	if s, err := parseNATS("nats://a"); err != nil || s.replicas != 0 || s.syncs {
		t.Errorf("the settings of none are %+v, %v", s, err)
	}
	for _, bad := range []string{
		"nats://", "nats://a/path", "nats://a?replicas=3&replicas=1", "nats://a?replica=3", "nats://a?replicas=0", "nats://a?replicas=x", "nats://a?sync=yes", "nats://a?%zz", "nats://a:b:c",
	} {
		if s, err := parseNATS(bad); err == nil {
			t.Errorf("%s is read as %+v", bad, s)
		}
	}
}

// What is wrong with an address is said without its password.
func TestBadAddresses(t *testing.T) {
	for _, address := range []string{"redis://u:secret@a", "host=db password=secret dbname=x", "nats://secret@a:1/x", "postgres://u:sec/secret@a/d", "postgres://u:secret@a:b:c", "nats://u:secret@a/x", "nats://u:secret@\x7f"} {
		n, err := Open(t.Context(), Options{Store: address, Folder: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
		if err == nil || n != nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
	if dsn, schema, err := PostgresAddress("postgres://u@h/d?schema=x&sslmode=disable"); err != nil || schema != "x" || dsn != "postgres://u@h/d?sslmode=disable" {
		t.Errorf("the DSN is %q, the schema %q, %v", dsn, schema, err)
	}
}

func TestCheckRoles(t *testing.T) {
	for _, test := range []struct {
		store, roles string
		ok           bool
	}{
		{"", AllRoles().String(), true}, {"", "command", false}, {"", "query,web,relay,effects", false},
		{"postgres://h/d", "command,web", true}, {"postgres://h/d", "query", true}, {"postgres://h/d", "query,web", false}, {"postgres://h/d", "effects", false},
		{"nats://h", "web", true}, {"nats://h", "effects", true},
	} {
		roles, err := ParseRoles(test.roles)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckRoles(test.store, roles); (err == nil) != test.ok {
			t.Errorf("%q with %s: %v", test.store, test.roles, err)
		}
	}
}

func TestEmbedded(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "store")
	n, err := Open(t.Context(), Options{Folder: folder})
	if err != nil {
		t.Fatal(err)
	}
	if n.Shared() || n.Embedded == nil {
		t.Error("the embedded store is not this process's alone")
	}
	parts, err := n.Parts(t.Context(), "default", Roles{Query})
	if err != nil || parts.Store == nil || parts.RelayRole() != Query || parts.Commands == nil {
		t.Errorf("the parts are %+v, %v", parts, err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

// A node does the jobs of its roles, and one with a lease only while it has that.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leases := &lease.Local{}
		ran := make(map[string]int)
		failure := errors.New("it is done for")
		job := func(name string, role Role, leaseName string) Job {
			return Job{Name: name, Role: role, Lease: leaseName, Run: func(ctx context.Context) error {
				ran[name]++
				<-ctx.Done()
				return ctx.Err()
			}}
		}
		parts := Parts{Namespace: "n", Roles: Roles{Command, Effects}, Leases: leases, Logger: slog.New(slog.DiscardHandler)}
		taken, err := leases.Acquire(t.Context(), "n/once")
		if err != nil {
			t.Fatal(err)
		}
		ended, fail := make(chan error, 1), make(chan struct{})
		go func() {
			ended <- parts.Run(t.Context(), "demo",
				job("the commands", Command, ""), job("the pages", Web, ""), job("the calls", Effects, "once"),
				Job{Name: "the failure", Role: Command, Run: func(context.Context) error { <-fail; return failure }})
		}()
		synctest.Wait()
		if ran["the commands"] != 1 || ran["the pages"] != 0 || ran["the calls"] != 0 {
			t.Errorf("while another has the lease these run: %v", ran)
		}
		if err := taken.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if ran["the calls"] != 1 {
			t.Errorf("with the lease these run: %v", ran)
		}
		close(fail)
		if err := <-ended; !errors.Is(err, failure) || !strings.Contains(err.Error(), "demo: the failure has ended") {
			t.Errorf("Run: %v", err)
		}
	})
}

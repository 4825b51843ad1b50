package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/aether-es/aether/internal/backoff"
	"github.com/aether-es/aether/internal/testenv"
	"github.com/jackc/pgx/v5"
)

// Bouncer starts PgBouncer, pooling transactions, in front of a server until the test
// ends, and returns how to connect to it. It shares few servers among its clients, so
// that hardly any transaction meets the one that the former has met.
func Bouncer(t testing.TB, dsn string) string {
	t.Helper()
	bin, err := exec.LookPath("pgbouncer")
	if err != nil {
		bin = "/usr/sbin/pgbouncer"
	}
	if _, err := os.Stat(bin); err != nil {
		testenv.Lacks(t, "PgBouncer (Debian: apt-get install pgbouncer)")
	}
	target, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	password := ""
	if target.Password != "" {
		password = " password=" + target.Password
	}
	config := fmt.Sprintf(`[databases]
%s = host=%s port=%d user=%s%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 500
`, target.Database, target.Host, target.Port, target.User, password, port)
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	attr := &syscall.SysProcAttr{}
	if os.Getuid() == 0 { // like the server it refuses to run as root
		if attr.Credential, err = unprivileged(); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{dir, file} {
			if err := os.Chown(path, int(attr.Credential.Uid), int(attr.Credential.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	dieWithParent(attr)
	var log lockedBuffer
	cmd := exec.Command(bin, file)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = dir, &log, &log, attr
	end, err := start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-end
	})
	address := &url.URL{Scheme: "postgres", User: url.User(target.User), Host: fmt.Sprintf("127.0.0.1:%d", port), Path: "/" + target.Database, RawQuery: "sslmode=disable"}
	if err := answers(t.Context(), address.String(), end); err != nil {
		t.Fatalf("pgbouncer: %v: %s", err, log.String())
	}
	return address.String()
}

// answers returns once a server accepts connections; it fails when that has ended.
func answers(ctx context.Context, dsn string, end <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-end:
			return errEnded
		default:
		}
		if err := backoff.Wait(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("pgtest: the server does not answer: %w", err)
		}
	}
}

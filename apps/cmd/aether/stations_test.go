package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/coder/websocket"
)

// authority issues certificates.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string
}

func newAuthority(t *testing.T, dir string) *authority {
	a := &authority{t: t, file: filepath.Join(dir, "ca.pem")}
	pair := a.issue("authority", filepath.Join(dir, "ca"))
	var err error
	if a.certificate, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
		t.Fatal(err)
	}
	a.key = pair.PrivateKey.(*ecdsa.PrivateKey)
	a.file = filepath.Join(dir, "ca.crt")
	return a
}

// issue makes a certificate, which is also in files: path.crt and path.key.
func (a *authority) issue(name, path string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: a.certificate == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{path + ".crt": {Type: "CERTIFICATE", Bytes: der}, path + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Stations have an address of their own, with TLS and certificates on both sides.
func TestServeStations(t *testing.T) {
	dir := t.TempDir()
	a := newAuthority(t, dir)
	a.issue("127.0.0.1", filepath.Join(dir, "server"))
	right := a.issue("CP-1", filepath.Join(dir, "cp-1"))
	wrong := a.issue("CP-2", filepath.Join(dir, "cp-2"))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := taken.Addr().String()
	_ = taken.Close()
	s := serve(t, "--data", filepath.Join(dir, "data"), "--ocpp-listen", at, "--ocpp-tls-cert", filepath.Join(dir, "server.crt"),
		"--ocpp-tls-key", filepath.Join(dir, "server.key"), "--ocpp-client-ca", a.file)
	response, err := http.Post(s.url+"/api/charging/stations", "application/json", strings.NewReader(`{"id":"CP-1","profile":3}`))
	if err != nil || response.StatusCode != http.StatusCreated {
		t.Fatalf("%v, %v", response, err)
	}
	_ = response.Body.Close()
	roots := x509.NewCertPool()
	roots.AddCert(a.certificate)
	dial := func(certificates ...tls.Certificate) (*ocpp.Conn, error) {
		return ocpp.Dial(t.Context(), "wss://"+at+"/ocpp", "CP-1", v16.Messages{}, ocpp.HandlerFunc(nil),
			&ocpp.ClientOptions{TLS: &tls.Config{RootCAs: roots, Certificates: certificates}})
	}
	for name, certificates := range map[string][]tls.Certificate{"none": nil, "another's": {wrong}} {
		_, err := dial(certificates...)
		if refused := (*ocpp.HandshakeError)(nil); !errors.As(err, &refused) || refused.Status != http.StatusForbidden {
			t.Errorf("with the certificate of %s: %v", name, err)
		}
	}
	conn, err := dial(right)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- conn.Run(t.Context()) }()
	if _, err := v16.Call(t.Context(), conn, &v16.HeartbeatReq{}); err != nil {
		t.Errorf("Heartbeat: %v", err)
	}
	if code, log := s.stop(); code != exitDone {
		t.Errorf("it ended with %d: %s", code, log)
	}
	if err := <-over; err == nil {
		t.Error("the connection has no end")
	}
}

// With a proxy in front that ends TLS a station fulfils what needs TLS.
func TestServeStationsBehindAProxy(t *testing.T) {
	for _, flags := range [][]string{nil, {"--ocpp-tls-in-front"}} {
		s := serve(t, append([]string{"--data", filepath.Join(t.TempDir(), "data")}, flags...)...)
		const password = "0123456789abcdefghij"
		response, err := http.Post(s.url+"/api/charging/stations", "application/json", strings.NewReader(`{"id":"CP-1","profile":2,"password":"`+password+`"}`))
		if err != nil || response.StatusCode != http.StatusCreated {
			t.Fatalf("%v, %v", response, err)
		}
		_ = response.Body.Close()
		conn, err := ocpp.Dial(t.Context(), "ws"+strings.TrimPrefix(s.url, "http")+"/ocpp", "CP-1", v16.Messages{}, ocpp.HandlerFunc(nil), &ocpp.ClientOptions{Password: password})
		if (err == nil) != (flags != nil) {
			t.Errorf("with %v: %v", flags, err)
		}
		if err == nil {
			conn.Close(websocket.StatusNormalClosure, "")
			_ = conn.Run(t.Context())
		}
		if code, log := s.stop(); code != exitDone {
			t.Errorf("it ended with %d: %s", code, log)
		}
	}
}

func TestServeStationsUsage(t *testing.T) {
	dir := t.TempDir()
	a := newAuthority(t, dir)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"a certificate for nothing": {[]string{"--ocpp-tls-cert", a.file}, "of no use without --ocpp-listen"},
		"half of TLS":               {[]string{"--ocpp-listen", "127.0.0.1:0", "--ocpp-tls-cert", a.file}, "go together"},
		"who signs for nothing":     {[]string{"--ocpp-listen", "127.0.0.1:0", "--ocpp-client-ca", a.file}, "of no use without --ocpp-tls-cert"},
		"no certificate": {[]string{"--ocpp-listen", "127.0.0.1:0", "--ocpp-tls-cert", a.file, "--ocpp-tls-key", filepath.Join(dir, "ca.key"),
			"--ocpp-client-ca", filepath.Join(dir, "ca.key")}, "has no certificate"},
		"no stations": {[]string{"--store", "nats://127.0.0.1:1", "--roles", "command,query,relay,web", "--ocpp-listen", "127.0.0.1:0"}, "role effects"},
		"no patience": {[]string{"--station-silence", "1s"}, "stations need"},
	} {
		r := cli(t, "", append([]string{"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "new")}, test.args...)...)
		if r.code == exitDone || !strings.Contains(r.stderr, test.want) {
			t.Errorf("%s: %d %s, want %q in it", name, r.code, r.stderr, test.want)
		}
	}
}

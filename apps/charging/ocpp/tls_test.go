package ocpp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// listen serves on loopback until the test ends, and returns the endpoint.
func listen(t *testing.T, handler http.Handler, config *tls.Config) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	scheme := "ws://"
	if config != nil {
		listener, scheme = tls.NewListener(listener, config), "wss://"
	}
	web := &http.Server{Handler: handler, ReadHeaderTimeout: patience, ErrorLog: silent}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = web.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = web.Close()
		<-ended
	})
	return scheme + listener.Addr().String()
}

// authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	serial      int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	issued := a.issue(t, pkix.Name{CommonName: "Test CA"}, true)
	var err error
	if a.certificate, err = x509.ParseCertificate(issued.Certificate[0]); err != nil {
		t.Fatal(err)
	}
	a.key = issued.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

func (a *authority) issue(t *testing.T, subject pkix.Name, ca bool) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: subject, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: ca, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

func TestSecurityProfiles(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	key := ocpp.NewKey()
	keys := []ocpp.KeyHash{ocpp.HashKey(key)}
	stations := book{
		"P0": {}, "P1": {Profile: 1, Keys: keys}, "P2": {Profile: 2, Keys: keys},
		"P3":     {Profile: 3, Keys: keys, Organization: "Volt Ltd"},
		"Serial": {Profile: 3, CommonName: "SN-4711"},
	}
	server := ocpp.NewServer(v16.Messages{}, stations, newJournal(), nil)
	defer func() {
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	plain := listen(t, server, nil)
	secure := listen(t, server, ocpp.ServerTLS(ours.issue(t, pkix.Name{CommonName: "127.0.0.1"}, false), ours.pool()))
	shows := func(certificates ...tls.Certificate) *tls.Config {
		return &tls.Config{RootCAs: ours.pool(), Certificates: certificates}
	}
	named := func(a *authority, name, organization string) tls.Certificate {
		return a.issue(t, pkix.Name{CommonName: name, Organization: []string{"x", organization}}, false)
	}
	const in = http.StatusSwitchingProtocols
	for _, test := range []struct {
		name, endpoint, identity string
		options                  ocpp.ClientOptions
		status, profile          int
	}{
		{"0 in plain", plain, "P0", ocpp.ClientOptions{}, in, 0},
		{"0 over TLS", secure, "P0", ocpp.ClientOptions{TLS: shows()}, in, 0},
		{"1", plain, "P1", ocpp.ClientOptions{Password: string(key)}, in, 1},
		{"1 without a key", plain, "P1", ocpp.ClientOptions{}, http.StatusUnauthorized, 0},
		{"1 on its way to 2", secure, "P1", ocpp.ClientOptions{TLS: shows(), Password: string(key)}, in, 2},
		{"2", secure, "P2", ocpp.ClientOptions{TLS: shows(), Password: string(key)}, in, 2},
		{"2 with the wrong key", secure, "P2", ocpp.ClientOptions{TLS: shows(), Password: "sixteen bytes no"}, http.StatusUnauthorized, 0},
		{"2 in plain", plain, "P2", ocpp.ClientOptions{Password: string(key)}, http.StatusForbidden, 0},
		{"2 on its way to 3", secure, "P2", ocpp.ClientOptions{TLS: shows(named(ours, "P2", ""))}, in, 3},
		{"3", secure, "P3", ocpp.ClientOptions{TLS: shows(named(ours, "P3", "Volt Ltd"))}, in, 3},
		{"3 of another organization", secure, "P3", ocpp.ClientOptions{TLS: shows(named(ours, "P3", "Else Ltd"))}, http.StatusForbidden, 0},
		{"3 with another's certificate", secure, "P3", ocpp.ClientOptions{TLS: shows(named(ours, "P2", "Volt Ltd"))}, http.StatusForbidden, 0},
		{"3 with the key only", secure, "P3", ocpp.ClientOptions{TLS: shows(), Password: string(key)}, http.StatusForbidden, 0},
		{"3 by serial number", secure, "Serial", ocpp.ClientOptions{TLS: shows(named(ours, "SN-4711", ""))}, in, 3},
		{"3 by identity where a serial number is wanted", secure, "Serial", ocpp.ClientOptions{TLS: shows(named(ours, "Serial", ""))}, http.StatusForbidden, 0},
		{"3 of a foreign authority", secure, "P3", ocpp.ClientOptions{TLS: shows(named(theirs, "P3", "Volt Ltd"))}, 0, 0},
		{"old TLS", secure, "P0", ocpp.ClientOptions{TLS: &tls.Config{RootCAs: ours.pool(), MaxVersion: tls.VersionTLS11}}, 0, 0},
		{"a server of a foreign authority", secure, "P0", ocpp.ClientOptions{TLS: &tls.Config{RootCAs: theirs.pool()}}, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.status != in {
				if e := refused(t, test.endpoint, test.identity, &test.options); e.Status != test.status {
					t.Errorf("%v, want %d", e, test.status)
				}
				return
			}
			conn, _ := join(t, test.endpoint, test.identity, &test.options)
			beat(t, conn)
			got, ok := server.Conn(test.identity)
			if !ok || got.Peer().Profile != test.profile || (got.Peer().Certificate != nil) != (test.profile == 3) {
				t.Errorf("the peer is %+v", got.Peer())
			}
		})
	}
}

func TestTLSInFront(t *testing.T) {
	key := ocpp.NewKey()
	_, endpoint := serve(t, book{"CP1": {Profile: 2, Keys: []ocpp.KeyHash{ocpp.HashKey(key)}}}, newJournal(), &ocpp.ServerOptions{TLSInFront: true})
	conn, _ := join(t, endpoint, "CP1", &ocpp.ClientOptions{Password: string(key)})
	beat(t, conn)
}

package ocpp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// Authenticator knows the stations.
type Authenticator interface {
	// Credentials returns what a station must show. An [ErrUnknownStation] is
	// answered with 404; any other error, like that of a database that is away, with
	// 503, and the station comes again.
	Credentials(ctx context.Context, identity string) (Credentials, error)
}

// ErrUnknownStation is an Authenticator's answer about a station that it does not
// know, or does not let in.
var ErrUnknownStation = errors.New("ocpp: unknown station")

// Credentials are what a station must show to be let in.
type Credentials struct {
	// Profile is the least security profile that is good enough. A station that
	// fulfils a higher one is let in too, so that it can be upgraded; the central
	// system then raises this and never lowers it (security whitepaper A00.FR.005).
	//
	//	0  nothing is asked for: in closed networks, in tests
	//	1  HTTP basic authentication with one of the keys
	//	2  the same, over TLS
	//	3  a client certificate
	Profile int

	// Keys are the authorization keys that are accepted. There are two while it is
	// not known whether the station has taken a new one, which is the last.
	Keys []KeyHash

	// Epoch is the greatest that is known of the station, from this server or another:
	// that of the new connection is greater, whatever the clocks of machines show.
	Epoch int64

	// CommonName is what the subject of the certificate must have: the serial number
	// of the station (A00.FR.405). By default it is the identity.
	CommonName string

	// Organization is what the subject of the certificate must have, if it is not
	// empty: the name of the operator (A00.FR.404).
	Organization string
}

// shown is what a station has shown.
type shown struct {
	profile     int
	certificate *x509.Certificate
	key         int // see [Peer]
}

// noKey is the index of none.
const noKey = -1

// check finds the highest profile that a request fulfils.
func (c *Credentials) check(r *http.Request, identity string, tlsInFront bool) shown {
	secure := r.TLS != nil || tlsInFront
	if certificate := c.certificate(r, identity); certificate != nil {
		return shown{3, certificate, noKey}
	}
	if password, ok := basicAuth(r, identity); ok {
		matching := noKey
		for i, key := range c.Keys {
			if key.Matches(password) {
				matching = i
			}
		}
		switch {
		case matching != noKey && secure:
			return shown{2, nil, matching}
		case matching != noKey:
			return shown{1, nil, matching}
		}
	}
	return shown{0, nil, noKey}
}

// certificate returns the client certificate if it has been verified and is that of
// the station.
func (c *Credentials) certificate(r *http.Request, identity string) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	leaf := r.TLS.PeerCertificates[0]
	name := c.CommonName
	if name == "" {
		name = identity
	}
	if leaf.Subject.CommonName != name || c.Organization != "" && !slices.Contains(leaf.Subject.Organization, c.Organization) {
		return nil
	}
	return leaf
}

// basicAuth returns the password of a request whose user is the identity (A00.FR.204).
// It is not http.Request.BasicAuth since an identity may have a colon.
func basicAuth(r *http.Request, identity string) (string, bool) {
	scheme, encoded, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", false
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return "", false
	}
	return strings.CutPrefix(string(decoded), identity+":")
}

// ServerTLS returns the configuration of TLS for profiles 2 and 3: TLS 1.2 or newer,
// with the cipher suites that the security whitepaper demands (A00.FR.318, .421), which
// are more than Go has by default. With clientCAs, stations may show a certificate,
// which must be one of theirs.
func ServerTLS(certificate tls.Certificate, clientCAs *x509.CertPool) *tls.Config {
	config := &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"}, // WebSocket is made of it
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
			tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
		},
	}
	if clientCAs != nil {
		config.ClientCAs, config.ClientAuth = clientCAs, tls.VerifyClientCertIfGiven
	}
	return config
}

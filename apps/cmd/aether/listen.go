package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// listen takes the address. Nobody is answered before the server runs.
func listen(cmd *cobra.Command, address string) (net.Listener, error) {
	if _, port, err := net.SplitHostPort(address); err == nil {
		if _, err := net.LookupPort("tcp", port); err != nil {
			return nil, &usageError{cmd, fmt.Errorf("--listen %q: %q is no port, which is a number from 0 to 65535", address, port)}
		}
	}
	listener, err := net.Listen("tcp", address)
	var name *net.DNSError
	switch {
	case err == nil:
		return listener, nil
	case errors.As(err, &name):
		return nil, &explained{err, fmt.Sprintf("--listen %s: there is no host %q", address, name.Name)}
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, &explained{err, fmt.Sprintf("another program listens on %s: stop it, or choose another address with --listen", address)}
	case errors.Is(err, syscall.EACCES):
		return nil, &explained{err, fmt.Sprintf("this user may not listen on %s: choose a port above 1023 with --listen", address)}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, &explained{err, fmt.Sprintf("%s is no address of this machine: choose another with --listen", address)}
	}
	return nil, fmt.Errorf("--listen %s: %w", address, err)
}

// readToken returns the token in a file, "" when no file is named.
func readToken(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", explainFlag("--token-file", path, err)
	}
	token := strings.TrimSpace(string(text))
	if len(token) < 16 || strings.ContainsAny(token, " \t\r\n;,\"\\") {
		return "", fmt.Errorf("--token-file: %s should have one line of at least 16 letters and digits; `openssl rand -hex 32` makes one", path)
	}
	return token, nil
}

// readSecret returns the one line of a file.
func readSecret(flag, path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", explainFlag(flag, path, err)
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" || strings.ContainsAny(secret, " \t\r\n") {
		return "", fmt.Errorf("%s: %s should have one line, the secret and nothing else", flag, path)
	}
	return secret, nil
}

// readCertificate returns what TLS needs, nil when no files are named.
func readCertificate(cmd *cobra.Command, cert, key string) (*tls.Config, error) {
	if cert == "" && key == "" {
		return nil, nil
	}
	if cert == "" || key == "" {
		return nil, &usageError{cmd, errors.New("--tls-cert and --tls-key go together")}
	}
	var pem [2][]byte
	for i, flag := range []struct{ name, path string }{{"--tls-cert", cert}, {"--tls-key", key}} {
		var err error
		if pem[i], err = os.ReadFile(flag.path); err != nil {
			return nil, explainFlag(flag.name, flag.path, err)
		}
	}
	pair, err := tls.X509KeyPair(pem[0], pem[1])
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s with --tls-key %s: %w", cert, key, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// explainFlag says why the file that a flag names cannot be read.
func explainFlag(flag, path string, err error) error {
	return &explained{err, flag + ": " + explainInput(path, err).Error()}
}

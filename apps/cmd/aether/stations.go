package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	chargingsystem "github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/simulate"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/internal/backoff"
	"github.com/spf13/cobra"
)

// stationFlags say how charging stations connect.
type stationFlags struct {
	listen    string
	cert, key string
	clientCA  string
	inFront   bool
	accept    bool
	silence   time.Duration
}

func (f *stationFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.listen, "ocpp-listen", "", "`address` for stations alone, beside that of --listen")
	cmd.Flags().StringVar(&f.cert, "ocpp-tls-cert", "", "`file` with the certificate for it, in PEM")
	cmd.Flags().StringVar(&f.key, "ocpp-tls-key", "", "`file` with its key, in PEM")
	cmd.Flags().StringVar(&f.clientCA, "ocpp-client-ca", "", "`file` with who signs the certificates of stations, in PEM")
	cmd.Flags().BoolVar(&f.inFront, "ocpp-tls-in-front", false, "a proxy in front ends TLS, so that stations count as connected over it")
	cmd.Flags().BoolVar(&f.accept, "accept-unknown-stations", false, "register stations that nobody knows when they come")
	cmd.Flags().DurationVar(&f.silence, "station-silence", 12*time.Minute, "after how much `time` without a sign a station is offline")
}

// config returns the configuration of the charging system.
func (f *stationFlags) config(cmd *cobra.Command) (chargingsystem.Config, error) {
	const least = 10 * time.Second
	if f.silence < least {
		return chargingsystem.Config{}, &usageError{cmd, fmt.Errorf("--station-silence %v: stations need %v at least", f.silence, least)}
	}
	const perMinute = 60 // anybody can make up names
	// A station says something twice in that time, and some of it may get lost.
	return chargingsystem.Config{
		AcceptUnknown: f.accept, AcceptPerMinute: perMinute, TLSInFront: f.inFront, Silence: f.silence, Heartbeat: f.silence * 5 / 12,
	}, nil
}

// door is where stations connect that do not use the address of the pages.
type door struct {
	listener     net.Listener
	certificates *tls.Config // nil without TLS
}

// open takes the address, nil when there is none.
func (f *stationFlags) open(cmd *cobra.Command) (*door, error) {
	if f.listen == "" {
		if f.cert != "" || f.key != "" || f.clientCA != "" {
			return nil, &usageError{cmd, errors.New("--ocpp-tls-cert, --ocpp-tls-key and --ocpp-client-ca are of no use without --ocpp-listen")}
		}
		return nil, nil
	}
	if roles, err := node.ParseRoles(cmd.Flag("roles").Value.String()); err != nil || !roles.Has(node.Effects) {
		return nil, &usageError{cmd, fmt.Errorf("--ocpp-listen: stations connect to nodes with the role %s alone; give it in --roles, or leave the address away", node.Effects)}
	}
	d := &door{}
	switch {
	case (f.cert == "") != (f.key == ""):
		return nil, &usageError{cmd, errors.New("--ocpp-tls-cert and --ocpp-tls-key go together")}
	case f.cert == "" && f.clientCA != "":
		return nil, &usageError{cmd, errors.New("--ocpp-client-ca is of no use without --ocpp-tls-cert")}
	case f.cert != "":
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, fmt.Errorf("--ocpp-tls-cert %s with --ocpp-tls-key %s: %w", f.cert, f.key, err)
		}
		var pool *x509.CertPool
		if f.clientCA != "" {
			pem, err := os.ReadFile(f.clientCA)
			if err != nil {
				return nil, explainFlag("--ocpp-client-ca", f.clientCA, err)
			}
			if pool = x509.NewCertPool(); !pool.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("--ocpp-client-ca: %s has no certificate in PEM", f.clientCA)
			}
		}
		d.certificates = ocpp.ServerTLS(pair, pool)
	}
	listener, err := listen(cmd, f.listen)
	if err != nil {
		return nil, err
	}
	d.listener = listener
	return d, nil
}

// serve lets stations in until ctx ends. Their connections are those of the system, which
// ends them.
func (d *door) serve(ctx context.Context, stations http.HandlerFunc, logger *slog.Logger) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+chargingsystem.Path+"{identity}", stations)
	s := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug), TLSConfig: d.certificates,
	}
	served := make(chan error, 1)
	go func() {
		if d.certificates != nil {
			served <- s.ServeTLS(d.listener, "", "")
			return
		}
		served <- s.Serve(d.listener)
	}()
	logger.Info("stations may come", "address", d.listener.Addr().String(), "tls", d.certificates != nil)
	select {
	case <-ctx.Done():
		return errors.Join(ctx.Err(), s.Close())
	case err := <-served:
		return err
	}
}

// demoStations has some stations connect to the server at an address, and live, while this node
// has the stations, until ctx ends.
func (p *program) demoStations(ctx context.Context, system *chargingsystem.Charging, commands integration.Commands, address, token string) error {
	for {
		if system.Serving() {
			living, stop := context.WithCancel(ctx)
			go func() {
				for system.Serving() && backoff.Wait(living, time.Second) == nil {
				}
				stop()
			}()
			p.liveDemo(living, commands, address, token)
			stop()
		}
		if err := backoff.Wait(ctx, time.Second); err != nil {
			return err
		}
	}
}

// liveDemo has them live until ctx ends.
func (p *program) liveDemo(ctx context.Context, commands integration.Commands, address, token string) {
	fleet, err := simulate.NewFleet(simulate.Options{URL: address, Token: token, Count: 12, Prefix: "DEMO-", Seed: 1, Speed: 30})
	if err == nil {
		err = chargingsystem.PrepareDemo(ctx, commands, p.namespace)
	}
	if err == nil {
		err = fleet.Register(ctx)
	}
	if err != nil {
		if ctx.Err() == nil {
			p.logger.Warn("the stations of the demo do not come; it is tried again", "error", err)
		}
		return
	}
	_ = fleet.Live(ctx) // it ends with ctx
}

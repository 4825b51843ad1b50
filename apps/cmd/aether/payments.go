package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"

	ticketsystem "github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/apps/tickets/payment"
	"github.com/aether-es/aether/apps/tickets/paysim"
	"github.com/spf13/cobra"
)

// paymentFlags say who takes the money for tickets.
type paymentFlags struct {
	key, webhook string // files with secrets
	url          string
}

func (f *paymentFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.key, "payments-key-file", "", "`file` with a secret test key of Stripe; else no tickets are paid online")
	cmd.Flags().StringVar(&f.webhook, "payments-webhook-file", "", "`file` with the secret of its webhooks")
	cmd.Flags().StringVar(&f.url, "payments-url", "", "`URL` of the provider, as aether paysim; else Stripe")
}

// config returns the part of the tickets' configuration that is about money.
func (f *paymentFlags) config(cmd *cobra.Command) (config ticketsystem.Config, err error) {
	if f.key == "" {
		if f.url != "" || f.webhook != "" {
			return config, &usageError{cmd, errors.New("--payments-url and --payments-webhook-file are of no use without --payments-key-file")}
		}
		return config, nil
	}
	key, err := readSecret("--payments-key-file", f.key)
	if err == nil && f.webhook != "" {
		config.WebhookSecret, err = readSecret("--payments-webhook-file", f.webhook)
	}
	if err != nil {
		return config, err
	}
	provider, err := payment.New(key, &payment.Options{URL: f.url})
	if err != nil {
		return config, &usageError{cmd, err}
	}
	if !provider.TestMode() {
		provider.Close()
		return config, &usageError{cmd, fmt.Errorf("--payments-key-file: %s has no test key (sk_test_… or rk_test_…), and real money cannot be taken yet: the pages "+
			"lack the provider's own form for cards, so customers would give their card numbers to this server, which must never see one", f.key)}
	}
	config.Provider = provider
	return config, nil
}

// demoPayments starts a stand-in for the payment provider, which keeps its payments in the
// folder and tells the server at an address of them. It runs until the returned function
// is called.
func (p *program) demoPayments(ctx context.Context, server string) (config ticketsystem.Config, stop func() error, err error) {
	sim, err := paysim.New(&paysim.Options{
		File: filepath.Join(p.dir, "paysim.jsonl"), Webhook: server + ticketsystem.WebhookPath, Logger: p.logger,
	})
	if err != nil {
		return config, nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return config, nil, errors.Join(err, sim.Close())
	}
	url := "http://" + listener.Addr().String()
	provider, err := payment.New(paysim.SecretKey, &payment.Options{URL: url})
	if err != nil {
		return config, nil, errors.Join(err, listener.Close(), sim.Close())
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- sim.Run(running, listener) }()
	p.logger.Info("a stand-in takes the payments; nobody pays anything", "address", url)
	config.Provider, config.WebhookSecret = provider, paysim.WebhookSecret
	return config, func() error {
		cancel()
		err := <-ended
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		return errors.Join(err, sim.Close())
	}, nil
}

func newPaysimCommand(p *program) *cobra.Command {
	var listen, webhook, file string
	cmd := storeless(&cobra.Command{
		Use:   "paysim",
		Short: "Run a stand-in for the payment provider, for trying",
		Long: `Paysim speaks the part of Stripe's API that tickets are paid with, and moves no money. What is
declined depends on the method of payment: pm_card_visa pays, pm_card_chargeDeclined does
not. What goes wrong besides, for a try, is set at /sim/faults; the payments are shown at /,
and in JSON at /sim/ledger. Its secret key is ` + paysim.SecretKey + `, its webhooks
are signed with ` + paysim.WebhookSecret + `.

It serves this machine only. aether serve --demo runs one of its own.`,
		Example: `  aether paysim --file payments.jsonl --webhook http://127.0.0.1:8080` + ticketsystem.WebhookPath,
		Args:    arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			logger := p.serveLogger(false)
			sim, err := paysim.New(&paysim.Options{File: file, Webhook: webhook, Logger: logger})
			if err != nil {
				return err
			}
			listener, err := net.Listen("tcp", listen)
			if err != nil {
				return errors.Join(&usageError{cmd, fmt.Errorf("--listen: %w", err)}, sim.Close())
			}
			logger.Info("serving", "address", "http://"+listener.Addr().String())
			err = sim.Run(cmd.Context(), listener)
			if errors.Is(err, context.Canceled) {
				err = nil
			}
			return errors.Join(err, sim.Close())
		},
	})
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8090", "`address` to listen on, of this machine")
	cmd.Flags().StringVar(&webhook, "webhook", "", "`URL` that is told of what happens")
	cmd.Flags().StringVar(&file, "file", "", "`file` that keeps the payments; in memory without it")
	return cmd
}

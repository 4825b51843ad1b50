package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/readdb"
)

const (
	saleCapacity  = pool.MaxCapacity
	saleCustomers = 500  // at the same time, over HTTP
	saleCallers   = 1024 // of the host
)

// runSale measures a rush upon one pool of tickets: through the host, over HTTP from
// another process, and when it is sold out; and what a pool of a million tickets takes.
func runSale(ctx context.Context, o *Options) (results []Result, err error) {
	var claims, whole Result
	err = inStore(ctx, o, func(store aether.EventStore) error {
		claims, whole, err = hostClaims(ctx, o, store)
		return err
	})
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(o.Folder, "sale")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	var web, soldOut Result
	err = inFolder(ctx, filepath.Join(folder, "data"), func(store aether.EventStore) error {
		web, soldOut, err = webClaims(ctx, o, store, filepath.Join(folder, "readdb"))
		return err
	})
	return []Result{claims, web, soldOut, whole}, err
}

func saleOf(name string, capacity int) pool.Create {
	return pool.Create{Name: name, Capacity: capacity, Currency: "EUR", Payment: pool.Free, EventDate: time.Now().AddDate(0, 1, 0), Secret: make([]byte, 32), At: time.Now()}
}

// hostClaims has callers claim tickets of one pool, and then claims all there are.
func hostClaims(ctx context.Context, o *Options, store aether.EventStore) (claims, whole Result, err error) {
	claims = Result{Name: "sale host", Writers: saleCallers, Actors: 1}
	whole = Result{Name: "sale pool", Events: saleCapacity}
	o.Progress(fmt.Sprintf("sale, claims through the host, %d callers", saleCallers))
	host := actor.NewHost(store, tickets.Decider(), &actor.HostOptions{MailboxSize: 1 << 15, SoleWriter: true, SnapshotEvery: 1 << 30, Logger: slog.New(slog.DiscardHandler)})
	defer host.Close()
	before := residentMemory()
	if _, err := host.Do(ctx, "pool/bench", saleOf("bench", saleCapacity), nil); err != nil {
		return claims, whole, err
	}
	claim := func(caller, n int) error {
		_, err := host.Do(ctx, "pool/bench", pool.ClaimTickets{Customer: fmt.Sprintf("customer-%d-%d", caller, n), Quantity: 1, At: time.Now()}, nil)
		return err
	}
	claims.PerSecond, claims.P50, claims.P99, err = load(ctx, saleCallers, o.Duration, claim)
	if err != nil {
		return claims, whole, err
	}
	o.Progress(fmt.Sprintf("sale, claiming all %d tickets of a pool", saleCapacity))
	err = callTogether(saleCallers, func(i int) error {
		for n := 0; ; n++ {
			_, err := host.Do(ctx, "pool/bench", pool.ClaimTickets{Customer: fmt.Sprintf("last-%d-%d", i, n), Quantity: pool.MaxTickets, At: time.Now()}, nil)
			if refusal, ok := errors.AsType[*aether.Refusal](err); ok && refusal.Reason == pool.SoldOut {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
	whole.Bytes = residentMemory() - before
	return claims, whole, err
}

// webClaims has another process claim tickets over HTTP: of a pool that has enough, and of
// one that is sold out.
func webClaims(ctx context.Context, o *Options, store aether.EventStore, folder string) (claims, soldOut Result, err error) {
	claims = Result{Name: "sale HTTP", Writers: saleCustomers, Actors: 1}
	soldOut = Result{Name: "sale sold out", Writers: saleCustomers, Actors: 1}
	err = withReadDB(folder, func(db *readdb.DB) error {
		logger := slog.New(slog.DiscardHandler)
		system, err := tickets.New(node.Alone(store, "default", db, logger), tickets.Config{SoleWriter: true})
		if err != nil {
			return err
		}
		return serving(ctx, store, system, func(address string) error {
			o.Progress(fmt.Sprintf("sale, claims of %d customers over HTTP", saleCustomers))
			if err := callSale(ctx, o, &claims, address, saleCapacity, 201); err != nil {
				return err
			}
			o.Progress(fmt.Sprintf("sale, %d customers of a pool that is sold out", saleCustomers))
			return callSale(ctx, o, &soldOut, address, 1, 409)
		})
	})
	return claims, soldOut, err
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/internal/node"
	"github.com/aether-es/aether/readdb"
)

// stationMessages is how many messages a second the stations send together.
const stationMessages = 1000

// runStations measures charging stations that another process connects: what they take, how
// long it takes until all are back that were cut off at once, and how fast messages are
// answered meanwhile and afterwards.
func runStations(ctx context.Context, o *Options) (results []Result, err error) {
	if o.Stations == 0 {
		return nil, nil
	}
	if err := needFiles(o.Stations); err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(o.Folder, "stations")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	err = inFolder(ctx, filepath.Join(folder, "data"), func(store aether.EventStore) error {
		return withReadDB(filepath.Join(folder, "readdb"), func(db *readdb.DB) error {
			logger := slog.New(slog.DiscardHandler)
			system, err := charging.New(node.Alone(store, "default", db, logger), charging.Config{SoleWriter: true, AcceptUnknown: true})
			if err != nil {
				return err
			}
			return serving(ctx, store, system, func(address string) error {
				results, err = measureStations(ctx, o, address)
				return err
			})
		})
	})
	return results, err
}

func measureStations(ctx context.Context, o *Options, address string) ([]Result, error) {
	n := o.Stations
	connect, held := Result{Name: "stations boot", Writers: n}, Result{Name: "stations held", Writers: n}
	storm, messages := Result{Name: "stations back", Writers: n}, Result{Name: "stations messages", Writers: n}
	clients, err := startStations(ctx, address, n)
	if err != nil {
		return nil, err
	}
	before := settledMemory()
	o.Progress(fmt.Sprintf("stations, %d connect and boot", n))
	r, err := clients.do(stationsConnect, 0)
	if err == nil {
		connect.PerSecond, connect.P50, connect.P99 = r.PerSecond, r.P50, r.P99
		held.Bytes = settledMemory() - before
		o.Progress(fmt.Sprintf("stations, %d are cut off at once", n))
		r, err = clients.do(stationsStorm, 0)
	}
	if err == nil {
		storm.PerSecond, storm.P50, storm.P99 = r.PerSecond, r.P50, r.P99
		o.Progress(fmt.Sprintf("stations, %d messages a second", stationMessages))
		r, err = clients.do(stationsLoad, o.Duration)
	}
	if err == nil {
		messages.PerSecond, messages.P50, messages.P99 = r.PerSecond, r.P50, r.P99
	}
	return []Result{connect, held, storm, messages}, errors.Join(err, clients.close())
}

// settledMemory is how much memory the process has when it has given back what it does not
// need.
func settledMemory() int64 {
	time.Sleep(time.Second) // what is under way comes to its end
	debug.FreeOSMemory()
	return residentMemory()
}

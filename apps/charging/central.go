package charging

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/api"
)

// MaxStationID is how many bytes a station's identity may have here.
const MaxStationID = 48

// validStation says whether a text can be the ID of a station: printable, without spaces
// and slashes.
func validStation(id string) bool {
	return id != "" && len(id) <= MaxStationID && !strings.ContainsFunc(id, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsPrint(r) || r == '/' || r == ' '
	})
}

// serveStations serves stations, asks them, watches them and decides about them, until ctx
// ends: this node has the lease.
func (c *Charging) serveStations(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	in := &door{Charging: c}
	central := ocpp.NewServer(v16.Messages{}, in, handler{c, ctx}, &ocpp.ServerOptions{
		TLSInFront: c.config.TLSInFront,
		Refused:    func(id, remote string, status int, reason string) { in.refused(ctx, id, remote, status, reason) },
		ConnOptions: ocpp.ConnOptions{
			CallTimeout: c.config.CallTimeout, Logger: c.logger, Wire: c.wires.note, Late: c.answeredLate,
			PingInterval: min(30*time.Second, c.config.Silence/3), // one pong may get lost
		},
	})
	c.presence.restart(c.clock.Now())
	for _, forget := range []func(){c.stations.Forget, c.sessions.Forget, c.tags.Forget, c.tariffs.Forget, c.records.Forget, c.inbox.Forget} {
		forget() // what is in memory is from when this node had the stations before
	}
	c.logger.Info("this node has the stations")
	defer c.logger.Info("this node has the stations no more")
	var running sync.WaitGroup
	run := func(part func(ctx context.Context) error) {
		running.Go(func() { stop(part(ctx)) })
	}
	for kind, answer := range c.answers() {
		run(func(ctx context.Context) error {
			return c.parts.Commands.Serve(ctx, c.parts.Namespace, kind, answer)
		})
	}
	run(c.publishWires)
	run(c.effects.Run)
	run(c.deadlines.Run)
	c.setCentral(central)
	<-ctx.Done()

	// Stations go first, so that what they are telling us still finds everybody here.
	c.setCentral(nil)
	const drain = 10 * time.Second
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := central.Shutdown(draining); err != nil {
		c.logger.Warn("charging: connections of stations were cut", "error", err)
	}
	running.Wait()
	c.background.Wait()
	c.presence.clear() // another node has the stations now
	c.wires.clear()
	return context.Cause(ctx)
}

func (c *Charging) setCentral(s *ocpp.Server) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.central = s
}

// connections returns the server of stations, nil while this node has none.
func (c *Charging) connections() *ocpp.Server {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.central
}

// disconnect closes the connection of a station, if this node has it: what it has shown is
// not enough any more. why is at most 123 bytes, for the station's log.
func (c *Charging) disconnect(id, why string) {
	if central := c.connections(); central != nil {
		central.Disconnect(id, why)
	}
}

// ServeStation is the handler of [Path] and a station's identity, for a listener of its
// own.
func (c *Charging) ServeStation(w http.ResponseWriter, r *http.Request) {
	central := c.connections()
	if central == nil {
		w.Header().Set("Retry-After", []string{"5", "10", "15"}[rand.IntN(3)])
		api.Write(w, r, api.NewProblem(http.StatusServiceUnavailable, "Stations are served by another node at the moment, or soon by this one: connect again."))
		return
	}
	central.ServeHTTP(w, r)
}

// door knows which stations may come in, since this node has the stations.
type door struct {
	*Charging

	mu       sync.Mutex
	since    time.Time // the minute in which so many stations were admitted
	admitted int
	told     map[string]time.Time // when the log was told last that a station was refused
}

// Credentials returns what a station must show.
func (d *door) Credentials(ctx context.Context, id string) (ocpp.Credentials, error) {
	if !validStation(id) {
		return ocpp.Credentials{}, ocpp.ErrUnknownStation
	}
	registered, epoch := false, int64(0)
	err := d.stations.View(ctx, stationActor(id), func(s *station.Station, _ version) {
		registered, epoch = s.Registered, max(s.Epoch, s.ClosedEpoch)
	})
	if err != nil {
		return ocpp.Credentials{}, err
	}
	if !registered {
		if !d.config.AcceptUnknown {
			return ocpp.Credentials{}, ocpp.ErrUnknownStation
		}
		if err := d.admitUnknown(ctx, id); err != nil {
			return ocpp.Credentials{}, err
		}
	}
	var record registry.Record
	err = d.records.View(ctx, recordActor(id), func(r *registry.Record, _ version) { record = *r })
	if err != nil {
		return ocpp.Credentials{}, err
	}
	credentials := ocpp.Credentials{Profile: record.Profile, Epoch: epoch}
	for _, text := range record.Keys {
		var hash ocpp.KeyHash
		if err := hash.UnmarshalText([]byte(text)); err != nil {
			return ocpp.Credentials{}, err
		}
		credentials.Keys = append(credentials.Keys, hash)
	}
	return credentials, nil
}

// refused is told of handshakes that were refused: of a station that nobody knows the inbox
// is told, of one of ours the log, for whoever looks for the reason.
func (d *door) refused(ctx context.Context, id, remote string, status int, reason string) {
	switch status {
	case http.StatusNotFound:
		d.knock(ctx, id, remote)
	case http.StatusUnauthorized, http.StatusForbidden:
		if d.tell(id) {
			d.logger.InfoContext(ctx, "charging: a station was refused", "station", id, "remote", remote, "status", status, "reason", reason)
		}
	}
}

// mostTold is how many stations the log is told of in a minute.
const mostTold = 1000

// tell says whether the log is to be told of a station: once a minute.
func (d *door) tell(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	if now.Sub(d.told[id]).Abs() < time.Minute {
		return false
	}
	if len(d.told) >= mostTold {
		maps.DeleteFunc(d.told, func(_ string, at time.Time) bool { return now.Sub(at).Abs() >= time.Minute })
	}
	if d.told == nil {
		d.told = make(map[string]time.Time)
	}
	if len(d.told) >= mostTold {
		return false
	}
	d.told[id] = now
	return true
}

// knock puts a station that was refused because nobody knows it into the inbox.
func (c *Charging) knock(ctx context.Context, id, remote string) {
	if !validStation(id) {
		return
	}
	if host, _, err := net.SplitHostPort(remote); err == nil {
		remote = host // the port is another one each time
	}
	_, err := c.inbox.Do(ctx, registry.InboxID, registry.Knock{Identity: id, Remote: remote, At: c.now()}, nil)
	if err != nil && ctx.Err() == nil {
		c.logger.Warn("charging: an unknown station is not in the inbox", "station", id, "error", err)
	}
}

// errManyUnknown is answered with 503: the station comes again.
var errManyUnknown = errors.New("charging: too many unknown stations in this minute")

// admitUnknown registers a station that nobody has registered.
func (d *door) admitUnknown(ctx context.Context, id string) error {
	if !d.mayAdmit() {
		return errManyUnknown
	}
	_, err := d.stations.Do(ctx, stationActor(id), station.Register{Admission: station.Accepted, First: firstTransaction(id), At: d.now()}, nil)
	if refusal, ok := refused(err); ok && refusal.Reason == station.StationExists {
		return nil // it came twice at the same time
	}
	return err
}

// mayAdmit says whether one more may be registered in this minute, and counts it.
func (d *door) mayAdmit() bool {
	most := d.config.AcceptPerMinute
	if most == 0 {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := d.clock.Now(); now.Sub(d.since).Abs() >= time.Minute {
		d.since, d.admitted = now, 0
	}
	d.admitted++
	return d.admitted <= most
}

// firstTransaction returns the number of a station's first transaction: far from those of
// other stations and of systems before this one, but the same for the same station.
func firstTransaction(id string) int {
	sum := sha256.Sum256([]byte(id))
	return 1 + (int(sum[0])<<16|int(sum[1])<<8|int(sum[2]))*32
}

// handler answers what stations call; ctx is that of the server of stations.
type handler struct {
	*Charging
	ctx context.Context
}

// Connected notes that a station is there.
func (h handler) Connected(ctx context.Context, conn *ocpp.Conn) {
	h.presence.heard(conn.Identity(), h.clock.Now())
	h.came(ctx, conn)
	h.keyShown(ctx, conn)
}

// keyShown keeps only the new one of two keys once a station has shown it: it has taken it,
// whatever is known about the command.
func (c *Charging) keyShown(ctx context.Context, conn *ocpp.Conn) {
	shown, taken := conn.Peer().Key, ""
	if shown < 1 {
		return
	}
	record := recordActor(conn.Identity())
	err := c.records.View(ctx, record, func(r *registry.Record, _ version) {
		if shown == len(r.Keys)-1 {
			taken = r.Keys[shown]
		}
	})
	if err == nil && taken != "" {
		_, err = c.records.Record(ctx, record, registry.ConfirmKey{Key: taken, At: c.now()}, nil)
	}
	if err != nil && ctx.Err() == nil {
		c.logger.Error("charging: that a station has its new key could not be noted", "station", conn.Identity(), "error", err)
	}
}

func (c *Charging) came(ctx context.Context, conn *ocpp.Conn) {
	_, err := c.stations.Record(ctx, stationActor(conn.Identity()), station.Connected{Epoch: conn.Epoch(), Remote: conn.Peer().RemoteAddr, At: c.now()}, nil)
	if err != nil && ctx.Err() == nil {
		c.logger.Error("charging: a connection could not be noted", "station", conn.Identity(), "error", err)
	}
}

// cameBack notes that a station is there that was declared silent.
func (c *Charging) cameBack(ctx context.Context, id string) {
	if central := c.connections(); central != nil {
		if conn, ok := central.Conn(id); ok {
			c.came(ctx, conn)
		}
	}
}

// Seen notes a sign of life.
func (h handler) Seen(conn *ocpp.Conn) {
	if h.presence.heard(conn.Identity(), h.clock.Now()) {
		h.background.Go(func() { h.cameBack(h.ctx, conn.Identity()) })
	}
}

// Disconnected notes that a station is gone, if no newer connection has taken its place. That
// this server ends says nothing about the stations.
func (h handler) Disconnected(conn *ocpp.Conn, reason error) {
	h.forgetAsked(conn)
	if errors.Is(reason, ocpp.ErrShutdown) || errors.Is(reason, ocpp.ErrReplaced) || h.ctx.Err() != nil {
		return
	}
	_, err := h.stations.Record(h.ctx, stationActor(conn.Identity()), station.Disconnected{
		Epoch: conn.Epoch(), Reason: station.Closed, Heard: conn.LastSeen(), At: h.now(),
	}, nil)
	if err != nil && h.ctx.Err() == nil {
		h.logger.Error("charging: the end of a connection could not be noted", "station", conn.Identity(), "error", err)
	}
}

// startCommand is the ID of the command that a start becomes: the same for the same start,
// whatever the ID of its message, so that the store knows it for ever.
func startCommand(start station.Start) *actor.DoOptions {
	sum := sha256.Sum256([]byte(start.Key()))
	return &actor.DoOptions{CommandID: "start/" + hex.EncodeToString(sum[:16])}
}

// Serving says whether stations can connect to this node.
func (c *Charging) Serving() bool { return c.connections() != nil }

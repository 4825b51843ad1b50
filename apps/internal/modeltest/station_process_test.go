package modeltest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/effect"
)

// What the process does that is killed: see TestStationKilled.

// wireReply is what a client was told, on its way to where it is remembered.
type wireReply struct {
	ID      string
	Refused bool
	Events  int
	Version aether.Version
}

func replyOf(r wireReply) reply {
	return reply{refused: r.Refused, events: r.Events, version: r.Version}
}

func processCommands() []string {
	return []string{"u1", "u2", "h1", "h2", "h3", "h4", "h5", "h6", "f1", "f2"}
}

// process has two hosts and a runner.
type process struct {
	t     *testing.T
	url   string
	point func(name string)
	store aether.EventStore
	hosts [2]*actor.Host[*station, command, happened]
}

// runProcess sends all commands (again), and ends when nothing is to be done any
// more.
func runProcess(t *testing.T) {
	store, engine := openStreet(t, os.Getenv("DIR"))
	point := aethertest.KillAt(os.Getenv("POINT"), 1)
	p := &process{t: t, url: os.Getenv("URL"), point: point}
	p.store = aethertest.Watch(store, func(name string) {
		when, types, _ := strings.Cut(name, " ")
		for eventType := range strings.SplitSeq(types, ",") {
			point(when + " " + eventType)
			if when+" "+eventType == "after EffectAttempted" && savesSlowly() {
				<-time.After(callTimeout())
			}
		}
	})
	for i := range p.hosts {
		p.hosts[i] = actor.NewHost(p.store, stationDecider(), &actor.HostOptions{SnapshotEvery: 3, Logger: quiet()})
	}
	runner := effect.New(p.store, []effect.Effect{processEffect(p)}, &effect.Options{SoleRunner: true, Logger: quiet()})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- runner.Run(ctx) }()

	p.send(0, "u1", askUnlock{"u1"}, "h1", "h2")
	p.send(1, "u2", askUnlock{"u2"}, "h3", "h4")
	p.send(1, "f1", fault{true}, "h5", "h6")
	p.send(0, "f2", fault{false})
	p.rest(runner)

	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	for _, host := range p.hosts {
		if err := host.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := engine.Close(); err != nil {
		t.Error(err)
	}
}

// send sends a command to one host while heartbeats go to both.
func (p *process) send(host int, id string, c command, beats ...string) {
	var wg sync.WaitGroup
	for i, id := range beats {
		wg.Go(func() { p.ask(i%2, id, beat{}) })
	}
	p.ask(host, id, c)
	wg.Wait()
}

func (p *process) ask(host int, id string, c command) {
	if slices.Contains(strings.Split(os.Getenv("REFUSED"), ","), id) {
		return
	}
	send := p.hosts[host].Record
	if _, refusable := c.(askUnlock); refusable {
		send = p.hosts[host].Do
	}
	result, err := send(p.t.Context(), stationID(0), c, &actor.DoOptions{CommandID: id})
	if err != nil && !errors.Is(err, aether.ErrRefused) {
		p.t.Errorf("%s: %v", id, err)
		return
	}
	p.point("replied")
	data, err := json.Marshal(wireReply{id, err != nil, len(result.Events), result.Version})
	if err != nil {
		p.t.Error(err)
	}
	response, err := http.Post(p.url+"/replies", "application/json", bytes.NewReader(data))
	if err != nil {
		p.t.Error(err)
		return
	}
	_ = response.Body.Close()
	p.point("reported")
}

// rest returns when no effect is to be done any more. What is in doubt a person may
// settle.
func (p *process) rest(runner *effect.Runner) {
	for _, err := range p.store.FollowLog(p.t.Context(), 0, nil) {
		if err != nil {
			p.t.Fatal(err)
		}
		infos, err := runner.List(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		quiet := true
		for _, info := range infos {
			if info.State == effect.InDoubt && os.Getenv("SETTLES") == "true" {
				quiet = false
				for cause, err := range p.store.GetEvents(p.t.Context(), info.Cause.ActorID, info.Cause.Version-1) {
					if err != nil {
						p.t.Fatal(err)
					}
					outcome, _, err := p.look(p.t.Context(), cause)
					if err == nil {
						err = runner.Settle(p.t.Context(), info.ID, outcome, "ann")
					}
					if err != nil {
						p.t.Fatal(err)
					}
					break
				}
			}
			quiet = quiet && (info.State == effect.InDoubt && os.Getenv("RESOLVES") != "true")
		}
		if quiet {
			return
		}
	}
}

// processEffect is the effect as a process runs it; without one, as it is listed.
func processEffect(p *process) effect.Effect {
	x := effect.Effect{
		Name: "unlock", Kinds: []string{"station"}, Types: []string{"UnlockRequested"}, FromStart: true,
		Retry: effect.Retry{Attempts: 2, MinBackoff: 100 * time.Millisecond},
		Request: func(event aether.Event) (effect.Request, bool, error) {
			return effect.Request{Target: event.ActorID, Timeout: callTimeout()}, true, nil
		},
		Call: func(ctx context.Context, call effect.Call) (json.RawMessage, error) { return p.call(ctx, call) },
		Record: func(ctx context.Context, call effect.Call, outcome effect.Outcome) error {
			request, err := requestOf(call.Cause)
			if err == nil {
				_, err = p.hosts[1].Record(ctx, call.Cause.ActorID, outcomeFact(request, outcome), &actor.DoOptions{CommandID: call.ID})
			}
			return err
		},
	}
	if os.Getenv("RESOLVES") == "true" {
		x.Resolve = func(ctx context.Context, call effect.Call) (effect.Outcome, bool, error) {
			return p.look(ctx, call.Cause)
		}
	}
	return x
}

// savesSlowly says whether to save an attempt takes this process longer than its call
// may take.
func savesSlowly() bool { return strings.HasSuffix(os.Getenv("POINT"), "EffectWithheld") }

func callTimeout() time.Duration {
	if os.Getenv("SILENT") == "true" || savesSlowly() {
		return 200 * time.Millisecond
	}
	return time.Minute
}

// call tells the station to unlock, and follows what it says.
func (p *process) call(ctx context.Context, call effect.Call) (json.RawMessage, error) {
	request, err := requestOf(call.Cause)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/unlock?request="+url.QueryEscape(request), nil)
	if err != nil {
		return nil, err
	}
	p.point("calling")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, effect.NotDone(errors.New(response.Status))
	}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		switch line := lines.Text(); line {
		case saysUnlocked, saysRefused:
			p.point("answered")
			return json.RawMessage(line), nil
		default:
			p.point(line)
		}
	}
	return nil, errors.Join(errors.New("the answer was lost"), lines.Err())
}

// look finds out what the station did.
func (p *process) look(ctx context.Context, cause aether.Event) (effect.Outcome, bool, error) {
	request, err := requestOf(cause)
	if err != nil {
		return effect.Outcome{}, false, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/looks?request="+url.QueryEscape(request), nil)
	if err != nil {
		return effect.Outcome{}, false, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return effect.Outcome{}, false, err
	}
	defer response.Body.Close()
	times := 0
	if err := json.NewDecoder(response.Body).Decode(&times); err != nil {
		return effect.Outcome{}, false, err
	}
	if times > 0 {
		return effect.Outcome{Done: true, Data: json.RawMessage(saysUnlocked), Reason: "seen"}, true, nil
	}
	return effect.Outcome{Reason: "seen"}, true, nil
}

package modeltest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/aethertest"
	"github.com/aether-es/aether/filestore"
)

// killed is a history of a process that is killed, is started again, and at last is
// left to itself.
type killed struct {
	name string

	// at has the points at which one process after another is killed.
	at []string

	// The station and the people.
	manner
	offline  int  // the first calls that do not reach the station
	resolves bool // the station can be asked
	settled  bool // a person looks at the station and settles

	// What becomes of the first request: "done", "failed" or "in-doubt", and how
	// often the connector was unlocked. Where it is "" the effect goes on while the
	// process is killed for another reason, and may have come to any point.
	want    string
	unlocks int
}

// killings is the life of an effect, point by point.
func killings() []killed {
	acts := manner{Acts: true}
	all := []killed{
		{at: []string{"received"}, manner: manner{}, name: "received and dropped", want: "in-doubt"},
		{at: []string{"before EffectAttempted", "after EffectAttempted", "before EffectInDoubt", "after EffectInDoubt"}, manner: acts, want: "in-doubt"},
		{at: []string{"acted", "before EffectInDoubt"}, manner: acts, want: "in-doubt", unlocks: 1},
		{at: []string{"after EffectDone", "before UnlockDone", "after UnlockDone", "before EffectRecorded"}, manner: acts, want: "done", unlocks: 1},
		{at: []string{"before UnlockRequested", "before EffectAttempted", "answered"}, manner: acts, want: "in-doubt", unlocks: 1},
		{at: []string{"after EffectAttempted", "before EffectNotDone"}, manner: acts, resolves: true, want: "failed"},
		{at: []string{"after EffectAttempted", "after EffectNotDone"}, manner: acts, resolves: true, want: "failed"},
		{at: []string{"acted", "before EffectDone"}, manner: acts, resolves: true, want: "done", unlocks: 1},
		{at: []string{"acted", "after EffectDone"}, manner: acts, resolves: true, want: "done", unlocks: 1},
		{at: []string{"acted", "before EffectSettled"}, manner: acts, settled: true, want: "done", unlocks: 1},
		{at: []string{"acted", "after EffectSettled"}, manner: acts, settled: true, want: "done", unlocks: 1},
		// An attempt is taken back before its call when to save it took too long.
		{at: []string{"before EffectWithheld"}, manner: acts, want: "in-doubt"},
		{at: []string{"after EffectWithheld"}, manner: acts, want: "done", unlocks: 1},
		{at: []string{"calling", "before EffectSettled", "after UnlockFailed"}, manner: acts, settled: true, want: "failed"},
	}
	for _, point := range []string{
		"before EffectStarted", "after EffectStarted", "before UnlockRequested", "before EffectAttempted",
		"after EffectDone", "before UnlockDone", "after UnlockDone", "before EffectRecorded", "after EffectRecorded",
	} {
		all = append(all, killed{at: []string{point}, manner: acts, want: "done", unlocks: 1})
	}
	for _, point := range []string{
		"after UnlockRequested", "replied", "reported", "before HeartbeatReceived", "after HeartbeatReceived",
		"before FaultReported", "after FaultReported", "before FaultCleared", "after FaultCleared",
	} {
		all = append(all, killed{at: []string{point}, manner: acts})
	}
	for point, unlocks := range map[string]int{
		"after EffectAttempted": 0, "calling": 0, "received": 1, "acted": 1, "answered": 1, "before EffectDone": 1,
	} {
		all = append(all, killed{at: []string{point}, manner: acts, want: "in-doubt", unlocks: unlocks})
	}
	for _, point := range []string{"before UnlockFailed", "after UnlockFailed"} {
		all = append(all, killed{name: "declined, " + point, at: []string{point}, want: "failed"})
	}
	for _, point := range []string{"before EffectInDoubt", "after EffectInDoubt"} {
		all = append(all, killed{name: "no answer, " + point, at: []string{point}, manner: manner{Acts: true, Answer: losesAnswer}, want: "in-doubt", unlocks: 1})
	}
	// Of an attempt that failed for certain there is another one. The process that
	// dies before it has said so leaves a doubt.
	all = append(all,
		killed{name: "offline once, before", at: []string{"before EffectFailed"}, offline: 1, manner: acts, want: "in-doubt"},
		killed{name: "offline once, after", at: []string{"after EffectFailed"}, offline: 1, manner: acts, want: "done", unlocks: 1},
		killed{name: "offline, before", at: []string{"before EffectNotDone"}, offline: 9, manner: acts, want: "in-doubt"},
		killed{name: "offline, after", at: []string{"after EffectNotDone"}, offline: 9, manner: acts, want: "failed"},
	)
	for i := range all {
		all[i].name = cmp.Or(all[i].name, strings.Join(all[i].at, ", "))
	}
	slices.SortStableFunc(all, func(a, b killed) int { return cmp.Compare(a.name, b.name) })
	return all
}

// A process with two hosts and a runner over a store on disk is killed at every point
// of an effect's life. The station is in the process of the test, so what it did is
// known whatever was killed.
func TestStationKilled(t *testing.T) {
	for _, k := range killings() {
		t.Run(k.name, func(t *testing.T) {
			if aethertest.InChild() {
				runProcess(t)
				return
			}
			t.Parallel()
			k.run(t)
		})
	}
}

func (k *killed) run(t *testing.T) {
	s := &street{killed: k, ledger: newLedger(), t: t}
	s.server = httptest.NewServer(s.routes())
	defer s.server.Close()
	dir := t.TempDir()
	for _, id := range processCommands() {
		s.send(id, stationID(0))
	}
	for i := range len(k.at) + 1 {
		point := ""
		if i < len(k.at) {
			point = k.at[i]
		}
		// The race detector sleeps a second at the end of a process, which is often here.
		died := aethertest.RunChild(t, "GORACE="+os.Getenv("GORACE")+" atexit_sleep_ms=0", "DIR="+dir, "URL="+s.server.URL, "POINT="+point, "REFUSED="+strings.Join(s.refused(), ","),
			fmt.Sprintf("RESOLVES=%v", k.resolves), fmt.Sprintf("SETTLES=%v", k.settled), fmt.Sprintf("SILENT=%v", k.Answer == losesAnswer))
		if died != (point != "") {
			t.Fatalf("the process number %d reached %q: %v", i+1, point, died)
		}
	}
	s.server.Close() // waits for what is under way

	store, engine := openStreet(t, dir)
	defer engine.Close()
	tally, problems := s.check(t.Context(), store, processEffect(nil))
	for _, p := range problems {
		t.Error(p)
	}
	s.checkPoints(store)
	got, performed := "in-doubt", s.performed["u1"]
	for e, err := range store.GetEvents(t.Context(), stationID(0), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if request, err := requestOf(e); err != nil {
			t.Fatal(err)
		} else if outcome, ok := strings.CutPrefix(e.Type, "Unlock"); ok && request == "u1" && outcome != "Requested" {
			got = strings.ToLower(outcome)
		}
	}
	if k.want != "" && (got != k.want || performed != k.unlocks) {
		t.Errorf("the request is %s and was performed %d times, want %s and %d", got, performed, k.want, k.unlocks)
	}
	if t.Failed() {
		t.Logf("%+v", tally)
		for e, err := range store.ReadLog(t.Context(), 0, nil) {
			t.Log(e.Position, e.ActorID, e.Version, e.Type, string(e.Data), err)
		}
	}
}

// checkPoints: the table has every save that there was.
func (s *street) checkPoints(store aether.EventStore) {
	points := make(map[string]bool)
	for _, k := range killings() {
		for _, point := range k.at {
			points[point] = true
		}
	}
	for e, err := range store.ReadLog(s.t.Context(), 0, nil) {
		if err != nil {
			s.t.Fatal(err)
		}
		for _, when := range []string{"before ", "after "} {
			if !points[when+e.Type] {
				s.t.Errorf("no process is killed %s%s", when, e.Type)
			}
		}
	}
}

func openStreet(t *testing.T, dir string) (aether.EventStore, *filestore.Store) {
	t.Helper()
	engine, err := filestore.Open(t.Context(), dir, &filestore.Options{SegmentSize: 1 << 20, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	store, err := engine.Namespace(t.Context(), "street")
	if err != nil {
		t.Fatal(err)
	}
	return store, engine
}

// street is what outlives the processes: the station, and the clients' memory.
type street struct {
	*killed
	*ledger
	t      *testing.T
	server *httptest.Server
	calls  int
}

func (s *street) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /unlock", s.unlock)
	mux.HandleFunc("GET /looks", func(w http.ResponseWriter, r *http.Request) {
		s.ledger.mu.Lock()
		defer s.ledger.mu.Unlock()
		_, _ = fmt.Fprint(w, s.ledger.performed[r.FormValue("request")])
	})
	mux.HandleFunc("POST /replies", func(_ http.ResponseWriter, r *http.Request) {
		var reply wireReply
		err := json.NewDecoder(r.Body).Decode(&reply)
		if err == nil {
			err = s.answer(reply.ID, replyOf(reply))
		}
		if err != nil {
			s.t.Errorf("reply: %v", err)
		}
	})
	return mux
}

// unlock tells its caller how far it is, and goes on whether or not anybody listens.
func (s *street) unlock(w http.ResponseWriter, r *http.Request) {
	s.ledger.mu.Lock()
	s.calls++
	offline, first := s.calls <= s.offline, s.calls == 1
	s.ledger.mu.Unlock()
	if offline {
		http.Error(w, "offline", http.StatusServiceUnavailable)
		return
	}
	say := func(line string) {
		_, _ = fmt.Fprintln(w, line)
		_ = http.NewResponseController(w).Flush()
	}
	say("received")
	if first && slices.Contains(s.at, "received") {
		<-r.Context().Done() // the caller is dead
	}
	answer := saysRefused
	if s.Acts {
		s.perform(r.FormValue("request"))
		answer = saysUnlocked
	}
	say("acted")
	if s.Answer == losesAnswer {
		<-r.Context().Done()
		return
	}
	say(answer)
}

// refused are the commands that need not be sent again.
func (s *street) refused() []string {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	var ids []string
	for id, r := range s.replies {
		if r.refused {
			ids = append(ids, id)
		}
	}
	return ids
}

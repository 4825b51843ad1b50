package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/jsonl"
	"github.com/aether-es/aether/filestore"
	"github.com/aether-es/aether/memstore"
)

// counting is a store that counts saves, and may fail them.
type counting struct {
	aether.EventStore
	saves int
	fail  func(save int, events []aether.Event) error
}

func (c *counting) SaveEvents(ctx context.Context, events ...aether.Event) (aether.Position, error) {
	c.saves++
	if c.fail != nil {
		if err := c.fail(c.saves, events); err != nil {
			return 0, err
		}
	}
	return c.EventStore.SaveEvents(ctx, events...)
}

func newStore(t *testing.T) *counting {
	t.Helper()
	engine := memstore.New()
	t.Cleanup(func() { engine.Close() })
	store, err := engine.Namespace(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	return &counting{EventStore: store}
}

func newIntake(store aether.EventStore) *intake {
	return &intake{store: store, console: newConsole(io.Discard)}
}

// logOf returns all events of a store, without what differs from store to store.
func logOf(t *testing.T, store aether.EventStore) []string {
	t.Helper()
	var log []string
	for e, err := range store.ReadLog(t.Context(), 0, nil) {
		if err != nil {
			t.Fatal(err)
		}
		id := e.ID
		if len(id) == 36 {
			id = "made"
		}
		log = append(log, fmt.Sprintf("%d %s %s %d %s %s", e.Position, id, e.ActorID, e.Version, e.Type, e.Data))
	}
	return log
}

// lineByLine is what append means: each line by itself.
func lineByLine(t *testing.T, store aether.EventStore, input string) (report intakeReport, failedLine, savedLine int, class error) {
	t.Helper()
	reader := jsonl.NewReader(strings.NewReader(input))
	for {
		line, err := reader.Read()
		if err == io.EOF {
			report.Position, _ = store.GetLatestPosition(t.Context())
			return report, 0, savedLine, nil
		}
		if bad, ok := errors.AsType[*jsonl.LineError](err); ok {
			return report, bad.Line, savedLine, aether.ErrInvalid
		}
		e := line.Event
		if e.Version == 0 {
			var latest aether.Version
			latest, err = store.GetLatestVersion(t.Context(), e.ActorID)
			e.Version = latest + 1
		}
		before, _ := store.GetLatestPosition(t.Context())
		if err == nil {
			_, err = store.SaveEvents(t.Context(), e)
		}
		// Saved before is no error, if it is the same.
		duplicate, isDuplicate := errors.AsType[*aether.DuplicateError](err)
		if line.Event.Version == 0 && isDuplicate {
			e.Version, err = duplicate.Version, nil
		}
		if after, _ := store.GetLatestPosition(t.Context()); err == nil && after == before {
			for saved := range store.GetEvents(t.Context(), e.ActorID, e.Version-1) {
				if string(saved.Data) != string(e.Data) {
					err = aether.ErrDuplicateEvent
				}
				break
			}
		}
		for _, class := range []error{aether.ErrInvalid, aether.ErrDuplicateEvent, aether.ErrVersionConflict} {
			if errors.Is(err, class) {
				return report, line.Number, savedLine, class
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		savedLine = line.Number
		report.Read++
		if report.Position, _ = store.GetLatestPosition(t.Context()); report.Position > before {
			report.Saved++
		} else {
			report.Repeated++
		}
	}
}

// Whatever comes in, and in whatever pieces, the outcome is that of saving line by
// line.
func TestIntakeIsLineByLine(t *testing.T) {
	for seed := range uint64(120) {
		rng := rand.New(rand.NewPCG(seed, 1))
		mine, theirs := newStore(t), newStore(t)
		var former []string // lines, some of which come again
		for round := range 3 {
			input := ""
			for range rng.IntN(60) {
				line := randomLine(rng, former)
				former = append(former, line)
				input += line + "\n"
			}
			want, failedLine, savedLine, class := lineByLine(t, theirs, input)

			in := newIntake(mine)
			var reader io.Reader = strings.NewReader(input)
			switch rng.IntN(3) {
			case 0:
				reader = iotest.HalfReader(reader)
			case 1:
				reader = iotest.OneByteReader(reader)
			}
			err := in.run(t.Context(), reader)
			in.report.First = 0
			if failure, failed := errors.AsType[*inputError](err); failed {
				if failure.line != failedLine || failure.saved != savedLine || failure.doubtful != 0 || class == nil || !errors.Is(err, class) {
					t.Errorf("seed %d, round %d: %v; line by line %v in line %d, lines up to %d are saved", seed, round, err, class, failedLine, savedLine)
				}
			} else if err != nil || class != nil || in.report != want {
				t.Errorf("seed %d, round %d: %+v, %v; line by line %+v, %v", seed, round, in.report, err, want, class)
			}
			if got, want := logOf(t, mine), logOf(t, theirs); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d, round %d: the log of\n%s\nis %s\nwant %s", seed, round, input, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

func randomLine(rng *rand.Rand, former []string) string {
	switch n := rng.IntN(100); {
	case n < 30 && len(former) > 0:
		return former[rng.IntN(len(former))]
	case n < 32:
		return " "
	case n == 33:
		return `{"actorId":"a"}`
	case n == 34:
		return "garbage"
	}
	line := fmt.Sprintf(`{"actorId":"k/%d","type":"T","data":%d`, rng.IntN(3), rng.IntN(1000))
	if rng.IntN(2) == 0 {
		line += fmt.Sprintf(`,"id":"i%d"`, rng.IntN(200))
	}
	if rng.IntN(4) == 0 {
		line += fmt.Sprintf(`,"version":%d`, 1+rng.IntN(20))
	}
	return line + "}"
}

// Many lines take few saves, also when they were saved before in other pieces.
func TestIntakeGroups(t *testing.T) {
	var lines []string
	for i := range 10_000 {
		lines = append(lines, fmt.Sprintf(`{"id":"i%d","actorId":"k/%d","version":%d,"type":"T","data":1}`+"\n", i, i%7, i/7+1))
	}
	store := newStore(t)
	run := func(lines []string, atMost int) {
		t.Helper()
		store.saves = 0
		in := newIntake(store)
		if err := in.run(t.Context(), strings.NewReader(strings.Join(lines, ""))); err != nil {
			t.Fatal(err)
		}
		if store.saves > atMost || in.report.Read != int64(len(lines)) {
			t.Errorf("%d of %d lines took %d saves, want at most %d", in.report.Read, len(lines), store.saves, atMost)
		}
	}
	run(lines[:3456], 5)
	run(lines[1:3456], 5)
	run(lines, 70) // of which one save meets the end of those there
}

// What comes slowly is saved at once, and does not wait for company.
func TestIntakeDoesNotWait(t *testing.T) {
	store := newStore(t)
	input, producer := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- newIntake(store).run(t.Context(), input) }()
	log, stop := context.WithCancel(t.Context())
	defer stop()
	n := 0
	send := func() {
		n++
		fmt.Fprintf(producer, `{"actorId":"a/b","type":"T","data":%d}`+"\n", n)
	}
	send()
	for _, err := range store.FollowLog(log, 0, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if n == 3 {
			break
		}
		send()
	}
	producer.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The message tells apart what is saved, what is not, and what is not known.
func TestIntakeFailure(t *testing.T) {
	var input strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&input, `{"actorId":"a/b","type":"T","data":%d}`+"\n", i)
	}
	broken := errors.New("the disk is on fire")
	for _, test := range []struct {
		err  error
		save int
		want string
	}{
		{broken, 3, "the disk is on fire; lines 1 to 2000 are saved, those up to 2500 perhaps too: append them again, events with an id are not saved twice"},
		{broken, 1, "the disk is on fire; nothing is saved, those up to 1000 perhaps too: append them again, events with an id are not saved twice"},
		{fmt.Errorf("filestore: %w", filestore.ErrDiskFull), 2, "filestore: disk full; make space and run it again; lines 1 to 1000 are saved"},
		{context.Canceled, 2, "interrupted; lines 1 to 1000 are saved"},
	} {
		store := newStore(t)
		store.fail = func(save int, _ []aether.Event) error {
			if save == test.save {
				return test.err
			}
			return nil
		}
		err := newIntake(store).run(t.Context(), strings.NewReader(input.String()))
		if err == nil || err.Error() != test.want || !errors.Is(err, test.err) {
			t.Errorf("got %v; want %s", err, test.want)
		}
	}

	err := newIntake(newStore(t)).run(t.Context(), io.MultiReader(strings.NewReader(`{"actorId":"a/b","type":"T","data":1}`+"\n"), iotest.ErrReader(broken)))
	if err == nil || err.Error() != "line 2: the disk is on fire; line 1 is saved" {
		t.Errorf("of a broken input it says %v", err)
	}
}

// A read that hangs does not keep an interrupted program.
func TestIntakeInterrupted(t *testing.T) {
	input, producer := io.Pipe()
	defer producer.Close()
	ctx, cancel := context.WithCancel(t.Context())
	store := newStore(t)
	done := make(chan error, 1)
	go func() { done <- newIntake(store).run(ctx, input) }()
	fmt.Fprintln(producer, `{"actorId":"a/b","type":"T","data":1}`)
	for _, err := range store.FollowLog(t.Context(), 0, nil) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	cancel()
	if err := <-done; err == nil || !strings.HasPrefix(err.Error(), "interrupted") {
		t.Errorf("got %v", err)
	}
}

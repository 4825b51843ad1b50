package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether"
)

func TestProgress(t *testing.T) {
	for _, test := range []struct {
		name     string
		terminal bool
		demand   string
		want     string // of progress each 50 ms for 1.6 s, a message, and the end
	}{
		{"terminal", true, "", "8\r\x1b[K10\r\x1b[K12\r\x1b[K14\r\x1b[K16\r\x1b[K18\r\x1b[K20\r\x1b[K22\r\x1b[K24\r\x1b[K26\r\x1b[K28\r\x1b[K30\r\x1b[Kmessage\n"},
		{"terminal, unwanted", true, "false", "message\n"},
		{"pipe", false, "", "message\n"},
		{"pipe, demanded", false, "true", "8\n28\nmessage\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				c := newConsole(&out)
				if test.terminal {
					c.terminal, c.wanted, c.every = true, true, terminalEvery
				}
				if test.demand != "" {
					c.demand(test.demand == "true")
				}
				for i := range 32 {
					c.progress(func() string { return fmt.Sprint(i) })
					time.Sleep(50 * time.Millisecond)
				}
				fmt.Fprintln(c, "message")
				c.clear()
				if out.String() != test.want {
					t.Errorf("got  %q\nwant %q", out.String(), test.want)
				}
			})
		})
	}
}

// What goes to stdout does not end up behind a line of progress.
func TestProgressMakesWay(t *testing.T) {
	var terminal bytes.Buffer
	p := newProgram(nil, &terminal, &terminal)
	p.console.terminal, p.console.wanted, p.console.next = true, true, time.Time{}
	p.console.progress(func() string { return "50 %" })
	fmt.Fprintln(p.stdout, "report")
	if want := "50 %\r\x1b[Kreport\n"; terminal.String() != want {
		t.Errorf("got %q, want %q", terminal.String(), want)
	}
}

// A follower sees events soon, also when none follow, and many in one write.
func TestPrinterFollows(t *testing.T) {
	for _, json := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			out := &writes{}
			p := newPrinter(out, json)
			p.follow(t.Context())
			print := func(n int) {
				for range n {
					if err := p.print(&aether.Event{ActorID: "a/b", Type: "T", Data: []byte("1"), Position: 1}); err != nil {
						t.Fatal(err)
					}
				}
			}
			for i, n := range []int{3, 1} {
				print(n)
				time.Sleep(2 * flushAfter)
				synctest.Wait()
				if len(out.texts) != i+1 {
					t.Errorf("JSON %t: after event %d there were the writes %q", json, i, out.texts)
				}
			}
			if got := strings.Count(strings.Join(out.texts, ""), "a/b"); got != 4 {
				t.Errorf("JSON %t: %d events were written, want 4", json, got)
			}
		})
	}
}

// When nobody takes the output any more, a follower that waits for events ends.
func TestPrinterBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("nobody listens")
		p := newPrinter(&writes{err: broken}, true)
		ctx := p.follow(t.Context())
		if err := p.print(&aether.Event{ActorID: "a/b", Type: "T", Data: []byte("1")}); err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
		if cause := context.Cause(ctx); cause != broken {
			t.Errorf("it ended with %v", cause)
		}
		if err := p.flush(); err != broken {
			t.Errorf("flush returned %v", err)
		}
	})
}

type writes struct {
	texts []string
	err   error
}

func (w *writes) Write(text []byte) (int, error) {
	w.texts = append(w.texts, string(text))
	return len(text), w.err
}

// What the store warns of looks like all else on stderr.
func TestWarnings(t *testing.T) {
	for _, test := range []struct {
		json bool
		want string
	}{
		{false, "aether: warning: the index is damaged and is made again; folder: /a<b; error: broken\\u000ain two\n"},
		{true, `{"error":"broken\nin two","folder":"/a<b","warning":"the index is damaged and is made again"}` + "\n"},
	} {
		var out bytes.Buffer
		p := newProgram(nil, nil, &out)
		p.json = test.json
		logger := p.options().Logger
		logger.Info("not worth a word")
		logger.With("folder", "/a<b").Warn("filestore: the index is damaged and is made again", "error", errors.New("broken\nin two"))
		if out.String() != test.want {
			t.Errorf("got  %q\nwant %q", out.String(), test.want)
		}
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	rows := &table{out: &out, columns: []column{{title: "NAME"}, {title: "N", right: true}, {title: "REST"}}}
	for i := range tableLookahead - 3 {
		if err := rows.row("é", fmt.Sprint(i), "r"); err != nil {
			t.Fatal(err)
		}
	}
	if out.Len() > 0 {
		t.Errorf("%q was written before the columns were known", out.String())
	}
	for _, name := range []string{"longer", strings.Repeat("x", 60), "last", "later, and longer", "b"} {
		if err := rows.row(name, "1", "r"); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(out.String(), "\n")
	for i, want := range map[int]string{
		0: "NAME     N  REST", 1: "é        0  r", 97: "é       96  r", 98: "longer   1  r", 99: strings.Repeat("x", 60) + "   1  r",
		100: "last     1  r", 101: "later, and longer   1  r", 102: "b                   1  r", 103: "",
	} {
		if lines[i] != want {
			t.Errorf("line %d is %q, want %q", i, lines[i], want)
		}
	}
	if len(lines) != 104 {
		t.Errorf("there are %d lines", len(lines))
	}
}

func TestText(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{size(0), "0 bytes"}, {size(1), "1 byte"}, {size(1023), "1,023 bytes"}, {size(1024), "1.0 KiB"}, {size(1536 << 10), "1.5 MiB"}, {size(3 << 50), "3072.0 TiB"},
		{plural(1, "event"), "1 event"}, {plural(0, "event"), "0 events"}, {plural(1234567, "event"), "1,234,567 events"},
		{grouped(-1234), "-1,234"}, {grouped(999), "999"}, {grouped(-999), "-999"},
		{span("position", 3, 3), "position 3"}, {span("position", 3, 4), "positions 3 to 4"},
		{printable("plain ~"), "plain ~"}, {printable("é\t\n"), `é\u0009\u000a`}, {printable("\x7f"), `\u007f`},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

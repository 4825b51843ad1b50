package browsertest

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aether-es/aether/internal/testenv"
	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// patience is how long to wait for what should be there at once; a busy machine takes
// its time.
const patience = 20 * time.Second

// browser is a process of Chromium with a profile of its own.
type browser struct{ ctx context.Context }

func startBrowser(t *testing.T) *browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		testenv.Lacks(t, "Chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.NoSandbox, // for root and for containers; the only pages are our own
		chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	ctx, stopProcess := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stopProcess)
	ctx, stop := chromedp.NewContext(ctx, chromedp.WithErrorf(t.Logf))
	t.Cleanup(stop)
	if err := chromedp.Run(ctx); err != nil {
		t.Fatal("Chromium does not start: ", err)
	}
	return &browser{ctx}
}

// window is one of the browser, which shares nothing with the others. Its test fails
// if a page has a complaint in the console that was not expected.
type window struct {
	t    *testing.T
	name string
	ctx  context.Context

	mu         sync.Mutex
	complaints []string
}

// listen has pages say in the console what their policy refused.
const listen = `addEventListener("securitypolicyviolation", (e) => {
	console.error("refused by the policy: " + e.effectiveDirective + " " + e.blockedURI);
});`

// open opens a window of 1280 by 900 pixels.
func (b *browser) open(t *testing.T, name string) *window {
	t.Helper()
	// chromedp.WithNewBrowserContext does not open a window for the new context.
	process := cdp.WithExecutor(b.ctx, chromedp.FromContext(b.ctx).Browser)
	session, err := target.CreateBrowserContext().Do(process)
	if err != nil {
		t.Fatal("no window: ", err)
	}
	t.Cleanup(func() { _ = target.DisposeBrowserContext(session).Do(process) })
	id, err := target.CreateTarget("about:blank").WithBrowserContextID(session).WithNewWindow(true).Do(process)
	if err != nil {
		t.Fatal("no window: ", err)
	}
	ctx, stop := chromedp.NewContext(b.ctx, chromedp.WithTargetID(id))
	t.Cleanup(stop)
	w := &window{t: t, name: name, ctx: ctx}
	chromedp.ListenTarget(ctx, w.hear)
	// Run for the first time it may not have a deadline of its own.
	err = chromedp.Run(ctx,
		chromedp.EmulateViewport(1280, 900),
		emulation.SetFocusEmulationEnabled(true), // each window is the one in front
		chromedp.ActionFunc(func(ctx context.Context) error {
			_, err := page.AddScriptToEvaluateOnNewDocument(listen).Do(ctx)
			return err
		}))
	if err != nil {
		t.Fatal("no window: ", err)
	}
	t.Cleanup(func() { w.complained() })
	return w
}

// hear notes complaints.
func (w *window) hear(event any) {
	note := func(format string, args ...any) {
		complaint := fmt.Sprintf(format, args...)
		if strings.Contains(complaint, "WebSocket is closed before the connection is established") {
			return // a machine that is busy for seconds: the page gave up an attempt, and made another
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.complaints = append(w.complaints, complaint)
	}
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning || e.Type == runtime.APITypeAssert {
			var words []string
			for _, arg := range e.Args {
				if text, err := strconv.Unquote(string(arg.Value)); err == nil {
					words = append(words, text)
				} else {
					words = append(words, string(arg.Value)+arg.Description)
				}
			}
			note("console: %s", strings.Join(words, " "))
		}
	case *runtime.EventExceptionThrown:
		note("exception: %v", e.ExceptionDetails)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning {
			note("%s: %s (%s)", e.Entry.Source, e.Entry.Text, strings.TrimSpace(e.Entry.URL))
		}
	}
}

// complained checks what the pages complained about until now: each complaint is one
// of the expected, and each of the expected was there. They are regular expressions.
func (w *window) complained(expected ...string) {
	w.t.Helper()
	w.run(chromedp.Evaluate("1", nil)) // complaints come in order, before this answer
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := make(map[string]bool)
next:
	for _, complaint := range w.complaints {
		for _, pattern := range expected {
			if complains(complaint, pattern) {
				seen[pattern] = true
				continue next
			}
		}
		w.t.Errorf("window %s: %s", w.name, complaint)
	}
	for _, pattern := range expected {
		if !seen[pattern] {
			w.t.Errorf("window %s did not complain: %s", w.name, pattern)
		}
	}
	w.complaints = nil
}

// forgive forgets complaints until now, if there are any.
func (w *window) forgive(pattern string) {
	w.t.Helper()
	w.run(chromedp.Evaluate("1", nil))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.complaints = slices.DeleteFunc(w.complaints, func(complaint string) bool { return complains(complaint, pattern) })
}

func complains(complaint, pattern string) bool {
	return regexp.MustCompile("^(?s:" + pattern + ")$").MatchString(complaint)
}

func (w *window) try(actions ...chromedp.Action) error { return w.tryFor(patience, actions...) }

func (w *window) tryFor(most time.Duration, actions ...chromedp.Action) error {
	ctx, cancel := context.WithTimeout(w.ctx, most)
	defer cancel()
	return chromedp.Run(ctx, actions...)
}

func (w *window) run(actions ...chromedp.Action) {
	w.t.Helper()
	if err := w.try(actions...); err != nil {
		w.t.Fatalf("window %s: %v", w.name, err)
	}
}

// visit opens a page and waits until it is loaded.
func (w *window) visit(url string) {
	w.t.Helper()
	w.run(chromedp.Navigate(url))
}

// follow does what leads to another page, and waits until that is loaded.
func (w *window) follow(actions ...chromedp.Action) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, actions...); err != nil {
		w.t.Fatalf("window %s: no page followed: %v", w.name, err)
	}
}

// eval returns the value of an expression in the page.
func (w *window) eval(expression string, value any) {
	w.t.Helper()
	if err := w.try(chromedp.Evaluate(expression, value, awaited)); err != nil {
		w.t.Fatalf("window %s: %s: %v", w.name, expression, err)
	}
}

func awaited(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// wait waits in the page, or in that which takes its place, until a condition is
// true. (chromedp.Poll would need a policy that allows eval.)
func (w *window) wait(condition string) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	script := fmt.Sprintf(`new Promise((done) => {
		const end = performance.now() + %d;
		const look = () => {
			let ok = false, problem = "it is not so";
			try { ok = %s; } catch (e) { problem = String(e); }
			if (ok) done("");
			else if (performance.now() > end) done(problem);
			else setTimeout(look, 10);
		};
		look();
	})`, (patience * 9 / 10).Milliseconds(), condition)
	for {
		problem := ""
		err := w.try(chromedp.Evaluate(script, &problem, awaited))
		var gone *cdproto.Error // the page, and the promise with it
		if errors.As(err, &gone) && time.Now().Before(deadline) {
			continue
		}
		if err != nil || problem != "" {
			var text string
			_ = w.try(chromedp.Evaluate(`location.href + "\n" + document.body.innerText`, &text))
			w.t.Fatalf("window %s: waited in vain for\n%s\n%s %v\nThe page is %s", w.name, condition, problem, err, text)
		}
		return
	}
}

// texts waits until an element has a text, or a part of it.
func (w *window) texts(selector, part string) {
	w.t.Helper()
	w.wait(fmt.Sprintf("document.querySelector(%q).textContent.includes(%q)", selector, part))
}

// fill types into a field, over what is in it.
func (w *window) fill(selector, text string) {
	w.t.Helper()
	w.eval(fmt.Sprintf("document.querySelector(%[1]q).focus(), document.querySelector(%[1]q).select()", selector), nil)
	w.run(chromedp.KeyEvent(text))
}

func click(selector string) chromedp.Action { return chromedp.Click(selector, chromedp.ByQuery) }

// click clicks an element when it can be seen.
func (w *window) click(selector string) {
	w.t.Helper()
	w.run(click(selector))
}

// press presses keys, where the focus is.
func (w *window) press(keys ...string) {
	w.t.Helper()
	for _, key := range keys {
		w.run(chromedp.KeyEvent(key))
	}
}

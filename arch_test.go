package aether_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// archRule says what the packages of one line may import.
type archRule struct {
	// pkg is a folder: "storekit". With "/..." it covers the folders below too,
	// as one: they may import each other. Where several lines cover a package the
	// longest holds.
	pkg string

	// aether are the packages of Aether that it may import, "." for the root.
	aether string

	// std are the packages of the standard library that it may import; all when empty.
	std string

	why string
}

// archRules is the architecture, from bottom to top: a line may name only lines
// before it, so dependencies point one way. A package without a line is an error;
// a new package is put where it belongs.
//
// Test files may import more: every package of the module of the library (so an
// engine's tests run the suite, and a domain's use the test kit), and all of the
// standard library.
var archRules = []archRule{
	{"internal/jsoncheck", "", "",
		"a helper below everything knows nothing of events"},
	{"internal/backoff", "", "",
		"how long to wait before trying again: one formula for all who do"},
	{"internal/testenv", "", "",
		"a helper of tests"},
	{".", "internal/jsoncheck", "",
		"the vocabulary: whoever imports it gets types and interfaces, and nothing comes along"},
	{"internal/logmark", ".", "",
		"recognises a place in a log, for whoever keeps checkpoints beside it"},
	{"schema", ".", "",
		"typed events are a matter of the caller, not of stores"},
	{"schema/schematest", ". schema", "",
		"golden files of a domain's events, for its tests"},
	{"storekit", ".", "",
		"what engines share"},
	{"memstore", ". storekit", "",
		"an engine keeps events; it does not know who decides or reads them"},
	{"filestore/internal/pebblefs", "", "",
		"what both Pebbles of the module stand on: it knows files, not what is in them"},
	{"filestore/...", ". storekit filestore/internal/pebblefs", "",
		"an engine, and independent of the others"},
	{"lease", "internal/backoff", "",
		"who does what among processes, whatever it is"},
	{"pgstore/...", ". internal/backoff internal/testenv storekit lease", "",
		"an engine too; pgstore/pgtest, which starts its server, is for the tests of others as well"},
	{"storetest", ".", "",
		"the promises of the interfaces, not the habits of one engine"},

	{"actor", ". internal/backoff schema", "",
		"a host works on any engine"},
	{"effect", ". internal/backoff internal/logmark schema actor", "",
		"outcomes come back as commands"},
	{"deadline", ". internal/backoff internal/logmark schema actor", "",
		"what is due is a command"},
	{"lease/leasetest", "lease", "",
		"the promises of a lease, for the tests of its implementations"},
	{"integration", ". internal/backoff internal/logmark schema actor", "",
		"the log is the outbox: the relay reads the log and meets no host; commands over a bus end with the errors of one"},
	{"readdb", "", "",
		"documents; where they come from is the projection's business"},
	{"projection", ". internal/backoff schema integration readdb", "",
		"the query side knows integration events, never the deciders behind them"},
	{"pgstore/tables", ". internal/backoff integration projection pgstore/...", "",
		"projections into users' own tables share the module of the engine; their tests use its server"},
	{"live", ". internal/jsoncheck integration readdb projection", "",
		"pushes what the query side knows"},
	{"aethertest", ". schema memstore actor effect deadline", "",
		"the test kit of whoever builds on the library"},
	{"filestore/readdb", "readdb filestore/internal/pebblefs", "",
		"the embedded read DB shares with the engine the module, what Pebble stands on, and nothing else"},

	{"natsstore/...", ". storekit storetest lease actor integration filestore/...", "",
		"an engine, a bus and what nodes agree on, over NATS; its copies of the streams are file stores, and internal/natstest, which its tests share, runs the suite"},

	{"apps/rover/grid", ". schema", pureStd, pureWhy},
	{"apps/tickets/pool", ". schema", pureStd, pureWhy},
	{"apps/charging/internal/heard", "", pureStd, pureWhy},
	{"apps/charging/station", ". schema apps/charging/internal/heard", pureStd, pureWhy},
	{"apps/charging/session", ". schema apps/charging/internal/heard", pureStd, pureWhy},
	{"apps/charging/registry", ". schema apps/charging/session", pureStd, pureWhy},
	{"apps/...", "...", "",
		"programs may use everything; nothing uses them"},
}

// The packages of the standard library without a view of the world outside: no
// files, no network, no randomness. TestStyle sees to it that nobody reads the
// clock.
const (
	pureStd = "bytes cmp encoding/json errors fmt iter maps math math/bits slices sort strconv strings time unicode unicode/utf8"
	pureWhy = "a domain is pure functions over events: decided again after a conflict, it must come to the same answer"
)

// archModules are the modules of others, each with the packages that may import
// it, in their tests too. All that is not here is refused: a dependency is added
// by a line that says what it is for. "unsafe" counts as one.
var archModules = []struct{ path, importers, why string }{
	{"github.com/cockroachdb/pebble/v2", "filestore/...",
		"the index beside the log, and the file systems its tests crash"},
	{"github.com/dchest/siphash", "filestore/...",
		"the keys of event IDs in the index, which nobody may be able to forge"},
	{"github.com/nats-io/nats.go", "natsstore/...",
		"the client of NATS, with JetStream"},
	{"github.com/nats-io/nuid", "natsstore/...",
		"names for batches and consumers, in the client's own manner"},
	{"github.com/nats-io/nats-server/v2", "natsstore/natsserver",
		"the server, for the command that runs one and for tests"},
	{"github.com/rs/zerolog", "natsstore/internal/natstest",
		"silence for the proxy, whose constructor wants its logger"},
	{"github.com/Shopify/toxiproxy/v2", "natsstore/internal/natstest",
		"cuts, delays and half-open connections, in tests"},
	{"github.com/jackc/pgx/v5", "apps/internal/bench",
		"what the engine on PostgreSQL is measured against"},
	{"github.com/nats-io/nats.go", "apps/internal/bench",
		"what the engine on NATS is measured against"},
	{"github.com/jackc/pgx/v5", "pgstore/...",
		"the protocol of PostgreSQL, and a pool of connections"},
	{"github.com/pressly/goose/v3", "pgstore",
		"migrations of the schema, each in a transaction"},
	{"github.com/Shopify/toxiproxy/v2", "pgstore",
		"a bad network between an engine and its server, in tests"},
	{"github.com/rs/zerolog", "pgstore",
		"the logger that toxiproxy asks for, to be silenced"},
	{"github.com/Shopify/toxiproxy/v2", "apps/internal/chaos",
		"the network between processes, which tests cut"},
	{"github.com/rs/zerolog", "apps/internal/chaos",
		"the logger that toxiproxy asks for, to be silenced"},
	{"github.com/anishathalye/porcupine", "apps/internal/chaos",
		"decides whether a history is linearizable, in tests"},
	{"github.com/coder/websocket", "live",
		"the WebSocket protocol: handshake, frames, the rules for both"},
	{"github.com/stripe/stripe-go/v83", "apps/tickets/...",
		"the client of the payment provider; the stand-in signs webhooks with it"},
	{"rsc.io/qr", "apps/tickets",
		"the codes of tickets, as a scanner reads them"},
	{"github.com/stripe/stripe-mock", "apps/tickets/payment",
		"judges the form of our requests to the provider, in tests"},
	{"github.com/coder/websocket", "apps/...",
		"the same, for clients"},
	{"golang.org/x/sys", "apps/internal/bench",
		"fdatasync, for the bare file that the engine is measured against"},
	{"github.com/anishathalye/porcupine", "apps/internal/modeltest",
		"decides whether a history is linearizable"},
	{"pgregory.net/rapid", "apps/internal/modeltest",
		"random histories, and the smallest one that fails"},
	{"github.com/a-h/templ", "apps/...",
		"the pages: markup with escaping, in Go that is generated and committed"},
	{"github.com/cloudevents/sdk-go/v2", "apps/internal/cloudevents",
		"the wire form of integration events"},
	{"github.com/danielgtaylor/huma/v2", "apps/...",
		"the API and its description"},
	{"github.com/chromedp", "apps/internal/browsertest",
		"drives a real browser, in tests"},
	{"github.com/prometheus/client_golang", "apps/internal/server",
		"metrics for operators"},
	{"github.com/spf13/cobra", "apps/cmd/aether",
		"commands, flags and help of the command line"},
}

func TestArchitecture(t *testing.T) {
	modules, files := sources(t)
	for _, problem := range archProblems(modules, files) {
		t.Error(problem)
	}

	// The folder of a module is the rest of its path, which the rules rely on.
	for _, module := range modules {
		text, err := os.ReadFile(path.Join(module, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		if want := "module " + path.Join(modulePath, module); first != want {
			t.Errorf("%s/go.mod begins with %q, want %q", module, first, want)
		}
	}
}

// sources reads the workspace that this test is part of.
func sources(t *testing.T) (modules []string, files []goFile) {
	t.Helper()
	root := os.DirFS(".")
	modules, err := workspaceModules(root)
	if err != nil {
		t.Fatal(err)
	}
	files, err = readSources(root, modules)
	if err != nil {
		t.Fatal(err)
	}
	return modules, files
}

const modulePath = "github.com/aether-es/aether"

// archProblems holds the files against archRules and archModules.
func archProblems(modules []string, files []goFile) []string {
	var problems []string
	for i := range files {
		f := &files[i]
		own := archRuleOf(f.folder)
		if own == nil {
			problems = append(problems, fmt.Sprintf("%s: archRules has no line for the package %q", f.path, f.folder))
			continue
		}
		f.imported(func(spec *ast.ImportSpec, importPath string) {
			if problem := archProblem(modules, f, own, importPath); problem != "" {
				problems = append(problems, f.at(spec)+": "+problem)
			}
		})
	}
	return problems
}

// archProblem says what is wrong with one import, "" when nothing is.
func archProblem(modules []string, f *goFile, own *archRule, importPath string) string {
	folder, ofAether := aetherFolder(importPath)
	switch {
	case ofAether:
		target := archRuleOf(folder)
		if target == nil {
			return fmt.Sprintf("imports %q, for which archRules has no line", folder)
		}
		if target == own || own.aether == "..." || slices.Contains(strings.Fields(own.aether), target.pkg) {
			return ""
		}
		if f.test && moduleOf(modules, folder) == "." {
			return ""
		}
		return fmt.Sprintf("imports %q, but %q may import of Aether only [%s]: %s", folder, own.pkg, own.aether, own.why)

	case importPath == "unsafe" || importPath == "C" || strings.Contains(strings.Split(importPath, "/")[0], "."):
		for _, m := range archModules {
			if (importPath == m.path || strings.HasPrefix(importPath, m.path+"/")) && archCovers(m.importers, f.folder) {
				return ""
			}
		}
		return fmt.Sprintf("imports %q, which archModules does not allow in %q", importPath, f.folder)

	case f.test || own.std == "" || slices.Contains(strings.Fields(own.std), importPath):
		return ""
	}
	return fmt.Sprintf("imports %q, which is not among the pure packages: %s", importPath, own.why)
}

// aetherFolder turns the path of an import into the folder of a package of Aether.
func aetherFolder(importPath string) (string, bool) {
	if importPath == modulePath {
		return ".", true
	}
	return strings.CutPrefix(importPath, modulePath+"/")
}

// archRuleOf returns the longest line that covers a folder.
func archRuleOf(folder string) *archRule {
	var found *archRule
	for i := range archRules {
		rule := &archRules[i]
		if archCovers(rule.pkg, folder) && (found == nil || len(rule.pkg) > len(found.pkg)) {
			found = rule
		}
	}
	return found
}

func archCovers(pattern, folder string) bool {
	parent, subtree := strings.CutSuffix(pattern, "/...")
	return folder == parent || subtree && strings.HasPrefix(folder, parent+"/")
}

// moduleOf returns the folder of the module that a package belongs to.
func moduleOf(modules []string, folder string) string {
	owner := "."
	for _, module := range modules {
		if archCovers(module+"/...", folder) && len(module) > len(owner) {
			owner = module
		}
	}
	return owner
}

// The table itself: dependencies point to lines before, and every line is
// reachable.
func TestArchRulesPointDown(t *testing.T) {
	for i, rule := range archRules {
		if rule.why == "" {
			t.Errorf("%q has no reason", rule.pkg)
		}
		if found := archRuleOf(strings.TrimSuffix(rule.pkg, "/...")); found != &archRules[i] {
			t.Errorf("%q is shadowed by %q", rule.pkg, found.pkg)
		}
		for name := range strings.FieldsSeq(rule.aether) {
			if name == "..." {
				continue
			}
			if !slices.ContainsFunc(archRules[:i], func(r archRule) bool { return r.pkg == name }) {
				t.Errorf("%q may import %q, which is not a line before it", rule.pkg, name)
			}
		}
	}
	for _, m := range archModules {
		if m.why == "" || m.importers == "" {
			t.Errorf("%q lacks its importers or its reason", m.path)
		}
	}
}

// The checker finds what it should: each import is allowed or refused where it says.
func TestArchProblems(t *testing.T) {
	const aether = modulePath
	for _, test := range []struct {
		name, file, imports string
		problem             string // a part of it, "" for none
	}{
		{"engine uses the vocabulary", "memstore/a.go", aether, ""},
		{"engine uses the kit", "filestore/a.go", aether + "/storekit", ""},
		{"engine uses a host", "memstore/a.go", aether + "/actor", `imports "actor", but "memstore" may import of Aether only [. storekit]`},
		{"engine uses a projection", "filestore/a.go", aether + "/projection", `imports "projection"`},
		{"engine uses another engine", "filestore/a.go", aether + "/memstore", `imports "memstore"`},
		{"engine uses its own parts", "filestore/a.go", aether + "/filestore/internal/segment", ""},
		{"part of an engine uses the engine's kit", "filestore/internal/segment/a.go", aether + "/storekit", ""},
		{"engine uses its neighbour in the module", "filestore/a.go", aether + "/filestore/readdb", `imports "filestore/readdb"`},
		{"engine uses its dependency", "filestore/a.go", "github.com/cockroachdb/pebble/v2/vfs", ""},
		{"another major version of it", "filestore/a.go", "github.com/cockroachdb/pebble", "archModules does not allow"},
		{"a module that begins with the same letters", "filestore/a.go", "github.com/cockroachdb/pebble/v2x", "archModules does not allow"},
		{"engine's tests use the suite", "filestore/a_test.go", aether + "/storetest", ""},
		{"engine's tests use another engine of the library", "filestore/a_test.go", aether + "/memstore", ""},
		{"engine's tests use a program", "filestore/a_test.go", aether + "/apps/cmd/aether", `imports "apps/cmd/aether"`},
		{"the library's tests use an engine of another module", "storetest/a_test.go", aether + "/filestore", `imports "filestore"`},
		{"library uses a module of others", "memstore/a.go", "github.com/cockroachdb/pebble/v2", "archModules does not allow"},
		{"library uses the standard library", "memstore/a.go", "net/http", ""},
		{"the root uses its helper", "a.go", aether + "/internal/jsoncheck", ""},
		{"the root uses the kit", "a.go", aether + "/storekit", `"." may import of Aether only [internal/jsoncheck]`},
		{"the root's tests use an engine", "a_test.go", aether + "/memstore", ""},
		{"a program is used", "memstore/a.go", aether + "/apps/rover/grid", `imports "apps/rover/grid"`},
		{"a program uses anything", "apps/cmd/aether/a.go", aether + "/filestore", ""},
		{"a program uses another module unannounced", "apps/cmd/aether/a.go", "example.com/web", "archModules does not allow"},
		{"assertion library", "memstore/a_test.go", "github.com/stretchr/testify/assert", "archModules does not allow"},
		{"unsafe", "memstore/a.go", "unsafe", "archModules does not allow"},
		{"cgo", "filestore/a.go", "C", "archModules does not allow"},
		{"a domain uses typed events", "apps/rover/grid/a.go", aether + "/schema", ""},
		{"a domain uses pure packages", "apps/rover/grid/a.go", "encoding/json", ""},
		{"a domain uses an engine", "apps/rover/grid/a.go", aether + "/memstore", `imports "memstore"`},
		{"a domain uses a neighbour", "apps/rover/grid/a.go", aether + "/apps/tickets/pool", `imports "apps/tickets/pool"`},
		{"a domain uses files", "apps/tickets/pool/a.go", "os", "not among the pure packages"},
		{"a domain uses randomness", "apps/tickets/pool/a.go", "math/rand/v2", "not among the pure packages"},
		{"a domain's tests use files", "apps/tickets/pool/a_test.go", "os", ""},
		{"a domain's tests use the test kit", "apps/tickets/pool/a_test.go", aether + "/aethertest", ""},
		{"no line for the package", "misc/a.go", "fmt", `no line for the package "misc"`},
		{"no line for the imported package", "apps/cmd/aether/a.go", aether + "/misc", `imports "misc", for which archRules has no line`},
	} {
		t.Run(test.name, func(t *testing.T) {
			modules, files := fakeSources(t, map[string]string{
				"go.mod": "module " + modulePath, "apps/go.mod": "", "filestore/go.mod": "",
				test.file: fmt.Sprintf("package p\n\nimport _ %q\n", test.imports),
			})
			problems := archProblems(modules, files)
			got := cmp.Or(strings.Join(problems, "\n"), "no problem")
			if want := cmp.Or(test.problem, "no problem"); !strings.Contains(got, want) || len(problems) > 1 {
				t.Errorf("got %s\nwant %s", got, want)
			}
		})
	}
}

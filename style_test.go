package aether_test

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// The part of the house style that a test can judge. Generated files are free of it.
const (
	maxLines       = 400
	maxTestLines   = 700
	maxReadmeLines = 120
)

// suites are packages that are no test files, yet are tests.
var suites = []string{"storetest", "aethertest"}

// skipHelper has the one function that skips: on a laptop only, with CI=true the
// test fails, so that none is left out unnoticed.
const skipHelper = "internal/testenv"

// clock are the functions of package time that look at a clock. A domain is told
// the time by its events and commands.
var clock = []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}

func TestStyle(t *testing.T) {
	_, files := sources(t)
	for i := range files {
		for _, problem := range styleProblems(&files[i]) {
			t.Error(problem)
		}
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(readme, []byte("\n")); lines > maxReadmeLines {
		t.Errorf("README.md has %d lines; at most %d", lines, maxReadmeLines)
	}
}

func styleProblems(f *goFile) []string {
	if ast.IsGenerated(f.syntax) {
		return nil
	}
	var problems []string
	report := func(n ast.Node, text string) {
		problems = append(problems, f.at(n)+": "+text)
	}

	limit := maxLines
	if f.test {
		limit = maxTestLines
	}
	if f.lines > limit {
		problems = append(problems, fmt.Sprintf("%s: has %d lines; at most %d: give it one job", f.path, f.lines, limit))
	}

	for _, decl := range f.syntax.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			report(fn, "init runs behind the caller's back: make it a function that somebody calls")
		}
	}

	if f.test || slices.Contains(suites, f.folder) {
		for _, use := range usesOutsideBubbles(f, "time", []string{"Sleep"}) {
			report(use, "time.Sleep in a test: wait for what is to happen, or run it under testing/synctest")
		}
	}
	if f.folder != skipHelper {
		for _, skip := range skips(f) {
			report(skip, "skips a test: call testenv.Lacks, which fails instead where CI=true")
		}
	}
	if rule := archRuleOf(f.folder); !f.test && rule != nil && rule.std == pureStd {
		for _, use := range usesOutsideBubbles(f, "time", clock) {
			report(use, "looks at the clock: a domain is told the time by its commands")
		}
	}
	return problems
}

// usesOutsideBubbles finds where a file names functions of a package, except
// within calls of synctest.Test: time is not real there.
func usesOutsideBubbles(f *goFile, importPath string, names []string) []ast.Node {
	local, bubble := localName(f, importPath), localName(f, "testing/synctest")
	var found []ast.Node
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && isSelector(call.Fun, bubble, []string{"Test"}) {
			return false
		}
		if expr, ok := n.(ast.Expr); ok && isSelector(expr, local, names) {
			found = append(found, n)
		}
		return true
	})
	return found
}

// skips finds calls of Skip, Skipf and SkipNow on parameters of package testing.
func skips(f *goFile) []ast.Node {
	local := localName(f, "testing")
	parameters := make(map[string]bool)
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		field, ok := n.(*ast.Field)
		if !ok {
			return true
		}
		kind := field.Type
		if pointer, ok := kind.(*ast.StarExpr); ok {
			kind = pointer.X
		}
		if isSelector(kind, local, []string{"T", "B", "F", "TB"}) {
			for _, name := range field.Names {
				parameters[name.Name] = true
			}
		}
		return true
	})
	var found []ast.Node
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		for name := range parameters {
			if expr, ok := n.(ast.Expr); ok && isSelector(expr, name, []string{"Skip", "Skipf", "SkipNow"}) {
				found = append(found, n)
			}
		}
		return true
	})
	return found
}

// localName returns how a file calls a package it imports, "" when it does not.
func localName(f *goFile, importPath string) string {
	name := ""
	f.imported(func(spec *ast.ImportSpec, p string) {
		if p == importPath {
			name = path.Base(p)
			if spec.Name != nil {
				name = spec.Name.Name
			}
		}
	})
	return name
}

// isSelector says whether an expression is x.name for one of the names.
func isSelector(expr ast.Expr, x string, names []string) bool {
	selector, ok := expr.(*ast.SelectorExpr)
	if !ok || x == "" {
		return false
	}
	ident, ok := selector.X.(*ast.Ident)
	return ok && ident.Name == x && slices.Contains(names, selector.Sel.Name)
}

func TestStyleProblems(t *testing.T) {
	long := func(lines int) string { return "package p\n" + strings.Repeat("\n", lines-1) }
	const (
		sleep     = "package p\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n"
		renamed   = "package p\n\nimport clock \"time\"\n\nfunc f() { clock.Sleep(1) }\n"
		bubble    = "package p\n\nimport (\n\t\"testing\"\n\t\"testing/synctest\"\n\t\"time\"\n)\n\nfunc f(t *testing.T) { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }\n"
		now       = "package p\n\nimport \"time\"\n\nvar now = time.Now\n"
		skip      = "package p\n\nimport \"testing\"\n\nfunc f(t *testing.T) { t.Skip(1) }\n"
		skipTB    = "package p\n\nimport \"testing\"\n\nfunc f(x testing.TB) { x.Skipf(\"\") }\n"
		skipBytes = "package p\n\nfunc f(t *reader) { t.Skip(1) }\n"
	)
	for _, test := range []struct {
		name, file, text string
		problem          string // a part of it, "" for none
	}{
		{"as long as allowed", "a.go", long(400), ""},
		{"too long", "a.go", long(401), "has 401 lines; at most 400"},
		{"test as long as allowed", "a_test.go", long(700), ""},
		{"test too long", "a_test.go", long(701), "has 701 lines; at most 700"},
		{"generated", "a.go", "// Code generated by hand. DO NOT EDIT.\n\n" + long(900), ""},
		{"init", "memstore/a.go", "package p\n\nfunc init() {}\n", "memstore/a.go:3: init runs"},
		{"init in a test", "memstore/a_test.go", "package p\n\nfunc init() {}\n", "init runs"},
		{"a method called init", "memstore/a.go", "package p\n\nfunc (t) init() {}\n", ""},
		{"sleep in code", "memstore/a.go", sleep, ""},
		{"sleep in a test", "memstore/a_test.go", sleep, "a_test.go:5: time.Sleep in a test"},
		{"sleep in a suite", "storetest/a.go", sleep, "time.Sleep in a test"},
		{"sleep by another name", "memstore/a_test.go", renamed, "time.Sleep in a test"},
		{"sleep in a bubble", "memstore/a_test.go", bubble, ""},
		{"skip", "memstore/a_test.go", skip, "a_test.go:5: skips a test"},
		{"skip in a helper", "storetest/a.go", skipTB, "skips a test"},
		{"skip where it belongs", skipHelper + "/a.go", skipTB, ""},
		{"skip of something else", "memstore/a_test.go", skipBytes, ""},
		{"clock in a domain", "apps/rover/grid/a.go", now, "looks at the clock"},
		{"clock in a domain's test", "apps/rover/grid/a_test.go", now, ""},
		{"clock around a domain", "apps/rover/a.go", now, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, files := fakeSources(t, map[string]string{test.file: test.text})
			problems := styleProblems(&files[0])
			got := cmp.Or(strings.Join(problems, "\n"), "no problem")
			if want := cmp.Or(test.problem, "no problem"); !strings.Contains(got, want) || len(problems) > 1 {
				t.Errorf("got %s\nwant %s", got, want)
			}
		})
	}
}

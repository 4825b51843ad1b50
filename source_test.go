package aether_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// goFile is a Go file of the workspace, as the tests of the architecture and the
// style see it.
type goFile struct {
	path   string // from the root of the repository: "memstore/log.go"
	folder string // "memstore"; "." is the root
	test   bool   // named _test.go
	lines  int
	set    *token.FileSet
	syntax *ast.File
}

// at names the place of a node: "memstore/log.go:12".
func (f *goFile) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, f.set.Position(n.Pos()).Line)
}

// imported calls visit with the path of every import.
func (f *goFile) imported(visit func(spec *ast.ImportSpec, path string)) {
	for _, spec := range f.syntax.Imports {
		// The parser accepts only string literals here.
		importPath, _ := strconv.Unquote(spec.Path.Value)
		visit(spec, importPath)
	}
}

// workspaceModules returns the folders that go.work uses: ".", "apps".
func workspaceModules(root fs.FS) ([]string, error) {
	work, err := fs.ReadFile(root, "go.work")
	if err != nil {
		return nil, err
	}
	var modules []string
	for line := range strings.Lines(string(work)) {
		line, _, _ = strings.Cut(line, "//")
		for field := range strings.FieldsSeq(line) {
			if field == "." || strings.HasPrefix(field, "./") {
				modules = append(modules, path.Clean(field))
			}
		}
	}
	if len(modules) == 0 {
		return nil, fmt.Errorf("go.work uses no module")
	}
	return modules, nil
}

// readSources parses every Go file of the modules, except what the Go command
// passes over too: testdata, and folders that begin with a dot or an underscore.
func readSources(root fs.FS, modules []string) ([]goFile, error) {
	var files []goFile
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name == "." || slices.Contains(modules, name) {
				return nil
			}
			base := entry.Name()
			if base == "testdata" || base[0] == '.' || base[0] == '_' {
				return fs.SkipDir
			}
			if _, err := fs.Stat(root, path.Join(name, "go.mod")); err == nil {
				return fs.SkipDir // a module outside the workspace
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file := goFile{
			path:   name,
			folder: path.Dir(name),
			test:   strings.HasSuffix(name, "_test.go"),
			lines:  bytes.Count(source, []byte("\n")),
			set:    token.NewFileSet(),
		}
		file.syntax, err = parser.ParseFile(file.set, name, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, file)
		return nil
	})
	return files, err
}

// fakeSources is a workspace of the given files, for tests of the checkers.
func fakeSources(t *testing.T, contents map[string]string) (modules []string, files []goFile) {
	t.Helper()
	root := fstest.MapFS{"go.work": {Data: []byte("go 1.26\n\nuse (\n\t.\n\t./apps\n\t./filestore // the engine\n)\n")}}
	for name, text := range contents {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
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

func TestReadSources(t *testing.T) {
	modules, files := fakeSources(t, map[string]string{
		"root.go":               "package aether\n",
		"root_test.go":          "package aether\n\n",
		"memstore/log.go":       "package memstore\n",
		"memstore/README.md":    "not Go",
		"memstore/testdata/x":   "not Go",
		"testdata/broken.go":    "not Go",
		"_old/broken.go":        "not Go",
		".cache/broken.go":      "not Go",
		"tools/go.mod":          "module tools",
		"tools/tool.go":         "not Go",
		"filestore/go.mod":      "module filestore",
		"filestore/open.go":     "package filestore\n",
		"apps/cmd/aether/m.go":  "package main\n",
		"filestore/sub/go.mod":  "module sub",
		"filestore/sub/code.go": "not Go",
	})
	if want := []string{".", "apps", "filestore"}; !slices.Equal(modules, want) {
		t.Errorf("modules are %q, want %q", modules, want)
	}
	var got []string
	for _, f := range files {
		got = append(got, fmt.Sprintf("%s %s %v %d", f.path, f.folder, f.test, f.lines))
	}
	want := []string{
		"apps/cmd/aether/m.go apps/cmd/aether false 1",
		"filestore/open.go filestore false 1",
		"memstore/log.go memstore false 1",
		"root.go . false 1",
		"root_test.go . true 2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("read\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	if _, err := readSources(fstest.MapFS{"a.go": {Data: []byte("not Go")}}, modules); err == nil {
		t.Error("a file that is not Go was read without an error")
	}
	if _, err := workspaceModules(fstest.MapFS{"go.work": {Data: []byte("go 1.26\n")}}); err == nil {
		t.Error("a go.work without modules was read without an error")
	}
}

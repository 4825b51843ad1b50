package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed static
var own embed.FS

// files are the static files. One hash stands for all of them, in a folder of their
// URLs: modules can import each other by relative paths, and a page never gets files
// of different builds.
type files struct {
	hash string
	data map[string][]byte
}

// readFiles reads the files of the shell and those of the systems.
func readFiles(systems []System) (files, error) {
	shell, err := fs.Sub(own, "static")
	if err != nil {
		return files{}, err
	}
	f := files{data: make(map[string][]byte)}
	sum := sha256.New()
	add := func(folder string, from fs.FS) error {
		return fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := fs.ReadFile(from, name)
			if err != nil {
				return err
			}
			name = path.Join(folder, name)
			if _, ok := f.data[name]; ok {
				return fmt.Errorf("web: there are two static files %s", name)
			}
			f.data[name] = text
			fmt.Fprintf(sum, "%s %d\n", name, len(text))
			sum.Write(text)
			return nil
		})
	}
	if err := add("", shell); err != nil {
		return files{}, err
	}
	for _, system := range systems {
		if system.Static == nil {
			continue
		}
		if err := add(system.Name, system.Static); err != nil {
			return files{}, fmt.Errorf("web: the static files of %s: %w", system.Name, err)
		}
	}
	f.hash = hex.EncodeToString(sum.Sum(nil)[:8])
	return f, nil
}

// Asset returns the URL of a static file: of one of the shell by its path, of one of
// a system with the system's name before it, "rover/grid.js". The URL changes with
// the files, so that browsers can keep what they have for ever.
func (s *Site) Asset(path string) string { return "/static/" + s.files.hash + "/" + path }

// types are the content types of static files; the machine's table may lack them.
var types = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func (s *Site) static(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("path")
	data, ok := s.files.data[name]
	kind := types[path.Ext(name)]
	if !ok || kind == "" {
		s.notFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("ETag", `"`+s.files.hash+`"`)
	if r.PathValue("hash") == s.files.hash {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		// A page of another build, which is open while this one has begun.
		w.Header().Set("Cache-Control", "no-cache")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
}

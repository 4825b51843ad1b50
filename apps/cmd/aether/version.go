package main

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func newVersionCommand(p *program) *cobra.Command {
	return storeless(&cobra.Command{
		Use:     "version",
		Short:   "Say which version this is",
		Long:    `Version says which version of the program this is, as aether --version does.`,
		Example: `  aether version --json`,
		Args:    arguments(0, 0, ""),
		RunE:    func(*cobra.Command, []string) error { return p.printVersion() },
	})
}

// thisBuild says which program runs.
func thisBuild() build {
	if info, ok := debug.ReadBuildInfo(); ok {
		return describe(info)
	}
	return build{Version: "unknown"}
}

func (p *program) printVersion() error {
	b := thisBuild()
	if p.json {
		return json.NewEncoder(p.stdout).Encode(b)
	}
	_, err := fmt.Fprintln(p.stdout, b)
	return err
}

// build says which program this is: the version of the module, and the commit
// where it was built in a clone.
type build struct {
	Version  string `json:"version"`
	Go       string `json:"go,omitempty"`
	Commit   string `json:"commit,omitempty"`
	Time     string `json:"time,omitempty"` // of the commit
	Modified bool   `json:"modified,omitempty"`
}

func describe(info *debug.BuildInfo) build {
	b := build{Version: info.Main.Version, Go: info.GoVersion}
	if b.Version == "" {
		b.Version = "(devel)"
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			b.Commit = setting.Value
		case "vcs.time":
			b.Time = setting.Value
		case "vcs.modified":
			b.Modified = setting.Value == "true"
		}
	}
	return b
}

func (b build) String() string {
	details := []string{b.Go}
	if b.Commit != "" {
		details = append(details, "commit "+b.Commit[:min(12, len(b.Commit))], b.Time)
	}
	if b.Modified {
		details = append(details, "modified")
	}
	return fmt.Sprintf("aether %s (%s)", b.Version, strings.Join(details, ", "))
}

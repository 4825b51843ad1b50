package main

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// version says which program this is: the version of the module, or the commit
// where it was built in a clone.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "aether (unknown version)"
	}
	return describe(info)
}

func describe(info *debug.BuildInfo) string {
	number := info.Main.Version
	if number == "" {
		number = "(devel)"
	}
	details := []string{info.GoVersion}
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			details = append(details, "commit "+setting.Value[:min(12, len(setting.Value))])
		case setting.Key == "vcs.time":
			details = append(details, setting.Value)
		case setting.Key == "vcs.modified" && setting.Value == "true":
			details = append(details, "modified")
		}
	}
	return fmt.Sprintf("aether %s (%s)", number, strings.Join(details, ", "))
}

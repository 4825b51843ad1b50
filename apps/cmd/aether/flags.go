package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aether-es/aether"
	"github.com/spf13/cobra"
)

const (
	defaultDir       = "./aether-data"
	dirEnv           = "AETHER_DATA"
	storeEnv         = "AETHER_STORE"
	defaultNamespace = "default"
)

// addFlags adds the flags that every command has.
func (p *program) addFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&p.dir, "data", cmp.Or(os.Getenv(dirEnv), defaultDir), "`folder` of the store; else $"+dirEnv+", else "+defaultDir)
	flags.Lookup("data").DefValue = "" // it is in the text
	flags.StringVar(&p.store, "store", os.Getenv(storeEnv), "`address` of a store on servers, postgres://… or nats://…; else $"+storeEnv+", else the folder")
	flags.Lookup("store").DefValue = ""
	flags.BoolVar(&p.json, "json", false, "write JSON, one object a line")
}

// addNamespace adds the flag of the commands that work in one namespace.
func (p *program) addNamespace(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.namespace, "namespace", defaultNamespace, "`name` of the namespace within the store; nothing crosses it")
}

// addProgress adds the flag of the commands that show how far they have come.
func (p *program) addProgress(cmd *cobra.Command) {
	cmd.Flags().Bool("progress", false, "show progress on stderr even if that is no terminal; =false: never")
}

// addWait adds the flag of the commands that save.
func (p *program) addWait(cmd *cobra.Command) {
	cmd.Flags().Var((*duration)(&p.wait), "wait", "how long to wait while another process has the store open, as in 10s")
}

// storeless marks a command that works with no store, so that --data is an error.
func storeless(cmd *cobra.Command) *cobra.Command {
	cmd.Annotations = map[string]string{"storeless": "yes"}
	return cmd
}

// embedded marks a command that works on the embedded store alone.
func embedded(cmd *cobra.Command) *cobra.Command {
	cmd.Annotations = map[string]string{"embedded": "yes"}
	return cmd
}

func isEmbedded(cmd *cobra.Command) bool { return cmd.Annotations["embedded"] != "" }

// folderOnly marks a command that has no store, but keeps something in the folder.
func folderOnly(cmd *cobra.Command) *cobra.Command {
	cmd.Annotations = map[string]string{"folder": "yes"}
	return cmd
}

func isStoreless(cmd *cobra.Command) bool { return cmd.Annotations["storeless"] != "" }

// checkFlags looks at the flags that several commands have.
func (p *program) checkFlags(cmd *cobra.Command) error {
	if !cmd.HasParent() {
		return nil // aether alone does nothing
	}
	if isStoreless(cmd) {
		for _, name := range []string{"data", "store"} {
			if cmd.Flags().Changed(name) && !(name == "store" && cmd.Annotations["servers"] != "") {
				return &usageError{cmd, fmt.Errorf("it works with no store, so --%s does nothing", name)}
			}
		}
		return nil
	}
	if cmd.Annotations["folder"] != "" {
		if cmd.Flags().Changed("store") {
			return &usageError{cmd, errors.New("it works with no store, so --store does nothing")}
		}
		p.store = ""
	}
	if isEmbedded(cmd) && cmd.Flags().Changed("data") && !cmd.Flags().Changed("store") {
		p.store = "" // the folder was named, and the address is only in the environment
	}
	if isEmbedded(cmd) && p.store != "" {
		return &usageError{cmd, errors.New("it is for the embedded store; PostgreSQL and NATS have tools of their own for this, and export copies the events of any store")}
	}
	if p.dir == "" {
		return &usageError{cmd, errors.New("--data is empty")}
	}
	if cmd.Flags().Lookup("namespace") != nil {
		var invalid *aether.InvalidError
		if err := aether.CheckNamespace(p.namespace); errors.As(err, &invalid) {
			return &usageError{cmd, fmt.Errorf("--namespace %s", invalid.Reason)}
		}
	}
	if flag := cmd.Flags().Lookup("progress"); flag != nil && flag.Changed {
		p.console.demand(flag.Value.String() == "true")
	}
	return checkFolder(p.dir, "a store is a folder: name it with --data or $"+dirEnv)
}

// checkFolder refuses what is there and is no folder.
func checkFolder(path, advice string) error {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return &explained{syscall.ENOTDIR, fmt.Sprintf("%s is not a folder; %s", path, advice)}
	}
	return nil
}

// checkFilters looks at --kind and --type.
func checkFilters(cmd *cobra.Command, kinds, types []string) error {
	for _, kind := range kinds {
		if kind == "" {
			return &usageError{cmd, errors.New("--kind is empty")}
		}
		if strings.Contains(kind, "/") {
			return &usageError{cmd, fmt.Errorf("--kind is %q; a kind is what comes before the slash of an actor, as \"station\" in \"station/CP-1\"", kind)}
		}
	}
	for _, name := range types {
		if name == "" {
			return &usageError{cmd, errors.New("--type is empty")}
		}
	}
	return nil
}

// number is the value of a flag. It differs from those that cobra brings in what
// it says of a wrong one.
type number uint64

func (n *number) Set(text string) error {
	value, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return errors.New("it must be a whole number, 0 or more")
	}
	*n = number(value)
	return nil
}

func (n *number) String() string { return strconv.FormatUint(uint64(*n), 10) }
func (n *number) Type() string   { return "number" }

// duration is the same for times.
type duration time.Duration

func (d *duration) Set(text string) error {
	value, err := time.ParseDuration(text)
	if _, bare := strconv.ParseUint(text, 10, 64); err != nil && bare == nil {
		return fmt.Errorf("say it like %ss", text)
	}
	if err != nil {
		return errors.New("say it like 10s, 500ms or 1m30s")
	}
	if value < 0 {
		return errors.New("it must be 0 or more")
	}
	*d = duration(value)
	return nil
}

func (d *duration) String() string {
	if *d == 0 {
		return "0" // which help does not show as a default
	}
	return time.Duration(*d).String()
}

func (d *duration) Type() string { return "time" }

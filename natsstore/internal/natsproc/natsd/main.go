// Natsd is a NATS server of the tests, in a process of its own. It reads its settings from
// stdin, says on stdout what clients connect to and, on a second line, when it can be
// used, and ends with its stdin.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aether-es/aether/natsstore/natsserver"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	var settings struct {
		Folder  string
		Options natsserver.Options
	}
	decoder := json.NewDecoder(in)
	if err := decoder.Decode(&settings); err != nil {
		return err
	}
	server, err := natsserver.Start(settings.Folder, &settings.Options)
	if err != nil {
		return err
	}
	defer server.Shutdown()
	fmt.Fprintln(out, server.URL())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, in)
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ready := false; ; {
		select {
		case <-ended:
			return nil
		case <-tick.C:
		}
		if !ready && server.Ready() {
			ready = true
			tick.Reset(time.Hour)
			fmt.Fprintln(out, "ready")
		}
	}
}

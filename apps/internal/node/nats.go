package node

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aether-es/aether/natsstore"
)

// natsSettings are what the address of a NATS store says.
type natsSettings struct {
	url      string // of the servers
	conn     natsstore.ConnOptions
	replicas int
	syncs    bool // the servers sync every write
}

// parseNATS reads an address: the servers, separated by commas, and settings in the query
// of the last: "nats://a:4222,b:4222?replicas=3&sync=always".
func parseNATS(store string) (*natsSettings, error) {
	servers, query, _ := strings.Cut(store, "?")
	scheme, _, _ := strings.Cut(servers, "://")
	s := &natsSettings{url: servers}
	for server := range strings.SplitSeq(servers, ",") {
		if !strings.Contains(server, "://") {
			server = scheme + "://" + server
		}
		u, err := parse(server)
		if err != nil {
			return nil, err
		}
		if u.Host == "" || strings.Trim(u.Path, "/") != "" {
			return nil, errors.New("the address of the store names something that is no NATS server: write nats://host:port,host:port")
		}
	}
	values, err := values(query)
	if err != nil {
		return nil, err
	}
	known := []string{"replicas", "prefix", "sync", "creds", "discover"}
	for name := range values {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%q is no setting of a NATS store; there are %s", name, strings.Join(known, ", "))
		}
	}
	if text := values.Get("replicas"); text != "" {
		if s.replicas, err = strconv.Atoi(text); err != nil || s.replicas < 1 || s.replicas > 5 {
			return nil, fmt.Errorf("replicas=%s: it is a number from 1 to 5", text)
		}
	}
	switch text := values.Get("sync"); text {
	case "always":
		s.syncs = true
	case "":
	default:
		return nil, fmt.Errorf("sync=%s: it is always, where the servers are set so, or left out", text)
	}
	switch text := values.Get("discover"); text {
	case "off":
		s.conn.NoDiscovery = true
	case "":
	default:
		return nil, fmt.Errorf("discover=%s: it is off, where only the servers named here can be reached, or left out", text)
	}
	s.conn.Prefix, s.conn.CredentialsFile = values.Get("prefix"), values.Get("creds")
	return s, nil
}

// NATSAddress returns what the address of a NATS store says of the servers, for their
// driver.
func NATSAddress(store string) (servers, credentials string, replicas int, err error) {
	s, err := parseNATS(store)
	if err != nil {
		return "", "", 0, err
	}
	return s.url, s.conn.CredentialsFile, max(s.replicas, 1), nil
}

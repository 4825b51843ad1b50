package natsproc

import (
	"fmt"
	"net"
	"path/filepath"

	"github.com/aether-es/aether/natsstore/natsserver"
)

// Cluster is some servers that know each other.
type Cluster struct {
	dir     string
	options natsserver.Options
	routes  []string // what the servers listen on for each other
	clients []string // and for clients
	servers []*Server
}

// StartCluster runs a cluster, each server with its data in a folder of its own below
// dir. It returns when the cluster has a leader that every server knows.
func StartCluster(dir string, size int, options natsserver.Options) (*Cluster, error) {
	c := &Cluster{dir: dir, options: options, servers: make([]*Server, size)}
	addresses, err := freeAddresses(2 * size)
	if err != nil {
		return nil, err
	}
	c.routes, c.clients = addresses[:size], addresses[size:]
	for i := range size {
		if err == nil {
			err = c.start(i)
		}
	}
	for _, s := range c.servers {
		if err == nil {
			err = s.wait()
		}
	}
	if err != nil {
		c.Shutdown()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) start(i int) error {
	o := c.options
	o.Name = fmt.Sprintf("n%d", i+1)
	o.Listen, o.Cluster, o.ClusterListen, o.Routes = c.clients[i], "aether", c.routes[i], nil
	for j, address := range c.routes {
		if j != i {
			o.Routes = append(o.Routes, "nats://"+address)
		}
	}
	s, err := Start(filepath.Join(c.dir, o.Name), o)
	c.servers[i] = s
	return err
}

// Restart stops a server and starts it again, and returns when it knows a leader.
func (c *Cluster) Restart(i int) error {
	c.servers[i].Shutdown()
	if err := c.start(i); err != nil {
		return err
	}
	return c.servers[i].wait()
}

// URLs are what clients connect to.
func (c *Cluster) URLs() []string {
	var urls []string
	for _, address := range c.clients {
		urls = append(urls, "nats://"+address)
	}
	return urls
}

// Shutdown ends all servers.
func (c *Cluster) Shutdown() {
	for _, s := range c.servers {
		if s != nil {
			s.Shutdown()
		}
	}
}

// freeAddresses returns addresses of this machine that nobody listens on.
func freeAddresses(n int) ([]string, error) {
	var addresses []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("natsproc: %w", err)
		}
		defer l.Close() //nolint:errcheck // it was only to hold the port
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}

package natsserver

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"
)

// Cluster is some servers in this process, which know each other. It is for tests, and
// for trying.
type Cluster struct {
	dir     string
	options Options
	routes  []string // what the servers listen on for each other
	clients []string // and for clients
	servers []*Server
}

// NewCluster runs a cluster on free ports of this machine, each server with its data in
// a folder of its own below dir. It returns when the cluster has a leader that every
// server knows.
func NewCluster(dir string, size int, options *Options) (*Cluster, error) {
	c := &Cluster{dir: dir, servers: make([]*Server, size)}
	if options != nil {
		c.options = *options
	}
	addresses, err := freeAddresses(2 * size)
	if err != nil {
		return nil, err
	}
	c.routes, c.clients = addresses[:size], addresses[size:]
	for i := range size {
		if err := c.Start(i); err != nil {
			c.Shutdown()
			return nil, err
		}
	}
	if err := c.WaitReady(); err != nil {
		c.Shutdown()
		return nil, err
	}
	return c, nil
}

// Start starts a server that does not run.
func (c *Cluster) Start(i int) error {
	o := c.options
	o.Name = fmt.Sprintf("n%d", i+1)
	o.Listen, o.Cluster, o.ClusterListen, o.Routes = c.clients[i], "aether", c.routes[i], nil
	for j, address := range c.routes {
		if j != i {
			o.Routes = append(o.Routes, "nats://"+address)
		}
	}
	s, err := Start(filepath.Join(c.dir, o.Name), &o)
	c.servers[i] = s
	return err
}

// Restart stops a server and starts it again, and returns when every server knows a
// leader.
func (c *Cluster) Restart(i int) error {
	c.servers[i].Shutdown()
	if err := c.Start(i); err != nil {
		return err
	}
	return c.WaitReady()
}

// WaitReady returns when every server knows a leader.
func (c *Cluster) WaitReady() error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(startTime)
	for _, s := range c.servers {
		for !s.Ready() {
			if time.Now().After(deadline) {
				return errors.New("natsserver: the cluster has no leader")
			}
			<-tick.C
		}
	}
	return nil
}

// Server returns one of the servers.
func (c *Cluster) Server(i int) *Server { return c.servers[i] }

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
			return nil, fmt.Errorf("natsserver: %w", err)
		}
		defer l.Close() //nolint:errcheck // it was only to hold the port
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}

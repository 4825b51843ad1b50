// Package node is what a process stands on: an event store, a bus, commands, leases, and
// which part of the work is its own. A system is made of [Parts], and the same whether
// it runs in one process on an embedded store or on many nodes.
package node

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
	"github.com/aether-es/aether/lease"
	"github.com/aether-es/aether/readdb"
)

// Parts are what a system is made of.
type Parts struct {
	Store     aether.EventStore
	Namespace string
	Roles     Roles

	// DB is where the documents of queries are. It is nil without the role [Query].
	DB *readdb.DB

	// Bus carries integration events, between the nodes where SharedBus says so, and
	// else within this process alone. It is nil where there is nobody to publish for, as
	// in a program that makes the read DB again.
	Bus       integration.Bus
	SharedBus bool

	// Commands brings commands to a node that decides them.
	Commands integration.Commands

	// Leases say which node does what only one of all should.
	Leases lease.Leases

	Logger *slog.Logger
}

// Alone returns the parts of a system that is all in this process.
func Alone(store aether.EventStore, namespace string, db *readdb.DB, logger *slog.Logger) Parts {
	return Parts{
		Store: store, Namespace: namespace, Roles: AllRoles(), DB: db,
		Bus:      integration.NewLocal(nil),
		Commands: integration.Retry(&integration.LocalCommands{}, nil),
		Leases:   &lease.Local{},
		Logger:   logger,
	}
}

// Job is something that a system does in the background, until ctx ends.
type Job struct {
	Name string // in the words of an error: "the relay"
	Role Role   // of the nodes that do it

	// Lease, when it is not empty, has one node at a time do it: who has the lease of
	// this name in the namespace.
	Lease string

	Run func(ctx context.Context) error
}

// Run does the jobs that are of the node's roles, until ctx ends or one of them does, and
// returns why.
func (p *Parts) Run(ctx context.Context, system string, jobs ...Job) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var running sync.WaitGroup
	for _, job := range jobs {
		if !p.Roles.Has(job.Role) {
			continue
		}
		run := job.Run
		if job.Lease != "" {
			name := p.Namespace + "/" + job.Lease
			run = func(ctx context.Context) error {
				return lease.Keep(ctx, p.Leases, name, &lease.KeepOptions{Logger: p.Logger}, job.Run)
			}
		}
		running.Go(func() { stop(fmt.Errorf("%s: %s has ended: %w", system, job.Name, run(ctx))) })
	}
	<-ctx.Done()
	running.Wait()
	return context.Cause(ctx)
}

// RelayRole is the role of the nodes that publish integration events: where each has its
// own bus, they do so for their own queries.
func (p *Parts) RelayRole() Role {
	if p.SharedBus {
		return Relay
	}
	return Query
}

// RelayJob is the job of a relay: of one node where the nodes share a bus, of each where
// they have their own.
func (p *Parts) RelayJob(relay *integration.Relay) Job {
	job := Job{Name: "the relay", Role: p.RelayRole(), Run: relay.Run}
	if p.SharedBus {
		job.Lease = "relay/" + relay.Status().Stream.System
	}
	return job
}

// CommandJob is the job of deciding the commands for the actors of a kind.
func (p *Parts) CommandJob(kind string, answer integration.Answer) Job {
	return Job{Name: "the server of commands", Role: Command, Run: func(ctx context.Context) error {
		return p.Commands.Serve(ctx, p.Namespace, kind, answer)
	}}
}

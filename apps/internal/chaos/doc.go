// Package chaos runs the program as its users do, several processes on a cluster, and
// breaks what it stands on while clients send commands: processes are killed and paused,
// connections cut. Then it audits: all that was acknowledged is there, once, in order, and
// everybody has seen the same. Rushes upon tickets are audited likewise, money too. It is a
// folder of tests; `make chaos` and `make rushes` run them for long.
package chaos

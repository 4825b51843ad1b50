//go:build !unix

package pgstore

import "net"

func closedByPeer(net.Conn) bool { return false }

//go:build unix

package pgstore

import (
	"net"
	"syscall"
)

// closedByPeer says whether the other side has ended a connection on which nothing is
// under way. It looks without waiting. What it does not notice is found out otherwise,
// at a higher price: what is sent on such a connection may have been carried out.
func closedByPeer(conn net.Conn) bool {
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok { // TLS
		conn = wrapped.NetConn()
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	closed := false
	var one [1]byte
	// Not Read, which waits its turn: the driver may have left a goroutine reading.
	err = raw.Control(func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		closed = n == 0 && err == nil || err != nil && err != syscall.EAGAIN && err != syscall.EINTR
	})
	return closed || err != nil
}

package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// LiveClientsFlag is the first argument with which the program becomes the process
// of the subscribers; the address of the server and how many there are follow. It
// looks like a flag so that a test binary, started by mistake, refuses it.
const LiveClientsFlag = "--bench-live-clients"

// RunLiveClients is the process of the subscribers: it connects them, says so on out,
// receives changes up to the last, and says what it found.
//
// The clients do as little as they can, since what they do the server, which runs on
// the same cores, cannot: they do not use a WebSocket library.
func RunLiveClients(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("it needs an address and a number")
	}
	subscribers, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	says := json.NewEncoder(out)
	fail := func(err error) error { return errors.Join(err, says.Encode(liveReport{Error: err.Error()})) }
	clients, err := connectLive(ctx, args[0], subscribers)
	if err != nil {
		return fail(fmt.Errorf("connecting %d subscribers: %w", subscribers, err))
	}
	if err := says.Encode(liveReport{}); err != nil {
		return err
	}
	if err := callTogether(subscribers, func(i int) error { return clients[i].receive() }); err != nil {
		return fail(err)
	}
	var report liveReport
	var times []int64
	for _, c := range clients {
		times = append(times, c.times...)
		report.Documents += c.documents - 1
		_ = c.conn.Close()
	}
	report.Changes = len(times)
	report.P50, report.P99 = percentiles(times)
	return says.Encode(report)
}

// connectLive connects the clients, a number of them at a time.
func connectLive(ctx context.Context, address string, subscribers int) ([]*liveClient, error) {
	clients := make([]*liveClient, subscribers)
	const together = 64
	errs := make([]error, together)
	var wg sync.WaitGroup
	for first := range together {
		wg.Go(func() {
			for i := first; i < subscribers && errs[first] == nil; i += together {
				clients[i], errs[first] = newLiveClient(ctx, address)
			}
		})
	}
	wg.Wait()
	return clients, errors.Join(errs...)
}

// liveClient is one subscriber.
type liveClient struct {
	conn      net.Conn
	in        *bufio.Reader
	documents int
	times     []int64
}

// newLiveClient connects, subscribes, and waits for the document.
func newLiveClient(ctx context.Context, address string) (*liveClient, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &liveClient{conn: conn, in: bufio.NewReaderSize(conn, 1024)}
	err = c.subscribe(address)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

func (c *liveClient) subscribe(address string) error {
	if err := c.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.conn, "GET /live HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n", address)
	if err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the server answers %s", answer.Status)
	}
	if err := c.send(1, fmt.Appendf(nil, `{"subscribe":%q}`, liveTopic)); err != nil {
		return err
	}
	for c.documents == 0 {
		if _, err := c.next(); err != nil {
			return err
		}
	}
	return c.conn.SetDeadline(time.Time{})
}

// receive receives up to the last change.
func (c *liveClient) receive() error {
	for {
		sent, err := c.next()
		if err != nil || sent == 0 {
			return err
		}
		if sent > 0 {
			c.times = append(c.times, time.Now().UnixNano()-sent)
		}
	}
}

// next receives a message and returns when a change was sent, -1 for anything else.
func (c *liveClient) next() (sent int64, err error) {
	head, err := c.in.Peek(2)
	if err != nil {
		return 0, err
	}
	op, size, skip := head[0]&0xF, int(head[1]), 2
	if size == 126 {
		if head, err = c.in.Peek(4); err != nil {
			return 0, err
		}
		size, skip = int(binary.BigEndian.Uint16(head[2:])), 4
	}
	message, err := c.in.Peek(skip + size)
	if err != nil {
		return 0, err
	}
	message = message[skip:]
	sent = -1
	switch {
	case op == 8:
		return 0, fmt.Errorf("the server has closed a connection: %q", message)
	case op == 9:
		err = c.send(0xA, message)
	case bytes.Contains(message, []byte(`"document":`)):
		c.documents++
	default:
		if _, after, ok := bytes.Cut(message, []byte(`"sent":`)); ok {
			digits, _, _ := bytes.Cut(after, []byte(","))
			sent, err = strconv.ParseInt(string(digits), 10, 64)
		}
	}
	if _, discardErr := c.in.Discard(skip + size); err == nil {
		err = discardErr
	}
	return sent, err
}

// send sends a short message. The mask, which clients must use, is zero.
func (c *liveClient) send(op byte, text []byte) error {
	_, err := c.conn.Write(append([]byte{0x80 | op, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...))
	return err
}

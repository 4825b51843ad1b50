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
		report.Conflated += c.conflated
		report.Documents += c.documents - 1
		_ = c.conn.Close()
	}
	report.Changes = len(times) - report.Conflated
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
	position  int
	documents int
	conflated int
	times     []int64 // until it had each change
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
		m, err := c.next()
		if err != nil {
			return err
		}
		if m.document {
			c.documents++
		}
	}
	return c.conn.SetDeadline(time.Time{})
}

// receive receives up to the last change, and fails when one is missing.
func (c *liveClient) receive() error {
	for {
		m, err := c.next()
		if err != nil {
			return err
		}
		switch {
		case m.change && m.position == c.position+1:
			c.times = append(c.times, time.Now().UnixNano()-m.sent)
		case m.document && m.position > c.position:
			// All changes up to it are in it; those before were sent at their rate.
			c.documents++
			c.conflated += m.position - c.position
			took := time.Now().UnixNano() - m.sent
			for n := c.position + 1; n <= m.position; n++ {
				c.times = append(c.times, took+int64(m.position-n)*int64(time.Second/liveRate))
			}
		case m.change || m.document:
			return fmt.Errorf("after change %d of %s came %d", c.position, liveTopic, m.position)
		default:
			continue
		}
		if c.position = m.position; m.last {
			return nil
		}
	}
}

// liveMessage is what a client looks at in a message.
type liveMessage struct {
	document, change bool
	position         int
	sent             int64
	last             bool
}

// next receives a message.
func (c *liveClient) next() (m liveMessage, err error) {
	head, err := c.in.Peek(2)
	if err != nil {
		return m, err
	}
	op, size, skip := head[0]&0xF, int(head[1]), 2
	if size == 126 {
		if head, err = c.in.Peek(4); err != nil {
			return m, err
		}
		size, skip = int(binary.BigEndian.Uint16(head[2:])), 4
	}
	text, err := c.in.Peek(skip + size)
	if err != nil {
		return m, err
	}
	text = text[skip:]
	switch op {
	case 8:
		return m, fmt.Errorf("the server has closed a connection: %q", text)
	case 9:
		err = c.send(0xA, text)
	default:
		m.document, m.change = bytes.Contains(text, []byte(`"document":`)), bytes.Contains(text, []byte(`"change":`))
		m.position, m.sent = int(number(text, `"position":`)), number(text, `"sent":`)
		m.last = bytes.Contains(text, []byte(`"last":true`))
	}
	if _, discardErr := c.in.Discard(skip + size); err == nil {
		err = discardErr
	}
	return m, err
}

// number returns the number behind a name, 0 when it is not there.
func number(text []byte, name string) int64 {
	_, after, _ := bytes.Cut(text, []byte(name))
	end := bytes.IndexAny(after, ",}")
	n, _ := strconv.ParseInt(string(after[:max(end, 0)]), 10, 64)
	return n
}

// send sends a short message. The mask, which clients must use, is zero.
func (c *liveClient) send(op byte, text []byte) error {
	_, err := c.conn.Write(append([]byte{0x80 | op, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...))
	return err
}

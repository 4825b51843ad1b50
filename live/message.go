package live

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/coder/websocket"
)

// request is what a client may send: one of the first three is there.
type request struct {
	Subscribe   *string `json:"subscribe"`
	Unsubscribe *string `json:"unsubscribe"`
	Ping        *uint64 `json:"ping"`

	After *uint64 `json:"after"`
	Renew bool    `json:"renew"`
}

// decode reads a message of a client. The error is told to the client.
func decode(text []byte) (request, error) {
	var r request
	if err := json.Unmarshal(text, &r); err != nil {
		return request{}, errors.New("a message is not what it should be")
	}
	kinds := 0
	for _, there := range []bool{r.Subscribe != nil, r.Unsubscribe != nil, r.Ping != nil} {
		if there {
			kinds++
		}
	}
	if kinds != 1 {
		return request{}, errors.New("a message subscribes, unsubscribes or pings")
	}
	return r, nil
}

// mark says what a document is that has less than its client.
type mark string

const (
	plain    mark = ""
	behind   mark = `,"behind":true`
	restored mark = `,"restored":true`
)

// message returns the frame of a document or a change; without a kind, of a place.
func message(topic string, position uint64, m mark, kind string, data []byte) []byte {
	text := begin(topic, len(data))
	text = append(text, `,"position":`...)
	text = strconv.AppendUint(text, position, 10)
	text = append(text, m...)
	if kind != "" {
		text = append(text, `,"`...)
		text = append(text, kind...)
		text = append(text, `":`...)
		text = append(text, data...)
	}
	return finish(opText, append(text, '}'))
}

// failure returns the frame of an error.
func failure(topic, text string) []byte {
	message := append(begin(topic, len(text)), `,"error":"`...)
	message = append(message, text...)
	return finish(opText, append(message, `"}`...))
}

// pong returns the frame of the answer to a ping in a message.
func pong(n uint64) []byte {
	text := append(make([]byte, headSpace, headSpace+32), `{"pong":`...)
	return finish(opText, append(strconv.AppendUint(text, n, 10), '}'))
}

// headSpace is that of the longest head of a frame.
const headSpace = 10

// begin begins a message in a buffer that has space for the head of the frame.
func begin(topic string, size int) []byte {
	name, _ := json.Marshal(topic) // a string never fails
	text := make([]byte, headSpace, headSpace+len(name)+size+64)
	text = append(text, `{"topic":`...)
	return append(text, name...)
}

// The kinds of frames (RFC 6455, section 5.2).
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA
)

var pingFrame = frame(opPing, nil)

// frame returns a frame with a payload.
func frame(op byte, payload []byte) []byte {
	return finish(op, append(make([]byte, headSpace, headSpace+len(payload)), payload...))
}

// finish puts the head before a payload that has headSpace before it.
func finish(op byte, buffer []byte) []byte {
	payload := len(buffer) - headSpace
	var start int
	switch {
	case payload < 126:
		start = headSpace - 2
		buffer[start+1] = byte(payload)
	case payload <= 0xFFFF:
		start = headSpace - 4
		buffer[start+1] = 126
		binary.BigEndian.PutUint16(buffer[start+2:], uint16(payload))
	default:
		start = headSpace - 10
		buffer[start+1] = 127
		binary.BigEndian.PutUint64(buffer[start+2:], uint64(payload))
	}
	buffer[start] = 0x80 | op // in one piece, not masked, not compressed
	return buffer[start:]
}

func closeFrame(code websocket.StatusCode, reason string) []byte {
	return frame(opClose, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
}

// retryAfter spreads those who come again over some seconds.
func retryAfter() string { return strconv.Itoa(1 + rand.IntN(10)) }

// allowance says how many messages a client may send. The zero one is full.
type allowance struct {
	used float64
	at   time.Duration
}

func (a *allowance) take(now time.Duration, topics int) bool {
	a.used = max(0, a.used-messageRate*(now-a.at).Seconds())
	a.at = now
	a.used++
	return a.used <= float64(messageBurst+2*topics)
}

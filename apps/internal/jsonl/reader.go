package jsonl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/aether-es/aether"
)

// Reader reads events from lines. Lines end with "\n" or "\r\n", the last one
// perhaps with neither; those with nothing but white space are passed over. It
// keeps one line in memory, and refuses one that is longer than [MaxLine]
// without reading to its end.
type Reader struct {
	in     *bufio.Reader
	number int
	bytes  int64
}

// NewReader returns a Reader of in.
func NewReader(in io.Reader) *Reader {
	return &Reader{in: bufio.NewReaderSize(in, MaxLine+1)}
}

// Bytes returns how many bytes the lines had that were read.
func (r *Reader) Bytes() int64 { return r.bytes }

// Buffered says whether there is a whole line that can be read without waiting.
func (r *Reader) Buffered() bool {
	waiting, _ := r.in.Peek(r.in.Buffered())
	return bytes.IndexByte(waiting, '\n') >= 0
}

// Read returns the next event. The error is io.EOF at the end, a [LineError]
// when the line is not an event, and otherwise that of the input.
func (r *Reader) Read() (Line, error) {
	for {
		text, err := r.in.ReadSlice('\n')
		r.bytes += int64(len(text))
		if err == io.EOF && len(text) == 0 {
			return Line{}, io.EOF
		}
		r.number++
		if errors.Is(err, bufio.ErrBufferFull) {
			return Line{}, &LineError{Line: r.number, Reason: fmt.Sprintf("is longer than %d bytes; an event has at most %d", MaxLine, aether.MaxEventSize)}
		}
		if err != nil && err != io.EOF {
			return Line{}, fmt.Errorf("line %d: %w", r.number, err)
		}
		if r.number == 1 {
			if isUTF16(text) {
				return Line{}, &LineError{Line: 1, Reason: "begins like UTF-16; the input must be UTF-8"}
			}
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		if len(bytes.Trim(text, " \t\r\n")) == 0 {
			continue
		}
		event, fault := decode(text)
		if fault != nil {
			fault.Line = r.number
			return Line{}, fault
		}
		return Line{Number: r.number, Event: event}, nil
	}
}

// isUTF16 recognises the mark that Windows puts at the beginning of such files.
func isUTF16(text []byte) bool {
	return bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff"))
}

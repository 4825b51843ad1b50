package natsstore

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"sort"
	"strconv"

	"github.com/aether-es/aether"
)

// gaps are the messages of a stream that are no events: fences, what others have put
// there, saves that are not whole. They are rare. They say what a stream's sequences
// and a namespace's positions have to do with each other, so they are kept in a file
// beside the copy, where each is written before the events behind it are copied.
type gaps struct {
	file      *os.File
	sequences []uint64          // in order
	last      map[string]uint64 // subject → the last of its gaps
}

// openGaps reads the file. A line that is not whole was being written when the process
// ended.
func openGaps(path string) (*gaps, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	g := &gaps{file: file, last: make(map[string]uint64)}
	good := int64(0)
	r := bufio.NewReader(file)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			break
		}
		number, subject, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
		sequence, err := strconv.ParseUint(string(number), 10, 64)
		if err != nil || len(g.sequences) > 0 && sequence <= g.sequences[len(g.sequences)-1] {
			break
		}
		g.remember(sequence, string(subject))
		good += int64(len(line))
	}
	if err := file.Truncate(good); err != nil {
		return nil, err
	}
	_, err = file.Seek(good, 0)
	return g, err
}

func (g *gaps) remember(sequence uint64, subject string) {
	g.sequences = append(g.sequences, sequence)
	g.last[subject] = sequence
}

// add writes a gap down.
func (g *gaps) add(sequence uint64, subject string) error {
	if _, err := fmt.Fprintf(g.file, "%d %s\n", sequence, subject); err != nil {
		return err
	}
	g.remember(sequence, subject)
	return nil
}

// cutAfter forgets the gaps behind a sequence: they will come again.
func (g *gaps) cutAfter(sequence uint64) error {
	keep := sort.Search(len(g.sequences), func(i int) bool { return g.sequences[i] > sequence })
	if keep == len(g.sequences) {
		return nil
	}
	if _, err := g.file.Seek(0, 0); err != nil {
		return err
	}
	old := g.last
	subjects := make([]string, keep)
	r := bufio.NewScanner(g.file)
	r.Buffer(nil, 1<<20)
	size := int64(0)
	for i := 0; i < keep && r.Scan(); i++ {
		_, subject, _ := bytes.Cut(r.Bytes(), []byte(" "))
		subjects[i] = string(subject)
		size += int64(len(r.Bytes())) + 1
	}
	clear(old)
	sequences := slices.Clone(g.sequences[:keep])
	g.sequences = g.sequences[:0]
	for i, s := range sequences {
		g.remember(s, subjects[i])
	}
	if err := g.file.Truncate(size); err != nil {
		return err
	}
	_, err := g.file.Seek(size, 0)
	return err
}

// sequence returns the sequence of the event of a position.
func (g *gaps) sequence(position aether.Position) uint64 {
	before := sort.Search(len(g.sequences), func(i int) bool {
		return g.sequences[i]-1-uint64(i) >= uint64(position) // so many events are before gap i
	})
	return uint64(position) + uint64(before)
}

// position returns how many events there are up to a sequence.
func (g *gaps) position(sequence uint64) aether.Position {
	upTo := sort.Search(len(g.sequences), func(i int) bool { return g.sequences[i] > sequence })
	return aether.Position(sequence - uint64(upTo))
}

// has says whether a sequence is a gap.
func (g *gaps) has(sequence uint64) bool {
	_, found := slices.BinarySearch(g.sequences, sequence)
	return found
}

package main

import (
	"io"
	"strings"
	"unicode/utf8"
)

// table writes rows in columns. It holds the first rows back to see how wide the
// columns must be; from then on a column only grows.
type table struct {
	out     io.Writer
	columns []column
	head    bool // is written
	held    [][]string
	line    []byte
}

type column struct {
	title string
	right bool // numbers are aligned to the right
	width int
}

const (
	tableLookahead = 100

	// A cell that is longer pushes the rest of its row to the right, and does not
	// make the column as wide for all others.
	tableMaxWidth = 48
)

// row adds a row, one cell for each column.
func (t *table) row(cells ...string) error {
	for i, cell := range cells {
		t.widen(i, cell)
	}
	t.held = append(t.held, cells)
	if len(t.held) < tableLookahead && !t.head {
		return nil
	}
	return t.flush()
}

// flush writes what is held back.
func (t *table) flush() error {
	if len(t.held) == 0 {
		return nil
	}
	if !t.head {
		t.head = true
		titles := make([]string, len(t.columns))
		for i := range t.columns {
			titles[i] = t.columns[i].title
			t.widen(i, titles[i])
		}
		t.held = append([][]string{titles}, t.held...)
	}
	for _, cells := range t.held {
		if err := t.write(cells); err != nil {
			return err
		}
	}
	t.held = t.held[:0]
	return nil
}

func (t *table) widen(i int, cell string) {
	if width := utf8.RuneCountInString(cell); width <= tableMaxWidth {
		t.columns[i].width = max(t.columns[i].width, width)
	}
}

func (t *table) write(cells []string) error {
	t.line = t.line[:0]
	for i, cell := range cells {
		padding := strings.Repeat(" ", max(0, t.columns[i].width-utf8.RuneCountInString(cell)))
		if i > 0 {
			t.line = append(t.line, "  "...)
		}
		switch {
		case t.columns[i].right:
			t.line = append(append(t.line, padding...), cell...)
		case i == len(cells)-1:
			t.line = append(t.line, cell...)
		default:
			t.line = append(append(t.line, cell...), padding...)
		}
	}
	_, err := t.out.Write(append(t.line, '\n'))
	return err
}

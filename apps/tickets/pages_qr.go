package tickets

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// qrQuiet is how many modules of nothing a QR code needs around it.
const qrQuiet = 4

// qrPicture is a QR code as an SVG has it, a unit for each module.
type qrPicture struct {
	side int
	path string
}

// qrOf returns the QR code of a text. A quarter of it may be dirty or torn.
func qrOf(text string) (qrPicture, error) {
	code, err := qr.Encode(text, qr.Q)
	if err != nil {
		return qrPicture{}, fmt.Errorf("the QR code of a ticket: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			begin := x
			for code.Black(x, y) { // beyond the last column nothing is black
				x++
			}
			if x > begin {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", begin+qrQuiet, y+qrQuiet, x-begin, x-begin)
			}
		}
	}
	return qrPicture{code.Size + 2*qrQuiet, path.String()}, nil
}

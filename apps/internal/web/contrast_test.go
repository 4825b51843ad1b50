package web_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Text can be read on what is behind it, in both color schemes: WCAG 2 AA asks for a
// contrast of 4.5, and of 3 for the borders of controls.
func TestContrast(t *testing.T) {
	text, err := os.ReadFile("static/base.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, ok := strings.Cut(string(text), "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("there are no dark colors")
	}
	for name, colors := range map[string]map[string]string{"light": tokens(light), "dark": tokens(dark)} {
		for _, pair := range []struct {
			front, behind string
			least         float64
		}{
			{"ink", "page", 4.5}, {"ink", "surface", 4.5}, {"ink", "sunken", 4.5}, {"ink", "accent-soft", 4.5}, {"ink", "bad-soft", 4.5},
			{"quiet", "page", 4.5}, {"quiet", "surface", 4.5}, {"quiet", "sunken", 4.5},
			{"accent", "page", 4.5}, {"accent", "surface", 4.5}, {"accent", "accent-soft", 4.5},
			{"on-accent", "accent", 4.5}, {"on-accent", "accent-hover", 4.5},
			{"good", "good-soft", 4.5}, {"warn", "warn-soft", 4.5}, {"bad", "bad-soft", 4.5},
			{"good", "surface", 4.5}, {"warn", "surface", 4.5}, {"bad", "surface", 4.5},
			{"line-strong", "surface", 3}, {"line-strong", "page", 3},
		} {
			if got := contrast(t, colors[pair.front], colors[pair.behind]); got < pair.least {
				t.Errorf("%s: %s on %s has a contrast of %.2f, want %.1f", name, pair.front, pair.behind, got, pair.least)
			}
		}
	}
}

func tokens(css string) map[string]string {
	found := make(map[string]string)
	for _, match := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(css, -1) {
		found[match[1]] = match[2]
	}
	return found
}

func contrast(t *testing.T, a, b string) float64 {
	high, low := luminance(t, a), luminance(t, b)
	if high < low {
		high, low = low, high
	}
	return (high + 0.05) / (low + 0.05)
}

func luminance(t *testing.T, color string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(color, "#"), 16, 32)
	if err != nil {
		t.Fatalf("the color %q: %v", color, err)
	}
	channel := func(shift int) float64 {
		v := float64(n>>shift&0xff) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(16) + 0.7152*channel(8) + 0.0722*channel(0)
}

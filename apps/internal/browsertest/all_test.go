package browsertest

import "testing"

// TestPages runs the tests of the shell's and the rover's pages in one browser, at the
// same time: each has its own server and windows.
func TestPages(t *testing.T) {
	b := startBrowser(t)
	for _, test := range []struct {
		name string
		run  func(t *testing.T, b *browser)
	}{
		{"two windows", testTwoWindows},
		{"travel through time", testTravel},
		{"restart", testRestart},
		{"dead link", testDeadLink},
		{"keyboard", testKeyboard},
		{"without JavaScript", testWithoutJavaScript},
		{"policy", testPolicy},
		{"version asked for", testVersionAsked},
		{"nothing moves", testNothingMoves},
		{"names", testNames},
		{"rulers", testRulers},
		{"API page", testAPIPage},
		{"start page", testStartPage},
		{"stopped", testStopped},
		{"past", testPast},
		{"view", testView},
		{"finger", testFinger},
		{"edges", testEdges},
		{"accessible", testAccessible},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, b)
		})
	}
}

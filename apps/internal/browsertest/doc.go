// Package browsertest visits the pages with a real browser, Chromium: what visitors
// see and can do, with and without JavaScript, by mouse and by keyboard; that nothing
// complains in the console, and that axe-core finds nothing to complain about.
//
// It is a folder of tests. They leave pictures of the pages in the folder
// screenshots. What they need `make test` installs: Chromium, and axe-core in the
// version of package-lock.json.
package browsertest

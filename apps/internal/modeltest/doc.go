// Package modeltest holds Aether against models: random histories, with crashes and
// lost answers, of which some simple rule must be true. It is a folder of tests,
// in this module because the library has no dependencies, not even for its tests.
package modeltest

// Package aethertest helps to test what is built with Aether: deciders, what is
// due at a time, and what must survive a crash.
package aethertest

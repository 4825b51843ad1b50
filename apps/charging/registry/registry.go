// Package registry is the domain of what an operator keeps, and no station reports: id
// tags, tariffs, what a station must show to be let in, and the stations that nobody
// knows. All of it are pure functions, as in packages station and session.
//
//	idtag.go    id tags, and what they may do
//	tariff.go   tariffs, and which one a station has
//	record.go   what an operator notes about a station: its label, tariff and credentials
//	inbox.go    stations that have knocked and are not known
package registry

import (
	"unicode"
	"unicode/utf8"

	"github.com/aether-es/aether"
)

// The reasons of refusals.
const (
	BadIDTag       = "bad-id-tag"
	NoIDTag        = "no-id-tag"
	BadTariff      = "bad-tariff"
	NoTariff       = "no-tariff"
	BadRecord      = "bad-record"
	BadCredentials = "bad-credentials"
	KeyPending     = "key-pending"
	NotInInbox     = "not-in-inbox"
	unknownCommand = "unknown-command"
)

// MaxText is how many bytes a text of an operator may have.
const MaxText = 200

func checkText(reason, what, text string, longest int) error {
	if len(text) > longest || !utf8.ValidString(text) {
		return aether.Refuse(reason, "%s has at most %d bytes of text", what, longest)
	}
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return aether.Refuse(reason, "%s is printable text", what)
		}
	}
	return nil
}

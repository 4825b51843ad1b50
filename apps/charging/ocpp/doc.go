// Package ocpp speaks OCPP-J, the Open Charge Point Protocol over WebSocket: frames,
// calls in both directions, a server for central systems and a client for stations. The
// messages are those of package v16.
//
// A central system serves "/ocpp/{identity}":
//
//	server := ocpp.NewServer(v16.Messages{}, authenticator, handler, nil)
//	mux.Handle("/ocpp/{identity}", server)
//	…
//	err := server.Shutdown(ctx)
//
// The [Authenticator] knows the stations and what they must show; the [Handler] answers
// their calls. To call a station:
//
//	conf, err := v16.Call(ctx, conn, &v16.UnlockConnectorReq{ConnectorID: 1})
//
// with the *[Conn] that Handler was given, or [Server.Conn]. [Dial] and [Client] are the
// station's side, with the same Handler.
//
// # How a call ends
//
// With an answer, which may be a CALLERROR: a *[CallError]; with [ErrNotSent], if
// nothing has left for certain; or with [ErrNoAnswer], and then nobody knows whether the
// station acted. An answer that comes after its time-out is reported to
// [ConnOptions.Late].
//
// # Concurrency
//
// Each connection has one goroutine that reads, and never waits for anything else, so
// calls of both sides may cross. Another one lives while there are calls of the peer to
// handle, one at a time and in order. Each side has one call under way: further ones of
// this side wait for their turn, further ones of the peer are queued up to a bound.
// Nothing but the writing of a message is shared between the directions.
//
// # Connections
//
// Stations lose connections without noticing, and make a new one: the newest wins, and
// the old one ends with [ErrReplaced]. Handlers compare [Conn.Epoch] to see that a
// Disconnected is about a connection that has been replaced already. The server pings,
// and cuts a connection from which neither a pong nor anything else comes.
//
// The section numbers in comments are those of the OCPP-J 1.6 specification, its errata
// sheet, and the whitepaper "Improved security for OCPP 1.6-J" (edition 2).
package ocpp

package natsstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/integration"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The classes of errors that only this package has.
var (
	// ErrUnavailable: the cluster did not answer, or has no leader, for as long as the
	// options say; see [UnavailableError]. It is an aether.ErrUnavailable.
	ErrUnavailable = errors.New("natsstore: the cluster cannot be reached")

	// ErrUnsupported: the server cannot carry Aether as it is set up: it is too old,
	// or has no JetStream; see [UnsupportedError].
	ErrUnsupported = errors.New("natsstore: the server does not support this")

	// ErrUnauthorized: the server knows no such user, or does not allow what the
	// engine has to do.
	ErrUnauthorized = errors.New("natsstore: not allowed by the server")

	// ErrSettings: a stream of that name is there, with settings that Aether cannot
	// work with; see [SettingsError].
	ErrSettings = errors.New("natsstore: a stream has other settings")

	// ErrTooLarge: an event does not fit the messages that the server takes; see
	// [TooLargeError].
	ErrTooLarge = errors.New("natsstore: larger than the server's max_payload")

	// ErrLost: the stream does not have what it had; see [LostError].
	ErrLost = errors.New("natsstore: the stream has lost messages")

	// ErrRejected: the server refused to write, for a reason that is its own; see
	// [RejectedError].
	ErrRejected = errors.New("natsstore: rejected by the server")

	// ErrInUse: another engine has the folder of the copies open.
	ErrInUse = errors.New("natsstore: in use")
)

// UnavailableError says what did not answer. It is an [ErrUnavailable].
type UnavailableError struct {
	Op     string // what was tried: "save", "read", "connect"
	Reason string

	// Unknown says, of a save, that it may have been saved, or may yet land: this
	// engine goes on to settle that in the background, and until it has, no read through
	// it returns and no other save of these actors is begun. The same events saved again
	// wait for it, too, and tell.
	Unknown bool
}

func (e *UnavailableError) Error() string {
	text := fmt.Sprintf("natsstore: %s: the cluster cannot be reached: %s", e.Op, e.Reason)
	if e.Unknown {
		text += "; whether the events are saved is not known: save the same events again to find out"
	}
	return text
}

// Is makes the error an [ErrUnavailable] and an aether.ErrUnavailable.
func (e *UnavailableError) Is(target error) bool {
	return target == ErrUnavailable || target == aether.ErrUnavailable
}

// UnsupportedError says what the server lacks. It is an [ErrUnsupported].
type UnsupportedError struct {
	Version string // of the server
	Reason  string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("natsstore: the server (version %s): %s", e.Version, e.Reason)
}

// Is makes the error an [ErrUnsupported].
func (e *UnsupportedError) Is(target error) bool { return target == ErrUnsupported }

// SettingsError says which setting is not as it must be. It is an [ErrSettings].
type SettingsError struct {
	Stream  string
	Setting string // as in the server's JSON: "deny_delete"
	Have    string
	Want    string
}

func (e *SettingsError) Error() string {
	return fmt.Sprintf("natsstore: stream %s has %s %s; it must be %s", e.Stream, e.Setting, e.Have, e.Want)
}

// Is makes the error an [ErrSettings].
func (e *SettingsError) Is(target error) bool { return target == ErrSettings }

// TooLargeError says what does not fit. It is an [ErrTooLarge].
type TooLargeError struct {
	Index int // of the event in its save; -1 when it is not about an event
	Size  int // of its message, in bytes
	Limit int // the server's max_payload
}

func (e *TooLargeError) Error() string {
	what := fmt.Sprintf("event %d", e.Index+1)
	if e.Index < 0 {
		what = "what is to be sent"
	}
	return fmt.Sprintf("natsstore: %s is a message of %d bytes, and the server takes %d: raise max_payload in the server's configuration (8MB is what Aether's own has)", what, e.Size, e.Limit)
}

// Is makes the error an [ErrTooLarge].
func (e *TooLargeError) Is(target error) bool { return target == ErrTooLarge }

// LostError says what is not there any more. It is an [ErrLost].
type LostError struct {
	Stream string
	Reason string
}

func (e *LostError) Error() string {
	return fmt.Sprintf("natsstore: stream %s: %s; nothing more is read or saved until the engine is opened again", e.Stream, e.Reason)
}

// Is makes the error an [ErrLost].
func (e *LostError) Is(target error) bool { return target == ErrLost }

// RejectedError is what the server said. It is an [ErrRejected].
type RejectedError struct {
	Op     string
	Code   int // the server's err_code
	Reason string
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("natsstore: %s: the server says: %s (err_code %d)", e.Op, e.Reason, e.Code)
}

// Is makes the error an [ErrRejected].
func (e *RejectedError) Is(target error) bool { return target == ErrRejected }

// The server's error codes that mean something here.
const (
	codeStreamNotFound   = 10059
	codeWrongLast        = 10071
	codeWrongLastUnknown = 10164 // the same, where a replicated stream has not decided yet
	codeNameInUse        = 10058
	codeMessageNotFound  = 10037
	codeBatchIncomplete  = 10176
	codeNotEnabled       = 10076
	codeNotEnabledAcc    = 10039
	codeNoPeers          = 10005
	codeNoReplicas       = 10074
	codeClusterNotAvail  = 10008
	codeStreamOffline    = 10118
	codeNotLeader        = 10009
)

func isCode(err error, codes ...int) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	if !ok {
		return false
	}
	for _, code := range codes {
		if int(api.ErrorCode) == code {
			return true
		}
	}
	return false
}

// temporary says whether an error of the driver may go away by itself.
func temporary(err error) bool {
	for _, class := range []error{
		nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrReconnectBufExceeded,
		nats.ErrConnectionReconnecting, jetstream.ErrNoStreamResponse, nats.ErrNoServers, nats.ErrStaleConnection,
		context.DeadlineExceeded,
	} {
		if errors.Is(err, class) {
			return true
		}
	}
	return isCode(err, codeClusterNotAvail, codeStreamOffline, codeNotLeader)
}

// isOurs says whether an error has a class of this package already.
func isOurs(err error) bool {
	for _, class := range []error{ErrUnavailable, ErrUnsupported, ErrUnauthorized, ErrSettings, ErrTooLarge, ErrLost, ErrRejected, ErrInUse,
		aether.ErrClosed, aether.ErrInvalid, aether.ErrSnapshotNotFound,
		integration.ErrGap, integration.ErrGone, integration.ErrMixed,
	} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}

// driverError turns an error of the driver into one of this package. Those of contexts
// pass.
func (c *Conn) driverError(op string, err error) error {
	api, isAPI := errors.AsType[*jetstream.APIError](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), isOurs(err):
		return err
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrPermissionViolation):
		return fmt.Errorf("%w: %s: %v", ErrUnauthorized, op, err)
	case isCode(err, codeNotEnabled, codeNotEnabledAcc), errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return &UnsupportedError{c.nc.ConnectedServerVersion(), "JetStream is not enabled, or not for this account"}
	case isCode(err, codeNoPeers, codeNoReplicas):
		return &RejectedError{op, int(api.ErrorCode), api.Description + ": there are not as many servers as replicas were asked for"}
	case temporary(err):
		return &UnavailableError{Op: op, Reason: err.Error()}
	case isAPI:
		return &RejectedError{op, int(api.ErrorCode), api.Description}
	}
	return &UnavailableError{Op: op, Reason: err.Error()}
}

package v16

import (
	"fmt"

	"github.com/aether-es/aether/apps/charging/ocpp"
)

// Subprotocol is the name of OCPP 1.6 in the WebSocket handshake (OCPP-J 1.6, 3.1.2).
const Subprotocol = "ocpp1.6"

// Messages are the messages of OCPP 1.6 for package ocpp.
type Messages struct {
	// Strict refuses a fact that violates the standard, like any other request. By
	// default it comes, as far as it can be read, together with the violation.
	Strict bool
}

// Subprotocol implements [ocpp.Messages].
func (Messages) Subprotocol() string { return Subprotocol }

// DecodeRequest implements [ocpp.Messages].
func (s Messages) DecodeRequest(receiver ocpp.Side, action string, payload []byte) (ocpp.Request, error) {
	a := lookup(action)
	if a == nil {
		return nil, ocpp.Errorf(ocpp.NotImplemented, "the action is not one of OCPP 1.6")
	}
	if !a.receivedBy(receiver) {
		return nil, ocpp.Errorf(ocpp.NotSupported, "%s is not for the %v", a.Name, receiver)
	}
	r := a.newRequest()
	useful, err := decode(payload, r, a.Fact && !s.Strict)
	if !useful {
		return nil, err
	}
	return r, err
}

// DecodeResponse implements [ocpp.Messages].
func (Messages) DecodeResponse(request ocpp.Request, payload []byte) (ocpp.Response, error) {
	a := lookup(request.Action())
	if a == nil {
		return nil, ocpp.Errorf(ocpp.NotImplemented, "the action is not one of OCPP 1.6")
	}
	r := a.newResponse()
	if _, err := decode(payload, r, false); err != nil {
		return nil, err
	}
	return r, nil
}

// EncodeRequest implements [ocpp.Messages].
func (Messages) EncodeRequest(receiver ocpp.Side, q ocpp.Request) ([]byte, error) {
	m, ok := q.(request)
	if !ok {
		return nil, ocpp.Errorf(ocpp.NotImplemented, "%T is not a request of OCPP 1.6", q)
	}
	if a := lookup(m.Action()); !a.receivedBy(receiver) {
		return nil, ocpp.Errorf(ocpp.NotSupported, "%s is not for the %v", a.Name, receiver)
	}
	return encode(m)
}

// EncodeResponse implements [ocpp.Messages].
func (Messages) EncodeResponse(q ocpp.Request, response ocpp.Response) ([]byte, error) {
	a := lookup(q.Action())
	if a == nil {
		return nil, ocpp.Errorf(ocpp.NotImplemented, "the action is not one of OCPP 1.6")
	}
	m, ok := response.(message)
	if want := a.newResponse(); !ok || fmt.Sprintf("%T", m) != fmt.Sprintf("%T", want) {
		return nil, ocpp.Errorf(ocpp.InternalError, "%s is answered with a %T, not with a %T", a.Name, want, response)
	}
	return encode(m)
}

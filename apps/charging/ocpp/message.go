package ocpp

// Side is who sends or receives: each CALL goes from one side to the other.
type Side int

// The two sides of a connection, by the names of OCPP 1.6.
const (
	CentralSystem Side = iota + 1
	ChargePoint
)

// Peer is the other side.
func (s Side) Peer() Side {
	if s == CentralSystem {
		return ChargePoint
	}
	return CentralSystem
}

func (s Side) String() string {
	switch s {
	case CentralSystem:
		return "central system"
	case ChargePoint:
		return "charge point"
	}
	return "unknown side"
}

// Request is the payload of a CALL: a ".req" of the standard.
type Request interface {
	// Action is the name of the message: "BootNotification".
	Action() string
}

// SecretRequest is a Request with a credential in it.
type SecretRequest interface {
	Request

	// Secret is the credential, or empty. What the peer says later is not logged with
	// it.
	Secret() string
}

// Response is the payload of a CALLRESULT: a ".conf" of the standard.
type Response any

// Messages are the messages of one version of OCPP; package v16 has those of 1.6.
// The methods may be called concurrently.
type Messages interface {
	// Subprotocol is the name of the version in the WebSocket handshake: "ocpp1.6".
	Subprotocol() string

	// DecodeRequest reads the payload of a CALL that a side has received. Its errors
	// are *CallError and say what to answer. A request together with an error
	// violates the standard and is to be served all the same.
	DecodeRequest(receiver Side, action string, payload []byte) (Request, error)

	// DecodeResponse reads the payload of the CALLRESULT for a request. Its errors
	// are *CallError.
	DecodeResponse(request Request, payload []byte) (Response, error)

	// EncodeRequest and EncodeResponse refuse what violates the standard, with a
	// *CallError that says in what.
	EncodeRequest(receiver Side, request Request) ([]byte, error)
	EncodeResponse(request Request, response Response) ([]byte, error)
}

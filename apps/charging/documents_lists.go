package charging

import (
	"time"

	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
)

// Lists of documents, and what live topics have of them.

// ReservationPage is a page of the list of reservations, the newest first.
type ReservationPage struct {
	Reservations []ReservationDocument `json:"reservations"`
	Next         string                `json:"next" doc:"The cursor of the next page; empty on the last."`
}

// UnmatchedPage is a page of the list of stops without a transaction, the newest first.
type UnmatchedPage struct {
	Stops []UnmatchedDocument `json:"stops"`
	Next  string              `json:"next" doc:"The cursor of the next page; empty on the last."`
}

// FaultPage is a page of the list of faults, the newest first.
type FaultPage struct {
	Faults []FaultDocument `json:"faults"`
	Next   string          `json:"next" doc:"The cursor of the next page; empty on the last."`
}

// SecurityPage is a page of the list of security events, the newest first.
type SecurityPage struct {
	Events []SecurityDocument `json:"events"`
	Next   string             `json:"next" doc:"The cursor of the next page; empty on the last."`
}

// NoticePage is a page of the list of notices, the newest first.
type NoticePage struct {
	Notices []NoticeDocument `json:"notices"`
	Next    string           `json:"next" doc:"The cursor of the next page; empty on the last."`
}

// TariffList is all tariffs.
type TariffList struct {
	Tariffs []TariffDocument `json:"tariffs" doc:"In the order of their IDs."`
}

// InboxDocument is the stations that nobody knows.
type InboxDocument struct {
	Stations []registry.Stranger `json:"stations" doc:"Who has knocked last comes first."`
}

// DetailPage is a page of charge detail records, in the order of the sessions' ends.
type DetailPage struct {
	Details []session.Detail `json:"details"`
	Next    string           `json:"next" doc:"The cursor of the next page; empty on the last."`
}

// StationChange is what the live topic "charging-stations" says of a station that has
// changed.
type StationChange struct {
	ID         string            `json:"id"`
	Label      string            `json:"label,omitempty"`
	Online     bool              `json:"online"`
	Since      time.Time         `json:"since,omitzero"`
	LastSeen   time.Time         `json:"lastSeen,omitzero"`
	Skew       *float64          `json:"skew,omitempty"`
	Faults     int               `json:"faults"`
	PowerFault bool              `json:"powerFault"`
	Running    int               `json:"running"`
	Connectors []ConnectorChange `json:"connectors"`
}

// ConnectorChange is a connector of a [StationChange].
type ConnectorChange struct {
	ID          int    `json:"id"`
	Status      string `json:"status"`
	ErrorCode   string `json:"errorCode,omitempty" doc:"Missing where there is no error."`
	Transaction int    `json:"transaction,omitempty"`
}

// TransactionLive is what the live topic of a transaction has.
type TransactionLive struct {
	TransactionDocument
	Point *CurvePoint `json:"point,omitempty" doc:"The newest of its curve."`
}

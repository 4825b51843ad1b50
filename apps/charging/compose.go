package charging

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/charging/station"
)

// compose makes the message of an order, whose further fields are in data. The error says
// how it violates the standard.
func compose(o station.Order, data json.RawMessage, key secret) (ocpp.Request, error) {
	fields := make(map[string]any)
	whole := func() error { // the data are the fields
		if len(data) == 0 {
			return nil
		}
		more := make(map[string]any)
		if err := json.Unmarshal(data, &more); err != nil {
			return fmt.Errorf("the data of %s is no JSON object: %w", o.Action, err)
		}
		maps.Copy(fields, more)
		return nil
	}
	var err error
	switch o.Action {
	case station.RemoteStart:
		fields["idTag"] = o.IDTag
		if o.Connector > 0 {
			fields["connectorId"] = o.Connector
		}
		if data != nil {
			fields["chargingProfile"] = data
		}
	case station.RemoteStop:
		fields["transactionId"] = o.Transaction
	case station.UnlockConnector:
		fields["connectorId"] = o.Connector
	case station.ReserveNow:
		err = whole() // parentIdTag
		fields["connectorId"], fields["reservationId"], fields["idTag"] = o.Connector, o.Reservation, o.IDTag
		fields["expiryDate"] = o.Expires.Format(time.RFC3339)
	case station.CancelReservation:
		fields["reservationId"] = o.Reservation
	case station.Reset:
		fields["type"] = o.Type
	case station.ChangeAvailability:
		fields["connectorId"], fields["type"] = o.Connector, o.Type
	case station.ChangeConfiguration:
		fields["key"], fields["value"] = o.Key, o.Value
		if strings.EqualFold(o.Key, authorizationKey) {
			if key.value == "" {
				return nil, errors.New("the new key is not known any more: the server was started again, so tell the station another one")
			}
			fields["value"] = key.value
		}
	case station.TriggerMessage, station.ExtendedTrigger:
		fields["requestedMessage"] = o.Type
		if o.Connector > 0 {
			fields["connectorId"] = o.Connector
		}
	case station.SendLocalList:
		err = whole()
		fields["listVersion"] = o.Version
	case station.SetChargingProfile:
		fields["connectorId"], fields["csChargingProfiles"] = o.Connector, data
	case station.GetSchedule:
		err = whole() // duration, chargingRateUnit
		fields["connectorId"] = o.Connector
	default:
		err = whole()
	}
	if err != nil {
		return nil, err
	}
	payload, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	return v16.Messages{}.DecodeRequest(ocpp.ChargePoint, o.Action, payload)
}

const rebootRequired = "RebootRequired"

// yes are the statuses by which a station says that it does, or will do, what it was asked;
// some answers have none.
var yes = map[string]bool{"": true, "Accepted": true, rebootRequired: true, "Scheduled": true, "Unlocked": true, "AcceptedCanceled": true}

// answerOf reads a station's answer.
func (c *Charging) answerOf(request ocpp.Request, response ocpp.Response) (answer, error) {
	data, err := v16.Messages{}.EncodeResponse(request, response)
	if err != nil {
		// It was decoded, so this is a value that we may not send: take it for what it is.
		if data, err = json.Marshal(response); err != nil {
			return answer{}, err
		}
	}
	fields := make(map[string]json.RawMessage)
	if err := json.Unmarshal(data, &fields); err != nil {
		return answer{}, err
	}
	var a answer
	if status, ok := fields["status"]; ok {
		if err := json.Unmarshal(status, &a.Answer); err != nil {
			return answer{}, err
		}
		delete(fields, "status")
	}
	a.Accepted = yes[a.Answer]
	if a.Answer == "" {
		a.Answer = "Accepted" // there is no status for this one: the answer is the yes
	}
	if len(fields) > 0 {
		a.Data, err = json.Marshal(fields)
	}
	return a, err
}

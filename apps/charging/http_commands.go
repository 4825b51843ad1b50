package charging

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/apps/internal/api"
	"github.com/danielgtaylor/huma/v2"
)

// StationInput names a station.
type StationInput struct {
	Station string `path:"station" maxLength:"48" example:"CP-1" doc:"ID of the station."`
}

func operation(id, method, path, summary, about string, status int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: "/api/charging" + path, Summary: summary, Description: about, Tags: []string{Name}, DefaultStatus: status,
		Errors: []int{http.StatusConflict, http.StatusNotFound, http.StatusServiceUnavailable},
	}
}

// orderBody is the body of an operation that asks a station for something.
type orderBody interface{ order() Ask }

type askedOutput struct {
	Location string `header:"Location"`
	Body     Asked
}

// askRoute adds an operation that asks a station for something.
func askRoute[B orderBody](c *Charging, to huma.API, path, summary, about string) {
	op := operation("ask-"+path, http.MethodPost, "/stations/{station}/commands/"+path, summary,
		about+" The answer comes at once and says where to see what becomes of it: the station is asked then, once.", http.StatusAccepted)
	huma.Register(to, op, func(ctx context.Context, in *struct {
		api.Command
		StationInput
		By   string `header:"X-Operator" maxLength:"100" doc:"Who asks, for the record."`
		Body B
	}) (*askedOutput, error) {
		a := in.Body.order()
		a.By = in.By
		options, err := in.Options("ask " + in.Station + " " + path)
		if err != nil {
			return nil, err
		}
		var asked Asked
		if err := c.send(ctx, stationActor(in.Station), AskStation, a, options, &asked); err != nil {
			return nil, problem(err)
		}
		return &askedOutput{"/api/charging/commands/" + asked.Command, asked}, nil
	})
}

// The bodies.
type (
	remoteStartBody struct {
		Connector   int             `json:"connector,omitempty" minimum:"0" example:"1" doc:"0, or nothing: any of them."`
		IDTag       string          `json:"idTag,omitempty" maxLength:"20" doc:"For whom; it must be one that may charge. Nothing: for nobody in particular."`
		Reservation int             `json:"reservation,omitempty" minimum:"0" doc:"The reservation that it is for; idTag is then that of the reservation."`
		Profile     json.RawMessage `json:"chargingProfile,omitempty" doc:"A TxProfile, as OCPP 1.6 has it."`
	}
	remoteStopBody struct {
		Transaction int `json:"transaction" minimum:"1" doc:"Its number."`
	}
	connectorBody struct {
		Connector int `json:"connector" minimum:"1" example:"1"`
	}
	reserveBody struct {
		Connector   int       `json:"connector" minimum:"0" doc:"0 is any of them, where the station can do so."`
		IDTag       string    `json:"idTag" minLength:"1" maxLength:"20"`
		Parent      string    `json:"parentIdTag,omitempty" maxLength:"20"`
		Until       time.Time `json:"until"`
		Reservation int       `json:"reservation,omitempty" minimum:"0" doc:"A number that is there already is replaced; by default it is a new one."`
	}
	cancelBody struct {
		Reservation int `json:"reservation" minimum:"1"`
	}
	resetBody struct {
		Type string `json:"type" enum:"Soft,Hard"`
	}
	availabilityBody struct {
		Connector int    `json:"connector" minimum:"0" doc:"0 is the station with all of its connectors."`
		Type      string `json:"type" enum:"Operative,Inoperative"`
	}
	configureBody struct {
		Key   string `json:"key" minLength:"1" maxLength:"50" example:"HeartbeatInterval"`
		Value string `json:"value" maxLength:"500" example:"300"`
	}
	configurationBody struct {
		Keys []string `json:"keys,omitempty" maxItems:"100" doc:"Nothing: all of them."`
	}
	triggerBody struct {
		Message   string `json:"message" minLength:"1" maxLength:"50" example:"StatusNotification" doc:"Which one: BootNotification, DiagnosticsStatusNotification, FirmwareStatusNotification, Heartbeat, MeterValues, StatusNotification; with extended also LogStatusNotification and SignChargePointCertificate."`
		Connector int    `json:"connector,omitempty" minimum:"0"`
		Extended  bool   `json:"extended,omitempty" doc:"As ExtendedTriggerMessage of the security extension."`
	}
	localListBody struct {
		IDTags []string `json:"idTags,omitempty" maxItems:"5000" doc:"Which id tags; nothing: all of them."`
	}
	profileBody struct {
		Connector int             `json:"connector" minimum:"0"`
		Profile   json.RawMessage `json:"chargingProfile" doc:"As csChargingProfiles of OCPP 1.6 is."`
	}
	clearProfileBody struct {
		ID         *int   `json:"id,omitempty"`
		Connector  *int   `json:"connectorId,omitempty"`
		Purpose    string `json:"chargingProfilePurpose,omitempty" enum:"ChargePointMaxProfile,TxDefaultProfile,TxProfile"`
		StackLevel *int   `json:"stackLevel,omitempty"`
	}
	scheduleBody struct {
		Connector int    `json:"connector" minimum:"0"`
		Duration  int    `json:"duration" minimum:"1" maximum:"604800" doc:"Seconds."`
		Unit      string `json:"unit,omitempty" enum:"W,A"`
	}
)

func (b remoteStartBody) order() Ask {
	o := station.Order{Action: station.RemoteStart, Connector: b.Connector, Account: b.IDTag, Reservation: b.Reservation}
	if b.Reservation != 0 {
		o.IDTag = b.IDTag
	}
	return Ask{Order: o, Data: b.Profile}
}

func (b remoteStopBody) order() Ask {
	return Ask{Order: station.Order{Action: station.RemoteStop, Transaction: b.Transaction}}
}

func (b connectorBody) order() Ask {
	return Ask{Order: station.Order{Action: station.UnlockConnector, Connector: b.Connector}}
}

func (b reserveBody) order() Ask {
	a := Ask{Order: station.Order{
		Action: station.ReserveNow, Connector: b.Connector, IDTag: b.IDTag, Expires: b.Until.UTC().Truncate(time.Second), Reservation: b.Reservation,
	}}
	if b.Parent != "" {
		a.Data = object("parentIdTag", b.Parent)
	}
	return a
}

func (b cancelBody) order() Ask {
	return Ask{Order: station.Order{Action: station.CancelReservation, Reservation: b.Reservation}}
}

func (b resetBody) order() Ask {
	return Ask{Order: station.Order{Action: station.Reset, Type: b.Type}}
}

func (b availabilityBody) order() Ask {
	return Ask{Order: station.Order{Action: station.ChangeAvailability, Connector: b.Connector, Type: b.Type}}
}

func (b configureBody) order() Ask {
	return Ask{Order: station.Order{Action: station.ChangeConfiguration, Key: b.Key, Value: b.Value}}
}

func (b configurationBody) order() Ask {
	a := Ask{Order: station.Order{Action: station.GetConfiguration}}
	if len(b.Keys) > 0 {
		a.Data = object("key", b.Keys)
	}
	return a
}

func (b triggerBody) order() Ask {
	action := station.TriggerMessage
	if b.Extended {
		action = station.ExtendedTrigger
	}
	return Ask{Order: station.Order{Action: action, Type: b.Message, Connector: b.Connector}}
}

func (b localListBody) order() Ask {
	return Ask{Order: station.Order{Action: station.SendLocalList}, Tags: b.IDTags}
}

func (b profileBody) order() Ask {
	return Ask{Order: station.Order{Action: station.SetChargingProfile, Connector: b.Connector}, Data: b.Profile}
}

func (b clearProfileBody) order() Ask {
	data, _ := json.Marshal(b) // of numbers and texts: it does not fail
	return Ask{Order: station.Order{Action: station.ClearProfile}, Data: data}
}

func (b scheduleBody) order() Ask {
	fields := map[string]any{"duration": b.Duration}
	if b.Unit != "" {
		fields["chargingRateUnit"] = b.Unit
	}
	data, _ := json.Marshal(fields) // of numbers and texts: it does not fail
	return Ask{Order: station.Order{Action: station.GetSchedule, Connector: b.Connector}, Data: data}
}

// object returns a JSON object with one field.
func object(name string, value any) json.RawMessage {
	data, _ := json.Marshal(map[string]any{name: value}) // of texts: it does not fail
	return data
}

// The bodies of what needs no more to be said.
type (
	clearCacheBody  struct{}
	listVersionBody struct{}
)

func (clearCacheBody) order() Ask { return Ask{Order: station.Order{Action: station.ClearCache}} }

func (listVersionBody) order() Ask {
	return Ask{Order: station.Order{Action: station.GetLocalListVersion}}
}

// messageRoutes are the actions whose body is the message of OCPP as it is.
var messageRoutes = []struct{ path, action, summary string }{
	{"update-firmware", station.UpdateFirmware, "Have it update its firmware"},
	{"signed-update-firmware", station.SignedFirmware, "Have it update its firmware, which is signed"},
	{"diagnostics", station.GetDiagnostics, "Have it upload diagnostics"},
	{"get-log", station.GetLog, "Have it upload a log"},
	{"data-transfer", station.DataTransfer, "Send it what a vendor has defined"},
	{"install-certificate", station.InstallCertificate, "Have it install a root certificate"},
	{"delete-certificate", station.DeleteCertificate, "Have it delete a certificate"},
	{"installed-certificates", station.GetCertificates, "Ask which certificates it has"},
	{"certificate-signed", station.CertificateSigned, "Send it its certificate, signed"},
}

// commandRoutes adds what a station can be asked.
func (c *Charging) commandRoutes(to huma.API) {
	askRoute[remoteStartBody](c, to, "remote-start", "Start a transaction", "Accepted means that the station will try: the proof is the transaction that follows, which the command then names.")
	askRoute[remoteStopBody](c, to, "remote-stop", "Stop a transaction", "The proof is the end that the station tells.")
	askRoute[connectorBody](c, to, "unlock", "Unlock a connector", "The cable's lock is released; a transaction on it ends first.")
	askRoute[reserveBody](c, to, "reserve", "Reserve a connector", "")
	askRoute[cancelBody](c, to, "cancel-reservation", "Cancel a reservation", "")
	askRoute[resetBody](c, to, "reset", "Restart the station", "")
	askRoute[availabilityBody](c, to, "change-availability", "Take it out of service, or back", "During a transaction it is scheduled for its end.")
	askRoute[configureBody](c, to, "change-configuration", "Change its configuration", "For AuthorizationKey see the credentials of the station: its value is in no command.")
	askRoute[configurationBody](c, to, "get-configuration", "Ask for its configuration", "What it answers is in its configuration.")
	askRoute[clearCacheBody](c, to, "clear-cache", "Clear its cache of id tags", "")
	askRoute[triggerBody](c, to, "trigger-message", "Have it send a message", "")
	askRoute[localListBody](c, to, "send-local-list", "Send it the list of id tags", "The list that it has is replaced.")
	askRoute[listVersionBody](c, to, "get-local-list-version", "Ask which list of id tags it has", "")
	askRoute[profileBody](c, to, "set-charging-profile", "Set a charging profile", "")
	askRoute[clearProfileBody](c, to, "clear-charging-profile", "Clear charging profiles", "Those that all fields match; all of them without a field.")
	askRoute[scheduleBody](c, to, "get-composite-schedule", "Ask what all profiles together allow", "")
	for _, m := range messageRoutes {
		op := operation("ask-"+m.path, http.MethodPost, "/stations/{station}/commands/"+m.path, m.summary,
			"The body has the fields of "+m.action+".req of OCPP 1.6 and its security extension.", http.StatusAccepted)
		huma.Register(to, op, func(ctx context.Context, in *struct {
			api.Command
			StationInput
			By   string `header:"X-Operator" maxLength:"100" doc:"Who asks, for the record."`
			Body map[string]any
		}) (*askedOutput, error) {
			data, err := json.Marshal(in.Body)
			if err != nil {
				return nil, err
			}
			options, err := in.Options("ask " + in.Station + " " + m.path)
			if err != nil {
				return nil, err
			}
			var asked Asked
			err = c.send(ctx, stationActor(in.Station), AskStation, Ask{Order: station.Order{Action: m.action}, Data: data, By: in.By}, options, &asked)
			if err != nil {
				return nil, problem(err)
			}
			return &askedOutput{"/api/charging/commands/" + asked.Command, asked}, nil
		})
	}
	type settleInput struct {
		api.Command
		StationInput
		ID   string `path:"command" maxLength:"100" doc:"ID of the command."`
		By   string `header:"X-Operator" maxLength:"100" doc:"Who says so, for the record."`
		Body struct {
			Happened bool `json:"happened" doc:"Whether the station has done it."`
		}
	}
	huma.Register(to, operation("settle-command", http.MethodPost, "/stations/{station}/commands/{command}/settle", "Say what became of a command in doubt",
		"The word of an operator, who has looked; what the station reports later counts for more.", http.StatusOK),
		func(ctx context.Context, in *settleInput) (*answerOutput, error) {
			return c.carry(ctx, in, "settle "+in.Station+" "+in.ID, stationActor(in.Station), SettleCommand,
				station.Settle{ID: in.ID, Happened: in.Body.Happened, By: in.By})
		})
}

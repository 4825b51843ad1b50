package v16

import "github.com/aether-es/aether/apps/charging/ocpp"

// Action is a kind of message: a request and its response.
type Action struct {
	// Name is what the CALL says: "BootNotification".
	Name string

	// ToCentralSystem and ToChargePoint say who may receive the request. DataTransfer
	// goes both ways.
	ToCentralSystem, ToChargePoint bool

	// Security: of the security extension.
	Security bool

	// Fact says that the request reports what has happened, and that it is lost, or
	// the station's state unknown, where it is refused. See [Messages.Strict].
	Fact bool

	newRequest  func() request
	newResponse func() message
}

// NewRequest returns an empty request: a *BootNotificationReq.
func (a Action) NewRequest() ocpp.Request { return a.newRequest() }

// NewResponse returns an empty response: a *BootNotificationConf.
func (a Action) NewResponse() ocpp.Response { return a.newResponse() }

// receivedBy says whether a side may be called so.
func (a *Action) receivedBy(side ocpp.Side) bool {
	return a.ToCentralSystem && side == ocpp.CentralSystem || a.ToChargePoint && side == ocpp.ChargePoint
}

// request is what the types of requests can do.
type request interface {
	ocpp.Request
	message
}

// Actions returns all actions, in the order of their names within the standard and
// the security extension.
func Actions() []Action { return append([]Action(nil), actions[:]...) }

// LookupAction returns the action with a name. Names are case-sensitive (OCPP-J 1.6,
// 4.2.1).
func LookupAction(name string) (Action, bool) {
	if a := lookup(name); a != nil {
		return *a, true
	}
	return Action{}, false
}

func lookup(name string) *Action {
	for i := range actions {
		if actions[i].Name == name {
			return &actions[i]
		}
	}
	return nil
}

// action makes an entry of the table from the types of the request and the response.
func action[Req, Conf any, R interface {
	*Req
	request
}, C pointer[Conf]](a Action) Action {
	a.Name = R(nil).Action()
	a.newRequest = func() request { return R(new(Req)) }
	a.newResponse = func() message { return C(new(Conf)) }
	return a
}

// Where a request goes, and what it is.
var (
	fromStation = Action{ToCentralSystem: true}
	fact        = Action{ToCentralSystem: true, Fact: true}
	fromSystem  = Action{ToChargePoint: true}
	bothWays    = Action{ToCentralSystem: true, ToChargePoint: true}

	securityFromStation = Action{ToCentralSystem: true, Security: true}
	securityFromSystem  = Action{ToChargePoint: true, Security: true}
)

// actions is never changed.
var actions = [...]Action{
	action[AuthorizeReq, AuthorizeConf](fromStation),
	action[BootNotificationReq, BootNotificationConf](fromStation),
	action[CancelReservationReq, CancelReservationConf](fromSystem),
	action[ChangeAvailabilityReq, ChangeAvailabilityConf](fromSystem),
	action[ChangeConfigurationReq, ChangeConfigurationConf](fromSystem),
	action[ClearCacheReq, ClearCacheConf](fromSystem),
	action[ClearChargingProfileReq, ClearChargingProfileConf](fromSystem),
	action[DataTransferReq, DataTransferConf](bothWays),
	action[DiagnosticsStatusNotificationReq, DiagnosticsStatusNotificationConf](fromStation),
	action[FirmwareStatusNotificationReq, FirmwareStatusNotificationConf](fromStation),
	action[GetCompositeScheduleReq, GetCompositeScheduleConf](fromSystem),
	action[GetConfigurationReq, GetConfigurationConf](fromSystem),
	action[GetDiagnosticsReq, GetDiagnosticsConf](fromSystem),
	action[GetLocalListVersionReq, GetLocalListVersionConf](fromSystem),
	action[HeartbeatReq, HeartbeatConf](fromStation),
	action[MeterValuesReq, MeterValuesConf](fact),
	action[RemoteStartTransactionReq, RemoteStartTransactionConf](fromSystem),
	action[RemoteStopTransactionReq, RemoteStopTransactionConf](fromSystem),
	action[ReserveNowReq, ReserveNowConf](fromSystem),
	action[ResetReq, ResetConf](fromSystem),
	action[SendLocalListReq, SendLocalListConf](fromSystem),
	action[SetChargingProfileReq, SetChargingProfileConf](fromSystem),
	action[StartTransactionReq, StartTransactionConf](fact),
	action[StatusNotificationReq, StatusNotificationConf](fact),
	action[StopTransactionReq, StopTransactionConf](fact),
	action[TriggerMessageReq, TriggerMessageConf](fromSystem),
	action[UnlockConnectorReq, UnlockConnectorConf](fromSystem),
	action[UpdateFirmwareReq, UpdateFirmwareConf](fromSystem),

	action[CertificateSignedReq, CertificateSignedConf](securityFromSystem),
	action[DeleteCertificateReq, DeleteCertificateConf](securityFromSystem),
	action[ExtendedTriggerMessageReq, ExtendedTriggerMessageConf](securityFromSystem),
	action[GetInstalledCertificateIdsReq, GetInstalledCertificateIdsConf](securityFromSystem),
	action[GetLogReq, GetLogConf](securityFromSystem),
	action[InstallCertificateReq, InstallCertificateConf](securityFromSystem),
	action[LogStatusNotificationReq, LogStatusNotificationConf](securityFromStation),
	action[SecurityEventNotificationReq, SecurityEventNotificationConf](securityFromStation),
	action[SignCertificateReq, SignCertificateConf](securityFromStation),
	action[SignedFirmwareStatusNotificationReq, SignedFirmwareStatusNotificationConf](securityFromStation),
	action[SignedUpdateFirmwareReq, SignedUpdateFirmwareConf](securityFromSystem),
}

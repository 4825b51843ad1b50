package v16

import (
	"context"

	"github.com/aether-es/aether/apps/charging/ocpp"
)

// Caller makes calls: an *ocpp.Session, an *ocpp.Conn, an *ocpp.Client.
type Caller interface {
	Call(ctx context.Context, request ocpp.Request) (ocpp.Response, error)
}

// RequestFor is a request that is answered with a *Conf.
type RequestFor[Conf any] interface {
	ocpp.Request
	answeredBy(*Conf)
}

// Call makes a call and returns the answer with its type. Its errors are those of the
// caller.
func Call[Conf any, R RequestFor[Conf]](ctx context.Context, to Caller, request R) (*Conf, error) {
	response, err := to.Call(ctx, request)
	if err != nil {
		return nil, err
	}
	return response.(*Conf), nil // DecodeResponse makes no other
}

// The actions of the requests, as [ocpp.Request] wants them.

func (*AuthorizeReq) Action() string                     { return "Authorize" }
func (*BootNotificationReq) Action() string              { return "BootNotification" }
func (*CancelReservationReq) Action() string             { return "CancelReservation" }
func (*ChangeAvailabilityReq) Action() string            { return "ChangeAvailability" }
func (*ChangeConfigurationReq) Action() string           { return "ChangeConfiguration" }
func (*ClearCacheReq) Action() string                    { return "ClearCache" }
func (*ClearChargingProfileReq) Action() string          { return "ClearChargingProfile" }
func (*DataTransferReq) Action() string                  { return "DataTransfer" }
func (*DiagnosticsStatusNotificationReq) Action() string { return "DiagnosticsStatusNotification" }
func (*FirmwareStatusNotificationReq) Action() string    { return "FirmwareStatusNotification" }
func (*GetCompositeScheduleReq) Action() string          { return "GetCompositeSchedule" }
func (*GetConfigurationReq) Action() string              { return "GetConfiguration" }
func (*GetDiagnosticsReq) Action() string                { return "GetDiagnostics" }
func (*GetLocalListVersionReq) Action() string           { return "GetLocalListVersion" }
func (*HeartbeatReq) Action() string                     { return "Heartbeat" }
func (*MeterValuesReq) Action() string                   { return "MeterValues" }
func (*RemoteStartTransactionReq) Action() string        { return "RemoteStartTransaction" }
func (*RemoteStopTransactionReq) Action() string         { return "RemoteStopTransaction" }
func (*ReserveNowReq) Action() string                    { return "ReserveNow" }
func (*ResetReq) Action() string                         { return "Reset" }
func (*SendLocalListReq) Action() string                 { return "SendLocalList" }
func (*SetChargingProfileReq) Action() string            { return "SetChargingProfile" }
func (*StartTransactionReq) Action() string              { return "StartTransaction" }
func (*StatusNotificationReq) Action() string            { return "StatusNotification" }
func (*StopTransactionReq) Action() string               { return "StopTransaction" }
func (*TriggerMessageReq) Action() string                { return "TriggerMessage" }
func (*UnlockConnectorReq) Action() string               { return "UnlockConnector" }
func (*UpdateFirmwareReq) Action() string                { return "UpdateFirmware" }
func (*CertificateSignedReq) Action() string             { return "CertificateSigned" }
func (*DeleteCertificateReq) Action() string             { return "DeleteCertificate" }
func (*ExtendedTriggerMessageReq) Action() string        { return "ExtendedTriggerMessage" }
func (*GetInstalledCertificateIdsReq) Action() string    { return "GetInstalledCertificateIds" }
func (*GetLogReq) Action() string                        { return "GetLog" }
func (*InstallCertificateReq) Action() string            { return "InstallCertificate" }
func (*LogStatusNotificationReq) Action() string         { return "LogStatusNotification" }
func (*SecurityEventNotificationReq) Action() string     { return "SecurityEventNotification" }
func (*SignCertificateReq) Action() string               { return "SignCertificate" }
func (*SignedFirmwareStatusNotificationReq) Action() string {
	return "SignedFirmwareStatusNotification"
}
func (*SignedUpdateFirmwareReq) Action() string { return "SignedUpdateFirmware" }

// The answers of the requests.

func (*AuthorizeReq) answeredBy(*AuthorizeConf)                                               {}
func (*BootNotificationReq) answeredBy(*BootNotificationConf)                                 {}
func (*CancelReservationReq) answeredBy(*CancelReservationConf)                               {}
func (*ChangeAvailabilityReq) answeredBy(*ChangeAvailabilityConf)                             {}
func (*ChangeConfigurationReq) answeredBy(*ChangeConfigurationConf)                           {}
func (*ClearCacheReq) answeredBy(*ClearCacheConf)                                             {}
func (*ClearChargingProfileReq) answeredBy(*ClearChargingProfileConf)                         {}
func (*DataTransferReq) answeredBy(*DataTransferConf)                                         {}
func (*DiagnosticsStatusNotificationReq) answeredBy(*DiagnosticsStatusNotificationConf)       {}
func (*FirmwareStatusNotificationReq) answeredBy(*FirmwareStatusNotificationConf)             {}
func (*GetCompositeScheduleReq) answeredBy(*GetCompositeScheduleConf)                         {}
func (*GetConfigurationReq) answeredBy(*GetConfigurationConf)                                 {}
func (*GetDiagnosticsReq) answeredBy(*GetDiagnosticsConf)                                     {}
func (*GetLocalListVersionReq) answeredBy(*GetLocalListVersionConf)                           {}
func (*HeartbeatReq) answeredBy(*HeartbeatConf)                                               {}
func (*MeterValuesReq) answeredBy(*MeterValuesConf)                                           {}
func (*RemoteStartTransactionReq) answeredBy(*RemoteStartTransactionConf)                     {}
func (*RemoteStopTransactionReq) answeredBy(*RemoteStopTransactionConf)                       {}
func (*ReserveNowReq) answeredBy(*ReserveNowConf)                                             {}
func (*ResetReq) answeredBy(*ResetConf)                                                       {}
func (*SendLocalListReq) answeredBy(*SendLocalListConf)                                       {}
func (*SetChargingProfileReq) answeredBy(*SetChargingProfileConf)                             {}
func (*StartTransactionReq) answeredBy(*StartTransactionConf)                                 {}
func (*StatusNotificationReq) answeredBy(*StatusNotificationConf)                             {}
func (*StopTransactionReq) answeredBy(*StopTransactionConf)                                   {}
func (*TriggerMessageReq) answeredBy(*TriggerMessageConf)                                     {}
func (*UnlockConnectorReq) answeredBy(*UnlockConnectorConf)                                   {}
func (*UpdateFirmwareReq) answeredBy(*UpdateFirmwareConf)                                     {}
func (*CertificateSignedReq) answeredBy(*CertificateSignedConf)                               {}
func (*DeleteCertificateReq) answeredBy(*DeleteCertificateConf)                               {}
func (*ExtendedTriggerMessageReq) answeredBy(*ExtendedTriggerMessageConf)                     {}
func (*GetInstalledCertificateIdsReq) answeredBy(*GetInstalledCertificateIdsConf)             {}
func (*GetLogReq) answeredBy(*GetLogConf)                                                     {}
func (*InstallCertificateReq) answeredBy(*InstallCertificateConf)                             {}
func (*LogStatusNotificationReq) answeredBy(*LogStatusNotificationConf)                       {}
func (*SecurityEventNotificationReq) answeredBy(*SecurityEventNotificationConf)               {}
func (*SignCertificateReq) answeredBy(*SignCertificateConf)                                   {}
func (*SignedFirmwareStatusNotificationReq) answeredBy(*SignedFirmwareStatusNotificationConf) {}
func (*SignedUpdateFirmwareReq) answeredBy(*SignedUpdateFirmwareConf)                         {}

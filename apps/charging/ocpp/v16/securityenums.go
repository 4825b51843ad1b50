package v16

// CertificateUse is the kind of a root certificate (security 6.4).
type CertificateUse string

// The values of CertificateUse.
const (
	CentralSystemRootCertificate CertificateUse = "CentralSystemRootCertificate"
	ManufacturerRootCertificate  CertificateUse = "ManufacturerRootCertificate"
)

func (u CertificateUse) valid() bool {
	return u == CentralSystemRootCertificate || u == ManufacturerRootCertificate
}

// CertificateStatus answers InstallCertificate (security 6.3).
type CertificateStatus string

// The values of CertificateStatus.
const (
	CertificateAccepted CertificateStatus = "Accepted"
	CertificateFailed   CertificateStatus = "Failed"
	CertificateRejected CertificateStatus = "Rejected"
)

func (s CertificateStatus) valid() bool {
	return s == CertificateAccepted || s == CertificateFailed || s == CertificateRejected
}

// DeleteCertificateStatus answers DeleteCertificate (security 6.5).
type DeleteCertificateStatus string

// The values of DeleteCertificateStatus.
const (
	DeleteCertificateAccepted DeleteCertificateStatus = "Accepted"
	DeleteCertificateFailed   DeleteCertificateStatus = "Failed"
	DeleteCertificateNotFound DeleteCertificateStatus = "NotFound"
)

func (s DeleteCertificateStatus) valid() bool {
	return s == DeleteCertificateAccepted || s == DeleteCertificateFailed || s == DeleteCertificateNotFound
}

// InstalledCertificateStatus answers GetInstalledCertificateIds (security 6.9).
type InstalledCertificateStatus string

// The values of InstalledCertificateStatus.
const (
	InstalledAccepted InstalledCertificateStatus = "Accepted"
	InstalledNotFound InstalledCertificateStatus = "NotFound"
)

func (s InstalledCertificateStatus) valid() bool {
	return s == InstalledAccepted || s == InstalledNotFound
}

// HashAlgorithm is how a certificate is named (security 6.10).
type HashAlgorithm string

// The values of HashAlgorithm.
const (
	SHA256 HashAlgorithm = "SHA256"
	SHA384 HashAlgorithm = "SHA384"
	SHA512 HashAlgorithm = "SHA512"
)

func (a HashAlgorithm) valid() bool { return a == SHA256 || a == SHA384 || a == SHA512 }

// LogType is a kind of log (security 6.11).
type LogType string

// The values of LogType.
const (
	DiagnosticsLog LogType = "DiagnosticsLog"
	SecurityLog    LogType = "SecurityLog"
)

func (t LogType) valid() bool { return t == DiagnosticsLog || t == SecurityLog }

// LogStatus answers GetLog (security 6.13).
type LogStatus string

// The values of LogStatus.
const (
	LogAccepted         LogStatus = "Accepted"
	LogRejected         LogStatus = "Rejected"
	LogAcceptedCanceled LogStatus = "AcceptedCanceled"
)

func (s LogStatus) valid() bool {
	return s == LogAccepted || s == LogRejected || s == LogAcceptedCanceled
}

// UploadLogStatus is how far an upload is (security 6.17).
type UploadLogStatus string

// The values of UploadLogStatus.
const (
	UploadBadMessage            UploadLogStatus = "BadMessage"
	UploadIdle                  UploadLogStatus = "Idle"
	UploadNotSupportedOperation UploadLogStatus = "NotSupportedOperation"
	UploadPermissionDenied      UploadLogStatus = "PermissionDenied"
	UploadUploaded              UploadLogStatus = "Uploaded"
	UploadFailure               UploadLogStatus = "UploadFailure"
	UploadUploading             UploadLogStatus = "Uploading"
)

func (s UploadLogStatus) valid() bool {
	switch s {
	case UploadBadMessage, UploadIdle, UploadNotSupportedOperation, UploadPermissionDenied, UploadUploaded, UploadFailure, UploadUploading:
		return true
	}
	return false
}

// UpdateFirmwareStatus answers SignedUpdateFirmware (security 6.16).
type UpdateFirmwareStatus string

// The values of UpdateFirmwareStatus.
const (
	UpdateFirmwareAccepted           UpdateFirmwareStatus = "Accepted"
	UpdateFirmwareRejected           UpdateFirmwareStatus = "Rejected"
	UpdateFirmwareAcceptedCanceled   UpdateFirmwareStatus = "AcceptedCanceled"
	UpdateFirmwareInvalidCertificate UpdateFirmwareStatus = "InvalidCertificate"
	UpdateFirmwareRevokedCertificate UpdateFirmwareStatus = "RevokedCertificate"
)

func (s UpdateFirmwareStatus) valid() bool {
	switch s {
	case UpdateFirmwareAccepted, UpdateFirmwareRejected, UpdateFirmwareAcceptedCanceled, UpdateFirmwareInvalidCertificate,
		UpdateFirmwareRevokedCertificate:
		return true
	}
	return false
}

// ExtendedMessageTrigger is what ExtendedTriggerMessage asks for (security 6.14).
type ExtendedMessageTrigger string

// The values of ExtendedMessageTrigger. The firmware status is the signed one.
const (
	ExtendedBootNotification           ExtendedMessageTrigger = "BootNotification"
	ExtendedLogStatusNotification      ExtendedMessageTrigger = "LogStatusNotification"
	ExtendedFirmwareStatusNotification ExtendedMessageTrigger = "FirmwareStatusNotification"
	ExtendedHeartbeat                  ExtendedMessageTrigger = "Heartbeat"
	ExtendedMeterValues                ExtendedMessageTrigger = "MeterValues"
	ExtendedSignChargePointCertificate ExtendedMessageTrigger = "SignChargePointCertificate"
	ExtendedStatusNotification         ExtendedMessageTrigger = "StatusNotification"
)

func (t ExtendedMessageTrigger) valid() bool {
	switch t {
	case ExtendedBootNotification, ExtendedLogStatusNotification, ExtendedFirmwareStatusNotification, ExtendedHeartbeat,
		ExtendedMeterValues, ExtendedSignChargePointCertificate, ExtendedStatusNotification:
		return true
	}
	return false
}

package v16

import "time"

// GetDiagnosticsReq asks for an upload of diagnostics (6.25).
type GetDiagnosticsReq struct {
	// Location is the URI of a folder.
	Location string

	// Retries and RetryInterval, in seconds, are nil to leave them to the station.
	Retries       *int
	RetryInterval *int

	StartTime time.Time
	StopTime  time.Time
}

// GetDiagnosticsConf answers it (6.26), without a name where there is nothing.
type GetDiagnosticsConf struct{ FileName string }

func (m *GetDiagnosticsReq) fields(f *fields) {
	f.uri("location", &m.Location, unlimited)
	f.optionalInteger("retries", &m.Retries, 0)
	f.optionalInteger("retryInterval", &m.RetryInterval, 0)
	f.date("startTime", &m.StartTime, optional)
	f.date("stopTime", &m.StopTime, optional)
}
func (m *GetDiagnosticsConf) fields(f *fields) { f.text("fileName", &m.FileName, optional, 255) }

// DiagnosticsStatusNotificationReq says how far the upload is (6.17).
type DiagnosticsStatusNotificationReq struct{ Status DiagnosticsStatus }

// DiagnosticsStatusNotificationConf answers it (6.18).
type DiagnosticsStatusNotificationConf struct{}

func (m *DiagnosticsStatusNotificationReq) fields(f *fields) {
	enum(f, "status", &m.Status, required)
}
func (m *DiagnosticsStatusNotificationConf) fields(*fields) {}

// DiagnosticsStatus is how far an upload is (7.24).
type DiagnosticsStatus string

// The values of DiagnosticsStatus.
const (
	DiagnosticsIdle         DiagnosticsStatus = "Idle"
	DiagnosticsUploaded     DiagnosticsStatus = "Uploaded"
	DiagnosticsUploadFailed DiagnosticsStatus = "UploadFailed"
	DiagnosticsUploading    DiagnosticsStatus = "Uploading"
)

func (s DiagnosticsStatus) valid() bool {
	switch s {
	case DiagnosticsIdle, DiagnosticsUploaded, DiagnosticsUploadFailed, DiagnosticsUploading:
		return true
	}
	return false
}

// UpdateFirmwareReq asks for an update (6.55). The signed kind is
// [SignedUpdateFirmwareReq].
type UpdateFirmwareReq struct {
	Location      string
	Retries       *int
	RetrieveDate  time.Time
	RetryInterval *int
}

// UpdateFirmwareConf answers it (6.56).
type UpdateFirmwareConf struct{}

func (m *UpdateFirmwareReq) fields(f *fields) {
	f.uri("location", &m.Location, unlimited)
	f.optionalInteger("retries", &m.Retries, 0)
	f.date("retrieveDate", &m.RetrieveDate, required)
	f.optionalInteger("retryInterval", &m.RetryInterval, 0)
}
func (m *UpdateFirmwareConf) fields(*fields) {}

// FirmwareStatusNotificationReq says how far the update is (6.19).
type FirmwareStatusNotificationReq struct{ Status FirmwareStatus }

// FirmwareStatusNotificationConf answers it (6.20).
type FirmwareStatusNotificationConf struct{}

func (m *FirmwareStatusNotificationReq) fields(f *fields) {
	enum(f, "status", &m.Status, required)
	f.rule(m.Status == "" || !m.Status.signedOnly(), "status", "is not a value of its enumeration")
}
func (m *FirmwareStatusNotificationConf) fields(*fields) {}

// FirmwareStatus is how far an update is (7.25, security 6.6).
type FirmwareStatus string

// The values of FirmwareStatus; the latter half is only for signed updates.
const (
	FirmwareDownloaded         FirmwareStatus = "Downloaded"
	FirmwareDownloadFailed     FirmwareStatus = "DownloadFailed"
	FirmwareDownloading        FirmwareStatus = "Downloading"
	FirmwareIdle               FirmwareStatus = "Idle"
	FirmwareInstallationFailed FirmwareStatus = "InstallationFailed"
	FirmwareInstalling         FirmwareStatus = "Installing"
	FirmwareInstalled          FirmwareStatus = "Installed"

	FirmwareDownloadScheduled         FirmwareStatus = "DownloadScheduled"
	FirmwareDownloadPaused            FirmwareStatus = "DownloadPaused"
	FirmwareInstallRebooting          FirmwareStatus = "InstallRebooting"
	FirmwareInstallScheduled          FirmwareStatus = "InstallScheduled"
	FirmwareInstallVerificationFailed FirmwareStatus = "InstallVerificationFailed"
	FirmwareInvalidSignature          FirmwareStatus = "InvalidSignature"
	FirmwareSignatureVerified         FirmwareStatus = "SignatureVerified"
)

func (s FirmwareStatus) valid() bool {
	switch s {
	case FirmwareDownloaded, FirmwareDownloadFailed, FirmwareDownloading, FirmwareIdle, FirmwareInstallationFailed,
		FirmwareInstalling, FirmwareInstalled:
		return true
	}
	return s.signedOnly()
}

func (s FirmwareStatus) signedOnly() bool {
	switch s {
	case FirmwareDownloadScheduled, FirmwareDownloadPaused, FirmwareInstallRebooting, FirmwareInstallScheduled,
		FirmwareInstallVerificationFailed, FirmwareInvalidSignature, FirmwareSignatureVerified:
		return true
	}
	return false
}

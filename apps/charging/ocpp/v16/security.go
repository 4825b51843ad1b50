package v16

import "time"

// The limits of certificates and requests for them, in PEM (security 5.1, 5.11, 5.17).
const (
	maxChain       = 10000
	maxCertificate = 5500
)

// SecurityEventNotificationReq reports an event of security (security 5.15; section 8
// has the known types).
type SecurityEventNotificationReq struct {
	Type      string
	Timestamp time.Time
	TechInfo  string
}

// SecurityEventNotificationConf answers it (security 5.16).
type SecurityEventNotificationConf struct{}

func (m *SecurityEventNotificationReq) fields(f *fields) {
	f.text("type", &m.Type, required, 50)
	f.date("timestamp", &m.Timestamp, required)
	f.text("techInfo", &m.TechInfo, optional, 255)
}
func (m *SecurityEventNotificationConf) fields(*fields) {}

// SignCertificateReq asks for a certificate (security 5.17). CSR is in PEM.
type SignCertificateReq struct{ CSR string }

// SignCertificateConf answers it (security 5.18); the certificate comes later, with
// CertificateSigned.
type SignCertificateConf struct{ Status GenericStatus }

func (m *SignCertificateReq) fields(f *fields)  { f.text("csr", &m.CSR, required, maxCertificate) }
func (m *SignCertificateConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

// CertificateSignedReq brings a station its certificate (security 5.1), in PEM.
type CertificateSignedReq struct{ CertificateChain string }

// CertificateSignedConf answers it (security 5.2).
type CertificateSignedConf struct{ Status GenericStatus }

func (m *CertificateSignedReq) fields(f *fields) {
	f.text("certificateChain", &m.CertificateChain, required, maxChain)
}
func (m *CertificateSignedConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

// InstallCertificateReq gives a station a root certificate (security 5.11), in PEM.
type InstallCertificateReq struct {
	CertificateType CertificateUse
	Certificate     string
}

// InstallCertificateConf answers it (security 5.12).
type InstallCertificateConf struct{ Status CertificateStatus }

func (m *InstallCertificateReq) fields(f *fields) {
	enum(f, "certificateType", &m.CertificateType, required)
	f.text("certificate", &m.Certificate, required, maxCertificate)
}
func (m *InstallCertificateConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

// DeleteCertificateReq removes a certificate (security 5.3).
type DeleteCertificateReq struct{ CertificateHashData CertificateHashData }

// DeleteCertificateConf answers it (security 5.4).
type DeleteCertificateConf struct{ Status DeleteCertificateStatus }

func (m *DeleteCertificateReq) fields(f *fields) {
	object(f, "certificateHashData", &m.CertificateHashData)
}
func (m *DeleteCertificateConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

// GetInstalledCertificateIdsReq asks for the certificates of a kind (security 5.7).
type GetInstalledCertificateIdsReq struct{ CertificateType CertificateUse }

// GetInstalledCertificateIdsConf answers it (security 5.8).
type GetInstalledCertificateIdsConf struct {
	Status              InstalledCertificateStatus
	CertificateHashData []CertificateHashData
}

func (m *GetInstalledCertificateIdsReq) fields(f *fields) {
	enum(f, "certificateType", &m.CertificateType, required)
}

func (m *GetInstalledCertificateIdsConf) fields(f *fields) {
	enum(f, "status", &m.Status, required)
	list(f, "certificateHashData", &m.CertificateHashData, optional)
}

// CertificateHashData names a certificate (security 6.1).
type CertificateHashData struct {
	HashAlgorithm  HashAlgorithm
	IssuerNameHash string
	IssuerKeyHash  string
	SerialNumber   string
}

func (d *CertificateHashData) fields(f *fields) {
	enum(f, "hashAlgorithm", &d.HashAlgorithm, required)
	f.text("issuerNameHash", &d.IssuerNameHash, required, 128)
	f.text("issuerKeyHash", &d.IssuerKeyHash, required, 128)
	f.text("serialNumber", &d.SerialNumber, required, 40)
}

// GetLogReq asks for the upload of a log (security 5.9).
type GetLogReq struct {
	LogType       LogType
	RequestID     int
	Retries       *int
	RetryInterval *int
	Log           LogParameters
}

// GetLogConf answers it (security 5.10).
type GetLogConf struct {
	Status   LogStatus
	Filename string
}

func (m *GetLogReq) fields(f *fields) {
	enum(f, "logType", &m.LogType, required)
	f.integer("requestId", &m.RequestID, required, anyInteger)
	f.optionalInteger("retries", &m.Retries, 0)
	f.optionalInteger("retryInterval", &m.RetryInterval, 0)
	object(f, "log", &m.Log)
}

func (m *GetLogConf) fields(f *fields) {
	enum(f, "status", &m.Status, required)
	f.text("filename", &m.Filename, optional, 255)
}

// LogParameters says which part of a log goes where (security 6.12).
type LogParameters struct {
	RemoteLocation  string
	OldestTimestamp time.Time
	LatestTimestamp time.Time
}

func (p *LogParameters) fields(f *fields) {
	f.uri("remoteLocation", &p.RemoteLocation, 512)
	f.date("oldestTimestamp", &p.OldestTimestamp, optional)
	f.date("latestTimestamp", &p.LatestTimestamp, optional)
}

// LogStatusNotificationReq says how far the upload is (security 5.13).
type LogStatusNotificationReq struct {
	Status    UploadLogStatus
	RequestID *int
}

// LogStatusNotificationConf answers it (security 5.14).
type LogStatusNotificationConf struct{}

func (m *LogStatusNotificationReq) fields(f *fields) {
	enum(f, "status", &m.Status, required)
	f.optionalInteger("requestId", &m.RequestID, anyInteger)
}
func (m *LogStatusNotificationConf) fields(*fields) {}

// SignedUpdateFirmwareReq asks for an update with signed firmware (security 5.21).
type SignedUpdateFirmwareReq struct {
	Retries       *int
	RetryInterval *int
	RequestID     int
	Firmware      Firmware
}

// SignedUpdateFirmwareConf answers it (security 5.22).
type SignedUpdateFirmwareConf struct{ Status UpdateFirmwareStatus }

func (m *SignedUpdateFirmwareReq) fields(f *fields) {
	f.optionalInteger("retries", &m.Retries, 0)
	f.optionalInteger("retryInterval", &m.RetryInterval, 0)
	f.integer("requestId", &m.RequestID, required, anyInteger)
	object(f, "firmware", &m.Firmware)
}
func (m *SignedUpdateFirmwareConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

// Firmware says where firmware is, and who has signed it (security 6.7).
type Firmware struct {
	Location           string
	RetrieveDateTime   time.Time
	InstallDateTime    time.Time
	SigningCertificate string
	Signature          string
}

func (w *Firmware) fields(f *fields) {
	f.uri("location", &w.Location, 512)
	f.date("retrieveDateTime", &w.RetrieveDateTime, required)
	f.date("installDateTime", &w.InstallDateTime, optional)
	f.text("signingCertificate", &w.SigningCertificate, required, maxCertificate)
	f.text("signature", &w.Signature, required, 800)
}

// SignedFirmwareStatusNotificationReq says how far the update is (security 5.19).
type SignedFirmwareStatusNotificationReq struct {
	Status    FirmwareStatus
	RequestID *int
}

// SignedFirmwareStatusNotificationConf answers it (security 5.20).
type SignedFirmwareStatusNotificationConf struct{}

func (m *SignedFirmwareStatusNotificationReq) fields(f *fields) {
	enum(f, "status", &m.Status, required)
	f.optionalInteger("requestId", &m.RequestID, anyInteger)
}
func (m *SignedFirmwareStatusNotificationConf) fields(*fields) {}

// ExtendedTriggerMessageReq asks for a message, also for those of the security
// extension (security 5.5).
type ExtendedTriggerMessageReq struct {
	RequestedMessage ExtendedMessageTrigger
	ConnectorID      *int
}

// ExtendedTriggerMessageConf answers it (security 5.6).
type ExtendedTriggerMessageConf struct{ Status TriggerMessageStatus }

func (m *ExtendedTriggerMessageReq) fields(f *fields) {
	enum(f, "requestedMessage", &m.RequestedMessage, required)
	f.optionalInteger("connectorId", &m.ConnectorID, 1)
}
func (m *ExtendedTriggerMessageConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

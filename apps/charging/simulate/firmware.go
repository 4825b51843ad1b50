package simulate

import (
	"fmt"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// firmware is what the station runs, and how far a new one is.
type firmware struct {
	version    string // "" for that of the model
	status     v16.FirmwareStatus
	requestID  *int   // of a signed update
	generation int    // counts the updates: a newer one replaces the one that goes on
	ready      bool   // downloaded, and waiting for the last transaction
	installing string // the new version, while it is installed
}

// upload is a log on its way to somewhere.
type upload struct {
	status    string
	requestID *int
}

func (s *Station) firmwareVersion() string {
	if s.firmware.version != "" {
		return s.firmware.version
	}
	return s.o.Model.Firmware
}

// firmwareStatus is what a notification says: Idle when the last update is over.
func (s *Station) firmwareStatus(signed bool) v16.FirmwareStatus {
	f := &s.firmware
	if f.status == v16.FirmwareInstalled || (f.requestID != nil) != signed {
		return v16.FirmwareIdle
	}
	return orIdle(f.status, v16.FirmwareIdle)
}

// tellFirmware reports how far the update is.
func (s *Station) tellFirmware(status v16.FirmwareStatus) {
	s.firmware.status = status
	if id := s.firmware.requestID; id != nil {
		s.send(&v16.SignedFirmwareStatusNotificationReq{Status: status, RequestID: id}, nil)
		return
	}
	s.send(&v16.FirmwareStatusNotificationReq{Status: status}, nil)
}

func (s *Station) updateFirmware(q *v16.UpdateFirmwareReq) {
	s.download(q.RetrieveDate, nil)
}

// updateSigned checks the certificate, and downloads.
func (s *Station) updateSigned(q *v16.SignedUpdateFirmwareReq) v16.UpdateFirmwareStatus {
	switch {
	case s.firmware.installing != "":
		return v16.UpdateFirmwareRejected
	case parseCertificate(q.Firmware.SigningCertificate) == nil:
		return v16.UpdateFirmwareInvalidCertificate
	}
	status := v16.UpdateFirmwareAccepted
	if s.firmware.status != "" && s.firmware.status != v16.FirmwareInstalled {
		status = v16.UpdateFirmwareAcceptedCanceled
	}
	s.download(q.Firmware.RetrieveDateTime, &q.RequestID)
	return status
}

// download goes the way of an update up to where the station must be idle (5.19).
func (s *Station) download(at time.Time, requestID *int) {
	f := &s.firmware
	if f.installing != "" {
		return // it is too late for another one
	}
	f.generation++
	f.requestID, f.ready = requestID, false
	mine := f.generation
	step := s.pace(20*time.Second) + time.Second
	then := func(d time.Duration, do func()) {
		s.agenda.after(d, func() {
			if f.generation == mine {
				do()
			}
		})
	}
	wait := max(commandTime, at.Sub(s.now()))
	then(wait, func() { s.tellFirmware(v16.FirmwareDownloading) })
	then(wait+step, func() {
		s.tellFirmware(v16.FirmwareDownloaded)
		if requestID != nil {
			s.tellFirmware(v16.FirmwareSignatureVerified)
		}
	})
	then(wait+2*step, func() {
		f.ready = true
		s.firmwareWhenIdle()
	})
}

// firmwareWhenIdle installs what has been downloaded, when nobody charges.
func (s *Station) firmwareWhenIdle() {
	f := &s.firmware
	if !f.ready || s.busy() || !s.powered {
		return
	}
	f.ready = false
	f.installing = fmt.Sprintf("%s+%d", s.o.Model.Firmware, f.generation)
	s.tellFirmware(v16.FirmwareInstalling)
	s.agenda.after(s.pace(30*time.Second)+time.Second, func() {
		if f.requestID != nil {
			s.tellFirmware(v16.FirmwareInstallRebooting)
		}
		s.agenda.after(time.Second, func() {
			f.version = f.installing
			s.reboot(v16.ReasonReboot, "FirmwareUpdate")
		})
	})
}

// firmwareAfterBoot tells that the new firmware runs.
func (s *Station) firmwareAfterBoot() {
	f := &s.firmware
	if f.installing == "" {
		return
	}
	f.installing = ""
	s.tellFirmware(v16.FirmwareInstalled)
}

func (s *Station) getDiagnostics() string {
	tell := func(status v16.DiagnosticsStatus) func() {
		return func() {
			s.diagnostics.status = string(status)
			s.send(&v16.DiagnosticsStatusNotificationReq{Status: status}, nil)
		}
	}
	s.agenda.after(commandTime, tell(v16.DiagnosticsUploading))
	s.agenda.after(s.pace(15*time.Second)+time.Second, tell(v16.DiagnosticsUploaded))
	return fmt.Sprintf("diagnostics-%s-%s.log", s.id, s.now().UTC().Format("20060102T150405"))
}

func (s *Station) getLog(q *v16.GetLogReq) *v16.GetLogConf {
	status := v16.LogAccepted
	if s.logUpload.status == string(v16.UploadUploading) {
		status = v16.LogAcceptedCanceled
	}
	id := q.RequestID
	s.logUpload = upload{string(v16.UploadUploading), &id}
	tell := func(status v16.UploadLogStatus) func() {
		return func() {
			if s.logUpload.requestID == &id {
				s.logUpload.status = string(status)
				s.send(&v16.LogStatusNotificationReq{Status: status, RequestID: &id}, nil)
			}
		}
	}
	s.agenda.after(commandTime, tell(v16.UploadUploading))
	s.agenda.after(s.pace(15*time.Second)+time.Second, tell(v16.UploadUploaded))
	return &v16.GetLogConf{Status: status, Filename: fmt.Sprintf("%s-%s-%d.log", q.LogType, s.id, id)}
}

// triggerExtended is trigger for the messages of the security extension (security 5.5).
func (s *Station) triggerExtended(q *v16.ExtendedTriggerMessageReq) v16.TriggerMessageStatus {
	var request func() ocpp.Request
	switch q.RequestedMessage {
	case v16.ExtendedLogStatusNotification:
		request = func() ocpp.Request {
			status := v16.UploadLogStatus(s.logUpload.status)
			if status != v16.UploadUploading {
				return &v16.LogStatusNotificationReq{Status: v16.UploadIdle}
			}
			return &v16.LogStatusNotificationReq{Status: status, RequestID: s.logUpload.requestID}
		}
	case v16.ExtendedFirmwareStatusNotification:
		request = func() ocpp.Request {
			status := s.firmwareStatus(true)
			if status == v16.FirmwareIdle {
				return &v16.SignedFirmwareStatusNotificationReq{Status: status}
			}
			return &v16.SignedFirmwareStatusNotificationReq{Status: status, RequestID: s.firmware.requestID}
		}
	case v16.ExtendedSignChargePointCertificate:
		s.agenda.after(commandTime, s.askForCertificate)
		return v16.TriggerAccepted
	default:
		return s.trigger(v16.MessageTrigger(q.RequestedMessage), q.ConnectorID)
	}
	s.agenda.after(commandTime, func() { s.anyway(request()) })
	return v16.TriggerAccepted
}

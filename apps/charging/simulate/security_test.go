package simulate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/charging/simulate"
)

// authority signs certificates.
type authority struct {
	key *ecdsa.PrivateKey
	x   *x509.Certificate
	pem string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(42), Subject: pkix.Name{CommonName: "Root"}, IsCA: true, BasicConstraintsValid: true}
	a := &authority{key: key, x: template}
	a.pem = a.sign(t, template, &key.PublicKey)
	return a
}

func (a *authority) sign(t *testing.T, template *x509.Certificate, key any) string {
	t.Helper()
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0)
	der, err := x509.CreateCertificate(rand.Reader, template, a.x, key, a.key)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestCertificates(t *testing.T) {
	root := newAuthority(t)
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		use := v16.CentralSystemRootCertificate
		check(t, "none", call(t, r, &v16.GetInstalledCertificateIdsReq{CertificateType: use}).Status, v16.InstalledNotFound)
		check(t, "rubbish", call(t, r, &v16.InstallCertificateReq{CertificateType: use, Certificate: "x"}).Status, v16.CertificateRejected)
		check(t, "install", call(t, r, &v16.InstallCertificateReq{CertificateType: use, Certificate: root.pem}).Status, v16.CertificateAccepted)
		installed := call(t, r, &v16.GetInstalledCertificateIdsReq{CertificateType: use})
		if len(installed.CertificateHashData) != 1 || installed.CertificateHashData[0].SerialNumber != "2a" {
			t.Fatalf("installed are %+v", installed)
		}
		remove := &v16.DeleteCertificateReq{CertificateHashData: installed.CertificateHashData[0]}
		check(t, "delete", call(t, r, remove).Status, v16.DeleteCertificateAccepted)
		check(t, "delete again", call(t, r, remove).Status, v16.DeleteCertificateNotFound)

		r.heard()
		trigger := &v16.ExtendedTriggerMessageReq{RequestedMessage: v16.ExtendedSignChargePointCertificate}
		check(t, "trigger", call(t, r, trigger).Status, v16.TriggerAccepted)
		request := r.heard()[0].(*v16.SignCertificateReq)
		block, _ := pem.Decode([]byte(request.CSR))
		csr, err := x509.ParseCertificateRequest(block.Bytes)
		must(t, err)
		check(t, "another's certificate", call(t, r, &v16.CertificateSignedReq{CertificateChain: root.pem}).Status, v16.Rejected)
		check(t, "said about it", actions(r.heard()), "SecurityEventNotification")
		own := root.sign(t, &x509.Certificate{SerialNumber: big.NewInt(43), Subject: csr.Subject}, csr.PublicKey)
		check(t, "its certificate", call(t, r, &v16.CertificateSignedReq{CertificateChain: own}).Status, v16.Accepted)
	})
}

// told lists what the notifications of an update or upload say.
func told(calls []ocpp.Request) string {
	var all []string
	for _, request := range calls {
		switch q := request.(type) {
		case *v16.FirmwareStatusNotificationReq:
			all = append(all, string(q.Status))
		case *v16.SignedFirmwareStatusNotificationReq:
			all = append(all, string(q.Status))
		case *v16.DiagnosticsStatusNotificationReq:
			all = append(all, string(q.Status))
		case *v16.LogStatusNotificationReq:
			all = append(all, string(q.Status))
		case *v16.BootNotificationReq:
			all = append(all, "boot "+q.FirmwareVersion)
		case *v16.StopTransactionReq:
			all = append(all, "stop")
		}
	}
	return strings.Join(all, ", ")
}

func TestFirmware(t *testing.T) {
	root := newAuthority(t)
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		must(t, r.PlugIn(1, simulate.Car{}))
		must(t, r.Tap(1, "ANNA"))
		pass(time.Second)
		r.heard()
		call(t, r, &v16.UpdateFirmwareReq{Location: "https://x/fw", RetrieveDate: time.Now().Add(time.Minute)})
		pass(50 * time.Second)
		check(t, "before the date", told(r.heard()), "")
		pass(5 * time.Minute)
		check(t, "during a transaction", told(r.heard()), "Downloading, Downloaded")
		must(t, r.Tap(1, "ANNA"))
		pass(5 * time.Minute)
		check(t, "after it", told(r.heard()), "stop, Installing, boot 2.4.1+1, Installed")
		call(t, r, &v16.TriggerMessageReq{RequestedMessage: v16.TriggerFirmwareStatusNotification})
		check(t, "later", told(r.heard()), "Idle")
		must(t, r.Unplug(1))

		signed := &v16.SignedUpdateFirmwareReq{RequestID: 5, Firmware: v16.Firmware{Location: "https://x/fw", RetrieveDateTime: time.Now(), SigningCertificate: "x", Signature: "x"}}
		check(t, "a bad certificate", call(t, r, signed).Status, v16.UpdateFirmwareInvalidCertificate)
		signed.Firmware.SigningCertificate = root.pem
		check(t, "a good one", call(t, r, signed).Status, v16.UpdateFirmwareAccepted)
		pass(5 * time.Minute)
		check(t, "signed update", told(r.heard()), "Downloading, Downloaded, SignatureVerified, Installing, InstallRebooting, boot 2.4.1+2, Installed")
	})
}

func TestUploads(t *testing.T) {
	alone(t, simulate.StationOptions{}, nil, func(t *testing.T, r *rig) {
		r.heard()
		if name := call(t, r, &v16.GetDiagnosticsReq{Location: "ftp://x/"}).FileName; !strings.HasPrefix(name, "diagnostics-CP-1-") {
			t.Errorf("the file is %q", name)
		}
		pass(time.Minute)
		check(t, "diagnostics", told(r.heard()), "Uploading, Uploaded")
		log := &v16.GetLogReq{LogType: v16.SecurityLog, RequestID: 7, Log: v16.LogParameters{RemoteLocation: "ftp://x/"}}
		check(t, "log", call(t, r, log).Status, v16.LogAccepted)
		log.RequestID = 8
		check(t, "another log", call(t, r, log).Status, v16.LogAcceptedCanceled)
		pass(time.Minute)
		calls := r.heard()
		check(t, "logs", told(calls), "Uploading, Uploading, Uploaded")
		check(t, "the last is of the second", *calls[2].(*v16.LogStatusNotificationReq).RequestID, 8)
		call(t, r, &v16.ExtendedTriggerMessageReq{RequestedMessage: v16.ExtendedLogStatusNotification})
		check(t, "later", told(r.heard()), "Idle")
	})
}

package simulate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"slices"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// certificates are the roots that a station trusts, and the key of its own certificate.
type certificates struct {
	roots []root
	key   *ecdsa.PrivateKey // nil until it has asked for one
}

type root struct {
	use  v16.CertificateUse
	hash v16.CertificateHashData
}

// maxRoots is how many root certificates there is room for.
const maxRoots = 10

// secures says whether a call is one of the security extension.
func secures(request ocpp.Request) bool {
	switch request.(type) {
	case *v16.CertificateSignedReq, *v16.DeleteCertificateReq, *v16.ExtendedTriggerMessageReq, *v16.GetInstalledCertificateIdsReq,
		*v16.GetLogReq, *v16.InstallCertificateReq, *v16.SignedUpdateFirmwareReq:
		return true
	}
	return false
}

func (s *Station) answerSecurity(request ocpp.Request) ocpp.Response {
	switch q := request.(type) {
	case *v16.CertificateSignedReq:
		return &v16.CertificateSignedConf{Status: generic(s.certificateSigned(q))}
	case *v16.DeleteCertificateReq:
		before := len(s.security.roots)
		s.security.roots = slices.DeleteFunc(s.security.roots, func(r root) bool { return r.hash == q.CertificateHashData })
		if len(s.security.roots) == before {
			return &v16.DeleteCertificateConf{Status: v16.DeleteCertificateNotFound}
		}
		return &v16.DeleteCertificateConf{Status: v16.DeleteCertificateAccepted}
	case *v16.ExtendedTriggerMessageReq:
		return &v16.ExtendedTriggerMessageConf{Status: s.triggerExtended(q)}
	case *v16.GetInstalledCertificateIdsReq:
		conf := &v16.GetInstalledCertificateIdsConf{Status: v16.InstalledNotFound}
		for _, r := range s.security.roots {
			if r.use == q.CertificateType {
				conf.Status = v16.InstalledAccepted
				conf.CertificateHashData = append(conf.CertificateHashData, r.hash)
			}
		}
		return conf
	case *v16.GetLogReq:
		return s.getLog(q)
	case *v16.InstallCertificateReq:
		return &v16.InstallCertificateConf{Status: s.installCertificate(q)}
	}
	return &v16.SignedUpdateFirmwareConf{Status: s.updateSigned(request.(*v16.SignedUpdateFirmwareReq))}
}

func parseCertificate(text string) *x509.Certificate {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return c
}

func (s *Station) installCertificate(q *v16.InstallCertificateReq) v16.CertificateStatus {
	c := parseCertificate(q.Certificate)
	switch {
	case c == nil:
		return v16.CertificateRejected
	case len(s.security.roots) >= maxRoots:
		return v16.CertificateFailed
	}
	r := root{q.CertificateType, hashOf(c)}
	if !slices.Contains(s.security.roots, r) {
		s.security.roots = append(s.security.roots, r)
	}
	return v16.CertificateAccepted
}

// hashOf names a root certificate (security 6.1): it is its own issuer.
func hashOf(c *x509.Certificate) v16.CertificateHashData {
	var key struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	_, _ = asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &key) // ParseCertificate has read it
	name, keySum := sha256.Sum256(c.RawIssuer), sha256.Sum256(key.Key.RightAlign())
	return v16.CertificateHashData{
		HashAlgorithm: v16.SHA256, IssuerNameHash: hex.EncodeToString(name[:]), IssuerKeyHash: hex.EncodeToString(keySum[:]),
		SerialNumber: c.SerialNumber.Text(16),
	}
}

// askForCertificate sends a SignCertificate with a new key (security 3.2.1).
func (s *Station) askForCertificate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return
	}
	subject := pkix.Name{CommonName: s.id, Organization: []string{s.o.Model.Vendor}}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
	if err != nil {
		return
	}
	s.security.key = key
	s.anyway(&v16.SignCertificateReq{CSR: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}))})
}

// certificateSigned takes the certificate, if it is for the key of the station. Nothing
// follows from it: the network of a simulated station is what its options say.
func (s *Station) certificateSigned(q *v16.CertificateSignedReq) bool {
	c := parseCertificate(q.CertificateChain)
	if c == nil || s.security.key == nil || !s.security.key.PublicKey.Equal(c.PublicKey) || c.Subject.CommonName != s.id {
		s.send(&v16.SecurityEventNotificationReq{Type: "InvalidChargePointCertificate", Timestamp: s.now()}, nil)
		return false
	}
	return true
}

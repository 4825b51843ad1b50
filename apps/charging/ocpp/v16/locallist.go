package v16

import "strings"

// GetLocalListVersionReq asks for the version of the local authorization list (6.27).
type GetLocalListVersionReq struct{}

// GetLocalListVersionConf answers it (6.28): 0 means that the list is empty, -1 that
// there is none (5.10).
type GetLocalListVersionConf struct{ ListVersion int }

func (m *GetLocalListVersionReq) fields(*fields) {}
func (m *GetLocalListVersionConf) fields(f *fields) {
	f.integer("listVersion", &m.ListVersion, required, -1)
}

// SendLocalListReq replaces or changes the local authorization list (6.41).
type SendLocalListReq struct {
	// ListVersion is never 0 or -1 (errata 3.52).
	ListVersion            int
	LocalAuthorizationList []AuthorizationData
	UpdateType             UpdateType
}

// SendLocalListConf answers it (6.42).
type SendLocalListConf struct{ Status UpdateStatus }

func (m *SendLocalListReq) fields(f *fields) {
	f.integer("listVersion", &m.ListVersion, required, 1)
	list(f, "localAuthorizationList", &m.LocalAuthorizationList, optional)
	enum(f, "updateType", &m.UpdateType, required)
	tags := make(map[string]bool, len(m.LocalAuthorizationList))
	for i, d := range m.LocalAuthorizationList {
		tag := strings.ToLower(d.IDTag)
		f.rule(!tags[tag], index("localAuthorizationList", i)+".idTag", "is there twice")
		f.occurs(d.IDTagInfo != nil || m.UpdateType != UpdateFull, index("localAuthorizationList", i)+".idTagInfo", "is missing in a full update")
		tags[tag] = true
	}
}
func (m *SendLocalListConf) fields(f *fields) { enum(f, "status", &m.Status, required) }

// AuthorizationData is an entry of the list (7.1). Without an IDTagInfo a differential
// update removes the entry.
type AuthorizationData struct {
	IDTag     string
	IDTagInfo *IDTagInfo
}

func (d *AuthorizationData) fields(f *fields) {
	f.text("idTag", &d.IDTag, required, maxIDTag)
	optionalObject(f, "idTagInfo", &d.IDTagInfo)
}

// UpdateType says whether a list replaces or changes the one that is there (7.48).
type UpdateType string

// The values of UpdateType.
const (
	UpdateDifferential UpdateType = "Differential"
	UpdateFull         UpdateType = "Full"
)

func (t UpdateType) valid() bool { return t == UpdateDifferential || t == UpdateFull }

// UpdateStatus answers SendLocalList (7.47).
type UpdateStatus string

// The values of UpdateStatus.
const (
	UpdateAccepted        UpdateStatus = "Accepted"
	UpdateFailed          UpdateStatus = "Failed"
	UpdateNotSupported    UpdateStatus = "NotSupported"
	UpdateVersionMismatch UpdateStatus = "VersionMismatch"
)

func (s UpdateStatus) valid() bool {
	switch s {
	case UpdateAccepted, UpdateFailed, UpdateNotSupported, UpdateVersionMismatch:
		return true
	}
	return false
}

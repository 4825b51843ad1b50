package simulate

import (
	"errors"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// sameTag: ID tags are the same whatever the case (7.28).
func sameTag(a, b string) bool { return strings.EqualFold(a, b) }

// authorize finds out whether a tag may charge, and what its parent is (3.4, 3.5, 4.1).
// done is called with the lock, at once or later.
func (s *Station) authorize(tag string, done func(ok bool, parent string)) {
	info, known := s.locally(tag)
	if known && s.flag("LocalPreAuthorize") && valid(info) {
		done(true, info.ParentIDTag)
		return
	}
	offline := func() {
		switch {
		case known && s.flag("LocalAuthorizeOffline"):
			done(valid(info), info.ParentIDTag)
		default:
			done(!known && s.flag("AllowOfflineTxForUnknownId"), "")
		}
	}
	if s.conn == nil || s.registration != v16.RegistrationAccepted {
		offline()
		return
	}
	s.send(&v16.AuthorizeReq{IDTag: tag}, func(response ocpp.Response, err error) {
		var refused *ocpp.CallError
		switch {
		case err == nil:
			info := response.(*v16.AuthorizeConf).IDTagInfo
			s.remember(tag, info)
			done(valid(info), info.ParentIDTag)
		case errors.As(err, &refused):
			done(false, "")
		default:
			offline()
		}
	})
}

func valid(info v16.IDTagInfo) bool {
	return info.Status == v16.AuthorizationAccepted && (info.ExpiryDate.IsZero() || info.ExpiryDate.After(time.Now()))
}

// locally looks a tag up in the local list, which goes before the cache (3.5.3).
func (s *Station) locally(tag string) (v16.IDTagInfo, bool) {
	tag = strings.ToLower(tag)
	if info, ok := s.localList[tag]; ok && s.flag("LocalAuthListEnabled") {
		return info, true
	}
	info, ok := s.cache[tag]
	return info, ok && s.flag("AuthorizationCacheEnabled")
}

// parentOf is the parent of a tag as far as the station knows.
func (s *Station) parentOf(tag string) string {
	info, _ := s.locally(tag)
	return info.ParentIDTag
}

// maxCache is how many tags the cache has.
const maxCache = 100

// remember puts what the central system has said about a tag into the cache.
func (s *Station) remember(tag string, info v16.IDTagInfo) {
	if !s.flag("AuthorizationCacheEnabled") {
		return
	}
	if s.cache == nil {
		s.cache = map[string]v16.IDTagInfo{}
	}
	tag = strings.ToLower(tag)
	if _, known := s.cache[tag]; !known && len(s.cache) >= maxCache {
		least := tag // the choice must not be that of the map
		for other := range s.cache {
			least = min(least, other)
		}
		delete(s.cache, least)
	}
	s.cache[tag] = info
}

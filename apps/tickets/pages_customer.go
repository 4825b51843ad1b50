package tickets

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/aether-es/aether/apps/internal/web"
)

// customerCookie has the token of a customer: 256 random bits, which prove who the
// customer is. It is in no event, page, address or live topic; see [CustomerID].
const customerCookie = "aether-customer"

// customerLife is how long a browser keeps it after the last visit: longer than the
// tickets for any event are on sale.
const customerLife = 400 * 24 * time.Hour

const customerBytes = 32

// customer returns the ID of the customer whose browser asks. One that comes for the
// first time gets a token.
func (p *pages) customer(w http.ResponseWriter, r *http.Request) string {
	token, ok := tokenOf(r)
	if !ok {
		secret := make([]byte, customerBytes)
		_, _ = rand.Read(secret) // it never fails
		token = base64.RawURLEncoding.EncodeToString(secret)
	}
	http.SetCookie(w, &http.Cookie{
		Name: customerCookie, Value: token, Path: "/tickets", MaxAge: int(customerLife / time.Second),
		HttpOnly: true, Secure: web.OverTLS(r), SameSite: http.SameSiteLaxMode,
	})
	return CustomerID(token)
}

// tokenOf returns the token that a browser has, if it is one that customer has made.
func tokenOf(r *http.Request) (string, bool) {
	cookie, err := r.Cookie(customerCookie)
	if err != nil {
		return "", false
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(cookie.Value)
	return cookie.Value, err == nil && len(secret) == customerBytes
}

// known returns the ID of the customer who has sent a form. A browser that has none keeps
// no cookies: it could never be told whose the tickets are, so that is what is wrong
// with the form.
func known(r *http.Request, f *web.Form) string {
	token, ok := tokenOf(r)
	if !ok && f.Failure == "" {
		f.Title = "Your browser kept no cookie"
		f.Failure = "A cookie is how we know which tickets are yours; it says nothing else about you. Allow cookies for this site, and send it again."
	}
	return CustomerID(token)
}

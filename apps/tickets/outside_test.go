package tickets_test

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aether-es/aether/apps/tickets"
	"github.com/aether-es/aether/apps/tickets/pool"
)

// guarded is a world whose server has a token, as one that is on the network.
func guarded(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, newLedger())
	w.stop()
	w.token = "a-token-of-some-length"
	w.start()
	return w
}

var links = regexp.MustCompile(`(?:href|src|action)="(/[^"]*)"`)

// Customers buy without the token of the server, and no page of theirs leads to one that
// wants it.
func TestPagesOutside(t *testing.T) {
	w := guarded(t)
	jazz := w.create("Jazz", 6, fields{"payment": "door"})
	full := w.create("Full", 1, fields{"payment": "door"})
	room := w.create("Rush", 5, fields{"payment": "door", "room": fields{"opensAt": noon, "perMinute": 12}})
	w.claim(full, "zoe", 1)
	w.pool(room)
	ann := w.visitor()
	followed := map[string]bool{}
	open := func(status int, texts []string, path string, form ...string) {
		t.Helper()
		ann.open(status, texts, path, form...)
		for _, link := range links.FindAllStringSubmatch(ann.page, -1) {
			to := html.UnescapeString(link[1])
			if followed[to] {
				continue
			}
			followed[to] = true
			response, err := ann.client.Get(w.url + to)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode == http.StatusUnauthorized {
				t.Errorf("%s leads to %s, which wants the token", path, to)
			}
		}
		if strings.Contains(ann.page, "romoters") || strings.Contains(ann.page, "/api/status") {
			t.Errorf("%s is for promoters, too", path)
		}
	}
	open(200, []string{"Jazz", "Full"}, "/tickets")
	open(200, []string{"Hold for me"}, "/tickets/"+jazz)
	ann.press(200, []string{"Held for you"}, "claim-tickets", "quantity", "2")
	cart := ann.at
	open(200, []string{"Held for you"}, cart)
	ann.press(200, []string{"The tickets are yours"}, "buy-tickets")
	open(200, []string{"The tickets are yours"}, cart)
	open(200, []string{"Ticket 1"}, "/tickets/mine")
	open(200, []string{"Join the waiting list"}, "/tickets/"+full)
	open(200, []string{"Take my place"}, "/tickets/"+room)
	open(404, []string{"Not found"}, "/tickets/nowhere")
	open(403, []string{"somebody else's cart"}, "/tickets/claims/"+full+"-1")
	open(422, []string{"no such button"}, "/tickets/"+jazz, "do", "nothing")
	for _, path := range []string{"/tickets/promoter", "/tickets/promoter/" + jazz, "/", "/api"} {
		ann.open(401, nil, path)
	}
	// Who has the token finds the way.
	ann.open(200, []string{`href="/tickets/promoter"`, `href="/api"`}, "/tickets?token="+w.token)
	ann.open(200, []string{"Sales"}, "/tickets/promoter")
}

// The API of customers wants the token of a customer, and not that of the server.
func TestCustomerToken(t *testing.T) {
	w := guarded(t)
	jazz := w.create("Jazz", 6, fields{"payment": "door"})
	server := w.token
	ask := func(want int, method, path string, body, answer any, headers ...string) {
		t.Helper()
		w.token = ""
		defer func() { w.token = server }()
		if status := w.ask(method, path, body, answer, headers...); status != want {
			t.Errorf("%s %s %v: %d, want %d", method, path, headers, status, want)
		}
	}
	const ann, bob = "3hAbtWmRoTmXKyS4q0XJ9w", "aG9wZSBpcyBub3QgYSBwbGFu"
	claims := "/pools/" + jazz + "/claims"
	var held tickets.CommandDocument
	ask(http.StatusCreated, "POST", claims, fields{"customer": ann, "quantity": 2, "priceSeen": 5000}, &held)
	if held.Customer != tickets.CustomerID(ann) || strings.Contains(held.Customer, ann) {
		t.Errorf("the answer names the customer %q", held.Customer)
	}
	ask(http.StatusCreated, "POST", claims, fields{"quantity": 1, "priceSeen": 5000}, nil, as(bob)...)
	w.pool(jazz)

	// A number is no proof, and neither is the ID, which is in events.
	var p problem
	claim := "/claims/" + held.ID
	for _, test := range []struct {
		method, path string
		body         any
		location     string
	}{
		{"GET", claim, nil, "header.Customer-Token"}, {"DELETE", claim, nil, "header.Customer-Token"}, {"GET", "/mine", nil, "header.Customer-Token"},
		{"GET", claim + "?customer=" + ann, nil, "header.Customer-Token"}, {"GET", "/pools/" + jazz + "/place", nil, "header.Customer-Token"},
		{"DELETE", "/pools/" + jazz + "/waiting-list", nil, "header.Customer-Token"}, {"POST", claim + "/buy", fields{}, "body.customer"},
		{"POST", claims, fields{"quantity": 1, "priceSeen": 5000}, "body.customer"}, {"POST", "/pools/" + jazz + "/room", fields{}, "body.customer"},
	} {
		ask(http.StatusUnprocessableEntity, test.method, test.path, test.body, &p)
		if len(p.Errors) == 0 || p.Errors[0].Location != test.location {
			t.Errorf("%s %s without a token of a customer: %+v", test.method, test.path, p)
		}
	}
	ask(http.StatusUnprocessableEntity, "POST", claim+"/buy", fields{"customer": ann}, nil, as(bob)...)
	for _, other := range []string{bob, held.Customer} {
		for _, test := range []struct{ method, path string }{{"GET", claim}, {"DELETE", claim}} {
			if ask(http.StatusConflict, test.method, test.path, nil, &p, as(other)...); p.Reason != pool.NotYourClaim {
				t.Errorf("%s for %s: %+v", test.method, other, p)
			}
		}
		if ask(http.StatusConflict, "POST", claim+"/buy", fields{}, &p, as(other)...); p.Reason != pool.NotYourClaim {
			t.Errorf("bought for %s: %+v", other, p)
		}
	}
	ask(http.StatusOK, "POST", claim+"/buy", fields{"customer": ann}, nil)
	w.pool(jazz)
	var mine tickets.CustomerDocument
	if ask(http.StatusOK, "GET", "/mine", nil, &mine, as(ann)...); len(mine.Claims) != 1 || mine.Claims[0].Tickets[0].Code == "" {
		t.Errorf("ann has %+v", mine)
	}

	// What others may know, and the store, do not have the token.
	for _, path := range []string{"/../integration/tickets", "/pools/" + jazz + "/orders", "/pools/" + jazz + "/sales.csv"} {
		status, data := w.raw("GET", path, nil)
		if status != http.StatusOK || strings.Contains(string(data), ann) || !strings.Contains(string(data), tickets.CustomerID(ann)) {
			t.Errorf("%s: %d %s", path, status, data)
		}
	}
	for e, err := range w.store.GetEvents(t.Context(), "pool/"+jazz, 0) {
		if err != nil || strings.Contains(string(e.Data), ann) || strings.Contains(string(e.Data), bob) {
			t.Errorf("the store has %s, %v", e.Data, err)
		}
	}
}

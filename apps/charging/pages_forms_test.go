package charging_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aether-es/aether/apps/charging"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

func TestIDTagForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{})
	d := desk{w}
	tag := func(more ...string) []string {
		return append([]string{"key", "one", "idTag", "ANN", "status", "Accepted", "label", "Ann <b>", "parent", "FAMILY", "expires", "2030-05-17T20:00"}, more...)
	}
	for _, wrong := range []struct {
		form []string
		text string
	}{
		{[]string{"idTag", "", "status", "Accepted"}, "An id tag has 1 to 20 bytes"},
		{[]string{"idTag", strings.Repeat("X", 21), "status", "Accepted"}, "An id tag has at most 20 bytes"},
		{[]string{"idTag", "ANN", "status", "Accepted", "expires", "soon"}, "This is not a date with a time"},
	} {
		if status, _, page := d.open("/charging/id-tags/edit", wrong.form...); status < 400 || !strings.Contains(words(page), wrong.text) {
			t.Errorf("%q: %d: %s", wrong.form, status, words(page))
		}
	}
	for range 2 { // a form that comes twice has its effect once
		at, _ := d.expect(http.StatusOK, []string{"The id tag is set", "Ann &lt;b&gt;", "May charge", "2030-05-17 20:00:00 UTC"}, "/charging/id-tags/edit", tag()...)
		if at.Path != "/charging/id-tags" {
			t.Errorf("setting leads to %s", at)
		}
	}
	d.expect(http.StatusUnprocessableEntity, []string{"There is this id tag already"}, "/charging/id-tags/edit", "key", "two", "idTag", "ann", "status", "Blocked")
	d.expect(http.StatusOK, []string{`value="Ann &lt;b&gt;"`, `value="2030-05-17T20:00"`, `value="FAMILY"`}, "/charging/id-tags/edit?tag=ann")
	d.expect(http.StatusOK, []string{"Expired", "2020-05-17 18:00:00 UTC"}, "/charging/id-tags/edit", // in another time zone
		tag("key", "three", "known", "ANN", "expires-at", "2020-05-17T18:00:00Z")...)
	d.expect(http.StatusOK, []string{"Blocked", "Unblock", "Ann &lt;b&gt;"}, "/charging/id-tags", "key", "four", "tag", "ANN", "do", "block")
	d.expect(http.StatusOK, []string{"Expired", "!Unblock"}, "/charging/id-tags", "key", "five", "tag", "ANN", "do", "unblock")
	d.expect(http.StatusOK, []string{"The id tag is removed", "There is no id tag yet"}, "/charging/id-tags", "key", "six", "tag", "ANN", "do", "remove")
	d.expect(http.StatusNotFound, []string{"There is no such id tag"}, "/charging/id-tags", "key", "seven", "tag", "ANN", "do", "block")
	d.expect(http.StatusUnprocessableEntity, []string{"The form could not be read"}, "/charging/id-tags", "key", "eight", "tag", "ANN", "do", "eat")

	for _, id := range []string{"A1", "A2", "B1"} {
		w.tag(id)
	}
	d.expect(http.StatusOK, []string{"A1", "A2", "!B1"}, "/charging/id-tags?text=a")
}

func TestTariffForms(t *testing.T) {
	t.Parallel()
	d := desk{newWorld(t, charging.Config{})}
	tariff := func(more ...string) []string {
		return append([]string{
			"key", "one", "do", "save", "id", "default", "currency", "eur", "zone", "Europe/Berlin", "start", "1", "kwh", "0,50", "minute", "0.02",
			"band-name-1", "Night <b>", "band-from-1", "22:00", "band-to-1", "6:00", "band-kwh-1", "0.30",
			"example-kwh", "30", "example-hours", "2", "example-at", "21:00",
		}, more...)
	}
	set := func(form []string, name, value string) []string {
		for i := 0; i < len(form); i += 2 {
			if form[i] == name {
				form[i+1] = value
				return form
			}
		}
		return append(form, name, value)
	}
	for _, wrong := range [][3]string{
		{"kwh", "x", "This is not an amount; one is like 0.45"}, {"start", "10000.01", "This is 0 to 10000.00"}, {"currency", "EURO", "A currency has three letters"},
		{"zone", "Berlin", "There is no such time zone"}, {"id", "", "A tariff has an ID"}, {"band-name-1", "", "A name, please"},
		{"band-from-1", "25:00", "A time is like 18:00"}, {"band-to-1", "22:00", "It ends when it begins"},
	} {
		d.expect(http.StatusUnprocessableEntity, []string{wrong[2], "See the fields that are marked"}, "/charging/tariffs/edit", set(tariff(), wrong[0], wrong[1])...)
	}
	// One hour by day and one by night: 1 + (15 + 15·0.6) kWh·0.50 + 60·0.02.
	d.expect(http.StatusOK, []string{"30 kWh in 2 h from 21:00 on costs €14.20", "Night &lt;b&gt;", "Basic price 15.00 kWh, 1 h €8.70"}, "/charging/tariffs/edit", set(tariff(), "do", "try")...)
	d.expect(http.StatusUnprocessableEntity, []string{"This is more than 0, and at most 72"}, "/charging/tariffs/edit", set(set(tariff(), "do", "try"), "example-hours", "NaN")...)
	for range 2 {
		at, _ := d.expect(http.StatusOK, []string{"The tariff is set", "€0.50 a kWh + €0.02 a minute", "22:00 to 06:00", "€0.30 a kWh", "Times are those of Europe/Berlin"}, "/charging/tariffs/edit", tariff()...)
		if at.Path != "/charging/tariffs" {
			t.Errorf("setting leads to %s", at)
		}
	}
	d.expect(http.StatusUnprocessableEntity, []string{"There is a tariff of this ID already"}, "/charging/tariffs/edit", set(set(tariff(), "key", "two"), "kwh", "9")...)
	d.expect(http.StatusOK, []string{`value="Night &lt;b&gt;"`, `value="22:00"`, `value="0.50"`, "costs €"}, "/charging/tariffs/edit?id=default")
	d.expect(http.StatusOK, []string{"€9.00 a kWh"}, "/charging/tariffs/edit", set(set(tariff("known", "default"), "key", "three"), "kwh", "9")...)
	d.expect(http.StatusOK, []string{"The tariff is removed", "There is no tariff yet"}, "/charging/tariffs", "key", "four", "id", "default")
	d.expect(http.StatusNotFound, []string{"There is no such tariff"}, "/charging/tariffs", "key", "five", "id", "default")
}

func TestReservationForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{})
	d := desk{w}
	w.register("CP-1")
	w.tag("ANN")
	b := w.connect("CP-1", obedient())
	b.boot()
	until := time.Now().UTC().Add(2 * time.Hour)
	form := func(station, connector, tag, until string) []string {
		return []string{"key", "one", "station", station, "connector", connector, "idTag", tag, "until", until}
	}
	at := until.Format("2006-01-02T15:04")
	d.expect(http.StatusUnprocessableEntity, []string{"Which station?", "This is not a whole number", "For which id tag?", "This is not a date with a time"}, "/charging/reservations", form("", "x", "", "soon")...)
	d.expect(http.StatusNotFound, []string{"There is no such station", `value="` + at + `"`}, "/charging/reservations", form("CP-2", "1", "ANN", at)...)
	led, _ := d.expect(http.StatusOK, nil, "/charging/reservations", form("CP-1", "1", "ANN", at)...)
	if !strings.HasPrefix(led.Path, "/charging/commands/") {
		t.Errorf("reserving leads to %s", led)
	}
	w.until("the station is asked", func() bool { return len(b.got("ReserveNow")) == 1 })
	b.status(1, v16.StatusReserved)
	reserved := func() bool { _, _, page := d.open("/charging/reservations"); return strings.Contains(page, "Stands") }
	w.until("the reservation stands", reserved)
	_, page := d.expect(http.StatusOK, []string{"ANN", "connector 1", until.Format("2006-01-02 15:04:00 UTC"), "Cancel"}, "/charging/reservations")
	_, number, _ := strings.Cut(page, `name="reservation" value="`)
	number, _, _ = strings.Cut(number, `"`)
	d.expect(http.StatusUnprocessableEntity, []string{"The form could not be read"}, "/charging/reservations/cancel", "station", "CP-1", "reservation", "x")
	d.expect(http.StatusOK, nil, "/charging/reservations/cancel", "key", "two", "station", "CP-1", "reservation", number)
	w.until("the reservation is cancelled", func() bool { return !reserved() })
	d.expect(http.StatusOK, []string{"Cancelled", "ANN"}, "/charging/reservations?all=true")
}

func TestProfileForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, charging.Config{})
	d := desk{w}
	w.register("CP-1")
	b := w.connect("CP-1", obedient())
	b.boot()
	const path = "/charging/stations/CP-1/profiles"
	d.expect(http.StatusOK, []string{"Charging profiles of CP-1", "Put periods in", "No profile was set or cleared", `value="TxDefaultProfile" selected`, `name="period-limit-3"`}, path)
	form := map[string]string{
		"purpose": "TxDefaultProfile", "connector": "0", "stack": "2", "id": "7", "kind": "Recurring", "recurrency": "Daily", "unit": "A",
		"start": "2026-03-01T00:00", "valid-to": "2030-01-01T00:00", "do": "set", "key": "one",
		"period-from-0": "0:00", "period-limit-0": "16", "period-from-2": "6:30", "period-limit-2": "10,5", "period-phases-2": "1",
	}
	with := func(changes ...string) []string {
		all := map[string]string{}
		for name, value := range form {
			all[name] = value
		}
		for i := 0; i < len(changes); i += 2 {
			all[changes[i]] = changes[i+1]
		}
		var pairs []string
		for name, value := range all {
			pairs = append(pairs, name, value)
		}
		return pairs
	}
	for _, wrong := range [][3]string{
		{"start", "", "Say from when on the periods are counted"}, {"valid-to", "x", "This is not a date with a time"}, {"valid-from", "2031-01-01T00:00", "This is not after the beginning"},
		{"period-from-0", "1:00", "The first one is from 0:00"}, {"period-from-2", "0:00", "This is not after the one above"}, {"period-limit-0", "-1", "A limit is 0 or more"},
		{"period-phases-2", "4", "1 to 3."}, {"stack", "-1", "This is 0 or more"}, {"id", "x", "This is not a whole number"}, {"hours", "0", "These are 1 to 8784 hours"},
		{"purpose", "TxProfile", "A profile of a session is for the connector of that"}, {"kind", "Relative", "leave this empty"},
	} {
		d.expect(http.StatusUnprocessableEntity, []string{wrong[2]}, path, with(wrong[0], wrong[1])...)
	}
	d.expect(http.StatusUnprocessableEntity, []string{"A limit for the whole station is for connector 0"}, path, with("purpose", "ChargePointMaxProfile", "connector", "1")...)
	d.expect(http.StatusUnprocessableEntity, []string{"A profile has a period at least"}, path,
		with("period-from-0", "", "period-limit-0", "", "period-from-2", "", "period-limit-2", "", "period-phases-2", "")...)
	d.expect(http.StatusOK, []string{"The limit over time, in amperes a phase", "2 periods, from 10.5 A a phase to 16 A a phase", "M0.0 60.0H270.8V142.5H1000.0"}, path, with("do", "try")...)
	if sent := b.got("SetChargingProfile"); len(sent) > 0 {
		t.Errorf("drawing sent %+v", sent)
	}

	at, _ := d.expect(http.StatusOK, nil, path, with()...)
	if !strings.HasPrefix(at.Path, "/charging/commands/") {
		t.Errorf("sending leads to %s", at)
	}
	w.until("the station has the profile", func() bool { return len(b.got("SetChargingProfile")) == 1 })
	got := b.got("SetChargingProfile")[0].(*v16.SetChargingProfileReq)
	p := got.CSChargingProfiles
	one := 1
	periods := p.ChargingSchedule.ChargingSchedulePeriod
	if got.ConnectorID != 0 || p.ChargingProfileID != 7 || p.StackLevel != 2 || p.RecurrencyKind != v16.RecurrencyDaily || p.ValidTo.Year() != 2030 || !p.ValidFrom.IsZero() ||
		len(periods) != 2 || periods[0].Limit != v16.DecimalOf(16) || periods[1].StartPeriod != 23400 || periods[1].Limit != v16.DecimalOf(10.5) || *periods[1].NumberPhases != one {
		t.Errorf("the station got %+v", got)
	}
	d.expect(http.StatusOK, []string{"Set a profile, connector 0", "Begin with it"}, path)
	d.expect(http.StatusOK, []string{`value="6:30"`, `value="10.5"`, `value="2026-03-01T00:00"`}, path+"?from="+strings.TrimPrefix(at.Path, "/charging/commands/"))

	d.expect(http.StatusUnprocessableEntity, []string{"Say which ones, or tick that all are meant"}, path+"/clear", "key", "two")
	d.expect(http.StatusOK, nil, path+"/clear", "key", "three", "clear-id", "7", "clear-purpose", "TxDefaultProfile")
	w.until("the profiles are cleared", func() bool { return len(b.got("ClearChargingProfile")) == 1 })
	if cleared := b.got("ClearChargingProfile")[0].(*v16.ClearChargingProfileReq); *cleared.ID != 7 || cleared.ConnectorID != nil {
		t.Errorf("the station got %+v", cleared)
	}

	d.expect(http.StatusUnprocessableEntity, []string{"These are 1 to 168 hours"}, path+"/schedule", "key", "four", "ask-connector", "1", "ask-hours", "0")
	at, _ = d.expect(http.StatusOK, []string{"What became of the question"}, path+"/schedule", "key", "five", "ask-connector", "1", "ask-hours", "4")
	if at.Path != path {
		t.Errorf("asking leads to %s", at)
	}
	w.until("the answer is drawn", func() bool {
		_, _, page := d.open(path + "?" + at.RawQuery)
		return strings.Contains(page, "What it allows, in amperes a phase") && strings.Contains(words(page), "2 periods, from 10 A a phase to 32 A a phase")
	})

	// A station that is away cannot be asked.
	b.pull()
	w.until("the station is offline", func() bool {
		_, _, page := d.open(path)
		return strings.Contains(page, "The station is offline")
	})
	d.expect(http.StatusConflict, []string{"The station is offline", "Refused"}, path, with("key", "six")...)
	d.expect(http.StatusConflict, []string{"The station is offline", "Refused"}, path+"/schedule", "key", "seven", "ask-connector", "1", "ask-hours", "4")
}

package charging

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/apps/charging/station"
)

type version = aether.Version

// Handle takes what a station reports. What has happened is recorded before it is answered,
// and a station that asks again gets the answer that it got.
func (h handler) Handle(ctx context.Context, conn *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
	id, now := conn.Identity(), h.now()
	switch m := call.Request.(type) {
	case *v16.BootNotificationReq:
		return h.boot(ctx, conn, call.ID, m)
	case *v16.HeartbeatReq:
		return &v16.HeartbeatConf{CurrentTime: now}, nil
	case *v16.StatusNotificationReq:
		h.presence.clock(id, m.Timestamp, now)
		return &v16.StatusNotificationConf{}, h.fact(ctx, id, station.Status{
			Connector: m.ConnectorID, Timestamp: m.Timestamp, At: now,
			Condition: station.Condition{
				Status: string(m.Status), ErrorCode: string(m.ErrorCode), Info: m.Info, VendorID: m.VendorID, VendorErrorCode: m.VendorErrorCode,
			},
		})
	case *v16.StartTransactionReq:
		return h.start(ctx, id, call.ID, m)
	case *v16.StopTransactionReq:
		return h.stop(ctx, id, call.ID, m)
	case *v16.MeterValuesReq:
		return h.meterValues(ctx, id, m)
	case *v16.FirmwareStatusNotificationReq:
		return &v16.FirmwareStatusNotificationConf{}, h.fact(ctx, id, station.Firmware{Status: string(m.Status), At: now})
	case *v16.SignedFirmwareStatusNotificationReq:
		return &v16.SignedFirmwareStatusNotificationConf{}, h.fact(ctx, id, station.Firmware{Status: string(m.Status), At: now})
	case *v16.DiagnosticsStatusNotificationReq:
		return &v16.DiagnosticsStatusNotificationConf{}, h.fact(ctx, id, station.Diagnostics{Status: string(m.Status), At: now})
	case *v16.LogStatusNotificationReq:
		return &v16.LogStatusNotificationConf{}, h.fact(ctx, id, station.Diagnostics{Status: string(m.Status), At: now})
	case *v16.SecurityEventNotificationReq:
		return &v16.SecurityEventNotificationConf{}, h.fact(ctx, id, station.Security{Type: m.Type, Info: m.TechInfo, Timestamp: m.Timestamp, At: now})
	}

	// What is not a fact is answered to stations only that were let in by their boot (OCPP-J
	// errata 3.8).
	if accepted, err := h.accepted(ctx, id); err != nil {
		return nil, err
	} else if !accepted {
		return nil, &ocpp.CallError{Code: ocpp.SecurityError, Description: "send a BootNotification first, and be accepted"}
	}
	switch m := call.Request.(type) {
	case *v16.AuthorizeReq:
		info, err := h.authorise(ctx, id, m.IDTag)
		return &v16.AuthorizeConf{IDTagInfo: info}, err
	case *v16.DataTransferReq:
		return &v16.DataTransferConf{Status: v16.DataTransferUnknownVendorID}, nil
	case *v16.SignCertificateReq:
		// This system is no certificate authority.
		return &v16.SignCertificateConf{Status: v16.Rejected}, nil
	}
	return nil, &ocpp.CallError{Code: ocpp.NotSupported, Description: "a central system does not serve " + call.Action}
}

// fact records what a station has reported.
func (c *Charging) fact(ctx context.Context, id string, fact station.Message) error {
	_, err := c.stations.Record(ctx, stationActor(id), fact, nil)
	return err
}

// accepted says whether a station's last boot was accepted.
func (c *Charging) accepted(ctx context.Context, id string) (accepted bool, err error) {
	err = c.stations.View(ctx, stationActor(id), func(s *station.Station, _ version) { accepted = s.Boot == station.Accepted })
	return accepted, err
}

// pendingRetry is after how many seconds a station that is pending asks again.
const pendingRetry = 60

func (h handler) boot(ctx context.Context, conn *ocpp.Conn, messageID string, m *v16.BootNotificationReq) (ocpp.Response, error) {
	id := conn.Identity()
	var admission station.Admission
	look := func(s *station.Station, _ version) { admission = s.Admission }
	if err := h.stations.View(ctx, stationActor(id), look); err != nil {
		return nil, err
	}
	interval := int(h.config.Heartbeat / time.Second)
	if admission != station.Accepted {
		interval = pendingRetry
	}
	err := h.fact(ctx, id, station.Boot{
		About: station.About{
			Vendor: m.ChargePointVendor, Model: m.ChargePointModel, Serial: m.ChargePointSerialNumber, ChargeBoxSerial: m.ChargeBoxSerialNumber,
			Firmware: m.FirmwareVersion, ICCID: m.ICCID, IMSI: m.IMSI, MeterType: m.MeterType, MeterSerial: m.MeterSerialNumber,
		},
		Interval: interval, Epoch: conn.Epoch(), MessageID: messageID, At: h.now(),
	})
	if admission != station.Accepted && admission != station.Pending {
		admission = station.Rejected
	}
	return &v16.BootNotificationConf{CurrentTime: h.now(), Interval: interval, Status: v16.RegistrationStatus(admission)}, err
}

// start answers a StartTransaction: with the same ID each time, and with one in any case.
func (h handler) start(ctx context.Context, id, messageID string, m *v16.StartTransactionReq) (ocpp.Response, error) {
	start := station.Start{
		Connector: m.ConnectorID, IDTag: m.IDTag, MeterStart: m.MeterStart, Timestamp: m.Timestamp, MessageID: messageID, At: h.now(),
	}
	if m.ReservationID != nil {
		start.Reservation = *m.ReservationID
	}
	known, err := h.started(ctx, id, start)
	if err != nil {
		return nil, err
	}
	info, reserved := v16.IDTagInfo{}, startAt(id, start)
	if known != nil {
		info, err = h.authorise(ctx, id, m.IDTag)
	} else {
		info, err = h.mayStart(ctx, id, m.IDTag, reserved)
	}
	if err != nil {
		return nil, err
	}
	if known == nil {
		start.Authorisation = string(info.Status)
		result, err := h.stations.Record(ctx, stationActor(id), start, startCommand(start))
		if err != nil {
			return nil, err
		}
		for _, event := range result.Events {
			if e, ok := event.(station.TransactionStarted); ok {
				known = &station.Transaction{ID: e.Transaction, Authorisation: e.Authorisation, Command: e.Command}
			}
		}
	}
	if known == nil { // another connection of the station was faster
		if known, err = h.started(ctx, id, start); err != nil || known == nil {
			return nil, err
		}
	}
	if known.Command != "" {
		reserved = startOf(known.Command)
	}
	// What it was answered the first time counts, whatever the tag may do by now.
	info.Status = v16.AuthorizationStatus(known.Authorisation)
	if info.Status == v16.AuthorizationAccepted {
		h.starts.began(reserved, session.Key(id, known.ID))
	} else {
		h.starts.drop(reserved)
	}
	return &v16.StartTransactionConf{TransactionID: known.ID, IDTagInfo: info}, nil
}

// started returns the transaction that a start has begun already, nil when it is new.
func (c *Charging) started(ctx context.Context, id string, start station.Start) (known *station.Transaction, err error) {
	err = c.stations.View(ctx, stationActor(id), func(s *station.Station, _ version) {
		if t := s.Started(start); t != nil {
			copied := *t
			known = &copied
		}
	})
	return known, err
}

// stop answers a StopTransaction, which is a fact whatever it is about. The values that come
// with it are recorded first: the end of the session follows on that of the station's.
func (h handler) stop(ctx context.Context, id, messageID string, m *v16.StopTransactionReq) (ocpp.Response, error) {
	// What the tag may do is asked before, while one that was made for a remote start is still
	// good; it is no reason not to record the end.
	conf := &v16.StopTransactionConf{}
	if m.IDTag != "" {
		if info, err := h.authorise(ctx, id, m.IDTag); err == nil {
			conf.IDTagInfo = &info
		} else {
			h.logger.Warn("charging: a stop is answered without what its id tag may do", "station", id, "error", err)
		}
	}
	transaction, connector := m.TransactionID, 0
	if transaction <= 0 {
		connector = h.presence.unnumbered(id)
	} else if err := h.metered(ctx, id, transaction, 0, m.TransactionData); err != nil {
		return nil, err
	}
	result, err := h.stations.Record(ctx, stationActor(id), station.Stop{
		Transaction: transaction, Connector: connector, IDTag: m.IDTag, MeterStop: m.MeterStop, Reason: string(m.Reason),
		Timestamp: m.Timestamp, MessageID: messageID, At: h.now(),
	}, nil)
	if err != nil {
		return nil, err
	}
	if stopped := stoppedBy(result.Events); transaction <= 0 && stopped > 0 {
		if err := h.metered(ctx, id, stopped, 0, m.TransactionData); err != nil {
			return nil, err
		}
	}
	if transaction <= 0 {
		h.presence.stopped(id)
	}
	return conf, nil
}

// stoppedBy returns the transaction that a stop was found to be of, 0 when there is none.
func stoppedBy(events []station.Event) int {
	for _, event := range events {
		if e, ok := event.(station.TransactionStopped); ok {
			return e.Transaction
		}
	}
	return 0
}

func (h handler) meterValues(ctx context.Context, id string, m *v16.MeterValuesReq) (ocpp.Response, error) {
	transaction := station.NoID
	if m.TransactionID != nil {
		transaction = *m.TransactionID
	}
	if m.TransactionID != nil && transaction <= 0 && m.ConnectorID > 0 { // others are of no transaction, as those of the clock
		h.presence.meteredUnnumbered(id, m.ConnectorID)
	}
	if n := len(m.MeterValue); n > 0 {
		h.presence.clock(id, m.MeterValue[n-1].Timestamp, h.now())
	}
	return &v16.MeterValuesConf{}, h.metered(ctx, id, transaction, m.ConnectorID, m.MeterValue)
}

// metered records meter values in their session. Those of no transaction, as of the main
// meter, are kept nowhere.
func (c *Charging) metered(ctx context.Context, id string, transaction, connector int, values []v16.MeterValue) error {
	number := max(transaction, 0) // one that we do not know has a session all the same
	err := c.stations.View(ctx, stationActor(id), func(s *station.Station, _ version) {
		if t := s.Metered(transaction, connector); t != nil {
			number = t.ID
		}
	})
	if err != nil || number == 0 || len(values) == 0 {
		return err
	}
	_, err = c.sessions.Record(ctx, sessionActor(id, number), session.Record{Readings: readings(values), At: c.now()}, nil)
	return err
}

func readings(values []v16.MeterValue) []session.RawReading {
	var readings []session.RawReading
	for _, value := range values {
		r := session.RawReading{Time: value.Timestamp}
		for _, v := range value.SampledValue {
			r.Samples = append(r.Samples, session.Raw{
				Value: v.Value, Context: string(v.Context), Format: string(v.Format), Measurand: string(v.Measurand),
				Phase: string(v.Phase), Location: string(v.Location), Unit: string(v.Unit),
			})
		}
		readings = append(readings, r)
	}
	return readings
}

// readSettings reads the answer to a GetConfiguration.
func readSettings(data json.RawMessage) (settings []station.Setting, unknown []string) {
	var conf struct {
		Keys []struct {
			Key      string  `json:"key"`
			Readonly bool    `json:"readonly"`
			Value    *string `json:"value"`
		} `json:"configurationKey"`
		Unknown []string `json:"unknownKey"`
	}
	if json.Unmarshal(data, &conf) != nil {
		return nil, nil
	}
	for _, k := range conf.Keys {
		settings = append(settings, station.Setting{Key: k.Key, Value: k.Value, Readonly: k.Readonly})
	}
	return settings, conf.Unknown
}

package simulate

import (
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// connector is a connector of a station, or its main controller.
type connector struct {
	id   int
	plug Plug

	car         *Car // that is plugged in
	claim       *claim
	tx          *transaction
	finishing   bool // the car of a transaction that is over is still there
	reservation *reservation

	fault       v16.ChargePointErrorCode // "" for none
	inoperative bool
	scheduled   v16.AvailabilityType // when the transaction is over, "" for none

	register  float64   // of the meter, in Wh
	power     float64   // in W, when it was metered last
	limited   bool      // to nothing, by a profile
	meteredAt time.Time // by the true clock

	interrupted   bool // by a loss of power
	interruptedAt time.Time

	told, telling report // to the central system: taken, and on its way
}

// claim is somebody who may charge, or waits for the word that they may.
type claim struct {
	tag     string
	granted bool
	remote  bool
}

type reservation struct {
	id          int
	tag, parent string
	expiry      *job
	connector   int // 0 for any
}

// report is what a StatusNotification says.
type report struct {
	status v16.ChargePointStatus
	fault  v16.ChargePointErrorCode
}

// transaction is one that the station believes to have.
type transaction struct {
	connector *connector
	tag       string
	parent    string
	entry     *Entry
	began     time.Time // by the true clock
	refused   bool      // by the central system; the station does not stop such ones
	sample    *job
	begin     *v16.MeterValue // for StopTransaction.transactionData, nil for none
}

// number is what messages call it.
func (t *transaction) number() int {
	if t.entry.ID == 0 {
		return -1
	}
	return t.entry.ID
}

// status is what the connector's is, which follows from the rest.
func (s *Station) status(c *connector) v16.ChargePointStatus {
	switch {
	case c.fault != "":
		return v16.StatusFaulted
	case c.id == 0 && c.inoperative:
		return v16.StatusUnavailable
	case c.id == 0:
		return v16.StatusAvailable
	case c.tx != nil && c.power > 0:
		return v16.StatusCharging
	case c.tx != nil && (c.limited || c.tx.refused):
		return v16.StatusSuspendedEVSE
	case c.tx != nil:
		return v16.StatusSuspendedEV
	case c.finishing:
		return v16.StatusFinishing
	case c.inoperative:
		return v16.StatusUnavailable
	case c.car != nil || c.claim != nil:
		return v16.StatusPreparing
	case s.reservedBy(c) != nil && s.reservedBy(c).connector == c.id:
		return v16.StatusReserved
	}
	return v16.StatusAvailable
}

// reservedBy is the reservation that keeps others from the connector, nil for none. One
// of connector 0 is for any: it keeps the last one that is free.
func (s *Station) reservedBy(c *connector) *reservation {
	if c.reservation != nil {
		return c.reservation
	}
	whole := s.connectors[0].reservation
	if whole == nil {
		return nil
	}
	free := 0 // others
	for _, other := range s.connectors[1:] {
		if other != c && other.fault == "" && !other.inoperative && other.tx == nil && other.claim == nil && other.reservation == nil {
			free++
		}
	}
	if free > 0 {
		return nil
	}
	return whole
}

// reservationOf is the reservation that somebody uses who begins to charge, nil for none:
// that of connector 0 also where others are free.
func (s *Station) reservationOf(c *connector, tag string) *reservation {
	if r := s.reservedBy(c); r != nil {
		return r
	}
	if whole := s.connectors[0].reservation; whole != nil && sameTag(whole.tag, tag) {
		return whole
	}
	return nil
}

// admits says whether a tag may use a connector as far as reservations go.
func (s *Station) admits(c *connector, tag, parent string) bool {
	r := s.reservedBy(c)
	return r == nil || sameTag(r.tag, tag) || r.parent != "" && sameTag(r.parent, parent)
}

// reportStatuses tells the central system what has changed, with the lock.
func (s *Station) reportStatuses() {
	if !s.powered || s.conn == nil || s.registration != v16.RegistrationAccepted {
		return
	}
	for _, c := range s.connectors {
		now := report{s.status(c), c.fault}
		if now != c.telling {
			c.telling = now
			s.tellStatus(c, now)
		}
	}
}

func (s *Station) tellStatus(c *connector, r report) {
	request := &v16.StatusNotificationReq{ConnectorID: c.id, ErrorCode: v16.ErrorNoError, Status: r.status, Timestamp: s.now()}
	if r.fault != "" {
		request.ErrorCode = r.fault
	}
	s.send(request, func(_ ocpp.Response, err error) {
		if err == nil {
			c.told = r
		}
	})
}

// usable says whether somebody can begin to charge at the connector.
func (s *Station) usable(c *connector) bool {
	return s.powered && c.fault == "" && s.connectors[0].fault == "" && !c.inoperative && c.tx == nil && c.claim == nil &&
		!c.finishing && len(s.queue) < maxQueue && s.firmware.installing == ""
}

// ready begins a transaction when there are a car and somebody who may charge it.
func (s *Station) ready(c *connector) {
	if c.claim != nil && c.claim.granted && c.car != nil && c.tx == nil && c.fault == "" && s.powered {
		claim := c.claim
		c.claim = nil
		s.start(c, claim)
	}
}

// claimed gives a connector to somebody, for as long as ConnectionTimeOut until they
// plug in.
func (s *Station) claimed(c *connector, claim *claim) {
	c.claim = claim
	s.ready(c)
	if c.claim != claim {
		return
	}
	s.agenda.after(time.Duration(s.number("ConnectionTimeOut"))*time.Second, func() {
		if c.claim == claim {
			s.unclaim(c)
		}
	})
}

// unclaim forgets who was about to charge.
func (s *Station) unclaim(c *connector) {
	c.claim = nil
	s.dropTxProfiles(c)
}

// start begins a transaction, with the lock.
func (s *Station) start(c *connector, claim *claim) {
	s.meter(c)
	stamp := s.now()
	tx := &transaction{connector: c, tag: claim.tag, parent: s.parentOf(claim.tag), began: time.Now()}
	tx.entry = s.ledger.begin(Entry{
		Connector: c.id, IDTag: claim.tag, MeterStart: int(c.register), StartedAt: stamp, Skewed: s.skewed(), Remote: claim.remote,
	})
	request := &v16.StartTransactionReq{ConnectorID: c.id, IDTag: claim.tag, MeterStart: int(c.register), Timestamp: stamp}
	if r := s.reservationOf(c, claim.tag); r != nil {
		request.ReservationID = &r.id
		s.unreserve(r)
	}
	c.tx, c.finishing = tx, false
	if s.value("StopTxnSampledData") != "" {
		v := s.measure(c, v16.ContextTransactionBegin, "StopTxnSampledData")
		tx.begin = &v
	}
	s.bindTxProfiles(c)
	s.record(tx, request, func(response ocpp.Response, _ error) { s.started(tx, response) })
	s.meter(c)
	s.sampleAfter(tx)
}

// skewed says whether the clock is wrong.
func (s *Station) skewed() bool { return s.skew > time.Minute || s.skew < -time.Minute }

// started takes the central system's word on a transaction that has begun.
func (s *Station) started(tx *transaction, response ocpp.Response) {
	conf, ok := response.(*v16.StartTransactionConf)
	if !ok {
		return
	}
	tx.entry.ID = conf.TransactionID
	s.remember(tx.tag, conf.IDTagInfo)
	if conf.IDTagInfo.ParentIDTag != "" {
		tx.parent = conf.IDTagInfo.ParentIDTag
	}
	if conf.IDTagInfo.Status == v16.AuthorizationAccepted || tx.connector.tx != tx {
		return
	}
	if s.flag("StopTransactionOnInvalidId") {
		s.stop(tx.connector, v16.ReasonDeAuthorized, "")
		return
	}
	s.meter(tx.connector)
	tx.refused = true
	s.meter(tx.connector)
}

// stop ends the transaction of a connector, with the lock. The tag is that of who did
// it, "" for nobody's.
func (s *Station) stop(c *connector, reason v16.Reason, tag string) {
	tx := c.tx
	if tx == nil {
		return
	}
	s.meter(c)
	stamp := s.now()
	if reason == v16.ReasonPowerLoss && !c.interruptedAt.IsZero() {
		stamp = c.interruptedAt
	}
	request := &v16.StopTransactionReq{IDTag: tag, MeterStop: int(c.register), Timestamp: stamp, Reason: reason}
	if reason == v16.ReasonLocal {
		request.Reason = "" // which means the same (6.49)
	}
	if tx.begin != nil {
		request.TransactionData = []v16.MeterValue{*tx.begin, s.measure(c, v16.ContextTransactionEnd, "StopTxnSampledData")}
	}
	s.record(tx, request, func(ocpp.Response, error) { s.ledger.settled(tx.entry) })
	tx.entry.MeterStop, tx.entry.StoppedAt, tx.entry.Reason = int(c.register), stamp, reason
	s.agenda.drop(tx.sample)
	c.tx, c.finishing, c.power, c.interrupted, c.interruptedAt = nil, c.car != nil, 0, false, time.Time{}
	s.dropTxProfiles(c)
	if c.scheduled != "" {
		c.inoperative, c.scheduled = c.scheduled == v16.Inoperative, ""
	}
	s.mainAvailability()
	s.firmwareWhenIdle()
}

package charging

import (
	"context"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/station"
	"github.com/aether-es/aether/readdb"
)

// TransactionFilter says which transactions are listed. The zero value is all of them.
type TransactionFilter struct {
	Station  string
	IDTag    string    // in any case
	State    string    // running, stopped or abandoned
	From, To time.Time // of the start
}

func (f *TransactionFilter) facet() facet[transactionRecord] {
	by := facet[transactionRecord]{
		name: ofAll, from: f.From, to: f.To,
		place: func(t *transactionRecord) (time.Time, string) { return t.began(), t.Key },
		match: f.match,
	}
	switch {
	case f.State == stateRunning: // the fewest
		by.name = ofState + f.State
	case f.IDTag != "":
		by.name = ofTag + registry.TagKey(f.IDTag)
	case f.Station != "":
		by.name = ofStation + f.Station
	case f.State != "":
		by.name = ofState + f.State
	}
	return by
}

func (f *TransactionFilter) match(t *transactionRecord) bool {
	tagged := f.IDTag == "" || t.Start != nil && registry.TagKey(t.Start.IDTag) == registry.TagKey(f.IDTag)
	return tagged && (f.Station == "" || f.Station == t.Station) && (f.State == "" || f.State == t.state())
}

// Transactions returns a page of the transactions, the newest first.
func (c *Charging) Transactions(ctx context.Context, filter TransactionFilter, page Page) (TransactionPage, error) {
	v, err := c.view(ctx, page.After)
	if err != nil {
		return TransactionPage{}, err
	}
	defer v.Close()
	return listTransactions(v, filter, page)
}

func listTransactions(r readdb.Reader, filter TransactionFilter, page Page) (TransactionPage, error) {
	d := TransactionPage{Transactions: []TransactionDocument{}}
	by := filter.facet()
	found, next, err := by.list(r, transactions, page)
	for i := range found {
		d.Transactions = append(d.Transactions, found[i].document())
	}
	d.Next = next
	return d, err
}

// Transaction returns a transaction. What happened at the position after is known to it.
func (c *Charging) Transaction(ctx context.Context, key string, after aether.Position) (TransactionDocument, error) {
	v, err := c.view(ctx, after)
	if err != nil {
		return TransactionDocument{}, err
	}
	defer v.Close()
	t, err := getTransaction(v, key)
	if err != nil {
		return TransactionDocument{}, err
	}
	return t.document(), nil
}

func getTransaction(r readdb.Reader, key string) (transactionRecord, error) {
	t, found, err := transactions.Get(r, key)
	if err == nil && !found {
		err = errNoTransaction
	}
	return t, err
}

// Curve returns what was measured during a transaction. For after see
// [Charging.Transaction].
func (c *Charging) Curve(ctx context.Context, key string, after aether.Position) (CurveDocument, error) {
	d := CurveDocument{Key: key, Points: []CurvePoint{}}
	v, err := c.view(ctx, after)
	if err != nil {
		return d, err
	}
	defer v.Close()
	t, err := getTransaction(v, key)
	if err != nil {
		return d, err
	}
	within := readdb.ListOptions{Index: byTransaction, Range: readdb.Under(readdb.Tuple(readdb.Text(key)))}
	for p, err := range points.All(v, &within) {
		if err != nil {
			return d, err
		}
		d.Points = append(d.Points, t.point(p.CurvePoint))
	}
	return d, nil
}

// CommandFilter says which commands are listed. The zero value is all of them.
type CommandFilter struct {
	Station string
	State   string // one of [station.State]; or open: more is to come; or doubt: nobody knows
}

func (f *CommandFilter) match(d *CommandDocument) bool {
	state := f.State == "" || string(d.State) == f.State || f.State == stateOpen && d.Open || f.State == stateDoubt && d.InDoubt
	return state && (f.Station == "" || f.Station == d.Station)
}

// Commands returns a page of the commands, the newest first.
func (c *Charging) Commands(ctx context.Context, filter CommandFilter, page Page) (CommandPage, error) {
	v, err := c.view(ctx, page.After)
	if err != nil {
		return CommandPage{}, err
	}
	defer v.Close()
	return listCommands(v, filter, page)
}

func listCommands(r readdb.Reader, filter CommandFilter, page Page) (CommandPage, error) {
	by := facet[CommandDocument]{
		name: ofAll, match: filter.match,
		place: func(d *CommandDocument) (time.Time, string) { return d.RequestedAt, d.ID },
	}
	switch {
	case filter.State == stateOpen || isOpen(station.State(filter.State)), filter.State == stateDoubt: // the fewest
		by.name = ofState + filter.State
	case filter.Station != "":
		by.name = ofStation + filter.Station
	case filter.State != "":
		by.name = ofState + filter.State
	}
	found, next, err := by.list(r, commands, page)
	return CommandPage{append([]CommandDocument{}, found...), next}, err
}

// Command returns a command. What happened at the position after is known to it.
func (c *Charging) Command(ctx context.Context, id string, after aether.Position) (CommandDocument, error) {
	v, err := c.view(ctx, after)
	if err != nil {
		return CommandDocument{}, err
	}
	defer v.Close()
	return getCommand(v, id)
}

func getCommand(r readdb.Reader, id string) (CommandDocument, error) {
	d, found, err := commands.Get(r, id)
	if err == nil && !found {
		err = errNoCommand
	}
	return d, err
}

// pendingOr names the facet of what is not over, or of all.
func pendingOr(all bool) string {
	if all {
		return ofAll
	}
	return ofPending
}

// Reservations returns a page of the reservations that stand, or of all that there ever
// were, the newest first; of one station, or of any where it is "".
func (c *Charging) Reservations(ctx context.Context, id string, all bool, page Page) (ReservationPage, error) {
	v, err := c.view(ctx, page.After)
	if err != nil {
		return ReservationPage{}, err
	}
	defer v.Close()
	by := facet[ReservationDocument]{
		name:  pendingOr(all),
		place: func(d *ReservationDocument) (time.Time, string) { return d.MadeAt, d.Key },
		match: func(d *ReservationDocument) bool { return id == "" || d.Station == id },
	}
	found, next, err := by.list(v, reservations, page)
	return ReservationPage{append([]ReservationDocument{}, found...), next}, err
}

// Unmatched returns a page of the stops without a transaction, or of all that once had
// none; see [Charging.Reservations].
func (c *Charging) Unmatched(ctx context.Context, id string, all bool, page Page) (UnmatchedPage, error) {
	v, err := c.view(ctx, page.After)
	if err != nil {
		return UnmatchedPage{}, err
	}
	defer v.Close()
	by := facet[UnmatchedDocument]{
		name:  pendingOr(all),
		place: func(d *UnmatchedDocument) (time.Time, string) { return d.At, d.Key },
		match: func(d *UnmatchedDocument) bool { return id == "" || d.Station == id },
	}
	found, next, err := by.list(v, unmatched, page)
	return UnmatchedPage{append([]UnmatchedDocument{}, found...), next}, err
}

// Faults returns a page of the faults that last, or of all that there ever were; see
// [Charging.Reservations].
func (c *Charging) Faults(ctx context.Context, id string, all bool, page Page) (FaultPage, error) {
	v, err := c.view(ctx, page.After)
	if err != nil {
		return FaultPage{}, err
	}
	defer v.Close()
	by := facet[FaultDocument]{
		name:  pendingOr(all),
		place: func(d *FaultDocument) (time.Time, string) { return d.Since, d.Key },
		match: func(d *FaultDocument) bool { return id == "" || d.Station == id },
	}
	found, next, err := by.list(v, faults, page)
	return FaultPage{append([]FaultDocument{}, found...), next}, err
}

// Security returns a page of the security events of a station, the newest first; of any
// where it is "".
func (c *Charging) Security(ctx context.Context, id string, page Page) (SecurityPage, error) {
	v, err := c.view(ctx, page.After)
	if err != nil {
		return SecurityPage{}, err
	}
	defer v.Close()
	by := facet[SecurityDocument]{name: ofAll, place: func(d *SecurityDocument) (time.Time, string) { return d.At, d.Key }}
	if id != "" {
		if _, err := getStation(v, id); err != nil {
			return SecurityPage{}, err
		}
		by.name = ofStation + id
	}
	found, next, err := by.list(v, securities, page)
	return SecurityPage{append([]SecurityDocument{}, found...), next}, err
}

// Notices returns a page of the notices about stations that went offline together, the
// newest first.
func (c *Charging) Notices(ctx context.Context, page Page) (NoticePage, error) {
	v, err := c.view(ctx, page.After)
	if err != nil {
		return NoticePage{}, err
	}
	defer v.Close()
	by := facet[NoticeDocument]{name: ofAll, place: func(d *NoticeDocument) (time.Time, string) { return d.First, d.Key }}
	found, next, err := by.list(v, notices, page)
	return NoticePage{append([]NoticeDocument{}, found...), next}, err
}

// IDTags returns a page of the id tags, in the order of their names.
func (c *Charging) IDTags(ctx context.Context, page Page) (IDTagPage, error) {
	d := IDTagPage{IDTags: []IDTagDocument{}}
	v, err := c.view(ctx, page.After)
	if err != nil {
		return d, err
	}
	defer v.Close()
	found, err := idTags.List(v, &readdb.ListOptions{After: page.Cursor, Limit: page.Limit})
	if err != nil {
		return d, err
	}
	for i := range found.Documents {
		t := &found.Documents[i]
		if t.Running, err = running(v, t.Key); err != nil {
			return d, err
		}
		d.IDTags = append(d.IDTags, t.IDTagDocument)
	}
	d.Next = found.Next
	return d, nil
}

// running counts the transactions of an id tag.
func running(r readdb.Reader, tag string) (n int, err error) {
	within := readdb.ListOptions{Index: byFacet, Range: readdb.Under(readdb.Tuple(facetOf(ofRunning + tag)))}
	for _, err := range transactions.All(r, &within) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// IDTag returns an id tag, in whatever case it is written. What happened at the position
// after is known to it.
func (c *Charging) IDTag(ctx context.Context, tag string, after aether.Position) (IDTagDocument, error) {
	v, err := c.view(ctx, after)
	if err != nil {
		return IDTagDocument{}, err
	}
	defer v.Close()
	t, found, err := idTags.Get(v, registry.TagKey(tag))
	if err == nil && !found {
		err = errNoIDTag
	}
	if err != nil {
		return IDTagDocument{}, err
	}
	t.Running, err = running(v, t.Key)
	return t.IDTagDocument, err
}

// Tariffs returns all tariffs.
func (c *Charging) Tariffs(ctx context.Context, after aether.Position) (TariffList, error) {
	d := TariffList{Tariffs: []TariffDocument{}}
	v, err := c.view(ctx, after)
	if err != nil {
		return d, err
	}
	defer v.Close()
	for t, err := range tariffs.All(v, nil) {
		if err != nil {
			return d, err
		}
		d.Tariffs = append(d.Tariffs, t.TariffDocument)
	}
	return d, nil
}

// Tariff returns a tariff. What happened at the position after is known to it.
func (c *Charging) Tariff(ctx context.Context, id string, after aether.Position) (TariffDocument, error) {
	v, err := c.view(ctx, after)
	if err != nil {
		return TariffDocument{}, err
	}
	defer v.Close()
	t, found, err := tariffs.Get(v, id)
	if err == nil && !found {
		err = errNoTariff
	}
	return t.TariffDocument, err
}

// Inbox returns the stations that nobody knows; there are at most [registry.MaxInbox].
func (c *Charging) Inbox(ctx context.Context, after aether.Position) (InboxDocument, error) {
	v, err := c.view(ctx, after)
	if err != nil {
		return InboxDocument{}, err
	}
	defer v.Close()
	by := facet[registry.Stranger]{name: ofAll, place: func(s *registry.Stranger) (time.Time, string) { return s.Last, s.Identity }}
	found, _, err := by.list(v, strangers, Page{Limit: registry.MaxInbox})
	return InboxDocument{append([]registry.Stranger{}, found...)}, err
}

package pool

import (
	"fmt"
	"time"

	"github.com/aether-es/aether"
)

func (p *Pool) joinList(c JoinList) ([]Event, error) {
	if p.Status == Cancelled || !c.At.Before(p.EventDate) {
		return nil, p.selling(c.At)
	}
	if err := checkRequest(c.Customer, c.Quantity); err != nil {
		return nil, err
	}
	if has := p.Customers[c.Customer]; has+c.Quantity > MaxTickets {
		return nil, &aether.Refusal{Reason: LimitExceeded, Facts: Limit{has, MaxTickets},
			Message: fmt.Sprintf("at most %d tickets for each customer; you have %d", MaxTickets, has)}
	}
	switch free := p.free(); {
	case p.Waiting.Has(c.Customer):
		return nil, nil
	case free > 0: // fewer than wanted, perhaps: who waits for more would keep them from everybody
		if err := p.selling(c.At); err != nil {
			return nil, err
		}
		return nil, &aether.Refusal{Reason: NotSoldOut, Facts: Left{free}, Message: countTickets(free) + " left; claim what there is"}
	case p.Waiting.Len() >= MaxWaiting:
		return nil, aether.Refuse(ListFull, "the waiting list is full")
	}
	return []Event{WaitingListJoined(c)}, nil
}

// free is how many tickets may be claimed: none while somebody is on the waiting list,
// since they are offered what comes free.
func (p *Pool) free() int {
	if p.Waiting.Len() > 0 {
		return 0
	}
	return p.Available()
}

func (p *Pool) leaveList(c LeaveList) ([]Event, error) {
	if !p.Waiting.Has(c.Customer) {
		return nil, nil
	}
	return []Event{WaitingListLeft(c)}, nil
}

// offers returns the claims that the first of the waiting list get of the tickets
// that are free and of those that become so, in their order. Nobody is passed over for
// wanting more than there is: the offer is then of what there is, and who wants the rest
// joins again. Unsold are how many of the freed were sold before. Who waits cannot claim,
// so nobody gets more than the limit.
func (p *Pool) offers(freed []int, unsold int, at time.Time) []Event {
	if p.Waiting.Len() == 0 || p.selling(at) != nil {
		return nil
	}
	d := p.draw()
	d.free = append(d.free, freed...)
	left := p.Available() + len(freed)
	price := p.Rule.Price(p.Sold-unsold, p.Capacity, p.EventDate, at)
	var events []Event
	made := 0
	for w := range p.Waiting.All() {
		if left == 0 || made == together {
			break
		}
		made++
		quantity := min(w.Quantity, left)
		left -= quantity
		events = append(events, d.claim(TicketClaimed{
			Customer: w.Customer, Price: price, Until: at.Add(Offer), Offered: true, At: at,
		}, quantity)...)
	}
	return events
}

// admitted says why a customer may not claim yet.
func (p *Pool) admitted(customer string) error {
	if p.Room == nil {
		return nil
	}
	if place := p.Room.Places[customer]; place == 0 || place > p.Room.Admitted {
		return aether.Refuse(NotAdmitted, "there is a waiting room; your turn has not come yet")
	}
	return nil
}

func (p *Pool) joinRoom(c JoinRoom) ([]Event, error) {
	if !validText(c.Customer, MaxCustomer) {
		return nil, aether.Refuse(BadCustomer, "a customer's ID has 1 to %d bytes of printable text", MaxCustomer)
	}
	if p.Status == Cancelled || !c.At.Before(p.EventDate) {
		return nil, p.selling(c.At)
	}
	r := p.Room
	switch {
	case r == nil:
		return nil, aether.Refuse(NoRoom, "nobody has to wait; claim your tickets")
	case r.Places[c.Customer] != 0:
		return nil, nil
	case r.Last >= MaxPlaces:
		return nil, aether.Refuse(RoomFull, "the waiting room has given all its %d places; it takes nobody more until the promoter closes it", MaxPlaces)
	case r.Last-r.Admitted >= MaxWaiting:
		return nil, aether.Refuse(ListFull, "the waiting room is full; come back in some minutes")
	}
	e := RoomJoined{Customer: c.Customer, Place: r.Last + 1, At: c.At}
	if r.Last == r.Admitted {
		e.Next = later(later(r.OpensAt, c.At), r.Next)
	}
	return []Event{e}, nil
}

// admit lets in as many as there may be in Advance.
func (p *Pool) admit(c Admit) ([]Event, error) {
	r := p.Room
	if r == nil || r.Last == r.Admitted {
		return nil, nil
	}
	if c.At.Before(r.Next) {
		return nil, aether.Refuse(NotDue, "the next are let in at %v", r.Next)
	}
	// So many in each minute, whatever remains of the division.
	perAdvance := int64(r.PerMinute) * int64(Advance)
	step := int(max(1, perAdvance/int64(time.Minute)))
	pause := time.Duration(int64(step) * int64(time.Minute) / int64(r.PerMinute))
	through := min(r.Last, r.Admitted+step)
	return []Event{CustomersAdmitted{Through: through, Waiting: r.Last - through, Next: c.At.Add(pause), At: c.At}}, nil
}

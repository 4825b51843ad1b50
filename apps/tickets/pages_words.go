package tickets

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sort"
	"time"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/money"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/apps/tickets/pool"
)

// situation is what matters of a pool to those who want tickets. static/words.js has
// the same.
type situation string

// The situations.
const (
	onSale    situation = "open"
	isStopped situation = "stopped"
	isGone    situation = "cancelled"
	isOver    situation = "over" // the event has begun
	inRoom    situation = "room" // there is a waiting room
	isSoldOut situation = "sold-out"
)

func situationOf(d *PoolDocument, now time.Time) situation {
	switch {
	case d.Status == pool.Cancelled:
		return isGone
	case !now.Before(d.EventDate):
		return isOver
	case d.Status == pool.Stopped:
		return isStopped
	case d.Room != nil:
		return inRoom
	}
	return stock(d)
}

// stock says whether there is something left. While somebody is on the waiting list there
// is not: they are offered what comes free.
func stock(d *PoolDocument) situation {
	if d.Available == 0 || d.Waiting > 0 {
		return isSoldOut
	}
	return onSale
}

// badge is a word about a situation, and its kind.
func (s situation) badge() (kind, text string) {
	switch s {
	case isGone:
		return "bad", "Cancelled"
	case isOver:
		return "", "Over"
	case isStopped:
		return "warn", "Stopped for now"
	case inRoom:
		return "warn", "Waiting room"
	case isSoldOut:
		return "", "Sold out"
	}
	return "good", "On sale"
}

// priceWords is what a ticket costs.
func priceWords(d *PoolDocument) string {
	if d.Price == 0 {
		return "Free"
	}
	return money.Format(d.Price, d.Currency)
}

// nextPrices says what moves the price next, in a sentence for each: that some more are
// sold, and that the event comes near.
func nextPrices(d *PoolDocument, now time.Time) []string {
	var words []string
	way := func(price int64) string {
		if price > d.Price {
			return "It goes up to " + money.Format(price, d.Currency)
		}
		return "It goes down to " + money.Format(price, d.Currency)
	}
	if n, price := nextBySales(d, now); n == 1 {
		words = append(words, way(price)+" once one more ticket is sold.")
	} else if n > 1 {
		words = append(words, fmt.Sprintf("%s once %s more tickets are sold.", way(price), figure(n)))
	}
	if in, price := nextByTime(d, now); in > 0 {
		words = append(words, fmt.Sprintf("%s in %s, as the event comes near.", way(price), span(in)))
	}
	if words == nil && d.Payment != pool.Free {
		words = append(words, "It stays at this, unless the promoter changes it.")
	}
	return words
}

// nextBySales is how many tickets must be sold until the price is another one, and which;
// 0 when it never is. Between two steps of its rule the price goes one way only.
func nextBySales(d *PoolDocument, now time.Time) (int, int64) {
	price := func(sold int) int64 { return d.Rule.Price(sold, d.Capacity, d.EventDate, now) }
	last := d.Capacity - 1 // the price of the last ticket is that with all the others sold
	from, current := d.Sold, price(d.Sold)
	for i := 0; i <= len(d.Rule.Steps) && from < last; i++ {
		to := last
		if i < len(d.Rule.Steps) {
			step := (d.Rule.Steps[i].Percent*d.Capacity + 99) / 100 // sold at least, with the step
			to = min(last, step-1)
		}
		if to < from {
			continue
		}
		if n := from + sort.Search(to-from+1, func(n int) bool { return price(from+n) != current }); n <= to {
			return n - d.Sold, price(n)
		}
		if from = to + 1; from <= last && price(from) != current { // behind the step it may come back
			return from - d.Sold, price(from)
		}
	}
	return 0, 0
}

// nextByTime is when the price is another one if nothing is sold, and which; 0 when it
// stays until the event.
func nextByTime(d *PoolDocument, now time.Time) (time.Duration, int64) {
	at, moves := d.Rule.Moves(d.Sold, d.Capacity, d.EventDate, now)
	if !moves {
		return 0, 0
	}
	return (at.Sub(now) + time.Second - 1).Truncate(time.Second), d.Rule.Price(d.Sold, d.Capacity, d.EventDate, at)
}

// payWords says how a pool is paid for.
func payWords(d *PoolDocument) string {
	switch d.Payment {
	case pool.Free:
		return "free"
	case pool.Door:
		return "paid at the door"
	}
	return "paid online"
}

// sorry keeps in a form why a command failed, in words for customers, with what to do
// next. It returns the status to answer with.
func sorry(f *web.Form, err error) int {
	status := f.Fail(err, pool.NoPool, pool.NoClaim)
	if refusal, ok := errors.AsType[*aether.Refusal](err); ok {
		if title, text := refusedWords(refusal); title != "" {
			f.Title, f.Failure = title, text
		}
	} else if status == http.StatusServiceUnavailable {
		f.Failure = "The server could not say whether it was done. Send it again: it is not done twice."
	}
	return status
}

// refusedWords says why something was refused, and what to do next. What it does not know
// has no title.
func refusedWords(refusal *aether.Refusal) (title, text string) {
	switch refusal.Reason {
	case pool.PriceChanged:
		text = "Nothing was claimed. If the new price is fine with you, claim again."
		if facts := fact[pool.NewPrice](refusal); facts.Currency != "" {
			text = fmt.Sprintf("A ticket is %s by now. %s", money.Format(facts.Price, facts.Currency), text)
		}
		return "The price has risen since you saw it", text
	case pool.SoldOut:
		if facts := fact[pool.Left](refusal); facts.Available > 0 {
			return "There are not as many left", fmt.Sprintf("You can still have %s: choose fewer.", count(facts.Available, "ticket"))
		}
		return "Others were faster", "All tickets are held or sold. Join the waiting list: what comes back is offered to those on it, in order."
	case pool.StoppedSales:
		return "The sale is stopped", "The promoter has stopped it for now, and nobody can buy. Keep this page open: it tells you at once when it goes on."
	case pool.SalesEnded:
		return "The sale is over", "The event has begun, so nothing is sold any more."
	case pool.IsCancelled:
		return "The event was cancelled", "Nothing is sold any more. Whoever has paid gets the money back."
	case pool.LimitExceeded:
		text = fmt.Sprintf("Each customer may have %d at most", pool.MaxTickets)
		if facts := fact[pool.Limit](refusal); facts.Has > 0 {
			text += fmt.Sprintf(", and you have %d already, in your cart or bought", facts.Has)
		}
		return "That is more than you may have", text + ". Choose fewer."
	case pool.ClaimExpired:
		return "Your time was over", "The tickets went back to the sale, and nothing was paid. Look whether there are some left."
	case pool.NotYourClaim:
		return "This is somebody else's cart", "Only the browser in which the tickets were claimed can buy them, or give them back."
	case pool.PaymentNeeded:
		return "How do you pay?", "Say which payment method you pay with, and buy again."
	case NoProvider:
		return "Nothing can be paid at the moment", "The promoter has not set up online payment here. Nothing was paid, and what you hold stays held until the time is over."
	case pool.PaymentOpen:
		return "The payment is under way", "Wait for what becomes of it: this page tells you. The tickets are held until then."
	case pool.NotSold:
		return "These tickets are bought", "They cannot be given back here. Ask the promoter for a refund."
	case pool.NotAdmitted:
		return "Your turn has not come yet", "There is a waiting room. Take your place, and you are let in in order."
	case pool.NoRoom:
		return "Nobody has to wait any more", "Claim your tickets right away."
	case pool.NotSoldOut:
		return "There are tickets left", "You need not wait: claim them."
	case pool.RoomFull:
		return "The waiting room takes nobody more", "All its places are given. Look in again: once the promoter closes it, everybody may buy."
	case pool.ListFull:
		return "Too many people are waiting", "No more can join at the moment. Try again in some minutes."
	case pool.BadQuantity:
		return "How many?", fmt.Sprintf("Choose 1 to %d tickets.", pool.MaxTickets)
	}
	return "", ""
}

// releasedWords says why tickets are not held any more, and what to do next.
func releasedWords(c *ClaimDocument) (title, text string) {
	n := len(c.Tickets)
	switch c.Reason {
	case pool.GivenBack:
		return "You have given " + one(n, "it", "them") + " back", "Somebody else can have " + one(n, "it", "them") + " now. Nothing was paid."
	case pool.NotPaid:
		return "The payment did not come through", "We waited as long as we could for your bank. If it still says yes, we let the amount go at once: you do not pay for tickets that you have not got."
	case pool.IsCancelled:
		return "The event was cancelled", "So " + one(n, "the ticket is", "the tickets are") + " not held any more. Nothing was paid."
	}
	return "Your time was over", one(n, "The ticket was", "The tickets were") + " held for you until then, and went back to the sale. Nothing was paid."
}

// declinedWords says why a payment was declined, with a space behind it. What is none of
// these codes says nothing to customers: banks do not tell why.
func declinedWords(reason string) string {
	switch reason {
	case "insufficient_funds":
		return "There is not enough money on the card. "
	case "expired_card":
		return "The card has expired. "
	case "incorrect_cvc", "invalid_cvc":
		return "The security code of the card is not right. "
	case "incorrect_number", "invalid_number":
		return "The number of the card is not right. "
	case "card_velocity_exceeded", "withdrawal_count_limit_exceeded":
		return "The card was used up to its limit. "
	case "authentication_required":
		return "The bank wants to ask you, which is not possible here. "
	case "resource_missing":
		return "The provider knows no such payment method. "
	case "processing_error", "try_again_later":
		return "The bank could not answer. "
	}
	return "The bank said no. "
}

// fact returns the facts of a refusal. After a way over a bus they are JSON.
func fact[F any](refusal *aether.Refusal) (facts F) {
	if data, err := json.Marshal(refusal.Facts); err == nil {
		_ = json.Unmarshal(data, &facts) // facts of another kind say nothing
	}
	return facts
}

// isRefused says whether an error is a refusal for a reason.
func isRefused(err error, reason string) bool {
	refusal, ok := errors.AsType[*aether.Refusal](err)
	return ok && refusal.Reason == reason
}

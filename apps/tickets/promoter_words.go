package tickets

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aether-es/aether/apps/internal/money"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/apps/tickets/pool"
)

// What promoters read.

// badge is a word about the state of a sale, and its kind.
func (d *PoolDocument) badge() (kind, text string) {
	switch {
	case d.Status == pool.Cancelled:
		return "bad", "Cancelled"
	case d.Status == pool.Stopped:
		return "warn", "Stopped"
	case d.Available == 0 && d.Held == 0:
		return "good", "Sold out"
	}
	return "good", "On sale"
}

// sellThrough says how much of a pool is sold.
func (d *PoolDocument) sellThrough() string {
	return fmt.Sprintf("%s of %s sold, %s", figure(d.Sold), figure(d.Capacity), percent(d.Sold, d.Capacity))
}

// state says what a sale is, in a sentence or two.
func (d *PoolDocument) state(ended bool) string {
	switch {
	case d.Status == pool.Cancelled && d.Reason != "":
		return "The event was cancelled: " + web.Sentence(d.Reason) + " What was sold is refunded."
	case d.Status == pool.Cancelled:
		return "The event was cancelled. What was sold is refunded."
	case ended:
		return "The event has begun, so nothing is sold any more."
	case d.Status == pool.Stopped:
		return "Nothing is sold until you resume: no claim, and no purchase of an open cart."
	case d.Available == 0 && d.Held == 0:
		return "Everything is sold. Who comes now can join the waiting list."
	case d.Available == 0:
		return "Everything is sold or in a cart. What is not bought comes back."
	}
	return "Tickets are being sold."
}

// priceNow is what a ticket costs, while there are any to be had.
func (d *PoolDocument) priceNow() string {
	switch {
	case d.Status == pool.Cancelled:
		return ""
	case d.Payment == pool.Free:
		return "free"
	}
	return money.Format(d.Price, d.Currency) + " now"
}

// paid says how tickets are paid for.
func paid(p pool.Payment) string {
	return map[pool.Payment]string{pool.Free: "free", pool.Door: "paid at the door", pool.Online: "paid online"}[p]
}

// worth is what the sum of the prices is called.
func worth(p pool.Payment) string {
	if p == pool.Door {
		return "To be paid at the door"
	}
	return "Revenue"
}

// saidOf is what was done, by the word for it in the address of the page that follows.
func saidOf(done string) string {
	return map[string]string{
		"created":   "The sale is open.",
		"stopped":   "You have stopped the sale.",
		"resumed":   "You have resumed the sale.",
		"cancelled": "You have cancelled the event. The orders are being refunded.",
		"priced":    "You have changed the prices. What is in carts keeps its price.",
		"admitted":  "You have closed the waiting room. Everybody may buy.",
		"refunded":  "You have refunded the order. Its tickets are for sale again.",
		"settled":   "It is settled.",
	}[done]
}

// orderState is what became of an order, and of its money.
func orderState(d *ClaimDocument) (kind, text string) {
	kind, text = "good", "Sold"
	if d.State == ClaimRefunded {
		kind, text = "warn", "Refunded"
	}
	switch d.Payment {
	case MoneyAuthorised:
		text += ", payment reserved"
	case MoneyCaptured:
		text += ", paid"
	case MoneyCancelled:
		text += ", reserved amount let go"
	case MoneyRefunding:
		text += ", money on its way back"
	case MoneyRefunded:
		text += ", money given back"
	case MoneyFailed:
		kind, text = "bad", text+", payment needs you"
	}
	return kind, text
}

// numbers are those of the tickets of a claim.
func numbers(d *ClaimDocument) string {
	var words []string
	for _, t := range d.Tickets {
		words = append(words, fmt.Sprint(t.Number))
	}
	return strings.Join(words, ", ")
}

// scanned is how many tickets of a claim were checked in.
func scanned(d *ClaimDocument) int {
	n := 0
	for _, t := range d.Tickets {
		if !t.CheckedIn.IsZero() {
			n++
		}
	}
	return n
}

// caseTitle says what is open.
func caseTitle(c *CaseDocument) string {
	what := map[string]string{
		"authorise": "reserve the money", "capture": "take the money", "cancel": "let the reserved money go", "refund": "give the money back",
	}[c.Action]
	if !slices.Contains(c.Ways, Look) { // it is known to have failed
		return "The provider did not " + what
	}
	return "Nobody knows whether the provider did " + what
}

// way is a way to settle a case: what its button says, and when it is the right one.
type way struct{ way, label, about string }

func wayWords(name string) way {
	switch name {
	case Look:
		return way{Look, "Ask the provider", "The provider is asked what became of it."}
	case Again:
		return way{Again, "Try again", "The provider is asked to do it once more."}
	case Done:
		return way{Done, "It was done", "You have seen it at the provider, or done it by hand."}
	case NotDone:
		return way{NotDone, "It was not done", "You have seen at the provider that it was not done, and will not be."}
	}
	return way{name, name, ""}
}

// percent is a part of a whole, which is not said to be all or nothing unless it is.
func percent(part, whole int) string {
	switch {
	case whole <= 0 || part <= 0:
		return "0\u00a0%"
	case part >= whole:
		return fmt.Sprintf("%d\u00a0%%", part*100/whole)
	}
	return fmt.Sprintf("%d\u00a0%%", min(99, max(1, part*100/whole)))
}

func figure(n int) string { return money.Thousands(strconv.Itoa(n)) }

package paysim

import (
	"net/http"
	"slices"
	"strings"
)

// declines are the test methods that are declined, without what they begin with,
// "pm_card_" or "pm_card_visa_". The names and codes are Stripe's.
func declines() map[string]apiError {
	const declined = "card_declined"
	return map[string]apiError{
		"chargeDeclined":                      {Code: declined, DeclineCode: "generic_decline", Message: "Your card was declined."},
		"chargeDeclinedInsufficientFunds":     {Code: declined, DeclineCode: "insufficient_funds", Message: "Your card has insufficient funds."},
		"chargeDeclinedLostCard":              {Code: declined, DeclineCode: "lost_card", Message: "Your card was declined."},
		"chargeDeclinedStolenCard":            {Code: declined, DeclineCode: "stolen_card", Message: "Your card was declined."},
		"chargeDeclinedVelocityLimitExceeded": {Code: declined, DeclineCode: "card_velocity_exceeded", Message: "Your card was declined for making repeated attempts too frequently or exceeding its amount limit."},
		"chargeDeclinedFraudulent":            {Code: declined, DeclineCode: "fraudulent", Message: "Your card was declined."},
		"chargeDeclinedExpiredCard":           {Code: "expired_card", DeclineCode: "expired_card", Message: "Your card has expired."},
		"chargeDeclinedIncorrectCvc":          {Code: "incorrect_cvc", DeclineCode: "incorrect_cvc", Message: "Your card's security code is incorrect."},
		"chargeDeclinedProcessingError":       {Code: "processing_error", DeclineCode: "processing_error", Message: "An error occurred while processing your card. Try again in a little bit."},

		// Nobody is here to answer the bank's question.
		"authenticationRequired": {Code: "authentication_required", DeclineCode: "authentication_required", Message: "Your card was declined. This transaction requires authentication."},
	}
}

// refundFails is a good card whose refunds are made, and then do not arrive.
const refundFails = "pm_card_refundFail"

// charge says whether a method of payment is declined, or does not exist.
func charge(method string) (declined, missing *apiError) {
	if name, ok := strings.CutPrefix(method, "pm_card_"); ok {
		if d, ok := declines()[strings.TrimPrefix(name, "visa_")]; ok {
			d.Type, d.status = "card_error", http.StatusPaymentRequired
			return &d, nil
		}
		if slices.Contains([]string{"refundFail", "visa", "visa_debit", "mastercard", "mastercard_debit", "amex", "discover", "jcb", "unionpay"}, name) {
			return nil, nil
		}
	}
	if named, ok := strings.CutPrefix(method, "pm_sim_"); ok && slices.Contains(allFaults(), Fault(named)) {
		return nil, nil
	}
	return nil, invalid("payment_method", "resource_missing", "No such PaymentMethod: '%s'", method)
}

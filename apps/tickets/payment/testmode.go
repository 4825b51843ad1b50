package payment

import "strings"

// TestMode says whether the secret key is one with which no money moves. The provider
// then takes the test methods that its documentation lists, as pm_card_visa.
func (s *Stripe) TestMode() bool {
	key := s.client.V1PaymentIntents.Key
	return strings.HasPrefix(key, "sk_test_") || strings.HasPrefix(key, "rk_test_")
}

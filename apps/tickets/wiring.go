package tickets

import "github.com/aether-es/aether/apps/tickets/pool"

// WebhookPath is where the payment provider tells what happened. Its signature proves who
// it is, so it needs no token.
const WebhookPath = "/api/tickets/payments/webhook"

// Kinds are those of the actors whose events the system makes.
func Kinds() []string { return []string{pool.Kind, nameKind, PaymentKind} }

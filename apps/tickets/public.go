package tickets

import "github.com/aether-es/aether/apps/internal/server"

// public is what customers use, who have no token of the server: to see what is on sale,
// to wait, to claim, to buy, and to follow that. What concerns one customer wants the token
// of the customer; see [CustomerID]. The webhook is signed. All else is for promoters.
func public() server.Public {
	return server.Public{
		Topics: []string{topicPools, topicPool, topicClaim},
		Routes: []string{
			"GET /tickets",
			"GET /tickets/mine",
			"GET /tickets/{pool}",
			"POST /tickets/{pool}",
			"GET /tickets/claims/{claim}",
			"POST /tickets/claims/{claim}",

			"GET /api/tickets/pools",
			"GET /api/tickets/pools/{pool}",
			"POST /api/tickets/pools/{pool}/claims",
			"GET /api/tickets/claims/{claim}",
			"POST /api/tickets/claims/{claim}/buy",
			"DELETE /api/tickets/claims/{claim}",
			"GET /api/tickets/mine",
			"GET /api/tickets/pools/{pool}/place",
			"POST /api/tickets/pools/{pool}/waiting-list",
			"DELETE /api/tickets/pools/{pool}/waiting-list",
			"POST /api/tickets/pools/{pool}/room",

			"POST " + WebhookPath,
		},
	}
}

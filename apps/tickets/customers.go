package tickets

import (
	"cmp"
	"crypto/sha256"

	"github.com/aether-es/aether/apps/internal/api"
)

// Whoever has the token of a customer is the customer. It is a random text that the
// customer's browser, or program, keeps and sends along: in a cookie, in the header
// Customer-Token, or in the body of a command. It is saved and shown nowhere: the events,
// and all that is made of them, have the customer's ID, which follows from it.

// CustomerID returns the ID of the customer who has a token. The token cannot be had from
// it, if it is random enough not to be guessed: 128 bits.
func CustomerID(token string) string {
	sum := sha256.Sum256([]byte("tickets customer " + token))
	return short.EncodeToString(sum[:16])
}

// topicOf names the live topic of a claim. Claims are numbered, and topics have no
// customer: so the name has in it what only those can know who may see the claim.
func topicOf(claim, customer string) string {
	sum := sha256.Sum256([]byte("topic of " + claim + " for " + customer))
	return topicClaim + "/" + claim + "." + short.EncodeToString(sum[:16])
}

// CustomerToken is the input of what is for one customer alone.
type CustomerToken struct {
	Token string `header:"Customer-Token" required:"true" minLength:"1" maxLength:"100" example:"v6VrqxJbcGoXDG3Xv2Dm9A" doc:"The customer's token, which nobody else knows."`
}

// customer returns the ID of the customer who asks.
func (c *CustomerToken) customer() string { return CustomerID(c.Token) }

// CustomerHeader is the input of commands of customers, who may say who they are in the
// body, too.
type CustomerHeader struct {
	Token string `header:"Customer-Token" minLength:"1" maxLength:"100" doc:"The customer's token, where it is not in the body."`
}

// CustomerBody says who it is for.
type CustomerBody struct {
	Customer string `json:"customer,omitempty" minLength:"1" maxLength:"100" example:"v6VrqxJbcGoXDG3Xv2Dm9A" doc:"The customer's token, where it is not in the header Customer-Token. It is chosen by the customer, at random, 128 bits of it, and nobody else learns it: whoever has it is the customer. Answers and events have an ID that follows from it."`
}

// customer returns the ID of the customer whose token is in the header, in the body, or
// in both.
func (c *CustomerHeader) customer(body *CustomerBody) (string, error) {
	switch token := cmp.Or(body.Customer, c.Token); {
	case token == "":
		return "", api.InvalidField("body.customer", "is missing, and so is the header Customer-Token: say who it is for")
	case c.Token != "" && c.Token != token:
		return "", api.InvalidField("body.customer", "is another token than that in the header Customer-Token")
	default:
		return CustomerID(token), nil
	}
}

package tickets

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/tickets/pool"
	"github.com/aether-es/aether/schema"
)

// How things are named: pools "k7x2m9qa4tzc", their claims "k7x2m9qa4tzc-17".

var errNoPool = aether.Refuse(pool.NoPool, "there is no such pool")

var errNoClaim = aether.Refuse(pool.NoClaim, "there is no such claim")

// short is base 32 in small letters, for names that people may have to read out.
var short = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newPoolID makes a pool's ID from that of the command that creates it, so that a
// repetition means the same pool. What that ID was cannot be seen in it.
func newPoolID(commandID string) string {
	sum := sha256.Sum256([]byte("pool of " + commandID))
	return short.EncodeToString(sum[:])[:12]
}

// reserved are the IDs that no pool has, since the pages have these paths.
var reserved = []string{"cases", "claims", "mine", "new", "promoter"}

// validPool says whether a pool may have this ID: 1 to 40 small letters, digits and
// dashes, and none that is reserved.
func validPool(id string) bool {
	return !slices.Contains(reserved, id) && id != "" && len(id) <= 40 && id[0] != '-' && id[len(id)-1] != '-' &&
		strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func poolActor(id string) string { return pool.Kind + "/" + id }

func poolID(actorID string) string { return strings.TrimPrefix(actorID, pool.Kind+"/") }

func claimID(pool string, number int) string { return pool + "-" + strconv.Itoa(number) }

// parseClaim is the reverse of claimID.
func parseClaim(id string) (pool string, number int, ok bool) {
	dash := strings.LastIndexByte(id, '-')
	if dash < 0 {
		return "", 0, false
	}
	number, err := strconv.Atoi(id[dash+1:])
	return id[:dash], number, err == nil && number > 0 && validPool(id[:dash]) && claimID(id[:dash], number) == id
}

// nameKind is the kind of the actors that a pool's name is: they have one event, which
// tells whose the name is.
const nameKind = "poolname"

// nameEvent is what can happen to a name.
type nameEvent interface{ name() }

// nameTaken gives a name to a pool.
type nameTaken struct {
	Name string `json:"name"`
	Pool string `json:"pool"`
}

func (nameTaken) name() {}

func nameEvents() *schema.Registry[nameEvent] {
	return schema.New[nameEvent](schema.Type[nameTaken]("PoolNameTaken"))
}

// nameActor is the actor of a name. Names that differ in their case, or in their space,
// are the same.
func nameActor(name string) string {
	sum := sha256.Sum256([]byte(strings.Join(strings.Fields(strings.ToLower(name)), " ")))
	return nameKind + "/" + hex.EncodeToString(sum[:16])
}

// ticketCode is what a ticket shows at the door: its number, its claim, and what nobody
// can make who does not know the secret of the pool.
func ticketCode(secret []byte, pool string, ticket, claim int) string {
	return fmt.Sprintf("%d-%d-%s", ticket, claim, ticketMAC(secret, pool, ticket, claim))
}

func ticketMAC(secret []byte, pool string, ticket, claim int) string {
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s/%d/%d", pool, ticket, claim)
	return strings.ToUpper(short.EncodeToString(mac.Sum(nil)[:10]))
}

// BadCode is the reason of the refusal of a code that is of no ticket of the pool.
const BadCode = "bad-code"

// readCode returns the ticket and the claim of a code, which must be one of the pool.
func readCode(secret []byte, pool, code string) (ticket, claim int, err error) {
	refused := aether.Refuse(BadCode, "this is no code of a ticket for this event")
	parts := strings.Split(strings.ToUpper(strings.TrimSpace(code)), "-")
	if len(parts) != 3 {
		return 0, 0, refused
	}
	ticket, errTicket := strconv.Atoi(parts[0])
	claim, errClaim := strconv.Atoi(parts[1])
	if errTicket != nil || errClaim != nil || !hmac.Equal([]byte(parts[2]), []byte(ticketMAC(secret, pool, ticket, claim))) {
		return 0, 0, refused
	}
	return ticket, claim, nil
}

package tickets

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/gob"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/apps/tickets/pool"
)

// snapshotEvery is how many events a pool gets between two snapshots. To make one takes
// as long as the pool has claims, some 0.7 s for a million of them, in which nothing
// can be claimed; to read so many events again takes about a second, once, when a
// program starts.
const snapshotEvery = 250_000

// snapshots keeps pools column by column, in which neighbours hardly differ, and
// compressed (RFC 1951): some 10 bytes of a claim, and those of its payment's ID. What
// follows from the rest, as who has how many tickets, is not kept.
func snapshots() *actor.Snapshots[*pool.Pool] {
	return &actor.Snapshots[*pool.Pool]{Schema: 2, Encode: encodePool, Decode: decodePool}
}

// columns is the data of a snapshot, in the form of package gob. Times are in
// microseconds, as those of all commands are.
type columns struct {
	Head []byte // the rest of the pool, as JSON

	Free []int

	// Of the claims, in the order of their numbers: each number is one more than the one
	// before plus Skip, each ticket one more than the one before plus Tickets; Until is
	// how much later than that of the claim before, and Hold how much later than Until.
	Skip, Counts, Tickets, Bought, Attempts []int
	Prices, Until, Hold                     []int64
	Paying                                  []bool
	Customers, Payments                     []string

	CheckedIn   []int
	CheckedInAt []int64
}

func encodePool(p *pool.Pool) ([]byte, error) {
	head := *p
	head.Claims, head.Customers, head.CheckedIn, head.Free = nil, nil, nil, nil
	var c columns
	var err error
	if c.Head, err = json.Marshal(&head); err != nil {
		return nil, err
	}
	c.Free = p.Free
	number, ticket, until := 0, 0, int64(0)
	for n := 1; n <= p.LastClaim; n++ {
		claim := p.Claims[n]
		if claim == nil {
			continue
		}
		c.Skip, number = append(c.Skip, n-number-1), n
		c.Counts = append(c.Counts, len(claim.Tickets))
		for _, t := range claim.Tickets {
			c.Tickets, ticket = append(c.Tickets, t-ticket-1), t
		}
		at := claim.Until.UnixMicro()
		c.Until, until = append(c.Until, at-until), at
		c.Hold = append(c.Hold, claim.Hold.UnixMicro()-at)
		c.Bought, c.Attempts = append(c.Bought, claim.Bought), append(c.Attempts, claim.Attempts)
		c.Prices, c.Paying = append(c.Prices, claim.Price), append(c.Paying, claim.Paying)
		c.Customers, c.Payments = append(c.Customers, claim.Customer), append(c.Payments, claim.Payment)
	}
	for _, t := range slices.Sorted(maps.Keys(p.CheckedIn)) {
		c.CheckedIn, c.CheckedInAt = append(c.CheckedIn, t), append(c.CheckedInAt, p.CheckedIn[t].UnixMicro())
	}
	var data bytes.Buffer
	compressed, err := flate.NewWriter(&data, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	err = errors.Join(gob.NewEncoder(compressed).Encode(&c), compressed.Close())
	return data.Bytes(), err
}

var errColumns = errors.New("the columns of the snapshot do not fit each other")

func decodePool(data []byte) (*pool.Pool, error) {
	var c columns
	from := bufio.NewReader(flate.NewReader(bytes.NewReader(data)))
	if err := gob.NewDecoder(from).Decode(&c); err != nil {
		return nil, err
	}
	if _, err := from.ReadByte(); err != io.EOF {
		return nil, errColumns
	}
	p := pool.Initial("")
	if err := json.Unmarshal(c.Head, p); err != nil {
		return nil, err
	}
	if p.Waiting == nil {
		return nil, errColumns
	}
	n := len(c.Skip)
	for _, length := range []int{len(c.Counts), len(c.Bought), len(c.Attempts), len(c.Prices), len(c.Until), len(c.Hold), len(c.Paying), len(c.Customers), len(c.Payments)} {
		if length != n {
			return nil, errColumns
		}
	}
	if len(c.CheckedIn) != len(c.CheckedInAt) {
		return nil, errColumns
	}
	p.Free = c.Free
	p.Claims, p.Customers = make(map[int]*pool.Claim, n), make(map[string]int)
	p.CheckedIn = make(map[int]time.Time, len(c.CheckedIn))
	number, ticket, until := 0, 0, int64(0)
	for i := range n {
		number += c.Skip[i] + 1
		until += c.Until[i]
		if c.Counts[i] < 1 || c.Counts[i] > len(c.Tickets) {
			return nil, errColumns
		}
		tickets := make([]int, c.Counts[i])
		for k := range tickets {
			ticket += c.Tickets[k] + 1
			tickets[k] = ticket
		}
		c.Tickets = c.Tickets[len(tickets):]
		p.Claims[number] = &pool.Claim{
			Customer: c.Customers[i], Tickets: tickets, Price: c.Prices[i],
			Until: time.UnixMicro(until).UTC(), Hold: time.UnixMicro(until + c.Hold[i]).UTC(),
			Paying: c.Paying[i], Attempts: c.Attempts[i], Bought: c.Bought[i], Payment: c.Payments[i],
		}
		p.Customers[c.Customers[i]] += len(tickets)
	}
	if len(c.Tickets) > 0 {
		return nil, errColumns
	}
	for i, t := range c.CheckedIn {
		p.CheckedIn[t] = time.UnixMicro(c.CheckedInAt[i]).UTC()
	}
	return p, nil
}

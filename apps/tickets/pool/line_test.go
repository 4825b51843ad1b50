package pool_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/aether-es/aether/apps/tickets/pool"
)

// Whoever leaves, from the front, the middle or the end, the others keep their order, in
// the saved form as well.
func TestLine(t *testing.T) {
	wait := func(p *pool.Pool, customer string) {
		pool.Evolve(p, pool.WaitingListJoined{Customer: customer, Quantity: 1})
	}
	leave := func(p *pool.Pool, customer string) { pool.Evolve(p, pool.WaitingListLeft{Customer: customer}) }
	for _, test := range []struct {
		leave []string
		want  []string
	}{
		{nil, []string{"ann", "bob", "cid", "dan", "zoe"}},
		{[]string{"ann"}, []string{"bob", "cid", "dan", "zoe"}},
		{[]string{"bob", "cid", "nobody"}, []string{"ann", "dan", "zoe"}},
		{[]string{"dan"}, []string{"ann", "bob", "cid", "zoe"}},
		{[]string{"dan", "ann", "cid", "bob"}, []string{"zoe"}},
	} {
		p := pool.Initial("pool/x")
		for _, customer := range []string{"ann", "bob", "cid", "dan"} {
			wait(p, customer)
		}
		for _, customer := range test.leave {
			leave(p, customer)
		}
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again := pool.Initial("pool/x")
		if err := json.Unmarshal(data, again); err != nil {
			t.Fatal(err)
		}
		for _, p := range []*pool.Pool{p, again} {
			wait(p, "zoe")
			wait(p, "zoe") // once
			var got []string
			for w := range p.Waiting.All() {
				got = append(got, w.Customer)
			}
			if !slices.Equal(got, test.want) || p.Waiting.Len() != len(test.want) || p.Waiting.Has("nobody") {
				t.Errorf("without %v there wait %v, want %v", test.leave, got, test.want)
			}
		}
	}
}

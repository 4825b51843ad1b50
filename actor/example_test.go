package actor_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/actor"
	"github.com/aether-es/aether/memstore"
	"github.com/aether-es/aether/schema"
)

// A bank account: its events, its commands, and three functions.

type Deposited struct{ Cents int }
type Withdrawn struct{ Cents int }

type Deposit struct{ Cents int }
type Withdraw struct{ Cents int }

type Balance int // the state

func bank() actor.Decider[Balance, any, any] {
	return actor.Decider[Balance, any, any]{
		Kind: "account",
		Events: schema.New[any](
			schema.Type[Deposited]("Deposited"),
			schema.Type[Withdrawn]("Withdrawn"),
		),
		Initial: func(string) Balance { return 0 },
		Decide: func(balance Balance, command any) ([]any, error) {
			switch c := command.(type) {
			case Deposit:
				return []any{Deposited{c.Cents}}, nil
			case Withdraw:
				if c.Cents > int(balance) {
					return nil, aether.Refuse("too-little", "the balance is %d", balance)
				}
				return []any{Withdrawn{c.Cents}}, nil
			}
			return nil, fmt.Errorf("an account knows no %T", command)
		},
		Evolve: func(balance Balance, event any) Balance {
			switch e := event.(type) {
			case Deposited:
				return balance + Balance(e.Cents)
			case Withdrawn:
				return balance - Balance(e.Cents)
			}
			return balance
		},
		Snapshots: actor.JSONSnapshots[Balance](1),
	}
}

// A bank account. The second withdrawal is sent twice, as a browser does that did
// not see the first answer, and takes place once; the third is refused.
func Example() {
	ctx := context.Background()
	engine := memstore.New()
	defer engine.Close()
	store, err := engine.Namespace(ctx, "bank")
	if err != nil {
		fmt.Println(err)
		return
	}
	accounts := actor.NewHost(store, bank(), nil)
	defer accounts.Close()

	do := func(command any, id string) {
		result, err := accounts.Do(ctx, "account/ann", command, &actor.DoOptions{CommandID: id})
		var refusal *aether.Refusal
		switch {
		case errors.As(err, &refusal):
			fmt.Println("refused:", refusal.Reason, "-", refusal.Message)
		case err != nil:
			fmt.Println(err)
		default:
			fmt.Println(result.Events, "at version", result.Version, "repeated:", result.Repeated)
		}
	}
	do(Deposit{100}, "")
	do(Withdraw{80}, "click 1")
	do(Withdraw{80}, "click 1")
	do(Withdraw{80}, "click 2")

	err = accounts.View(ctx, "account/ann", func(balance Balance, version aether.Version) {
		fmt.Println("balance", balance, "at version", version)
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// [{100}] at version 1 repeated: false
	// [{80}] at version 2 repeated: false
	// [{80}] at version 2 repeated: true
	// refused: too-little - the balance is 20
	// balance 20 at version 2
}

package tickets

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aether-es/aether"
	"github.com/aether-es/aether/apps/internal/money"
	"github.com/aether-es/aether/apps/internal/web"
	"github.com/aether-es/aether/apps/tickets/pool"
)

// ruleForm is a form of promoters, in a currency.
type ruleForm struct {
	*web.Form
	currency string
}

// ruleFields are the inputs of a rule; see [ruleForm.rule].
func ruleFields() []string {
	return []string{"price", "rise", "steps", "drop", "before", "floor", "ceiling", "round"}
}

// ruleValues are the inputs that a rule is made of, as pairs of name and value.
func ruleValues(r *pool.Rule, currency string) []string {
	var steps strings.Builder
	for _, s := range r.Steps {
		fmt.Fprintf(&steps, "%d %s\n", s.Percent, money.Decimal(s.Change, currency))
	}
	optional := func(n int64) string {
		if n == 0 {
			return ""
		}
		return money.Decimal(n, currency)
	}
	before := ""
	if r.Before > 0 {
		before = strconv.Itoa(r.Before)
	}
	return []string{
		"price", money.Decimal(r.Base, currency), "rise", optional(r.Rise), "steps", steps.String(), "drop", optional(r.Drop), "before", before,
		"floor", optional(r.Floor), "ceiling", optional(r.Ceiling), "round", optional(r.Round),
	}
}

// rule returns the rule that was put in. What is wrong with it is said at its fields.
func (f ruleForm) rule(payment pool.Payment) pool.Rule {
	if f.Values["price"] == "" && payment != pool.Free {
		f.Wrong["price"] = "A price is missing. Choose “Free” where there is nothing to pay."
	}
	r := pool.Rule{
		Base: f.amount("price", 0), Rise: f.amount("rise", -pool.MaxAmount), Steps: f.steps(), Drop: f.amount("drop", -pool.MaxAmount),
		Floor: f.amount("floor", 0), Ceiling: f.amount("ceiling", 0), Round: f.amount("round", 0),
	}
	if f.Values["before"] != "" {
		r.Before = f.Number("before")
	}
	wrong := func(field, text string) {
		if f.Wrong[field] == "" {
			f.Wrong[field] = text
		}
	}
	if payment == pool.Free {
		for field, amount := range map[string]int64{
			"price": r.Base, "rise": r.Rise, "steps": int64(len(r.Steps)), "drop": r.Drop, "before": int64(r.Before),
			"floor": r.Floor, "ceiling": r.Ceiling, "round": r.Round,
		} {
			if amount != 0 {
				wrong(field, "Where tickets are free there is nothing to pay: leave this empty.")
			}
		}
	}
	switch {
	case r.Before < 0 || r.Before > pool.MaxBefore:
		wrong("before", fmt.Sprintf("These are 1 to %d hours.", pool.MaxBefore))
	case r.Drop != 0 && r.Before == 0:
		wrong("before", "Say how many hours before the event the price begins to drop.")
	}
	if r.Ceiling > 0 && r.Floor > r.Ceiling {
		wrong("ceiling", "This is less than the lowest price.")
	}
	return r
}

// amount returns an input that is an amount, in minor units; 0 when it is empty.
func (f ruleForm) amount(name string, least int64) int64 {
	if f.Values[name] == "" {
		return 0
	}
	n, err := money.Parse(f.Values[name], f.currency)
	switch {
	case err != nil:
		f.Wrong[name] = fmt.Sprintf("This is not an amount; amounts are like %s.", money.Decimal(5000, f.currency))
	case n < least || n > pool.MaxAmount:
		f.Wrong[name] = fmt.Sprintf("This is %s to %s.", money.Decimal(least, f.currency), money.Decimal(pool.MaxAmount, f.currency))
	}
	return n
}

// steps returns the input of steps, "50 5.00" a line: percents and the change.
func (f ruleForm) steps() []pool.Step {
	var steps []pool.Step
	wrong := func(text string, args ...any) []pool.Step {
		f.Wrong["steps"] = fmt.Sprintf(text, args...)
		return nil
	}
	for line := range strings.Lines(f.Values["steps"]) {
		words := strings.Fields(strings.ReplaceAll(line, "%", " "))
		if len(words) == 0 {
			continue
		}
		if len(words) != 2 {
			return wrong("“%s” is not a step; steps are like 50 5.00, each in its line.", strings.TrimSpace(line))
		}
		percent, errPercent := strconv.Atoi(strings.TrimSuffix(words[0], ":"))
		change, errChange := money.Parse(words[1], f.currency)
		switch {
		case errPercent != nil || errChange != nil:
			return wrong("“%s” is not a step; steps are like 50 5.00, each in its line.", strings.TrimSpace(line))
		case percent < 1 || percent > 100:
			return wrong("Percentages are 1 to 100; %d is not.", percent)
		case len(steps) > 0 && percent <= steps[len(steps)-1].Percent:
			return wrong("The percentages rise from line to line; %d does not.", percent)
		case len(steps) == pool.MaxSteps:
			return wrong("There are at most %d steps.", pool.MaxSteps)
		case change > pool.MaxAmount || change < -pool.MaxAmount:
			return wrong("%s is too much.", words[1])
		}
		steps = append(steps, pool.Step{Percent: percent, Change: change})
	}
	return steps
}

// refused keeps in the form why a command failed, at the field that a refusal is about,
// and returns the status to answer with.
func refused(f *web.Form, err error, fields map[string]string) int {
	failed := f.Fail(err, pool.NoPool, pool.NoClaim, NotOpen)
	refusal, _ := errors.AsType[*aether.Refusal](err)
	if refusal == nil || fields[refusal.Reason] == "" {
		return failed
	}
	f.Wrong[fields[refusal.Reason]] = web.Sentence(refusal.Message)
	f.Title, f.Failure = "", ""
	return failed
}

package readdb

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
)

// CheckKV is the test of a [KV]: it says how an implementation breaks the contract. It
// is for tests. The KV is empty, and is used up: CheckKV closes it. steps, some
// thousand, says how long the random part is.
func CheckKV(kv KV, seed uint64, steps int) error {
	c := &kvCheck{kv: kv, random: rand.New(rand.NewPCG(seed, 0)), model: map[string]string{}}
	for _, check := range []struct {
		name string
		run  func() error
	}{
		{"random", func() error { return c.runRandom(steps) }},
		{"concurrent", c.runConcurrent},
		{"close", c.runClose},
	} {
		if err := check.run(); err != nil {
			return fmt.Errorf("readdb: CheckKV, %s part, seed %d: %w", check.name, seed, err)
		}
	}
	return nil
}

type kvCheck struct {
	kv     KV
	random *rand.Rand
	model  map[string]string
}

// key returns one of few keys, with bytes that are easily taken for others.
func (c *kvCheck) key() []byte {
	alphabet := []byte{0, 1, 'a', 'b', 254, 255}
	key := make([]byte, 1+c.random.IntN(4))
	for i := range key {
		key[i] = alphabet[c.random.IntN(len(alphabet))]
	}
	return key
}

func (c *kvCheck) bound() []byte {
	if c.random.IntN(4) == 0 {
		return nil
	}
	return c.key()
}

func (c *kvCheck) runRandom(steps int) error {
	type opened struct {
		view  KVView
		model map[string]string
	}
	var views []opened
	for step := range steps {
		if err := c.write(step); err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
		if err := c.compare(c.kv, c.model); err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
		if c.random.IntN(10) == 0 {
			view, err := c.kv.View()
			if err != nil {
				return fmt.Errorf("step %d: View: %w", step, err)
			}
			views = append(views, opened{view, maps.Clone(c.model)})
		}
		if len(views) == 0 {
			continue
		}
		i := c.random.IntN(len(views))
		if err := c.compare(views[i].view, views[i].model); err != nil {
			return fmt.Errorf("step %d: view: %w", step, err)
		}
		if len(views) > 5 {
			if err := views[i].view.Close(); err != nil {
				return fmt.Errorf("step %d: view: Close: %w", step, err)
			}
			if _, _, err := views[i].view.Get([]byte("a")); !errors.Is(err, ErrClosed) {
				return fmt.Errorf("step %d: Get of a closed view: %v", step, err)
			}
			views = slices.Delete(views, i, i+1)
		}
	}
	for _, v := range views {
		if err := errors.Join(c.compare(v.view, v.model), v.view.Close()); err != nil {
			return fmt.Errorf("view at the end: %w", err)
		}
	}
	return nil
}

func (c *kvCheck) write(step int) error {
	var changes []Change
	for i := range c.random.IntN(8) {
		change := Change{Op: Put, Key: c.key()}
		switch c.random.IntN(12) {
		case 0, 1, 2:
			change.Op = Delete
			delete(c.model, string(change.Key))
		case 3:
			change.Op, change.To = DeleteRange, c.key()
			maps.DeleteFunc(c.model, func(key, _ string) bool {
				return key >= string(change.Key) && key < string(change.To)
			})
		default:
			text := fmt.Sprint(step, i)
			if c.random.IntN(200) == 0 {
				text = string(bytes.Repeat([]byte(text), 5000))
			}
			if c.random.IntN(10) == 0 {
				text = ""
			}
			change.Value = []byte(text)
			c.model[string(change.Key)] = text
		}
		changes = append(changes, change)
	}
	return c.kv.Write(changes)
}

// compare reads one key and one range.
func (c *kvCheck) compare(r KVReader, model map[string]string) error {
	key := c.key()
	value, found, err := r.Get(key)
	if want, exists := model[string(key)]; err != nil || found != exists || string(value) != want {
		return fmt.Errorf("Get(%q): %.20q, %v, %v; want %.20q, %v", key, value, found, err, want, exists)
	}
	from, to, reverse := c.bound(), c.bound(), c.random.IntN(2) == 0
	var want []string
	for _, key := range slices.Sorted(maps.Keys(model)) {
		if (from == nil || key >= string(from)) && (to == nil || key < string(to)) {
			want = append(want, key)
		}
	}
	if reverse {
		slices.Reverse(want)
	}
	left := len(want) > 0 && c.random.IntN(3) == 0 // the loop is left
	if left {
		want = want[:c.random.IntN(len(want))]
	}
	n := 0
	for pair, err := range r.Scan(from, to, reverse) {
		if err != nil {
			return fmt.Errorf("Scan(%q, %q, %v): %w", from, to, reverse, err)
		}
		if left && n == len(want) {
			break
		}
		if n == len(want) {
			return fmt.Errorf("Scan(%q, %q, %v): %q lies outside", from, to, reverse, pair.Key)
		}
		if string(pair.Key) != want[n] || string(pair.Value) != model[want[n]] {
			return fmt.Errorf("Scan(%q, %q, %v): item %d is %q: %.20q; want %q: %.20q",
				from, to, reverse, n, pair.Key, pair.Value, want[n], model[want[n]])
		}
		n++
	}
	if n < len(want) {
		return fmt.Errorf("Scan(%q, %q, %v): %d items, want %d", from, to, reverse, n, len(want))
	}
	return nil
}

// runConcurrent writes ten keys at a time, and has readers see either all of a
// write or nothing.
func (c *kvCheck) runConcurrent() error {
	const keys, writes = 10, 300
	if err := c.kv.Write([]Change{{Op: DeleteRange, Key: nil, To: bytes.Repeat([]byte{255}, 9)}}); err != nil {
		return err
	}
	write := func(i int) error {
		changes := []Change{{Op: DeleteRange, Key: []byte("k"), To: []byte("l")}}
		for k := range keys {
			changes = append(changes, Change{Op: Put, Key: fmt.Appendf(nil, "k%d", (k+i)%15), Value: fmt.Append(nil, i)})
		}
		return c.kv.Write(changes)
	}
	if err := write(0); err != nil {
		return err
	}
	var wg sync.WaitGroup
	problems := make([]error, 5)
	stop := make(chan struct{})
	for i := range problems[1:] {
		wg.Go(func() {
			latest := "0"
			for problems[i+1] == nil {
				select {
				case <-stop:
					return
				default:
				}
				values, err := valuesOf(c.kv.Scan(nil, nil, i%2 == 0))
				switch {
				case err != nil:
					problems[i+1] = err
				case len(values) != keys || len(slices.Compact(values)) != 1:
					problems[i+1] = fmt.Errorf("a Scan saw a part of a write: %q", values)
				case len(values[0]) < len(latest) || len(values[0]) == len(latest) && values[0] < latest:
					problems[i+1] = fmt.Errorf("a Scan saw write %s after write %s", values[0], latest)
				}
				if problems[i+1] == nil {
					latest = values[0]
				}
			}
		})
	}
	for i := range writes {
		if problems[0] = write(i); problems[0] != nil {
			break
		}
	}
	// A loop sees what was there when it began.
	n := 0
	for pair, err := range c.kv.Scan([]byte("k"), nil, false) {
		if n++; err != nil || string(pair.Value) != fmt.Sprint(writes-1) {
			problems[0] = errors.Join(problems[0], fmt.Errorf("a Scan saw a later write: %q, %v", pair.Value, err))
		}
		if n == 1 {
			problems[0] = errors.Join(problems[0], write(writes))
		}
	}
	close(stop)
	wg.Wait()
	return errors.Join(problems...)
}

func valuesOf(pairs iter.Seq2[Pair, error]) (values []string, err error) {
	for pair, err := range pairs {
		if err != nil {
			return nil, err
		}
		values = append(values, string(pair.Value))
	}
	return values, nil
}

func (c *kvCheck) runClose() error {
	view, err := c.kv.View()
	if err != nil {
		return err
	}
	n := 0
	for _, err := range c.kv.Scan(nil, nil, false) {
		if n++; n == 1 {
			if err := c.kv.Close(); err != nil {
				return fmt.Errorf("Close in a loop: %w", err)
			}
		} else if !errors.Is(err, ErrClosed) {
			return fmt.Errorf("a loop after Close: %v", err)
		}
	}
	if n != 2 {
		return fmt.Errorf("a loop had %d items after Close, want one, an error", n-1)
	}
	_, _, ofGet := c.kv.Get([]byte("k1"))
	_, _, ofViewGet := view.Get([]byte("k1"))
	_, ofScan := valuesOf(c.kv.Scan(nil, nil, false))
	_, ofViewScan := valuesOf(view.Scan(nil, nil, true))
	_, ofView := c.kv.View()
	ofWrite := c.kv.Write([]Change{{Op: Put, Key: []byte("x")}})
	for what, err := range map[string]error{
		"Get": ofGet, "Get of a view": ofViewGet, "Scan": ofScan, "Scan of a view": ofViewScan,
		"View": ofView, "Write": ofWrite, "Close of a view": view.Close(), "Close": c.kv.Close(),
	} {
		if !errors.Is(err, ErrClosed) {
			return fmt.Errorf("%s after Close: %v", what, err)
		}
	}
	return nil
}

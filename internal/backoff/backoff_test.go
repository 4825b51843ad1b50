package backoff_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aether-es/aether/internal/backoff"
)

func TestAfter(t *testing.T) {
	for failures, d := range map[int]time.Duration{
		0: time.Second, 1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 5: 10 * time.Second, 1 << 40: 10 * time.Second,
	} {
		least, most := time.Hour, time.Duration(0)
		for range 1000 {
			got := backoff.After(failures, time.Second, 10*time.Second)
			least, most = min(least, got), max(most, got)
		}
		if least < d/2 || most > d || least > d*6/10 || most < d*9/10 {
			t.Errorf("after %d failures it is %v to %v, want %v to %v", failures, least, most, d/2, d)
		}
	}
	if got := backoff.After(3, time.Minute, time.Second); got > time.Second {
		t.Errorf("it is %v, longer than the longest", got)
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := backoff.Wait(t.Context(), time.Minute); err != nil || time.Since(start) != time.Minute {
			t.Errorf("Wait: %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := backoff.Wait(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait: %v", err)
		}
	})
}

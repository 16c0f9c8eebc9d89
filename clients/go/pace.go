package meimage

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
)

const (
	attempts                 = 4
	firstDelay, longestDelay = 200 * time.Millisecond, 5 * time.Second
	jitterShare              = 0.2
)

// pace says how long to wait before calls are repeated; tests have one that does not wait.
type pace struct {
	sleep  func(ctx context.Context, long time.Duration) error
	chance func() float64
}

func realPace() pace {
	return pace{sleep: sleep, chance: rand.Float64}
}

func sleep(ctx context.Context, long time.Duration) error {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// retry calls once until it succeeds, fails otherwise, or has had all its attempts. Where the context ends while it waits
// the last failure is the answer, which says more than a deadline.
func (p pace) retry(ctx context.Context, again func(error) bool, once func() error) error {
	for failures := 0; ; {
		err := once()
		if err == nil || !again(err) {
			return err
		}
		if failures++; failures == attempts {
			return err
		}
		if p.sleep(ctx, p.delay(failures)) != nil {
			return err
		}
	}
}

// delay is how long to wait after so many failures in a row: doubling, at most 5 s, a fifth more or less by chance.
func (p pace) delay(failures int) time.Duration {
	long := longestDelay
	if doublings := failures - 1; doublings < 5 {
		long = min(firstDelay<<doublings, longestDelay)
	}
	return min(time.Duration(float64(long)*(1+jitterShare*(2*p.chance()-1))), longestDelay)
}

func isUnavailable(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Code == codes.Unavailable
}

// isLost tells a connection that broke, or a server that is away, from an answer.
//
// A stream that was reset on the way has no details and a code that proxies and gRPC chose; only its text says what it was.
func isLost(err error) bool {
	var refused *Error
	if !errors.As(err, &refused) {
		return false
	}
	if refused.Code == codes.Unavailable {
		return true
	}
	return refused.Reason == "" && refused.cause == nil && strings.Contains(refused.Message, "RST_STREAM")
}

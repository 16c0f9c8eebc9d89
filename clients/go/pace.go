package meimage

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
)

const (
	attempts                 = 4
	firstDelay, longestDelay = 200 * time.Millisecond, 5 * time.Second
	// reconnectPatience is more than the longest pause of a connection, longestReconnect, and the time to connect.
	longestReconnect, reconnectPatience = time.Second, 2500 * time.Millisecond
	// longestSilence is three times what the server leaves between two signs of life of a watch.
	longestSilence = time.Minute
	// longestHint is for how long a busy server may keep a client away at most.
	longestHint = 5 * time.Minute
)

// pace says how long to wait before calls are repeated; tests have one that does not wait.
type pace struct {
	sleep    func(ctx context.Context, long time.Duration) error
	chance   func() float64
	patience time.Duration
	silence  time.Duration
}

func realPace() pace {
	return pace{sleep: sleep, chance: rand.Float64, patience: reconnectPatience, silence: longestSilence}
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
// the last failure is the answer, which says more than a deadline; it is so at once where a busy server asks for a longer
// pause than the context has left, or where that has no deadline, than most.
func (p pace) retry(ctx context.Context, again func(error) bool, most time.Duration, once func() error) error {
	for failures := 0; ; {
		err := once()
		if err == nil || !again(err) {
			return err
		}
		if failures++; failures == attempts || retryAfter(err) > left(ctx, most) {
			return err
		}
		if p.sleep(ctx, p.delay(failures, err)) != nil {
			return err
		}
	}
}

func left(ctx context.Context, most time.Duration) time.Duration {
	if deadline, given := ctx.Deadline(); given {
		return time.Until(deadline)
	}
	return most
}

// delay is how long to wait after so many failures in a row, the last of which is err: doubling, at most 5 s. Chance takes up to
// a half away, so that clients that failed together do not come back together. Where the server asked to be left alone it is
// on top, as all who were sent away were told the same.
func (p pace) delay(failures int, err error) time.Duration {
	long := longestDelay
	if doublings := failures - 1; doublings < 5 {
		long = min(firstDelay<<doublings, longestDelay)
	}
	return min(retryAfter(err), longestHint) + time.Duration(float64(long)*(1+p.chance())/2)
}

func retryAfter(err error) time.Duration {
	var refused *Error
	if errors.As(err, &refused) {
		return refused.RetryAfter
	}
	return 0
}

// isBusy tells that the server did nothing, and wants to be asked again later.
func isBusy(err error) bool { return retryAfter(err) > 0 }

func isUnavailable(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Code == codes.Unavailable
}

// isLost tells a connection that broke, or a server that is away, from an answer. A stream that was reset on the way is INTERNAL
// or UNKNOWN to gRPC; what our server says with these codes has a reason.
func isLost(err error) bool {
	var refused *Error
	if !errors.As(err, &refused) {
		return false
	}
	if refused.Code == codes.Unavailable {
		return true
	}
	return refused.Reason == "" && (refused.Code == codes.Internal || refused.Code == codes.Unknown)
}

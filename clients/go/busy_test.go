package meimage

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"me-images.example/meimage/meimagev1"
)

// busy sends a caller away for so long.
func busy(long time.Duration) error {
	return refusal(codes.ResourceExhausted, "OVERLOADED", &errdetails.RetryInfo{RetryDelay: durationpb.New(long)})
}

func TestABusyServerIsAskedAgainWhenItSays(t *testing.T) {
	for _, c := range []struct {
		name     string
		kind     string
		failures []error
		waits    []time.Duration
		after    time.Duration
	}{
		{"a read", listRead, []error{busy(2500 * time.Millisecond), busy(time.Second)},
			[]time.Duration{2700 * time.Millisecond, 1400 * time.Millisecond}, 0},
		{"a read that would wait for longer than it may take", listRead, []error{busy(31 * time.Second)},
			nil, 31 * time.Second},
		{"a read of a server that says nothing", listRead, []error{busy(0)}, nil, 0},
		{"a read of a server that says nonsense", listRead, []error{busy(-time.Hour)}, nil, 0},
		{"a mutation", setMutation, []error{busy(time.Second)}, nil, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			var calls record[string]
			client, waited := connect(t, failing(&calls, c.failures...), nil)
			err := callOnce(client, c.kind)
			if len(c.waits) > 0 {
				must(t, err)
			} else {
				refused := refusedAs(t, err, codes.ResourceExhausted, "OVERLOADED")
				same(t, "retry after", refused.RetryAfter, c.after)
			}
			if !slices.Equal(waited.all(), c.waits) {
				t.Errorf("waited for %v", waited.all())
			}
		})
	}
}

func TestACallersDeadlineBoundsTheWait(t *testing.T) {
	var calls record[string]
	client, waited := connect(t, failing(&calls, busy(20*time.Second)), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := client.Pool.ListMeImages(ctx, &meimagev1.ListMeImagesRequest{})
	same(t, "retry after", refusedAs(t, err, codes.ResourceExhausted, "OVERLOADED").RetryAfter, 20*time.Second)
	same(t, "waits", len(waited.all()), 0)
}

func TestAnUploadToABusyServerIsSentAgain(t *testing.T) {
	var calls record[string]
	failures := []error{busy(7 * time.Second), busy(121 * time.Second)}
	client, waited := connect(t, &pool{upload: func(s uploads) error {
		return failures[calls.add("")-1]
	}}, nil)
	_, err := client.Upload(t.Context(), strings.NewReader("a photo"), UploadOptions{UserID: "ada"})
	same(t, "retry after", refusedAs(t, err, codes.ResourceExhausted, "OVERLOADED").RetryAfter, 121*time.Second)
	if !slices.Equal(waited.all(), []time.Duration{7200 * time.Millisecond}) {
		t.Errorf("waited for %v", waited.all())
	}
}

func TestAWatchOfABusyServerComesBack(t *testing.T) {
	var tokens record[string]
	client, waited := connect(t, telling(&tokens,
		connection{nil, busy(time.Second)},
		connection{nil, busy(1000 * time.Hour)},
		connection{[]*meimagev1.WatchMeImagesResponse{happened("a", "one")}, nil},
	), nil)
	for event, err := range client.Watch(t.Context(), "alice", "start") {
		must(t, err)
		same(t, "event", event.Event.GetEventId(), "a")
		break
	}
	if !slices.Equal(waited.all(), []time.Duration{1200 * time.Millisecond, longestHint + 400*time.Millisecond}) {
		t.Errorf("waited for %v", waited.all())
	}
}

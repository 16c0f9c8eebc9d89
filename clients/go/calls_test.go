package meimage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"me-images.example/meimage/meimagev1"
)

const listRead, setMutation = "read", "mutation"

// failing answers with failures first, one for each call, then well; it remembers the tokens.
func failing(calls *record[string], failures ...error) *pool {
	next := func(ctx context.Context) error {
		if count := calls.add(bearer(ctx)); count <= len(failures) {
			return failures[count-1]
		}
		return nil
	}
	return &pool{
		list: func(ctx context.Context, _ *meimagev1.ListMeImagesRequest) (*meimagev1.ListMeImagesResponse, error) {
			return &meimagev1.ListMeImagesResponse{}, next(ctx)
		},
		primary: func(ctx context.Context, _ *meimagev1.SetPrimaryRequest) (*meimagev1.SetPrimaryResponse, error) {
			return &meimagev1.SetPrimaryResponse{}, next(ctx)
		},
	}
}

func callOnce(client *Client, kind string) error {
	if kind == listRead {
		_, err := client.Pool.ListMeImages(context.Background(), &meimagev1.ListMeImagesRequest{})
		return err
	}
	_, err := client.Pool.SetPrimary(context.Background(), &meimagev1.SetPrimaryRequest{})
	return err
}

func TestOnlyReadsAreRepeatedAndOnlyWhileUnavailable(t *testing.T) {
	away, overloaded := unavailable(), refusal(codes.ResourceExhausted, "OVERLOADED")
	for _, c := range []struct {
		name     string
		kind     string
		failures []error
		calls    int
		code     codes.Code
	}{
		{"a read that works", listRead, nil, 1, codes.OK},
		{"a read after three failures", listRead, []error{away, away, away}, 4, codes.OK},
		{"a read that fails four times", listRead, []error{away, away, away, away}, 4, codes.Unavailable},
		{"a read of too much", listRead, []error{overloaded}, 1, codes.ResourceExhausted},
		{"a mutation", setMutation, []error{away}, 1, codes.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			var calls record[string]
			client, waited := connect(t, failing(&calls, c.failures...), nil)
			same(t, "code", status.Code(callOnce(client, c.kind)), c.code)
			same(t, "calls", len(calls.all()), c.calls)
			doubling := []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond}
			if !slices.Equal(waited.all(), doubling[:c.calls-1]) {
				t.Errorf("waited for %v", waited.all())
			}
		})
	}
}

func TestDelaysDoubleUpToFiveSecondsAndVary(t *testing.T) {
	for _, c := range []struct {
		failures    int
		chance      float64
		longEnough  time.Duration
		description string
	}{
		{1, 0, 100 * time.Millisecond, "half of the first"},
		{1, 1, 200 * time.Millisecond, "the first"},
		{5, 1, 3200 * time.Millisecond, "doubled four times"},
		{6, 1, 5 * time.Second, "the longest"},
		{1_000_000, 0, 2500 * time.Millisecond, "half of the longest"},
	} {
		given := pace{chance: func() float64 { return c.chance }}
		same(t, c.description, given.delay(c.failures, nil), c.longEnough)
	}
}

func TestErrorsAreTyped(t *testing.T) {
	var calls record[string]
	client, _ := connect(t, failing(&calls,
		refusal(codes.InvalidArgument, "INVALID_FIELDS", &errdetails.BadRequest{
			FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "slot", Description: "must be one"}},
		}),
		refusal(codes.FailedPrecondition, "CONSENT_NOT_GIVEN", &errdetails.PreconditionFailure{
			Violations: []*errdetails.PreconditionFailure_Violation{{Type: "CONSENT_NOT_GIVEN", Subject: "an id"}},
		}),
		status.Error(codes.Internal, "a proxy's words"),
	), nil)

	err := callOnce(client, setMutation)
	refused := refusedAs(t, err, codes.InvalidArgument, "INVALID_FIELDS")
	same(t, "request_id", refused.RequestID, "the log line")
	same(t, "field", refused.FieldViolations[0], FieldViolation{"slot", "must be one"})
	same(t, "text", err.Error(),
		"meimage: INVALID_FIELDS: A sentence.; slot must be one (request_id the log line)")
	same(t, "reason", ReasonOf(fmt.Errorf("wrapped: %w", err)), meimagev1.ErrorReason_ERROR_REASON_INVALID_FIELDS)

	refused = refusedAs(t, callOnce(client, setMutation), codes.FailedPrecondition, "CONSENT_NOT_GIVEN")
	same(t, "refusal", refused.Refusals[0], Refusal{"an id", "CONSENT_NOT_GIVEN"})

	err = callOnce(client, setMutation)
	refusedAs(t, err, codes.Internal, "")
	same(t, "reason", ReasonOf(err), meimagev1.ErrorReason_ERROR_REASON_UNSPECIFIED)
	same(t, "reason", ReasonOf(nil), meimagev1.ErrorReason_ERROR_REASON_UNSPECIFIED)
}

func TestAnErrorOfAnotherDomainHasNoReason(t *testing.T) {
	foreign, err := status.New(codes.NotFound, "x").WithDetails(&errdetails.ErrorInfo{Domain: "else", Reason: "GONE"})
	must(t, err)
	var calls record[string]
	client, _ := connect(t, failing(&calls, foreign.Err()), nil)
	refusedAs(t, callOnce(client, setMutation), codes.NotFound, "")
}

func TestTheTokenIsAskedForBeforeEveryAttempt(t *testing.T) {
	asked := 0
	var seen record[string]
	token := func(context.Context) (string, error) {
		asked++
		return fmt.Sprint(asked), nil
	}
	client, err := Connect(serve(t, failing(&seen, unavailable()), nil), token, WithPlaintext(),
		func(c *choices) { c.pace = (&waits{}).pace() })
	must(t, err)
	defer client.Close()
	must(t, callOnce(client, listRead))
	if !slices.Equal(seen.all(), []string{"Bearer 1", "Bearer 2"}) {
		t.Errorf("saw %v", seen.all())
	}
}

func TestATokenFunctionThatFailsFailsTheCallAndStaysUnsaid(t *testing.T) {
	broken := errors.New("a secret")
	token := func(context.Context) (string, error) { return "", broken }
	client, err := Connect(serve(t, &pool{}, nil), token, WithPlaintext())
	must(t, err)
	defer client.Close()
	err = callOnce(client, listRead)
	refusedAs(t, err, codes.Unauthenticated, "")
	if !errors.Is(err, broken) || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v should be %v, and not say so", err, broken)
	}
}

func TestATokenWithALineBreakIsNotSent(t *testing.T) {
	client, err := Connect(serve(t, &pool{}, nil), StaticToken("a-secret\n"), WithPlaintext())
	must(t, err)
	defer client.Close()
	err = callOnce(client, listRead)
	refusedAs(t, err, codes.Unauthenticated, "")
	same(t, "said", strings.Contains(err.Error(), "secret"), false)
	for _, err := range client.Watch(t.Context(), "alice", "") {
		refusedAs(t, err, codes.Unauthenticated, "")
	}
}

func TestDeadlines(t *testing.T) {
	var left record[time.Duration]
	served := &pool{
		list: func(ctx context.Context, _ *meimagev1.ListMeImagesRequest) (*meimagev1.ListMeImagesResponse, error) {
			deadline, _ := ctx.Deadline()
			left.add(time.Until(deadline))
			return &meimagev1.ListMeImagesResponse{}, nil
		},
		download: func(_ *meimagev1.DownloadMeImageRequest, s downloads) error {
			deadline, _ := s.Context().Deadline()
			left.add(time.Until(deadline))
			return unavailable()
		},
	}
	client, _ := connect(t, served, nil)
	near := func(wanted time.Duration) {
		t.Helper()
		found := left.all()
		if last := found[len(found)-1]; last > wanted || last < wanted-10*time.Second {
			t.Errorf("%v are left instead of %v", last, wanted)
		}
	}
	must(t, callOnce(client, listRead))
	near(UnaryDeadline)
	_, err := client.Download(t.Context(), "alice", "an id", meimagev1.Rendition_RENDITION_WEBP_320)
	refusedAs(t, err, codes.Unavailable, "")
	near(StreamDeadline)

	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	_, err = client.Pool.ListMeImages(ctx, &meimagev1.ListMeImagesRequest{})
	must(t, err)
	near(time.Hour)
}

func TestTheContextsEndCanBeRecognised(t *testing.T) {
	served := &pool{list: func(ctx context.Context, _ *meimagev1.ListMeImagesRequest) (*meimagev1.ListMeImagesResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	client, _ := connect(t, served, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := client.Pool.ListMeImages(ctx, &meimagev1.ListMeImagesRequest{})
	refusedAs(t, err, codes.DeadlineExceeded, "")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is no context.DeadlineExceeded", err)
	}
}

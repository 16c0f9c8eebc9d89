package meimage

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"me-images.example/meimage/meimagev1"
)

func checkpoint(token string) *meimagev1.WatchMeImagesResponse {
	return &meimagev1.WatchMeImagesResponse{
		Part:        &meimagev1.WatchMeImagesResponse_Checkpoint{Checkpoint: &meimagev1.WatchCheckpoint{}},
		ResumeToken: token,
	}
}

func happened(id, token string) *meimagev1.WatchMeImagesResponse {
	return &meimagev1.WatchMeImagesResponse{
		Part:        &meimagev1.WatchMeImagesResponse_Event{Event: &meimagev1.MeImageEvent{EventId: id}},
		ResumeToken: token,
	}
}

// connection is what one connection of a watch is told, and how it ends.
type connection struct {
	told  []*meimagev1.WatchMeImagesResponse
	ended error
}

// telling answers each connection in its turn, and remembers the resume tokens that it was asked for.
func telling(tokens *record[string], connections ...connection) *pool {
	return &pool{watch: func(r *meimagev1.WatchMeImagesRequest, s watches) error {
		now := connections[tokens.add(r.GetResumeToken())-1]
		for _, each := range now.told {
			if err := s.Send(each); err != nil {
				return err
			}
		}
		return now.ended
	}}
}

func TestAWatchComesBackWhereItWas(t *testing.T) {
	type messages = []*meimagev1.WatchMeImagesResponse
	reset := status.Error(codes.Internal, "stream terminated by RST_STREAM with error code: INTERNAL_ERROR")
	ended := status.Error(codes.Canceled, "stream terminated by RST_STREAM with error code: CANCEL")
	var tokens record[string]
	client, waited := connect(t, telling(&tokens,
		connection{nil, unavailable()},
		connection{nil, ended},
		connection{messages{checkpoint("one")}, unavailable()},
		connection{messages{happened("a", "two"), happened("b", "three")}, reset},
		connection{messages{happened("b", "three"), happened("c", "four")}, nil},
		connection{messages{happened("a", "five"), happened("d", "six")},
			refusal(codes.OutOfRange, "RESUME_TOKEN_EXPIRED")},
	), nil)
	var seen []string
	var failed error
	for event, err := range client.Watch(t.Context(), "alice", "start") {
		if err != nil {
			failed = err
			continue
		}
		seen = append(seen, event.Event.GetEventId()+" "+event.ResumeToken)
	}
	refusedAs(t, failed, codes.OutOfRange, "RESUME_TOKEN_EXPIRED")
	if !slices.Equal(seen, []string{"a two", "b three", "c four", "d six"}) {
		t.Errorf("saw %v", seen)
	}
	if !slices.Equal(tokens.all(), []string{"start", "start", "start", "one", "three", "four"}) {
		t.Errorf("asked from %v", tokens.all())
	}
	first, second := 200*time.Millisecond, 400*time.Millisecond
	if !slices.Equal(waited.all(), []time.Duration{first, second, first, first, first}) {
		t.Errorf("waited for %v", waited.all())
	}
}

func TestAWatchWaitsAsLongAsItTakes(t *testing.T) {
	var tokens record[string]
	away := make([]connection, 40)
	for index := range away {
		away[index].ended = unavailable()
	}
	client, waited := connect(t, telling(&tokens, append(away, connection{
		[]*meimagev1.WatchMeImagesResponse{happened("a", "one")}, nil,
	})...), nil)
	for event, err := range client.WatchAll(t.Context(), "") {
		must(t, err)
		same(t, "event", event.Event.GetEventId(), "a")
		break
	}
	same(t, "waits", len(waited.all()), 40)
	same(t, "the longest", slices.Max(waited.all()), 5*time.Second)
}

func TestOtherFailuresEndAWatch(t *testing.T) {
	for name, failure := range map[string]error{
		"PERMISSION_DENIED": refusal(codes.PermissionDenied, "PERMISSION_DENIED"),
		"INTERNAL":          refusal(codes.Internal, "INTERNAL"),
		"TOO_SLOW":          refusal(codes.DeadlineExceeded, "TOO_SLOW"),
		"OVERLOADED":        refusal(codes.ResourceExhausted, "OVERLOADED"),
	} {
		var tokens record[string]
		client, _ := connect(t, telling(&tokens, connection{nil, failure}), nil)
		count := 0
		for _, err := range client.Watch(t.Context(), "alice", "") {
			count++
			refusedAs(t, err, status.Code(failure), name)
		}
		same(t, "errors", count, 1)
	}
}

func TestAWatchWhoseTokenExpiresAsksForAnother(t *testing.T) {
	type messages = []*meimagev1.WatchMeImagesResponse
	expired := refusal(codes.Unauthenticated, "UNAUTHENTICATED")
	var tokens record[string]
	client, _ := connect(t, telling(&tokens,
		connection{messages{happened("a", "one")}, expired},
		connection{messages{happened("b", "two")}, expired},
		connection{nil, expired},
	), nil)
	var seen []string
	var failed error
	for event, err := range client.Watch(t.Context(), "alice", "start") {
		if err != nil {
			failed = err
			continue
		}
		seen = append(seen, event.Event.GetEventId())
	}
	refusedAs(t, failed, codes.Unauthenticated, "UNAUTHENTICATED")
	if !slices.Equal(seen, []string{"a", "b"}) || !slices.Equal(tokens.all(), []string{"start", "one", "two"}) {
		t.Errorf("saw %v, asked from %v", seen, tokens.all())
	}
}

func TestAWatchEndsWithItsContextOrByBreak(t *testing.T) {
	ended := make(chan error, 2)
	client, _ := connect(t, &pool{watch: func(_ *meimagev1.WatchMeImagesRequest, s watches) error {
		if err := s.Send(happened("a", "one")); err != nil {
			return err
		}
		<-s.Context().Done()
		ended <- s.Context().Err()
		return s.Context().Err()
	}}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, err := range client.Watch(ctx, "alice", "") {
		must(t, err)
		cancel()
	}
	<-ended
	for _, err := range client.Watch(t.Context(), "alice", "") {
		must(t, err)
		break
	}
	<-ended // the server was told
}

func TestAWatchHasNoDeadlineButItsContexts(t *testing.T) {
	var deadlines record[bool]
	client, _ := connect(t, &pool{watch: func(_ *meimagev1.WatchMeImagesRequest, s watches) error {
		_, has := s.Context().Deadline()
		deadlines.add(has)
		if !has {
			return refusal(codes.Internal, "INTERNAL")
		}
		<-s.Context().Done()
		return s.Context().Err()
	}}, nil)
	for _, err := range client.Watch(t.Context(), "alice", "") {
		refusedAs(t, err, codes.Internal, "INTERNAL")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	for _, err := range client.Watch(ctx, "alice", "") {
		t.Errorf("%v: the end of the context is no failure", err)
	}
	if !slices.Equal(deadlines.all(), []bool{false, true}) {
		t.Errorf("deadlines: %v", deadlines.all())
	}
}

func TestATokenFunctionThatTimesOutIsAFailureOfTheWatch(t *testing.T) {
	token := func(context.Context) (string, error) { return "", context.DeadlineExceeded }
	client, err := Connect(serve(t, &pool{}, nil), token, WithPlaintext())
	must(t, err)
	defer client.Close()
	count := 0
	for _, err := range client.Watch(t.Context(), "alice", "") {
		count++
		refusedAs(t, err, codes.Unauthenticated, "")
	}
	same(t, "errors", count, 1)
}

func TestAClientThatIsClosedEndsItsWatches(t *testing.T) {
	var tokens record[string]
	client, _ := connect(t, telling(&tokens, connection{[]*meimagev1.WatchMeImagesResponse{happened("a", "one")}, nil}), nil)
	var failed error
	for _, err := range client.Watch(t.Context(), "alice", "") {
		if failed = err; err == nil {
			must(t, client.Close())
		}
	}
	refusedAs(t, failed, codes.Canceled, "")
}

func TestWatchingNobodyIsAMistake(t *testing.T) {
	client, _ := connect(t, &pool{}, nil)
	for _, err := range client.Watch(t.Context(), "", "") {
		refusedAs(t, err, codes.InvalidArgument, "")
	}
}

func TestAWatchMayBeLoopedOverAgain(t *testing.T) {
	var tokens record[string]
	once := connection{[]*meimagev1.WatchMeImagesResponse{happened("a", "one")}, refusal(codes.Internal, "INTERNAL")}
	client, _ := connect(t, telling(&tokens, once, once), nil)
	watch := client.Watch(t.Context(), "alice", "start")
	for range 2 {
		for event, err := range watch {
			if err == nil {
				same(t, "event", event.Event.GetEventId(), "a")
			}
		}
	}
	if !slices.Equal(tokens.all(), []string{"start", "start"}) {
		t.Errorf("asked from %v", tokens.all())
	}
}

func TestTheLastThousandEventsAreRemembered(t *testing.T) {
	seen := newRecent(remembered)
	for number := range remembered + 1 {
		same(t, "new", seen.add(fmt.Sprint(number)), true)
	}
	same(t, "the last is known", seen.add(fmt.Sprint(remembered)), false)
	same(t, "the second is known", seen.add("1"), false)
	same(t, "the first is forgotten", seen.add("0"), true)
	same(t, "how many", len(seen.ids), remembered)
}

func TestAWatchThatFallsSilentGoesOn(t *testing.T) {
	var tokens record[string]
	silent := func(s watches) error {
		<-s.Context().Done()
		return s.Context().Err()
	}
	served := &pool{watch: func(r *meimagev1.WatchMeImagesRequest, s watches) error {
		switch tokens.add(r.GetResumeToken()) {
		case 1:
			must(t, s.Send(happened("a", "one")))
			return silent(s)
		case 2:
			return silent(s)
		default:
			return s.Send(happened("b", "two"))
		}
	}}
	client, _ := connect(t, served, nil)
	client.pace.silence = 100 * time.Millisecond
	var seen []string
	for event, err := range client.Watch(t.Context(), "alice", "start") {
		must(t, err)
		if seen = append(seen, event.Event.GetEventId()); len(seen) == 2 {
			break
		}
	}
	if !slices.Equal(seen, []string{"a", "b"}) || !slices.Equal(tokens.all(), []string{"start", "one", "one"}) {
		t.Errorf("saw %v, asked from %v", seen, tokens.all())
	}
}

func TestAReaderOfAWatchMayTakeItsTime(t *testing.T) {
	var tokens record[string]
	client, _ := connect(t, telling(&tokens, connection{
		[]*meimagev1.WatchMeImagesResponse{happened("a", "one"), happened("b", "two")}, nil,
	}), nil)
	client.pace.silence = 100 * time.Millisecond
	for event, err := range client.Watch(t.Context(), "alice", "start") {
		must(t, err)
		if event.Event.GetEventId() == "b" {
			break
		}
		time.Sleep(2 * client.pace.silence)
	}
	same(t, "calls", len(tokens.all()), 1)
}

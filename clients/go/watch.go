package meimage

import (
	"context"
	"errors"
	"iter"
	"time"

	"google.golang.org/grpc/codes"

	"me-images.example/meimage/meimagev1"
)

const remembered = 1000

// errSilent is a watch that heard nothing for too long: a server that is away.
var errSilent = &Error{Code: codes.Unavailable, Message: "nothing was heard for too long"}

// A WatchEvent is something that happened, and where to go on after it.
type WatchEvent struct {
	// Event is what happened.
	Event *meimagev1.MeImageEvent
	// ResumeToken begins a watch right after this event. Keep it once the event is dealt with.
	ResumeToken string
}

// Watch tells what happens to one person's pool after resumeToken, or where that is empty from now on:
//
//	for told, err := range client.Watch(ctx, "alice", token) {
//		if err != nil {
//			return err
//		}
//		...
//	}
//
// It ends by break, or without an error when ctx ends; it has no deadline of its own. When the connection is lost, or the
// server away or busy, it comes back by itself where it was, however long that takes, and events that come again are left out. When its token
// expires it asks for another. Any other failure is told as an error, which is the last that it tells. To miss nothing from a given moment on, take
// a token of ListMeImageEvents before it: watching begins with the loop, not with the call.
func (c *Client) Watch(ctx context.Context, userID, resumeToken string) iter.Seq2[WatchEvent, error] {
	if userID == "" {
		return func(yield func(WatchEvent, error) bool) {
			yield(WatchEvent{}, &Error{Code: codes.InvalidArgument, Message: "whom to watch? For everybody there is WatchAll"})
		}
	}
	return c.watch(ctx, userID, resumeToken)
}

// WatchAll tells what happens to all people's pools, like Watch; it needs the scope me_images.watch.
func (c *Client) WatchAll(ctx context.Context, resumeToken string) iter.Seq2[WatchEvent, error] {
	return c.watch(ctx, "", resumeToken)
}

func (c *Client) watch(ctx context.Context, userID, resumeToken string) iter.Seq2[WatchEvent, error] {
	return func(yield func(WatchEvent, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		w := watcher{client: c, userID: userID, token: resumeToken, seen: newRecent(remembered), yield: yield}
		for w.failures = 0; ; {
			err := w.once(ctx)
			if ctx.Err() != nil || isDeadline(err) || w.left {
				return
			}
			// A watch that the server ended in peace goes on, too: it was not asked to end. So does one whose token was good
			// and has expired since: the next call asks for another.
			if !atEnd(err) && !isLost(err) && !isBusy(err) && !(w.accepted && isUnauthenticated(err)) {
				yield(WatchEvent{}, err)
				return
			}
			w.failures++
			if c.pace.sleep(ctx, c.pace.delay(w.failures, err)) != nil {
				return
			}
		}
	}
}

// isDeadline tells that the caller's deadline passed, which the server may see before the context does.
func isDeadline(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Code == codes.DeadlineExceeded && refused.Reason == ""
}

// isUnauthenticated tells that the server did not take the token, or takes it no longer.
func isUnauthenticated(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Code == codes.Unauthenticated
}

// watcher is one loop over a watch.
type watcher struct {
	client        *Client
	userID, token string
	seen          *recent
	failures      int
	accepted      bool
	left          bool
	yield         func(WatchEvent, error) bool
}

// once watches until the stream fails, falls silent, or the loop is left.
func (w *watcher) once(ctx context.Context) error {
	w.accepted = false
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// What answers the pings of the connection need not be what answers the call: a proxy, a server that is stuck.
	silence := time.AfterFunc(w.client.pace.silence, func() { cancel(errSilent) })
	defer silence.Stop()
	stream, err := w.client.Pool.WatchMeImages(ctx, &meimagev1.WatchMeImagesRequest{UserId: w.userID, ResumeToken: w.token})
	for err == nil {
		var told *meimagev1.WatchMeImagesResponse
		if told, err = stream.Recv(); err != nil {
			break
		}
		silence.Stop() // whoever reads may take their time
		w.failures, w.accepted, w.token = 0, true, told.GetResumeToken()
		event := told.GetEvent()
		if event != nil && w.seen.add(event.GetEventId()) && !w.yield(WatchEvent{Event: event, ResumeToken: w.token}, nil) {
			w.left = true
			return nil
		}
		silence.Reset(w.client.pace.silence)
	}
	if context.Cause(ctx) == errSilent {
		return errSilent
	}
	return err
}

// recent remembers the last so many ids.
type recent struct {
	ids  map[string]struct{}
	ring []string
	next int
}

func newRecent(many int) *recent {
	return &recent{ids: make(map[string]struct{}, many), ring: make([]string, many)}
}

// add remembers an id, and tells whether it is new.
func (r *recent) add(id string) bool {
	if _, known := r.ids[id]; known {
		return false
	}
	delete(r.ids, r.ring[r.next])
	r.ids[id], r.ring[r.next] = struct{}{}, id
	r.next = (r.next + 1) % len(r.ring)
	return true
}

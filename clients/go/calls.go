package meimage

import (
	"context"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"

	"me-images.example/meimage/meimagev1"
)

// A TokenFunc gives the bearer token of one call. It is asked before every call and every repetition, by several goroutines
// at once, so it should keep a token while it is valid. Where it fails the call fails with UNAUTHENTICATED; its error
// can be had by errors.Is and errors.As, and is in no text.
type TokenFunc func(ctx context.Context) (string, error)

// StaticToken is a token that never changes.
func StaticToken(token string) TokenFunc {
	return func(context.Context) (string, error) { return token, nil }
}

// interceptors give every call, also those of the generated clients, its token, deadline, repetitions and typed error.
type interceptors struct {
	token TokenFunc
	pace  pace
}

func (i interceptors) unary(
	ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker,
	options ...grpc.CallOption,
) error {
	ctx, cancel := withDeadline(ctx, UnaryDeadline)
	defer cancel()
	patient, patienceEnds := context.WithTimeout(ctx, i.pace.patience)
	defer patienceEnds()
	once := func() error {
		triedAgain(patient, conn)
		authorized, err := i.authorize(ctx)
		if err != nil {
			return err
		}
		return typed(ctx, conn, invoke(authorized, method, request, reply, conn, options...))
	}
	if !isRead(method) {
		return once()
	}
	again := func(err error) bool { return isUnavailable(err) || isBusy(err) }
	return i.pace.retry(ctx, again, UnaryDeadline, once)
}

func (i interceptors) stream(
	ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer,
	options ...grpc.CallOption,
) (grpc.ClientStream, error) {
	cancel := context.CancelFunc(func() {})
	if method != meimagev1.MeImageService_WatchMeImages_FullMethodName {
		ctx, cancel = withDeadline(ctx, StreamDeadline)
	}
	patient, patienceEnds := context.WithTimeout(ctx, i.pace.patience)
	triedAgain(patient, conn)
	patienceEnds()
	authorized, err := i.authorize(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	stream, err := open(authorized, desc, conn, method, options...)
	if err != nil {
		defer cancel()
		return nil, typed(ctx, conn, err)
	}
	return &typedStream{stream, ctx, conn, cancel, desc.ServerStreams}, nil
}

func (i interceptors) authorize(ctx context.Context) (context.Context, error) {
	token, err := i.token(ctx)
	if err != nil {
		return nil, &Error{Code: codes.Unauthenticated, Message: "the token function failed", cause: err}
	}
	// gRPC would fail such a call as INTERNAL, which looks like a connection that broke: a line break at the end of a file.
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, &Error{Code: codes.Unauthenticated, Message: "the token holds a character that no token has"}
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token), nil
}

// triedAgain waits, until ctx ends at most, while the connection remembers that it could not be made. Until it is made, gRPC fails
// every call with that failure at once: also when the server is back, for as long as the pause before the next attempt.
func triedAgain(ctx context.Context, conn *grpc.ClientConn) {
	for conn.GetState() == connectivity.TransientFailure {
		if !conn.WaitForStateChange(ctx, connectivity.TransientFailure) {
			return
		}
	}
}

// typedStream gives typed errors, and lets go of its deadline with its last answer.
type typedStream struct {
	grpc.ClientStream
	// ctx is that of the call: asking the stream for its own would end gRPC's transparent repetitions.
	ctx         context.Context
	conn        *grpc.ClientConn
	ends        context.CancelFunc
	manyAnswers bool
}

func (s *typedStream) SendMsg(message any) error {
	return typed(s.ctx, s.conn, s.ClientStream.SendMsg(message))
}

func (s *typedStream) CloseSend() error {
	return typed(s.ctx, s.conn, s.ClientStream.CloseSend())
}

func (s *typedStream) RecvMsg(message any) error {
	err := typed(s.ctx, s.conn, s.ClientStream.RecvMsg(message))
	if err != nil || !s.manyAnswers {
		s.ends()
	}
	return err
}

func (s *typedStream) Header() (metadata.MD, error) {
	header, err := s.ClientStream.Header()
	return header, typed(s.ctx, s.conn, err)
}

func withDeadline(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	if _, given := ctx.Deadline(); given {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, most)
}

func isRead(method string) bool {
	name := method[strings.LastIndexByte(method, '/')+1:]
	return strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "List")
}

// atEnd tells the end of a stream, or of what the server wants to hear, from a failure.
func atEnd(err error) bool {
	return err == io.EOF // a wrapped one would be a failure of somebody else
}

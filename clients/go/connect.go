package meimage

import (
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"

	"me-images.example/meimage/meimagev1"
)

const (
	// UnaryDeadline is how long a unary call may take, retries included, where its context has no deadline.
	UnaryDeadline = 30 * time.Second
	// StreamDeadline is how long a download, a release or one attempt of an upload may take, where its context has no
	// deadline.
	StreamDeadline = 120 * time.Second

	keepaliveAfter, keepaliveTimeout = 20 * time.Second, 5 * time.Second
	maxMessageBytes                  = 8 << 20
	userAgent                        = "meimage-go"
)

// A Client calls one server over one connection. It may be used by several goroutines at once.
type Client struct {
	// Pool is the user's side: a person's photos, consent, ledger and events.
	Pool meimagev1.MeImageServiceClient
	// References is the generator's side: what may be released, and releases.
	References meimagev1.ReferenceServiceClient

	conn *grpc.ClientConn
	pace pace
}

// Connect makes a client of the server at address, host:port. It connects with the first call. The token is asked for
// before every call. TLS with the roots of the system is the default; see WithTLS and WithPlaintext.
func Connect(address string, token TokenFunc, options ...Option) (*Client, error) {
	if token == nil {
		return nil, errors.New("meimage: a client needs a token function")
	}
	chosen := choices{pace: realPace()}
	for _, option := range options {
		option(&chosen)
	}
	security, err := chosen.transport(address)
	if err != nil {
		return nil, err
	}
	calls := interceptors{token: token, pace: chosen.pace}
	conn, err := grpc.NewClient(address, append([]grpc.DialOption{
		grpc.WithTransportCredentials(security),
		grpc.WithChainUnaryInterceptor(calls.unary),
		grpc.WithChainStreamInterceptor(calls.stream),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveAfter, Timeout: keepaliveTimeout}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{
			BaseDelay: firstDelay, Multiplier: 2, Jitter: 0.2, MaxDelay: longestReconnect,
		}, MinConnectTimeout: longestDelay}),
		// Else whoever answers for DNS could have mutations repeated.
		grpc.WithDisableServiceConfig(),
		grpc.WithUserAgent(userAgent),
	}, chosen.dial...)...)
	if err != nil {
		return nil, err
	}
	return &Client{
		Pool:       meimagev1.NewMeImageServiceClient(conn),
		References: meimagev1.NewReferenceServiceClient(conn),
		conn:       conn,
		pace:       chosen.pace,
	}, nil
}

// Close ends the connection and all calls on it.
func (c *Client) Close() error {
	return c.conn.Close()
}

package meimage

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"me-images.example/meimage/meimagev1"
)

type (
	uploads   = grpc.ClientStreamingServer[meimagev1.UploadMeImageRequest, meimagev1.UploadMeImageResponse]
	downloads = grpc.ServerStreamingServer[meimagev1.DownloadMeImageResponse]
	watches   = grpc.ServerStreamingServer[meimagev1.WatchMeImagesResponse]
	releases  = grpc.ServerStreamingServer[meimagev1.ReleaseReferencesResponse]
)

// pool is a MeImageService whose answers a test chooses.
type pool struct {
	meimagev1.UnimplementedMeImageServiceServer
	list     func(context.Context, *meimagev1.ListMeImagesRequest) (*meimagev1.ListMeImagesResponse, error)
	primary  func(context.Context, *meimagev1.SetPrimaryRequest) (*meimagev1.SetPrimaryResponse, error)
	entries  func(context.Context, *meimagev1.ListLedgerEntriesRequest) (*meimagev1.ListLedgerEntriesResponse, error)
	upload   func(uploads) error
	download func(*meimagev1.DownloadMeImageRequest, downloads) error
	watch    func(*meimagev1.WatchMeImagesRequest, watches) error
}

func (p *pool) ListMeImages(ctx context.Context, r *meimagev1.ListMeImagesRequest) (*meimagev1.ListMeImagesResponse, error) {
	return p.list(ctx, r)
}

func (p *pool) SetPrimary(ctx context.Context, r *meimagev1.SetPrimaryRequest) (*meimagev1.SetPrimaryResponse, error) {
	return p.primary(ctx, r)
}

func (p *pool) ListLedgerEntries(
	ctx context.Context, r *meimagev1.ListLedgerEntriesRequest,
) (*meimagev1.ListLedgerEntriesResponse, error) {
	return p.entries(ctx, r)
}

func (p *pool) UploadMeImage(s uploads) error { return p.upload(s) }

func (p *pool) DownloadMeImage(r *meimagev1.DownloadMeImageRequest, s downloads) error {
	return p.download(r, s)
}

func (p *pool) WatchMeImages(r *meimagev1.WatchMeImagesRequest, s watches) error {
	return p.watch(r, s)
}

// references is a ReferenceService whose answers a test chooses.
type references struct {
	meimagev1.UnimplementedReferenceServiceServer
	release func(*meimagev1.ReleaseReferencesRequest, releases) error
}

func (r *references) ReleaseReferences(request *meimagev1.ReleaseReferencesRequest, s releases) error {
	return r.release(request, s)
}

// record is what fakes saw, for tests to look at.
type record[T any] struct {
	mutex sync.Mutex
	items []T
}

// add remembers one more and tells how many there are.
func (r *record[T]) add(item T) int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.items = append(r.items, item)
	return len(r.items)
}

func (r *record[T]) all() []T {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return slices.Clone(r.items)
}

// serve answers on loopback until the test ends.
func serve(t *testing.T, pool *pool, references *references) string {
	t.Helper()
	address, _ := serveAt(t, "127.0.0.1:0", pool, references)
	return address
}

// serveAt answers at an address until it is stopped, at the end of the test at the latest.
func serveAt(t *testing.T, address string, pool *pool, references *references) (at string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	must(t, err)
	server := grpc.NewServer()
	meimagev1.RegisterMeImageServiceServer(server, pool)
	if references != nil {
		meimagev1.RegisterReferenceServiceServer(server, references)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String(), server.Stop
}

// waits is a pace that remembers what it was asked to wait for, and does not wait.
type waits struct {
	record[time.Duration]
}

func (w *waits) sleep(ctx context.Context, long time.Duration) error {
	w.add(long)
	return ctx.Err()
}

func (w *waits) pace() pace {
	return pace{sleep: w.sleep, chance: func() float64 { return 1 }, silence: longestSilence}
}

// connect makes a client of the fakes, one that does not wait.
func connect(t *testing.T, pool *pool, references *references) (*Client, *waits) {
	t.Helper()
	waited := &waits{}
	client, err := Connect(serve(t, pool, references), StaticToken("the-token"), WithPlaintext(),
		func(c *choices) { c.pace = waited.pace() })
	must(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client, waited
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same[T comparable](t *testing.T, what string, found, wanted T) {
	t.Helper()
	if found != wanted {
		t.Errorf("%s: %v instead of %v", what, found, wanted)
	}
}

// refusal is an error as the service sends it.
func refusal(code codes.Code, reason string, more ...protoadapt.MessageV1) error {
	info := &errdetails.ErrorInfo{
		Domain: "meimage", Reason: reason, Metadata: map[string]string{"request_id": "the log line"},
	}
	detailed, _ := status.New(code, "A sentence.").WithDetails(append([]protoadapt.MessageV1{info}, more...)...)
	return detailed.Err()
}

func unavailable() error { return status.Error(codes.Unavailable, "away") }

// refusedAs checks an error for its type, code and reason, and gives it.
func refusedAs(t *testing.T, err error, code codes.Code, reason string) *Error {
	t.Helper()
	var refused *Error
	if !errors.As(err, &refused) {
		t.Fatalf("%v is no *Error", err)
	}
	same(t, "code", refused.Code, code)
	same(t, "reason", refused.Reason, reason)
	same(t, "status", status.Code(err), code)
	return refused
}

func bearer(ctx context.Context) string {
	metadata, _ := metadata.FromIncomingContext(ctx)
	if values := metadata.Get("authorization"); len(values) == 1 {
		return values[0]
	}
	return ""
}

package meimage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"testing/iotest"

	"google.golang.org/grpc/codes"

	"me-images.example/meimage/meimagev1"
)

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// received is what one attempt of an upload sent.
type received struct {
	header *meimagev1.UploadHeader
	sizes  []int
	photo  []byte
}

func receive(s uploads) (*received, error) {
	first, err := s.Recv()
	if err != nil {
		return nil, err
	}
	got := &received{header: first.GetHeader()}
	for {
		part, err := s.Recv()
		if err == io.EOF {
			return got, nil
		}
		if err != nil {
			return nil, err
		}
		got.sizes = append(got.sizes, len(part.GetChunk()))
		got.photo = append(got.photo, part.GetChunk()...)
	}
}

// keeping stores uploads after so many failures.
func keeping(attempts *record[*received], failures int, failure error) *pool {
	return &pool{upload: func(s uploads) error {
		got, err := receive(s)
		if err != nil {
			return err
		}
		if attempts.add(got) <= failures {
			return failure
		}
		return s.SendAndClose(&meimagev1.UploadMeImageResponse{Media: &meimagev1.Media{MediaId: "stored"}})
	}}
}

func TestAnUploadSendsHeaderAndChunks(t *testing.T) {
	photo := bytes.Repeat([]byte("photo"), 120_000)
	path := filepath.Join(t.TempDir(), "me.jpg")
	must(t, os.WriteFile(path, photo, 0o600))
	var attempts record[*received]
	var told [][2]int64
	client, _ := connect(t, keeping(&attempts, 0, nil), nil)
	stored, err := client.UploadFile(t.Context(), path, UploadOptions{
		UserID:     "alice",
		NewMeImage: &meimagev1.NewMeImage{Kind: meimagev1.Kind_KIND_FACE},
		Progress:   func(sent, total int64) { told = append(told, [2]int64{sent, total}) },
	})
	must(t, err)
	same(t, "media", stored.GetMedia().GetMediaId(), "stored")
	got := attempts.all()[0]
	digest := sha256.Sum256(photo)
	same(t, "user", got.header.GetUserId(), "alice")
	same(t, "filename", got.header.GetFilename(), "me.jpg")
	same(t, "sha256", got.header.GetSha256(), hex.EncodeToString(digest[:]))
	same(t, "size", got.header.GetSizeBytes(), 600_000)
	same(t, "kind", got.header.GetNewMeImage().GetKind(), meimagev1.Kind_KIND_FACE)
	if !uuid4.MatchString(got.header.GetRequestId()) {
		t.Errorf("request_id %q", got.header.GetRequestId())
	}
	if !slices.Equal(got.sizes, []int{262_144, 262_144, 75_712}) || !bytes.Equal(got.photo, photo) {
		t.Errorf("chunks of %v", got.sizes)
	}
	if !slices.Equal(told, [][2]int64{{262_144, 600_000}, {524_288, 600_000}, {600_000, 600_000}}) {
		t.Errorf("progress was %v", told)
	}
}

func TestAnUploadIsRepeatedUnderTheSameRequestID(t *testing.T) {
	for _, given := range []string{"", "5ce7a710-0000-4000-8000-000000000001"} {
		var attempts record[*received]
		client, waited := connect(t, keeping(&attempts, 3, unavailable()), nil)
		// A reader can be read only once: what is repeated must have been kept.
		source := iotest.OneByteReader(bytes.NewReader([]byte("a photo")))
		_, err := client.Upload(t.Context(), source, UploadOptions{UserID: "alice", RequestID: given})
		must(t, err)
		same(t, "attempts", len(attempts.all()), 4)
		same(t, "waits", len(waited.all()), 3)
		for _, each := range attempts.all() {
			same(t, "request_id", each.header.GetRequestId(), attempts.all()[0].header.GetRequestId())
			same(t, "photo", string(each.photo), "a photo")
		}
		if given != "" {
			same(t, "request_id", attempts.all()[0].header.GetRequestId(), given)
		}
	}
}

func TestAnUploadEndsAfterFourAttempts(t *testing.T) {
	var attempts record[*received]
	client, _ := connect(t, keeping(&attempts, 9, unavailable()), nil)
	_, err := client.Upload(t.Context(), bytes.NewReader([]byte("a photo")), UploadOptions{UserID: "alice"})
	refusedAs(t, err, codes.Unavailable, "")
	same(t, "attempts", len(attempts.all()), 4)
}

func TestARefusedUploadIsNotRepeated(t *testing.T) {
	var attempts record[*received]
	client, _ := connect(t, keeping(&attempts, 9, refusal(codes.InvalidArgument, "UNDECODABLE_IMAGE")), nil)
	_, err := client.Upload(t.Context(), bytes.NewReader([]byte("a text")), UploadOptions{UserID: "alice"})
	refusedAs(t, err, codes.InvalidArgument, "UNDECODABLE_IMAGE")
	same(t, "attempts", len(attempts.all()), 1)
}

func TestAnEarlyRefusalReachesTheCaller(t *testing.T) {
	client, _ := connect(t, &pool{upload: func(s uploads) error {
		_, _ = s.Recv() // the header, and none of the ten MiB after it
		return refusal(codes.PermissionDenied, "PERMISSION_DENIED")
	}}, nil)
	for range 5 {
		_, err := client.Upload(t.Context(), bytes.NewReader(make([]byte, MaxImageBytes)), UploadOptions{UserID: "bob"})
		refusedAs(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	}
}

func TestOneByteTooManyIsRefusedHere(t *testing.T) {
	var attempts record[*received]
	client, _ := connect(t, keeping(&attempts, 0, nil), nil)
	endless := iotest.ErrReader(errors.New("read too far"))
	source := io.MultiReader(bytes.NewReader(make([]byte, MaxImageBytes+1)), endless)
	_, err := client.Upload(t.Context(), source, UploadOptions{UserID: "alice"})
	refusedAs(t, err, codes.InvalidArgument, "IMAGE_TOO_LARGE")
	same(t, "attempts", len(attempts.all()), 0)
}

func TestASourceThatFailsFailsTheUpload(t *testing.T) {
	broken := errors.New("broken")
	client, _ := connect(t, &pool{}, nil)
	if _, err := client.Upload(t.Context(), iotest.ErrReader(broken), UploadOptions{}); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if _, err := client.UploadFile(t.Context(), filepath.Join(t.TempDir(), "none"), UploadOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestAnUploadCanBeGivenUp(t *testing.T) {
	client, waited := connect(t, keeping(&record[*received]{}, 0, nil), nil)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := client.Upload(ctx, bytes.NewReader(make([]byte, MaxImageBytes)), UploadOptions{
		UserID: "alice", Progress: func(int64, int64) { cancel() },
	})
	refusedAs(t, err, codes.Canceled, "")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is no context.Canceled", err)
	}
	same(t, "waits", len(waited.all()), 0)
}

// breaking passes connections on to an address; the first one breaks once so many bytes have passed.
func breaking(t *testing.T, address string, after int64) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	var once sync.Once
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", address)
			if err != nil {
				_ = near.Close()
				return
			}
			var source io.Reader = near
			once.Do(func() { source = io.LimitReader(near, after) })
			go func() { _, _ = io.Copy(near, far) }()
			go func() {
				_, _ = io.Copy(far, source)
				_, _ = near.Close(), far.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

func TestAnUploadSurvivesAConnectionThatBreaks(t *testing.T) {
	var attempts record[*received]
	address := breaking(t, serve(t, keeping(&attempts, 0, nil), nil), 3_000_000)
	client, err := Connect(address, StaticToken("a-token"), WithPlaintext())
	must(t, err)
	defer client.Close()
	_, err = client.Upload(t.Context(), bytes.NewReader(make([]byte, 6_000_000)), UploadOptions{UserID: "alice"})
	must(t, err)
	same(t, "whole attempts", len(attempts.all()), 1)
	same(t, "size", len(attempts.all()[0].photo), 6_000_000)
}

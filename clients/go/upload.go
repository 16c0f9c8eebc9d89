package meimage

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"google.golang.org/grpc/codes"

	"me-images.example/meimage/meimagev1"
)

const (
	// MaxImageBytes is the most that a photo may have: 10 MiB, as the contract says of Media.size_bytes.
	MaxImageBytes = 10 << 20

	chunkBytes = 256 << 10
)

// UploadOptions say whose photo an upload is, and what becomes of it.
type UploadOptions struct {
	// UserID is the person. Required.
	UserID string
	// Filename is for display; UploadFile takes the file's own where it is empty.
	Filename string
	// RequestID is a UUID under which the upload has one effect, however often it is sent. Left out: a new one, which
	// the repetitions of this call keep.
	RequestID string
	// NewMeImage is the me-image to create of the photo. Left out: only the media is stored.
	NewMeImage *meimagev1.NewMeImage
	// Progress is told how many of all bytes were sent, after each chunk, in the goroutine of the call. Another attempt
	// begins from zero.
	Progress func(sent, total int64)
}

// UploadFile uploads the file at path; see Upload.
func (c *Client) UploadFile(ctx context.Context, path string, options UploadOptions) (*meimagev1.UploadMeImageResponse, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("meimage: opening the photo: %w", err)
	}
	defer file.Close()
	if options.Filename == "" {
		options.Filename = filepath.Base(path)
	}
	return c.Upload(ctx, file, options)
}

// Upload stores the photo that source holds, and with NewMeImage creates a me-image of it. It reads source to its end first:
// one with more than MaxImageBytes is refused with IMAGE_TOO_LARGE, and nothing is sent. It is tried up to four times
// while the server is UNAVAILABLE or busy or the connection breaks, and has one effect. For bytes use bytes.NewReader.
func (c *Client) Upload(ctx context.Context, source io.Reader, options UploadOptions) (*meimagev1.UploadMeImageResponse, error) {
	photo, err := io.ReadAll(io.LimitReader(source, MaxImageBytes+1))
	if err != nil {
		return nil, fmt.Errorf("meimage: reading the photo: %w", err)
	}
	if len(photo) > MaxImageBytes {
		return nil, &Error{Code: codes.InvalidArgument, Reason: "IMAGE_TOO_LARGE", Message: "The photo has more than 10 MiB."}
	}
	header := options.header(photo)
	var stored *meimagev1.UploadMeImageResponse
	again := func(err error) bool { return isLost(err) || isBusy(err) }
	err = c.pace.retry(ctx, again, StreamDeadline, func() error {
		stored, err = c.uploadOnce(ctx, header, photo, options.Progress)
		return err
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

func (o UploadOptions) header(photo []byte) *meimagev1.UploadHeader {
	digest := sha256.Sum256(photo)
	written, size := hex.EncodeToString(digest[:]), int32(len(photo))
	if o.RequestID == "" {
		o.RequestID = newUUID()
	}
	return &meimagev1.UploadHeader{
		UserId:     o.UserID,
		Filename:   o.Filename,
		Sha256:     &written,
		SizeBytes:  &size,
		RequestId:  o.RequestID,
		NewMeImage: o.NewMeImage,
	}
}

func (c *Client) uploadOnce(
	ctx context.Context, header *meimagev1.UploadHeader, photo []byte, progress func(sent, total int64),
) (*meimagev1.UploadMeImageResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Pool.UploadMeImage(ctx)
	if err != nil {
		return nil, err
	}
	// Whatever sending fails with, receiving says why: a refusal comes while there are still bytes to send.
	err = stream.Send(&meimagev1.UploadMeImageRequest{Part: &meimagev1.UploadMeImageRequest_Header{Header: header}})
	for rest := bytes.NewBuffer(photo); err == nil && rest.Len() > 0; {
		chunk := &meimagev1.UploadMeImageRequest_Chunk{Chunk: rest.Next(chunkBytes)}
		err = stream.Send(&meimagev1.UploadMeImageRequest{Part: chunk})
		if err == nil && progress != nil {
			progress(int64(len(photo)-rest.Len()), int64(len(photo)))
		}
	}
	return stream.CloseAndRecv()
}

// newUUID makes a random UUID, version 4 of RFC 9562.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

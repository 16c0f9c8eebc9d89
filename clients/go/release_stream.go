package meimage

import (
	"context"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"me-images.example/meimage/meimagev1"
)

// A ReleaseStream gives the images of a release as they come, for those that cannot hold them all. Use it like a
// tar.Reader, in one goroutine:
//
//	for {
//		image, err := stream.Next()
//		if err == io.EOF {
//			break // all images came
//		}
//		if err != nil {
//			return err
//		}
//		io.Copy(file, image) // fails where the bytes are not those of the ledger
//	}
type ReleaseStream struct {
	// Release says what is released, and where the ledger has it.
	Release *meimagev1.Release

	parts   grpc.ServerStreamingClient[meimagev1.ReleaseReferencesResponse]
	cancel  context.CancelFunc
	current *ImageReader
	begun   int
	failed  error
}

// An ImageReader gives the bytes of one image. Only where Read ends with io.EOF they are whole and have the SHA-256 that the
// ledger has.
type ImageReader struct {
	// Image says what the bytes are.
	Image *meimagev1.ReferenceImage

	stream *ReleaseStream
	proof  *proof
	chunk  []byte
}

// ReleaseStream asks for the bytes of references like Release, and returns as soon as the ledger has its entry. Close the
// stream when done with it.
func (c *Client) ReleaseStream(
	ctx context.Context, request *meimagev1.ReleaseReferencesRequest,
) (*ReleaseStream, error) {
	ctx, cancel := context.WithCancel(ctx)
	parts, err := c.References.ReleaseReferences(ctx, with(request, false))
	if err != nil {
		cancel()
		return nil, err
	}
	stream := &ReleaseStream{parts: parts, cancel: cancel}
	first, err := stream.receive()
	if err != nil {
		cancel()
		return nil, err
	}
	if stream.Release = first.GetRelease(); stream.Release == nil {
		cancel()
		return nil, damaged("the release did not begin with what is released")
	}
	return stream, nil
}

// Next gives the next image, having read what was left of the one before. It gives io.EOF once all images came.
func (s *ReleaseStream) Next() (*ImageReader, error) {
	if s.current != nil {
		if _, err := io.Copy(io.Discard, s.current); err != nil {
			return nil, err
		}
	}
	if s.failed != nil {
		return nil, s.failed
	}
	part, err := s.receive()
	if err != nil {
		return nil, err
	}
	if part.GetEnd() != nil {
		return nil, s.end()
	}
	image := part.GetImage()
	if image == nil || !s.announced(image) {
		return nil, s.fail(damaged("what came is not the image that was to come"))
	}
	s.begun++
	s.current = &ImageReader{Image: image, stream: s, proof: newProof(image.GetSizeBytes(), image.GetSha256())}
	return s.current, nil
}

// Close ends the release; what did not come yet will not come. It may be called more than once.
func (s *ReleaseStream) Close() error {
	s.cancel()
	return nil
}

// Read gives bytes of the image as they come.
func (i *ImageReader) Read(into []byte) (int, error) {
	if len(i.chunk) == 0 {
		if i.stream.current != i || i.proof.left == 0 {
			return 0, i.ended()
		}
		part, err := i.stream.receive()
		if err != nil {
			return 0, err
		}
		if err := i.proof.add(part.GetChunk()); err != nil {
			return 0, i.stream.fail(err)
		}
		i.chunk = part.GetChunk()
	}
	count := copy(into, i.chunk)
	i.chunk = i.chunk[count:]
	return count, nil
}

func (i *ImageReader) ended() error {
	if i.stream.failed != nil && !atEnd(i.stream.failed) {
		return i.stream.failed
	}
	if err := i.proof.whole(); err != nil {
		return i.stream.fail(err)
	}
	return io.EOF
}

// announced tells whether an image is the one that the ledger has at this place.
func (s *ReleaseStream) announced(image *meimagev1.ReferenceImage) bool {
	return s.begun < len(s.Release.GetImages()) && proto.Equal(image, s.Release.GetImages()[s.begun])
}

func (s *ReleaseStream) end() error {
	if s.begun != len(s.Release.GetImages()) {
		return s.fail(damaged("the release ended before all of its images came"))
	}
	_, _ = s.parts.Recv() // lets the call end; what there was to say has been said
	return s.fail(io.EOF)
}

func (s *ReleaseStream) receive() (*meimagev1.ReleaseReferencesResponse, error) {
	if s.failed != nil {
		return nil, s.failed
	}
	part, err := s.parts.Recv()
	if atEnd(err) {
		err = damaged("the release did not come to its end")
	}
	if err != nil {
		return nil, s.fail(err)
	}
	return part, nil
}

// fail makes every later call fail alike.
func (s *ReleaseStream) fail(err error) error {
	s.failed = err
	s.cancel()
	return err
}

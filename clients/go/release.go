package meimage

import (
	"bytes"
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"me-images.example/meimage/meimagev1"
)

// A Release is what was handed out, whole and verified.
type Release struct {
	// ReleaseID is the UUID of the release, as the ledger has it.
	ReleaseID string
	// Time is that of the ledger entry; on a retry that of the first call.
	Time time.Time
	// Generator is the one that will see the bytes.
	Generator string
	// LedgerSequence and LedgerHash are those of the ledger entry.
	LedgerSequence int32
	LedgerHash     string
	// Images are what to hand to the generator, in their order.
	Images []ReleasedImage
}

// A ReleasedImage is one image of a release.
type ReleasedImage struct {
	// MeImageID is the UUID of the me-image.
	MeImageID string
	// Kind is what it shows.
	Kind meimagev1.Kind
	// Rendition is which rendition of it this is.
	Rendition meimagev1.Rendition
	// ContentType is the IANA media type of Content.
	ContentType string
	// SHA256 is that of Content, verified, 64 lower-case hexadecimal digits.
	SHA256 string
	// Width and Height are in pixels.
	Width, Height int32
	// Content is the picture.
	Content []byte
}

// Release asks for the bytes of references, all or nothing, and gives them whole; validate_only of the request does not
// count. Every size and SHA-256 is verified: it fails with DATA_LOSS where one differs or the release did not come to its
// end. It is never repeated by itself: give the request a request_id, and the same one again gives the same release.
func (c *Client) Release(ctx context.Context, request *meimagev1.ReleaseReferencesRequest) (*Release, error) {
	stream, err := c.ReleaseStream(ctx, request)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	said := stream.Release
	release := &Release{
		ReleaseID:      said.GetReleaseId(),
		Time:           said.GetTime().AsTime(),
		Generator:      said.GetGenerator(),
		LedgerSequence: said.GetLedgerSequence(),
		LedgerHash:     said.GetLedgerHash(),
	}
	for {
		image, err := stream.Next()
		if atEnd(err) {
			return release, nil
		}
		if err != nil {
			return nil, err
		}
		whole, err := image.whole()
		if err != nil {
			return nil, err
		}
		release.Images = append(release.Images, whole)
	}
}

func (i *ImageReader) whole() (ReleasedImage, error) {
	var content bytes.Buffer
	content.Grow(capacity(i.Image.GetSizeBytes()))
	if _, err := content.ReadFrom(i); err != nil {
		return ReleasedImage{}, err
	}
	return ReleasedImage{
		MeImageID:   i.Image.GetMeImageId(),
		Kind:        i.Image.GetKind(),
		Rendition:   i.Image.GetRendition(),
		ContentType: i.Image.GetContentType(),
		SHA256:      i.Image.GetSha256(),
		Width:       i.Image.GetWidth(),
		Height:      i.Image.GetHeight(),
		Content:     content.Bytes(),
	}, nil
}

// ValidateRelease tells what of a release would be refused and why: no bytes, and no entry in the ledger.
func (c *Client) ValidateRelease(
	ctx context.Context, request *meimagev1.ReleaseReferencesRequest,
) (*meimagev1.ReleaseValidation, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.References.ReleaseReferences(ctx, with(request, true))
	if err != nil {
		return nil, err
	}
	part, err := stream.Recv()
	if err != nil && !atEnd(err) {
		return nil, err
	}
	validation := part.GetValidation()
	if validation == nil {
		return nil, damaged("the server answered with something else than a validation")
	}
	_, _ = stream.Recv() // lets the call end; what there was to say has been said
	return validation, nil
}

// with gives the request with validate_only as the method means it.
func with(request *meimagev1.ReleaseReferencesRequest, validateOnly bool) *meimagev1.ReleaseReferencesRequest {
	own := &meimagev1.ReleaseReferencesRequest{}
	proto.Merge(own, request)
	own.ValidateOnly = validateOnly
	return own
}

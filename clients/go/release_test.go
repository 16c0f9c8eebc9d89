package meimage

import (
	"io"
	"testing"

	"google.golang.org/grpc/codes"

	"me-images.example/meimage/meimagev1"
)

type releaseParts = []*meimagev1.ReleaseReferencesResponse

func releaseImage(id, content string) *meimagev1.ReferenceImage {
	return &meimagev1.ReferenceImage{
		MeImageId: id, ContentType: "image/png", SizeBytes: int32(len(content)), Sha256: hexDigest([]byte(content)),
		Rendition: meimagev1.Rendition_RENDITION_PNG_1024, Width: 4, Height: 3,
	}
}

func told(images ...*meimagev1.ReferenceImage) *meimagev1.ReleaseReferencesResponse {
	release := &meimagev1.Release{
		ReleaseId: "the release", Generator: "a/generator", Images: images, LedgerSequence: 3, LedgerHash: "the hash",
	}
	return &meimagev1.ReleaseReferencesResponse{Part: &meimagev1.ReleaseReferencesResponse_Release{Release: release}}
}

func begins(image *meimagev1.ReferenceImage) *meimagev1.ReleaseReferencesResponse {
	return &meimagev1.ReleaseReferencesResponse{Part: &meimagev1.ReleaseReferencesResponse_Image{Image: image}}
}

func brings(text string) *meimagev1.ReleaseReferencesResponse {
	return &meimagev1.ReleaseReferencesResponse{Part: &meimagev1.ReleaseReferencesResponse_Chunk{Chunk: []byte(text)}}
}

func ends() *meimagev1.ReleaseReferencesResponse {
	return &meimagev1.ReleaseReferencesResponse{
		Part: &meimagev1.ReleaseReferencesResponse_End{End: &meimagev1.ReleaseEnd{}},
	}
}

func releasing(parts releaseParts, failure error) *references {
	return &references{release: func(_ *meimagev1.ReleaseReferencesRequest, s releases) error {
		for _, part := range parts {
			if err := s.Send(part); err != nil {
				return err
			}
		}
		return failure
	}}
}

func TestAReleaseIsWholeAndVerified(t *testing.T) {
	a, b := releaseImage("a", "first"), releaseImage("b", "second")
	parts := releaseParts{told(a, b), begins(a), brings("fi"), brings("rst"), begins(b), brings("second"), ends()}
	client, _ := connect(t, &pool{}, releasing(parts, nil))
	release, err := client.Release(t.Context(), &meimagev1.ReleaseReferencesRequest{UserId: "alice", ValidateOnly: true})
	must(t, err)
	same(t, "release_id", release.ReleaseID, "the release")
	same(t, "generator", release.Generator, "a/generator")
	same(t, "sequence", release.LedgerSequence, 3)
	same(t, "hash", release.LedgerHash, "the hash")
	same(t, "images", len(release.Images), 2)
	same(t, "id", release.Images[1].MeImageID, "b")
	same(t, "content", string(release.Images[1].Content), "second")
	same(t, "sha256", release.Images[1].SHA256, hexDigest([]byte("second")))
	same(t, "rendition", release.Images[1].Rendition, meimagev1.Rendition_RENDITION_PNG_1024)
}

func TestAReleaseThatIsNotWholeFails(t *testing.T) {
	a, b := releaseImage("a", "first"), releaseImage("b", "second")
	for name, parts := range map[string]releaseParts{
		"nothing":                {},
		"no end":                 {told(a), begins(a), brings("first")},
		"an end too early":       {told(a, b), begins(a), brings("first"), ends()},
		"an end in an image":     {told(a), begins(a), brings("fir"), ends()},
		"other bytes":            {told(a), begins(a), brings("First"), ends()},
		"too many bytes":         {told(a), begins(a), brings("first"), brings("!"), ends()},
		"too many bytes at once": {told(a), begins(a), brings("first!"), ends()},
		"another image":          {told(a), begins(b), brings("second"), ends()},
		"one image more":         {told(a), begins(a), brings("first"), begins(b), brings("second"), ends()},
		"images in other order":  {told(a, b), begins(b), brings("second"), begins(a), brings("first"), ends()},
		"no release":             {begins(a), brings("first"), ends()},
		"bytes without an image": {told(a), brings("first"), ends()},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := connect(t, &pool{}, releasing(parts, nil))
			release, err := client.Release(t.Context(), &meimagev1.ReleaseReferencesRequest{})
			refusedAs(t, err, codes.DataLoss, "")
			if release != nil {
				t.Error("images that are not proven were given")
			}
			skipAll(t, client)
		})
	}
}

// skipAll goes through a release without reading a byte, which verifies all the same.
func skipAll(t *testing.T, client *Client) {
	t.Helper()
	stream, err := client.ReleaseStream(t.Context(), &meimagev1.ReleaseReferencesRequest{})
	for err == nil {
		_, err = stream.Next()
	}
	refusedAs(t, err, codes.DataLoss, "")
	if stream != nil {
		_, again := stream.Next()
		same(t, "the error again", again, err)
	}
}

func TestARefusedReleaseSaysWhyAndIsNotRepeated(t *testing.T) {
	a := releaseImage("a", "first")
	for name, parts := range map[string]releaseParts{"at once": {}, "in the middle": {told(a), begins(a), brings("fi")}} {
		t.Run(name, func(t *testing.T) {
			client, waited := connect(t, &pool{}, releasing(parts, refusal(codes.Unavailable, "STORAGE_UNAVAILABLE")))
			_, err := client.Release(t.Context(), &meimagev1.ReleaseReferencesRequest{})
			refusedAs(t, err, codes.Unavailable, "STORAGE_UNAVAILABLE")
			same(t, "waits", len(waited.all()), 0)
		})
	}
}

func TestAStreamGivesImagesAsTheyCome(t *testing.T) {
	a, b := releaseImage("a", "first"), releaseImage("b", "")
	goOn := make(chan struct{})
	client, _ := connect(t, &pool{}, &references{release: func(r *meimagev1.ReleaseReferencesRequest, s releases) error {
		same(t, "validate_only", r.GetValidateOnly(), false)
		for _, part := range (releaseParts{told(a, b), begins(a), brings("fi"), brings("rst"), begins(b), ends()}) {
			if err := s.Send(part); err != nil {
				return err
			}
			<-goOn
		}
		return nil
	}})
	stream, err := client.ReleaseStream(t.Context(), &meimagev1.ReleaseReferencesRequest{})
	must(t, err)
	defer stream.Close()
	same(t, "release", stream.Release.GetReleaseId(), "the release")
	goOn <- struct{}{}
	image, err := stream.Next()
	must(t, err)
	same(t, "image", image.Image.GetMeImageId(), "a")
	goOn <- struct{}{}
	start := make([]byte, 10)
	count, err := image.Read(start)
	must(t, err)
	same(t, "the bytes that came", string(start[:count]), "fi")
	close(goOn)
	rest, err := io.ReadAll(image)
	must(t, err)
	same(t, "the rest", string(rest), "rst")
	empty, err := stream.Next()
	must(t, err)
	rest, err = io.ReadAll(empty)
	must(t, err)
	same(t, "an empty image", len(rest), 0)
	for range 2 {
		_, err = stream.Next()
		same(t, "the end", err, io.EOF)
	}
}

func TestAValidation(t *testing.T) {
	client, _ := connect(t, &pool{}, &references{release: func(r *meimagev1.ReleaseReferencesRequest, s releases) error {
		same(t, "validate_only", r.GetValidateOnly(), true)
		same(t, "user", r.GetUserId(), "alice")
		validation := &meimagev1.ReleaseValidation{
			Refusals: []*meimagev1.ReferenceRefusal{{Subject: "a", Reason: "CONSENT_NOT_GIVEN"}},
		}
		return s.Send(&meimagev1.ReleaseReferencesResponse{
			Part: &meimagev1.ReleaseReferencesResponse_Validation{Validation: validation},
		})
	}})
	request := &meimagev1.ReleaseReferencesRequest{UserId: "alice"}
	validation, err := client.ValidateRelease(t.Context(), request)
	must(t, err)
	same(t, "reason", validation.GetRefusals()[0].GetReason(), "CONSENT_NOT_GIVEN")
	same(t, "the caller's request", request.GetValidateOnly(), false)

	client, _ = connect(t, &pool{}, releasing(releaseParts{told()}, nil))
	_, err = client.ValidateRelease(t.Context(), request)
	refusedAs(t, err, codes.DataLoss, "")
}

package meimage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"me-images.example/meimage/meimagev1"
)

// Download gives the bytes of a rendition, or with RENDITION_UNSPECIFIED of the original, whole and with their SHA-256
// verified. It fails with DATA_LOSS where they are not those that the server announced.
func (c *Client) Download(ctx context.Context, userID, meImageID string, rendition meimagev1.Rendition) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Pool.DownloadMeImage(ctx, &meimagev1.DownloadMeImageRequest{
		UserId: userID, MeImageId: meImageID, Rendition: rendition,
	})
	if err != nil {
		return nil, err
	}
	first, err := stream.Recv()
	if err != nil && !atEnd(err) {
		return nil, err
	}
	header := first.GetHeader()
	if header == nil {
		return nil, damaged("the download did not begin with its header")
	}
	var content bytes.Buffer
	content.Grow(capacity(header.GetSizeBytes()))
	proof := newProof(header.GetSizeBytes(), header.GetSha256())
	for {
		part, err := stream.Recv()
		if atEnd(err) {
			if err := proof.whole(); err != nil {
				return nil, err
			}
			return content.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
		if err := proof.add(part.GetChunk()); err != nil {
			return nil, err
		}
		content.Write(part.GetChunk())
	}
}

// capacity is how much memory to take at once for what was announced.
func capacity(announced int32) int {
	return int(min(max(announced, 0), MaxImageBytes))
}

// proof compares bytes with what was announced of them.
type proof struct {
	digest hash.Hash
	sha256 string
	left   int64
}

func newProof(size int32, sha string) *proof {
	return &proof{digest: sha256.New(), sha256: sha, left: int64(size)}
}

// add takes the next bytes, of which there must be some.
func (p *proof) add(chunk []byte) error {
	if len(chunk) == 0 {
		return damaged("a part of the stream is not the bytes that were to come")
	}
	if p.left -= int64(len(chunk)); p.left < 0 {
		return damaged("more bytes came than were announced")
	}
	p.digest.Write(chunk)
	return nil
}

// whole tells whether all bytes came, and were the right ones.
func (p *proof) whole() error {
	if p.left != 0 {
		return damaged("fewer bytes came than were announced")
	}
	if hex.EncodeToString(p.digest.Sum(nil)) != p.sha256 {
		return damaged("the bytes do not have the SHA-256 that was announced")
	}
	return nil
}

package meimage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"google.golang.org/grpc/codes"

	"me-images.example/meimage/meimagev1"
)

func hexDigest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func downloadOf(parts ...*meimagev1.DownloadMeImageResponse) *pool {
	return &pool{download: func(_ *meimagev1.DownloadMeImageRequest, s downloads) error {
		for _, part := range parts {
			if err := s.Send(part); err != nil {
				return err
			}
		}
		return nil
	}}
}

func headerOf(size int, sha string) *meimagev1.DownloadMeImageResponse {
	header := &meimagev1.DownloadHeader{SizeBytes: int32(size), Sha256: sha}
	return &meimagev1.DownloadMeImageResponse{Part: &meimagev1.DownloadMeImageResponse_Header{Header: header}}
}

func chunkOf(text string) *meimagev1.DownloadMeImageResponse {
	return &meimagev1.DownloadMeImageResponse{Part: &meimagev1.DownloadMeImageResponse_Chunk{Chunk: []byte(text)}}
}

func TestADownloadIsWholeOrFails(t *testing.T) {
	right := hexDigest([]byte("abcdef"))
	type parts = []*meimagev1.DownloadMeImageResponse
	for name, c := range map[string]struct {
		parts parts
		whole bool
	}{
		"whole":             {parts{headerOf(6, right), chunkOf("abc"), chunkOf("def")}, true},
		"another digest":    {parts{headerOf(6, right), chunkOf("abc"), chunkOf("deF")}, false},
		"too short":         {parts{headerOf(6, right), chunkOf("abc")}, false},
		"too long":          {parts{headerOf(6, right), chunkOf("abcdef"), chunkOf("g")}, false},
		"no header":         {parts{chunkOf("abcdef")}, false},
		"nothing":           {parts{}, false},
		"a second header":   {parts{headerOf(6, right), headerOf(6, right)}, false},
		"a size below zero": {parts{headerOf(-1, right)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := connect(t, downloadOf(c.parts...), nil)
			content, err := client.Download(t.Context(), "alice", "an id", meimagev1.Rendition_RENDITION_UNSPECIFIED)
			if c.whole {
				must(t, err)
				same(t, "content", string(content), "abcdef")
				return
			}
			refusedAs(t, err, codes.DataLoss, "")
			if content != nil {
				t.Error("bytes that are not proven were given")
			}
		})
	}
}

func TestADownloadCanBeEmpty(t *testing.T) {
	client, _ := connect(t, downloadOf(headerOf(0, hexDigest(nil))), nil)
	content, err := client.Download(t.Context(), "alice", "an id", meimagev1.Rendition_RENDITION_UNSPECIFIED)
	must(t, err)
	same(t, "size", len(content), 0)
}

func TestAMessageOfManyThumbnailsFits(t *testing.T) {
	thumbnails := bytes.Repeat([]byte("x"), 7<<20)
	client, _ := connect(t, downloadOf(headerOf(len(thumbnails), hexDigest(thumbnails)), chunkOf(string(thumbnails))), nil)
	_, err := client.Download(t.Context(), "alice", "an id", meimagev1.Rendition_RENDITION_UNSPECIFIED)
	must(t, err)
}

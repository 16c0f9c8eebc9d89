package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"me-images.example/meimage"
	"me-images.example/meimage/meimagev1"
)

const pieceBytes = 100_000

// pieces reads as a slow network does: a little at a time.
type pieces struct{ io.Reader }

func (p pieces) Read(into []byte) (int, error) {
	return p.Reader.Read(into[:min(len(into), pieceBytes)])
}

func upload(ctx context.Context, client *meimage.Client, step *step, folder string) (any, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var sent int64
	options := meimage.UploadOptions{UserID: step.UserID, RequestID: step.RequestID}
	options.Progress = func(soFar, total int64) {
		sent = soFar
		if step.GiveUpAt != nil && float64(soFar) >= *step.GiveUpAt*float64(total) {
			cancel()
		}
	}
	if step.NewMeImage != nil {
		options.NewMeImage = &meimagev1.NewMeImage{}
		if err := protojson.Unmarshal(step.NewMeImage, options.NewMeImage); err != nil {
			return nil, err
		}
	}
	stored, err := uploadFrom(ctx, client, step.Source, filepath.Join(folder, step.File), options)
	if step.GiveUpAt != nil && ctx.Err() != nil {
		return object{"gave_up": true}, nil
	}
	if err != nil {
		return nil, err
	}
	return withSent(stored, sent)
}

func uploadFrom(
	ctx context.Context, client *meimage.Client, source, path string, options meimage.UploadOptions,
) (*meimagev1.UploadMeImageResponse, error) {
	if source == "path" {
		return client.UploadFile(ctx, path, options)
	}
	options.Filename = filepath.Base(path)
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if source == "stream" {
		return client.Upload(ctx, pieces{file}, options)
	}
	photo, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	return client.Upload(ctx, bytes.NewReader(photo), options)
}

func withSent(stored *meimagev1.UploadMeImageResponse, sent int64) (any, error) {
	text, err := written(stored)
	if err != nil {
		return nil, err
	}
	result := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &result); err != nil {
		return nil, err
	}
	result["sent"], err = json.Marshal(sent)
	return result, err
}

// message is one of an upload past the SDK.
type message struct {
	Header json.RawMessage
	Zeros  int
	Pause  float64
}

func send(ctx context.Context, client *meimage.Client, step *step) (any, error) {
	stream, err := client.Pool.UploadMeImage(ctx)
	if err != nil {
		return nil, err
	}
	stored, ended := &meimagev1.UploadMeImageResponse{}, make(chan error, 1)
	go func() { ended <- stream.RecvMsg(stored) }()
	for _, message := range step.Messages {
		request := &meimagev1.UploadMeImageRequest{}
		switch {
		case message.Pause > 0:
			select {
			case err := <-ended:
				ended <- err
			case <-time.After(time.Duration(message.Pause * float64(time.Second))):
			}
			continue
		case message.Header != nil:
			header := &meimagev1.UploadHeader{}
			if err := protojson.Unmarshal(message.Header, header); err != nil {
				return nil, err
			}
			request.Part = &meimagev1.UploadMeImageRequest_Header{Header: header}
		default:
			request.Part = &meimagev1.UploadMeImageRequest_Chunk{Chunk: make([]byte, message.Zeros)}
		}
		if stream.Send(request) != nil {
			break
		}
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	if err := <-ended; err != nil {
		return nil, err
	}
	return written(stored)
}

func download(ctx context.Context, client *meimage.Client, step *step) (any, error) {
	rendition := meimagev1.Rendition(meimagev1.Rendition_value[step.Rendition])
	content, err := client.Download(ctx, step.UserID, step.MeImageID, rendition)
	if err != nil {
		return nil, err
	}
	return object{"size_bytes": len(content), "sha256": digest(content)}, nil
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

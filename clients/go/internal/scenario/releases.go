package main

import (
	"context"
	"errors"
	"io"

	"google.golang.org/protobuf/encoding/protojson"

	"me-images.example/meimage"
	"me-images.example/meimage/meimagev1"
)

func validate(ctx context.Context, client *meimage.Client, step *step) (any, error) {
	request := &meimagev1.ReleaseReferencesRequest{}
	if err := protojson.Unmarshal(step.Request, request); err != nil {
		return nil, err
	}
	validation, err := client.ValidateRelease(ctx, request)
	if err != nil {
		return nil, err
	}
	return written(validation)
}

func release(ctx context.Context, client *meimage.Client, step *step) (any, error) {
	request := &meimagev1.ReleaseReferencesRequest{}
	if err := protojson.Unmarshal(step.Request, request); err != nil {
		return nil, err
	}
	if step.Stream {
		return streamed(ctx, client, request)
	}
	whole, err := client.Release(ctx, request)
	if err != nil {
		return nil, err
	}
	images := []object{}
	for _, each := range whole.Images {
		images = append(images, object{
			"me_image_id":  each.MeImageID,
			"content_type": each.ContentType,
			"sha256":       each.SHA256,
			"width":        each.Width,
			"height":       each.Height,
			"size_bytes":   len(each.Content),
		})
	}
	return object{
		"release_id":      whole.ReleaseID,
		"generator":       whole.Generator,
		"ledger_sequence": whole.LedgerSequence,
		"ledger_hash":     whole.LedgerHash,
		"images":          images,
	}, nil
}

func streamed(ctx context.Context, client *meimage.Client, request *meimagev1.ReleaseReferencesRequest) (any, error) {
	stream, err := client.ReleaseStream(ctx, request)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	images := []object{}
	for {
		image, err := stream.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(image)
		if err != nil {
			return nil, err
		}
		images = append(images, object{
			"me_image_id":  image.Image.GetMeImageId(),
			"content_type": image.Image.GetContentType(),
			"sha256":       digest(content),
			"width":        image.Image.GetWidth(),
			"height":       image.Image.GetHeight(),
			"size_bytes":   len(content),
		})
	}
	return object{
		"release_id":      stream.Release.GetReleaseId(),
		"generator":       stream.Release.GetGenerator(),
		"ledger_sequence": stream.Release.GetLedgerSequence(),
		"ledger_hash":     stream.Release.GetLedgerHash(),
		"images":          images,
	}, nil
}

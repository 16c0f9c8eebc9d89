package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"me-images.example/meimage"
	"me-images.example/meimage/meimagev1"
)

// call makes a unary call through whichever stub has it.
func call(ctx context.Context, client *meimage.Client, step *step) (any, error) {
	for _, stub := range []any{client.Pool, client.References} {
		method := reflect.ValueOf(stub).MethodByName(step.Rpc)
		if !method.IsValid() {
			continue
		}
		request := reflect.New(method.Type().In(1).Elem())
		if err := protojson.Unmarshal(step.Request, request.Interface().(proto.Message)); err != nil {
			return nil, err
		}
		answers := method.Call([]reflect.Value{reflect.ValueOf(ctx), request})
		if err, failed := answers[1].Interface().(error); failed {
			return nil, err
		}
		return written(answers[0].Interface().(proto.Message))
	}
	return nil, fmt.Errorf("no service has %s", step.Rpc)
}

func written(message proto.Message) (json.RawMessage, error) {
	return protojson.MarshalOptions{UseProtoNames: true}.Marshal(message)
}

func verified(ledger meimage.Ledger, err error) (any, error) {
	var broken *meimage.LedgerBroken
	if errors.As(err, &broken) {
		return object{"broken_at": broken.Sequence}, nil
	}
	return object{"entries": ledger.Entries, "head_hash": ledger.HeadHash}, err
}

// change sets a text field of the entry of a sequence.
type change struct {
	Sequence     int32
	Field, Value string
}

func verifyEntries(ctx context.Context, client *meimage.Client, step *step) (any, error) {
	var entries []*meimagev1.LedgerEntry
	request := &meimagev1.ListLedgerEntriesRequest{UserId: step.UserID}
	for more := true; more; more = request.PageToken != "" {
		page, err := client.Pool.ListLedgerEntries(ctx, request)
		if err != nil {
			return nil, err
		}
		for _, entry := range page.GetEntries() {
			if step.Change != nil && step.Change.Sequence == entry.GetSequence() {
				reflected := entry.ProtoReflect()
				field := reflected.Descriptor().Fields().ByName(protoreflect.Name(step.Change.Field))
				reflected.Set(field, protoreflect.ValueOfString(step.Change.Value))
			}
			if step.Drop != entry.GetSequence() {
				entries = append(entries, entry)
			}
		}
		request.PageToken = page.GetNextPageToken()
	}
	return verified(meimage.VerifyLedgerEntries(step.UserID, entries))
}

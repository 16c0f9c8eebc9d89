package main

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"

	"me-images.example/meimage"
)

const (
	patience = 60 * time.Second
	room     = 1000
)

// watch is one in the background; told holds what nobody has asked for yet.
type watch struct {
	told  chan told
	stop  context.CancelFunc
	ended chan struct{}
}

type told struct {
	event json.RawMessage
	err   error
}

func begin(ctx context.Context, client *meimage.Client, step *step) *watch {
	ctx, stop := context.WithCancel(ctx)
	events := client.WatchAll(ctx, step.ResumeToken)
	if step.UserID != "" {
		events = client.Watch(ctx, step.UserID, step.ResumeToken)
	}
	made := &watch{told: make(chan told, room), stop: stop, ended: make(chan struct{})}
	go made.follow(events)
	return made
}

func (w *watch) follow(events iter.Seq2[meimage.WatchEvent, error]) {
	defer close(w.ended)
	for event, err := range events {
		var text json.RawMessage
		if err == nil {
			text, err = written(event.Event)
		}
		w.told <- told{text, err}
	}
}

func (w *watch) events(ctx context.Context, count int) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	events := []json.RawMessage{}
	for len(events) < count {
		select {
		case next := <-w.told:
			if next.err != nil {
				return nil, next.err
			}
			events = append(events, next.event)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return events, nil
}

func (w *watch) finish() error {
	w.stop()
	<-w.ended
	if len(w.told) > 0 {
		return errors.New("the watch has told more than was asked for")
	}
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"

	"me-images.example/meimage"
)

type config struct {
	Address   string
	Addresses map[string]string
	Tokens    map[string]string
	Names     map[string]string
	Folder    string
	Restart   []string
}

// step is what a step may say, with all names filled in.
type step struct {
	Do, As, Via string
	Rpc         string
	Request     json.RawMessage

	File, Source string
	UserID       string          `json:"user_id"`
	RequestID    string          `json:"request_id"`
	NewMeImage   json.RawMessage `json:"new_me_image"`
	GiveUpAt     *float64        `json:"give_up_at"`

	Messages []message

	MeImageID string `json:"me_image_id"`
	Rendition string
	Stream    bool

	Watch       string
	ResumeToken string `json:"resume_token"`
	Count       int

	Change *change
	Drop   int32
}

func decodeStep(named object) (*step, error) {
	text, err := json.Marshal(named)
	if err != nil {
		return nil, err
	}
	made := &step{}
	err = json.Unmarshal(text, made)
	return made, err
}

// stage holds what lives longer than a step.
type stage struct {
	config  config
	clients map[[2]string]*meimage.Client
	watches map[string]*watch
}

func newStage(config config) *stage {
	return &stage{config: config, clients: map[[2]string]*meimage.Client{}, watches: map[string]*watch{}}
}

func (s *stage) close() {
	for _, watch := range s.watches {
		watch.stop()
	}
	for _, client := range s.clients {
		client.Close()
	}
}

// client gives the one client of a token and an address.
func (s *stage) client(step *step) (*meimage.Client, error) {
	as, address := step.As, s.config.Address
	if as == "" {
		as = "user"
	}
	if step.Via != "" {
		address = s.config.Addresses[step.Via]
	}
	key := [2]string{as, step.Via}
	if client, there := s.clients[key]; there {
		return client, nil
	}
	value, known := s.config.Tokens[as]
	if !known {
		return nil, fmt.Errorf("there is no token of %s", as)
	}
	token := meimage.StaticToken(value)
	if as == "user" {
		token = func(context.Context) (string, error) { return value, nil }
	}
	client, err := meimage.Connect(address, token, meimage.WithPlaintext())
	if err == nil {
		s.clients[key] = client
	}
	return client, err
}

// do gives the raw result of a step.
func (s *stage) do(ctx context.Context, step *step) (any, error) {
	client, err := s.client(step)
	if err != nil {
		return nil, err
	}
	switch step.Do {
	case "call":
		return call(ctx, client, step)
	case "upload":
		return upload(ctx, client, step, s.config.Folder)
	case "send":
		return send(ctx, client, step)
	case "download":
		return download(ctx, client, step)
	case "validate":
		return validate(ctx, client, step)
	case "release":
		return release(ctx, client, step)
	case "watch":
		s.watches[step.Watch] = begin(ctx, client, step)
		return object{}, nil
	case "events":
		return s.watches[step.Watch].events(ctx, step.Count)
	case "unwatch":
		return object{}, s.watches[step.Watch].finish()
	case "restart":
		restart := exec.CommandContext(ctx, s.config.Restart[0], s.config.Restart[1:]...)
		restart.Stderr = os.Stderr
		return object{}, restart.Run()
	case "verify_ledger":
		return verified(client.VerifyLedger(ctx, step.UserID))
	case "verify_entries":
		return verifyEntries(ctx, client, step)
	default:
		return nil, fmt.Errorf("nobody knows how to %s", step.Do)
	}
}

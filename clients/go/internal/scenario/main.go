// The runner of the scenario that all SDKs share: see tests/sdk/README.md of the repository.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"google.golang.org/genproto/googleapis/rpc/code"

	"me-images.example/meimage"
)

type object = map[string]any

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, paths []string) error {
	if len(paths) != 2 {
		return errors.New("usage: scenario SCENARIO.json CONFIG.json")
	}
	var scenario struct {
		Volatile []string
		Steps    []object
	}
	var config config
	if err := errors.Join(read(paths[0], &scenario), read(paths[1], &config)); err != nil {
		return err
	}
	stage := newStage(config)
	defer stage.close()
	words := newWords(scenario.Volatile, config.Names)
	lines := json.NewEncoder(os.Stdout)
	for _, step := range scenario.Steps {
		said, err := perform(ctx, stage, words, step)
		if err == nil {
			err = lines.Encode(said)
		}
		if err != nil {
			return fmt.Errorf("step %q: %w", step["name"], err)
		}
	}
	return nil
}

// perform does one step and gives its line of the transcript. Its error is one of the runner.
func perform(ctx context.Context, stage *stage, words *words, raw object) (object, error) {
	named, err := words.fill(raw)
	if err != nil {
		return nil, err
	}
	step, err := decodeStep(named)
	if err != nil {
		return nil, err
	}
	result, err := stage.do(ctx, step)
	var refused *meimage.Error
	if errors.As(err, &refused) {
		return object{"step": raw["name"], "error": words.refusal(refused)}, nil
	}
	if err != nil {
		return nil, err
	}
	if result, err = plain(result); err != nil {
		return nil, err
	}
	if saves, ok := raw["save"].(object); ok {
		if err := words.save(saves, result); err != nil {
			return nil, err
		}
	}
	return object{"step": raw["name"], "result": words.normal("", result)}, nil
}

// refusal is the typed error as transcripts have it.
func (w *words) refusal(refused *meimage.Error) object {
	fields, refusals := []string{}, [][]any{}
	for _, each := range refused.FieldViolations {
		fields = append(fields, each.Field)
	}
	for _, each := range refused.Refusals {
		refusals = append(refusals, []any{w.normal("", each.Subject), each.Reason})
	}
	return object{
		"code":     code.Code(refused.Code).String(),
		"reason":   refused.Reason,
		"fields":   fields,
		"refusals": refusals,
	}
}

func read(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return decode(text, into)
}

// plain makes what JSON knows of any value, so that all results can be looked at alike.
func plain(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var made any
	err = decode(text, &made)
	return made, err
}

// decode keeps numbers as they are written.
func decode(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}

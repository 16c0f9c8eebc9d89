package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Shorter values could equal something else by chance.
const shortestSaved = 16

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// words are the names that the scenario gives to values, and the values that differ from run to run.
type words struct {
	volatile []string
	values   map[string]string
	names    map[string]string
}

func newWords(volatile []string, given map[string]string) *words {
	w := &words{volatile: volatile, values: map[string]string{}, names: map[string]string{}}
	for name, value := range given {
		w.keep(name, value)
	}
	return w
}

func (w *words) keep(name, value string) {
	w.values[name] = value
	if len(value) >= shortestSaved {
		w.names[value] = name
	}
}

// save keeps what the paths of a step name in its result.
func (w *words) save(paths object, result any) error {
	for name, path := range paths {
		found := result
		for _, key := range strings.Split(path.(string), ".") {
			found = inside(found, key)
		}
		value, ok := found.(string)
		if !ok {
			return fmt.Errorf("there is no text at %v", path)
		}
		w.keep(name, value)
	}
	return nil
}

func inside(value any, key string) any {
	switch value := value.(type) {
	case object:
		return value[key]
	case []any:
		if index, err := strconv.Atoi(key); err == nil && index < len(value) {
			return value[index]
		}
	}
	return nil
}

// fill puts values in the place of their names in a step; what is expected of it is not ours to read.
func (w *words) fill(step object) (object, error) {
	filled := object{}
	for key, value := range step {
		if slices.Contains([]string{"name", "save", "expect"}, key) {
			continue
		}
		made, err := w.filled(value)
		if err != nil {
			return nil, err
		}
		filled[key] = made
	}
	return filled, nil
}

func (w *words) filled(value any) (any, error) {
	var err error
	switch value := value.(type) {
	case object:
		made := object{}
		for key, inner := range value {
			if made[key], err = w.filled(inner); err != nil {
				return nil, err
			}
		}
		return made, nil
	case []any:
		made := make([]any, len(value))
		for index, inner := range value {
			if made[index], err = w.filled(inner); err != nil {
				return nil, err
			}
		}
		return made, nil
	case string:
		name, isName := strings.CutPrefix(value, "$")
		if !isName {
			return value, nil
		}
		saved, known := w.values[name]
		if !known {
			return nil, fmt.Errorf("nothing is saved as %s", name)
		}
		return saved, nil
	default:
		return value, nil
	}
}

// normal makes a result the same in every run.
func (w *words) normal(key string, value any) any {
	switch value := value.(type) {
	case object:
		made := object{}
		for inner, each := range value {
			made[inner] = w.normal(inner, each)
		}
		return made
	case []any:
		made := make([]any, len(value))
		for index, each := range value {
			made[index] = w.normal(key, each)
		}
		return made
	case string:
		if name, known := w.names[value]; known {
			return "$" + name
		}
		if slices.Contains(w.volatile, key) || uuid.MatchString(value) {
			return "*"
		}
		return value
	default:
		return value
	}
}

// Reads deploy/ with the parsers of those who run it: Compose's own, kustomize with the types of Kubernetes, and Prometheus's for
// the queries of the dashboard. Usage: go run . ../../deploy
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/prometheus/prometheus/promql/parser"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

func main() {
	folder := os.Args[1]
	services, first := compose(filepath.Join(folder, "compose.yaml"))
	objects, second := kubernetes(filepath.Join(folder, "kubernetes"))
	queries, third := dashboard(filepath.Join(folder, "grafana", "me-images.json"))
	if err := errors.Join(first, second, third); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("deploy: %d services, %d objects of Kubernetes, %d queries\n", services, objects, queries)
}

// compose loads a project as `docker compose config` does; variables that have no default are given one.
func compose(path string) (int, error) {
	lookup := func(name string) string { return "example/" + strings.ToLower(name) }
	var given []string
	os.Expand(read(path), func(name string) string {
		name, _, _ = strings.Cut(name, ":")
		given = append(given, name+"="+lookup(name))
		return ""
	})
	options, err := cli.NewProjectOptions([]string{path}, cli.WithEnv(given), cli.WithName("me-images"))
	if err != nil {
		return 0, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return len(project.Services), nil
}

// kubernetes builds the manifests, and reads each object as its type and nothing more.
func kubernetes(folder string) (int, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return 0, err
	}
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, object := range built.Resources() {
		text, err := object.AsYAML()
		if err != nil {
			return 0, err
		}
		if _, _, err := decoder.Decode(text, nil, nil); err != nil {
			return 0, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return built.Size(), nil
}

// dashboard parses every query; what Grafana puts in the place of its variables is put there first.
func dashboard(path string) (int, error) {
	var page struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(path)), &page); err != nil {
		return 0, err
	}
	queries := 0
	for _, panel := range page.Panels {
		for _, target := range panel.Targets {
			query := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*", "$job", ".*").Replace(target.Expr)
			if _, err := parser.ParseExpr(query); err != nil {
				return 0, fmt.Errorf("panel %q: %w", panel.Title, err)
			}
			queries++
		}
	}
	return queries, nil
}

func read(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return string(text)
}

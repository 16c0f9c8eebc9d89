# Needs Python 3.11 or newer and make; everything else is installed into .venv on the first run.
PYTHON ?= python3
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header $(LOCKFLAGS)

.DEFAULT_GOAL := help
.PHONY: help run test prove check check-go check-deploy generate released bench lock setup clean clean-data

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

run: setup ## start the service with its own PostgreSQL and S3 store; data in .data
	@$(BIN)/python -m service dev

test: setup ## run the tests, or some of them: make test ARGS='tests/unit -k upload'
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

prove: setup ## the proofs that take minutes, whole: 10,000 rounds of consent, 100,000 keys, SIGTERM 20 times, the image
	@$(BIN)/python -m pytest --whole tests/faults/test_release_race.py tests/integration/test_rewrap_keys.py \
	tests/faults/test_sigterm.py tests/integration/test_image.py

check: setup ## lint, types, import rules, contract, generated code, locks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy .ci/setup.py .ci/generate.py .ci/node.py
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/buf breaking --against .ci/released
	$(BIN)/python .ci/generate.py --check
	@$(MAKE) --no-print-directory check-go check-deploy
	$(BIN)/python -m pip check
	@! grep -n '://' requirements*.lock clients/typescript/package-lock.json clients/go/go.* .ci/go/go.* .ci/deploy/go.* || { echo 'a lock file names an address'; exit 1; }

check-go:
	@if ! command -v go >/dev/null; then echo 'GO IS MISSING: clients/go was not vetted, nor its format checked' >&2; exit 0; fi; \
	cd clients/go && go vet ./... && unformatted=$$(gofmt -l .) && test -z "$$unformatted" || \
	{ echo "clients/go: not as go vet and gofmt want it $$unformatted"; exit 1; }

check-deploy:
	@if ! command -v go >/dev/null; then echo 'GO IS MISSING: deploy/ was not read by the parsers of those who run it' >&2; exit 0; fi; \
	cd .ci/deploy && go run . ../../deploy

generate: setup ## make the stubs of all clients from protos
	$(BIN)/python .ci/generate.py

released: setup ## keep the contract as it is now, as the one that may not be broken
	rm -rf .ci/released && mkdir .ci/released && cp -R protos/. .ci/released/

bench: setup ## measure the service against its ceilings
	@$(BIN)/python -m tests.bench

lock: setup ## renew the lock files; newer versions with LOCKFLAGS=--upgrade
	$(LOCK) -o requirements.lock pyproject.toml
	$(LOCK) -c requirements.lock -o requirements-dev.lock --extra embedded --extra otel --group dev pyproject.toml
	$(LOCK) -c requirements-dev.lock -o requirements-build.lock --group build

setup:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo 'me-images needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...'; exit 1; }
	@$(PYTHON) .ci/setup.py

clean: ## remove .venv and all caches, but no data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	rm -rf *.egg-info clients/python/*.egg-info clients/typescript/node_modules clients/typescript/build clients/typescript/dist
	find service tests clients .ci -name __pycache__ -prune -exec rm -rf {} +

clean-data: ## remove .data: the photos and keys of `make run`
	rm -rf .data

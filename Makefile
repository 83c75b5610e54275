# Chitra: every command a developer or a visitor needs. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080
SANDBOX_PORT ?= 8090
CHITRA_HOME ?= .data
PEOPLE ?= 5000
WORKERS ?= 2
export PORT SANDBOX_PORT CHITRA_HOME

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-reset month storm test night sure bench format lint types imports translations lock docs clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/.ready: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip check --disable-pip-version-check >/dev/null || { $(BIN)/python -m pip check; exit 1; }
	@touch $@

setup: $(VENV)/.ready ## Create the virtual environment with the locked dependencies
	@$(BIN)/python -m app.translations.catalogue compile

demo: setup ## Start everything with demo data; Ctrl-C stops it
	@exec $(BIN)/python -m app.demo.up --people $(PEOPLE)

demo-reset: setup ## Throw the demo's data away and start over
	@exec $(BIN)/python -m app.demo.up --reset --people $(PEOPLE)

month: ## Set up, load a fresh demo, play one month without a browser; prints JSON
	@$(MAKE) --no-print-directory setup 1>&2
	@$(BIN)/python -m app.demo.fresh_month

storm: ## Set up, live a day of a fresh demo under every fault of the sandbox; prints JSON. STORM_ARGS="--help"
	@$(MAKE) --no-print-directory setup 1>&2
	@$(BIN)/python -m app.demo.storm $(STORM_ARGS)

test: setup ## Run every test, with everything they need
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(PYTEST_ARGS)

night: setup ## Run every proof in its full form; takes hours
	@CHITRA_NIGHT=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(PYTEST_ARGS)

sure: setup format-check lint types imports translations ## Everything CI runs
	@rm -f .coverage .coverage.*
	@$(MAKE) --no-print-directory test PYTEST_ARGS="--cov --cov-report="
	@$(BIN)/python -m coverage report --skip-covered
	@$(BIN)/python -m coverage report --include='app/rules/*,app/services/*' --fail-under=100

format: setup ## Format the code
	@$(BIN)/ruff format .

format-check: setup
	@$(BIN)/ruff format --check .

lint: setup ## Lint
	@$(BIN)/ruff check .

types: setup ## Check types
	@$(BIN)/mypy

imports: setup ## Check who imports whom
	@$(BIN)/lint-imports

translations: setup ## Check that every text exists in Vietnamese and English
	@$(BIN)/python -m app.translations.catalogue check

bench: setup ## Measure speed and memory; writes build/bench.json
	@$(BIN)/python -m bench

docs: setup ## Write the generated documents
	@$(BIN)/python -m app.docs

lock: ## Compile requirements.lock from pyproject.toml
	@$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host --no-header --extra dev -o requirements.lock pyproject.toml

clean: ## Remove what was built; keeps the demo's data
	@rm -rf build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage .coverage.*

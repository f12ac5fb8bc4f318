# What people and CI call. Everything works from a fresh checkout: the first target that needs it sets up .venv.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# Any Python from 3.12 will do; PYTHON=… chooses one.
PYTHON ?=
ARGS ?=
BIN := .venv/bin
READY := .venv/.msphub-ready
LOCKED := requirements.lock pyproject.toml package-lock.json
PATHS := src tests
WORKERS ?= 2

.PHONY: help setup demo test check lock screenshots

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: $(READY)  ## Install what is locked into .venv, and the front-end assets (a second call is instant)

$(BIN)/uv:
	@found=; for python in $(PYTHON) python3 python3.14 python3.13 python3.12; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "MSP Hub needs Python 3.12 or later; none was found. Install one, or name it: make setup PYTHON=/path/to/python3.13" >&2; exit 1; \
	fi; \
	echo "Making .venv with $$($$found --version)"; \
	$$found -m venv .venv && $(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(READY): $(LOCKED) | $(BIN)/uv
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m msphub.ui.assets
	@touch $@

# `exec`: Ctrl-C and a killed make reach the demo itself, and it ends all that it started.
demo: export MSPHUB_END_WITH_PARENT := 1
demo: $(READY)  ## Run the demo; make demo ARGS="--port 8080 --reset"
	@exec $(BIN)/msphub demo $(ARGS)

test: $(READY)  ## Run all tests; make test ARGS="tests/config -k roles"
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

check: $(READY)  ## Lint, types, layers, templates, migrations, lock files
	$(BIN)/ruff check $(PATHS)
	$(BIN)/ruff format --check $(PATHS)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint src --lint --quiet
	DJANGO_SETTINGS_MODULE=tests.settings_offline PYTHONPATH=. $(BIN)/python -m django makemigrations --check --dry-run
	@if grep -nE '://' requirements.lock || grep -nE '"resolved"|://' package-lock.json; then \
	  echo "A lock file names an address; lock files hold versions and hashes only." >&2; exit 1; \
	fi

screenshots: $(READY)  ## Take the README's screenshots of the running demo
	$(BIN)/python docs/screenshots.py $(ARGS)

lock: $(BIN)/uv  ## Resolve dependencies anew into requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.12 --group dev pyproject.toml -o requirements.lock

# Waymark: two commands from nothing are `make run` and `make test`.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := submissions disclosure geo trends analytics reports orchestration demonstration
# in processes of their own: dbt keeps one adapter a process, and a browser's session keeps an event loop running
APART := tests/dbt tests/browser
PYTEST := -m pytest -n 2 --dist loadgroup -q -m "not campaign"
HOME_DEMONSTRATION ?= home-demonstration
# every start is twice as slow without bytecode, for ever: compile it when installing, whatever the shell says
export UV_COMPILE_BYTECODE := 1
export DO_NOT_TRACK := 1

.PHONY: help setup run test lint format bench ui campaign clean requirements python

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

python:
	@"$(PYTHON)" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	  echo "Waymark needs Python 3.11 with venv. On Debian 12:"; \
	  echo "    apt-get install -y make python3.11 python3.11-venv"; \
	  echo "or name one yourself: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }

$(BIN)/uv: requirements-bootstrap.txt | python
	@echo "· a fresh environment in $(VENV)"
	@"$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.txt
	@touch $@

# the tests' environment holds all that a run needs, so a second install is not made after it
$(VENV)/.runtime: requirements.txt pyproject.toml $(BIN)/uv
	@test -e $(VENV)/.development || { echo "· installing what a run needs (about 20 s on a warm cache, minutes on a cold one)"; \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.txt; }
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@$(BIN)/python -m orchestration.preparation
	@touch $@

$(VENV)/.development: requirements-dev.txt pyproject.toml $(BIN)/uv
	@echo "· installing what the tests need"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.txt
	@touch $@

setup: $(VENV)/.runtime ## the environment only

run: setup ## set up from nothing, do the main job on the demonstration partners, print where the report is
	@$(BIN)/waymark demo --home $(HOME_DEMONSTRATION)

test: $(VENV)/.development setup ## set up from nothing, run the tests
	@failed=""; for part in $(APART); do \
	  $(BIN)/python $(PYTEST) $$part || failed="$$failed $$part"; done; \
	$(BIN)/python $(PYTEST) tests $(APART:%=--ignore=%) || failed="$$failed tests"; \
	if [ -n "$$failed" ]; then echo "failed:$$failed"; exit 1; fi

lint: $(VENV)/.development setup ## ruff, type checker, SQL formatter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --level error
	$(BIN)/sqlfmt --check --no-progressbar dbt_project/models dbt_project/macros dbt_project/tests

format: $(VENV)/.development ## write the formatters' style
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .
	$(BIN)/sqlfmt --no-progressbar dbt_project/models dbt_project/macros dbt_project/tests

bench: $(VENV)/.development setup ## ratios against the peers, in one run
	@for file in tests/benchmarks/bench_*.py; do PYTHONPATH=tests/support $(BIN)/python $$file || exit 1; done

campaign: $(VENV)/.development setup ## the long campaigns
	@$(BIN)/python -m pytest -q -m campaign tests $(APART:%=--ignore=%)
	@PYTHONPATH=tests/support $(BIN)/python -m tests.campaigns

ui: setup ## Dagster on the demonstration home
	@$(BIN)/waymark ui --home $(HOME_DEMONSTRATION)

requirements: $(BIN)/uv ## compile the requirements again: hashes, no addresses
	@options="--python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet"; \
	$(BIN)/uv pip compile $$options pyproject.toml --group test --group lint -o requirements-dev.txt && \
	$(BIN)/uv pip compile $$options requirements-bootstrap.in -c requirements-dev.txt -o requirements-bootstrap.txt && \
	$(BIN)/uv pip compile $$options pyproject.toml -c requirements-dev.txt -o requirements.txt

clean: ## remove the environment, the demonstration home and caches
	rm -rf $(VENV) $(HOME_DEMONSTRATION) dbt_project/target dbt_project/logs .pytest_cache .hypothesis .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

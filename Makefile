# Everything a developer runs. `make demo` and `make test` need Python >= 3.11 and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types architecture schemas dashboards proof lock kafka-start kafka-stop bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: $(STAMP) ## the virtual environment with locked, hashed dependencies

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, found: $$($(PYTHON) --version 2>&1). Name another with PYTHON=..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
	  echo "Python's venv module is needed (on Debian and Ubuntu: the package python3-venv)."; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: setup ## the main job on an embedded broker and cache: real items in, tagged events out
	@$(BIN)/shirase demo

test: setup ## the whole test suite; real Apache Kafka and redis-server where they can be had
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: lint types architecture ## what must hold before a commit, quickly
	$(BIN)/python -m pytest -q tests/unit

lint: setup ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## mypy --strict
	$(BIN)/mypy

architecture: setup ## import rule, sizes, no clients at import
	$(BIN)/python -m pytest -q tests/architecture

schemas: setup ## write config/schema from the types
	$(BIN)/python -m workers.formats.schemas config/schema

dashboards: setup ## write the dashboards, and the chart's copies of rules and dashboards
	$(BIN)/python -m deploy.grafana.build
	$(BIN)/python -m deploy.chart_files

proof: setup ## every query of every panel and every rule, on a real Prometheus over a running stream (package prometheus)
	$(BIN)/python -m deploy.proof $(ARGS)

lock: ## new locked requirements from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header -q -o requirements/run.txt
	uv pip compile pyproject.toml --group test --group lint --group build --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header -q -o requirements/dev.txt
	uv pip compile --group bench --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header -q -o requirements/bench.txt

kafka-start: setup ## Apache Kafka on this machine (Java and Maven needed), address printed
	$(BIN)/python -m tests.support.kafka_server start

kafka-stop: setup ## stop it
	$(BIN)/python -m tests.support.kafka_server stop

bench: setup .venv-bench/.installed ## the benchmark's tables (Java and Maven needed); ITEMS=file of raw items
	$(BIN)/python -m benchmarks $(if $(ITEMS),--items $(ITEMS)) $(ARGS)

.venv-bench/.installed: requirements/bench.txt
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/bench.txt
	@touch $@

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .venv-bench .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Every target makes the virtual environment it needs; nothing but Python 3.11, venv and make must be there before.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
SEED ?= 1
PART ?=

.DEFAULT_GOAL := help
.PHONY: help demo test lint interop prove conformance bench lock

help: ## say what each target does
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | sort | awk -F'\t' '{printf "make %-12s %s\n", $$1, $$2}'

$(VENV)/.made:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	@touch $@

# Lock files name everything, so nothing is looked for beside them.
$(VENV)/.runtime: $(VENV)/.made requirements.lock pyproject.toml
	$(PIP) install --require-hashes --no-deps -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	$(PIP) install --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.runtime ## bring the whole family up in ./demo-data, run the tour, and stop
	$(BIN)/gsanode demo --dir demo-data --tour --exit

test: $(VENV)/.dev ## run the tests that need nothing but Python (under 10 minutes on two cores)
	$(BIN)/pytest -n 2 --dist loadscope -m "not interop and not browser and not prove"

lint: $(VENV)/.dev ## ruff, mypy strict, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

interop: $(VENV)/.dev ## real clients, servers and a browser; installs Debian and npm programs where it may
	sh tests/interop/install.sh
	$(BIN)/pytest -m "interop or browser"

prove: $(VENV)/.dev ## every acceptance criterion at full count (PART=name for one, SEED=n)
	GSANODE_SEED=$(SEED) $(BIN)/pytest -m prove --timeout 3600 $(if $(PART),-k $(PART))

conformance: $(VENV)/.dev ## requirement id -> tests -> result, written to docs/conformance.md
	$(BIN)/python -m tests.conformance

bench: $(VENV)/.dev ## every benchmark beside its peer, quick form
	$(BIN)/python -m bench --all --quick

lock: ## renew both lock files from pyproject.toml (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml --group build -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock

# Two commands: `make demo` and `make test`. Each sets up what it needs, in .venv alone.

PYTHON ?= python3
VENV := .venv
# The bootstrap environment holds uv and nothing else; uv owns .venv.
BOOTSTRAP := .venv/bootstrap
UV := $(BOOTSTRAP)/bin/uv
RUN := $(VENV)/bin

.PHONY: help demo test lint types format clean

help:
	@echo "make demo   set up and answer nine questions with the embedded model"
	@echo "make test   set up and run every check and test"
	@echo "make format lay out the code as the checks want it"

$(VENV)/.ready: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Squill needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || { $(PYTHON) -m venv $(BOOTSTRAP) && $(BOOTSTRAP)/bin/pip install --quiet --disable-pip-version-check uv; }
	@UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --locked --quiet
	@touch $@

demo: $(VENV)/.ready
	@$(RUN)/python examples/demo.py

test: $(VENV)/.ready lint types
	@$(RUN)/pytest

lint: $(VENV)/.ready
	@$(RUN)/ruff check --quiet
	@$(RUN)/ruff format --check --quiet
	@$(RUN)/lint-imports --no-cache

types: $(VENV)/.ready
	@$(RUN)/mypy

format: $(VENV)/.ready
	@$(RUN)/ruff check --fix --quiet
	@$(RUN)/ruff format --quiet

clean:
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache

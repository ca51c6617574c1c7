# Two commands: `make demo` and `make test`. Each does all the set-up that it needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --progress-bar on
# Options of the demo, as in: make demo ARGS=--no-serve
ARGS ?=
export PIP_CONSTRAINT := $(CURDIR)/requirements.lock $(CURDIR)/requirements-docs.lock
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test docs test-cloud lint unit test-docker test-kubeflow clean help

help:
	@echo "make demo   a made-up marketplace, cleaned, indexed and served on http://127.0.0.1:8080"
	@echo "            (make demo ARGS=--no-serve ends after a printed search)"
	@echo "make test   style, types and all tests"
	@echo "make docs   the documentation as a site, in build/site"
	@echo "make unit   the tests without I/O"
	@echo "make test-cloud    make and destroy the Terraform plans at a stand-in of AWS (minutes)"
	@echo "make test-kubeflow run the retraining with kfp.local, in an environment of its own (minutes)"
	@echo "make test-docker   build the images, run compose.yaml and search through it (docs/deploy.md)"

demo: $(VENV)/.demo
	$(BIN)/marketrank demo $(ARGS)

# Two processes on two cores: threads of theirs would wait for each other, spinning (docs/adr/0236).
test: export OMP_NUM_THREADS := 1
test: $(VENV)/.test lint
	sh tests/in-memory.sh $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-cloud: $(VENV)/.test
	TEST_CLOUD=1 $(BIN)/python -m pytest tests/integration/test_terraform.py

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open build/site/index.html"

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(VENV)/.test
	$(BIN)/python -m pytest tests/unit

# kfp wants an older protobuf than the training has: docs/adr/0202.
test-kubeflow: $(VENV)/.test $(VENV)-kubeflow/.ready
	TEST_KUBEFLOW=$(CURDIR)/$(VENV)-kubeflow/bin/python $(BIN)/python -m pytest -s tests/integration/test_kubeflow.py

$(VENV)-kubeflow/.ready: pyproject.toml requirements.lock
	@$(PYTHON) -m venv $(VENV)-kubeflow
	grep -vE '^(protobuf|requests|urllib3)==' requirements.lock > $(VENV)-kubeflow/constraints.txt
	PIP_CONSTRAINT=$(CURDIR)/$(VENV)-kubeflow/constraints.txt \
	  $(VENV)-kubeflow/bin/pip install --quiet --progress-bar on --editable '.[kubeflow]'
	@touch $@

# Needs a Docker engine and docker-compose; ends with a reason where there is none.
test-docker: $(VENV)/.test
	@if $${DOCKER:-docker} info >/dev/null 2>&1; then \
	  sh deploy/docker/build.sh serve $${SERVE_IMAGE:-marketrank-serve:dev} && \
	  sh deploy/docker/build.sh train $${TRAIN_IMAGE:-marketrank-train:dev}; \
	else echo "no Docker engine answers: the images are not built"; fi
	TEST_DOCKER=1 $(BIN)/python -m pytest -rs -s tests/docker

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "marketrank needs Python 3.11 or newer: install it, or make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "cannot make a virtual environment: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }

# torch first: what is installed already is not replaced by another build.
$(VENV)/.demo: $(VENV)/bin/python pyproject.toml requirements.lock
	$(INSTALL) torch
	$(INSTALL) --editable '.[train]'
	@touch $@

# All that the demo needs, and more.
$(VENV)/.test: $(VENV)/bin/python pyproject.toml requirements.lock requirements-docs.lock \
  tests/install-browser.sh
	$(INSTALL) torch
	$(INSTALL) --editable '.[train,s3,test,docs]'
	sh tests/install-browser.sh
	@touch $(VENV)/.demo $@

# Without torch: the pages are made from the commands, settings and routes, which need none.
$(VENV)/.docs: $(VENV)/bin/python pyproject.toml requirements.lock requirements-docs.lock
	$(INSTALL) --editable '.[docs]'
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-kubeflow build dist src/*.egg-info

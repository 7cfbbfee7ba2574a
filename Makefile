# Everything a developer does, each with one word; `make help` lists them. Nothing outside .venv is touched.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for one in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	command -v $$one >/dev/null 2>&1 && $$one -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$one; exit; }; done)
EXTRAS ?=
comma := ,
STAMP := $(VENV)/.$(if $(EXTRAS),extras-$(subst $(comma),-,$(EXTRAS)),serve)
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-input --progress-bar off -c constraints.txt
SAY := awk '/^(Collecting|Downloading|Installing)/ { print "  " substr($$0, 1, 100); fflush() }'

.PHONY: help setup demo test check bench bench-training docs reference default-model samples lock clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## prepare .venv for serving; EXTRAS=train adds training
	@echo "ready: $(BIN)/lingula --help"

demo: $(VENV)/.serve ## start everything with samples arriving; Ctrl-C leaves nothing behind
	@exec $(BIN)/lingula serve --demo

test: $(VENV)/.extras-train-scale-dev ## set up and run all tests, as many side by side as there are cores (four at most)
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check: $(VENV)/.extras-train-scale-dev ## what CI runs beside the tests: format, lint, types, imports, docs
	@echo "format"  && $(BIN)/ruff format --check .
	@echo "lint"    && $(BIN)/ruff check .
	@echo "types"   && $(BIN)/mypy --no-error-summary src tests benchmarks tools
	@echo "imports" && $(BIN)/lint-imports --no-logo
	@echo "docs"    && NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir build/site

bench: $(VENV)/.extras-train-scale-dev ## speed of the whole server beside the limits of this machine; ONLY=peers beside others
	@$(BIN)/python -m benchmarks.bench $(if $(ONLY),--only $(ONLY))

bench-training: $(VENV)/.extras-train-scale-dev ## speed of training beside Keras/TensorFlow, which it installs under build/
	@$(BIN)/python -m benchmarks.training_speed

docs: $(VENV)/.extras-train-scale-dev ## build the documentation into build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir build/site
	@echo "open build/site/index.html"

reference: $(VENV)/.extras-train-scale-dev ## write the generated pages of docs/reference again
	@$(BIN)/python -m tools.reference

default-model: $(VENV)/.extras-train ## train the shipped package again from LINGULA_DATA
	@$(BIN)/lingula train recipes/default.toml --out runs/default
	@$(BIN)/lingula export runs/default --out src/lingula/shipped

samples: $(VENV)/.extras-train ## make the shipped synthetic samples again from LINGULA_DATA
	@$(BIN)/python -m lingula.training.synthesis

lock: $(BIN)/python ## resolve all dependencies again and write constraints.txt
	@$(BIN)/python -m tools.lock

clean: ## remove everything that was made here
	rm -rf $(VENV) build dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis src/*.egg-info

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Lingula needs Python 3.11 or newer with venv (on Debian: apt install python3 python3-venv)"; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing what serving needs (about 300 MB, a minute or two the first time)"
	@$(PIP) -e . | $(SAY)
	@touch $@

$(VENV)/.extras-%: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing what '$(subst -,$(comma),$*)' needs as well (PyTorch is large; a few minutes the first time)"
	@$(PIP) -e '.[$(subst -,$(comma),$*)]' | $(SAY)
	@touch $(VENV)/.serve $@

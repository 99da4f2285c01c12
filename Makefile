# Tunewright's verbs for a clone. `make` alone lists them. Portable GNU make; nothing here knows the machine.
#
#   PYTHON=python3.12        the interpreter that creates .venv (3.11 or newer)
#   TORCH_INDEX=URL          one more package index, for a particular build of torch, e.g.
#                            https://download.pytorch.org/whl/cpu (small, no CUDA) or .../whl/cu130

PYTHON ?= python3
TORCH_INDEX ?=

VENV := .venv
BIN := $(VENV)/bin
TRAIN_STAMP := $(VENV)/.installed-train
DEV_STAMP := $(VENV)/.installed-dev

PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.DEFAULT_GOAL := help
.PHONY: help quickstart test lint format wheel slow starter clean
.DELETE_ON_ERROR:

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo "  PYTHON=python3.12 picks the interpreter; TORCH_INDEX=URL adds an index with another build of torch"

quickstart: $(TRAIN_STAMP) ## install what training needs, fine-tune a small model and show what it learned
	@$(BIN)/tunewright quickstart

test: lint ## every gate that CI runs: ruff, format, types, tests
	@echo "gate: pytest"
	@$(BIN)/python -m pytest -q

lint: $(DEV_STAMP) ## the gates that run no code: ruff, format, types
	@echo "gate: ruff check"
	@$(BIN)/python -m ruff check --quiet .
	@echo "gate: ruff format"
	@$(BIN)/python -m ruff format --quiet --check . || \
		{ echo "These files are not formatted: run 'make format'." >&2; $(BIN)/python -m ruff format --check . >&2; exit 1; }
	@echo "gate: basedpyright"
	@$(BIN)/basedpyright --pythonpath $(BIN)/python

format: $(DEV_STAMP) ## rewrite the files as the format gate wants them
	@$(BIN)/python -m ruff check --fix-only --quiet .
	@$(BIN)/python -m ruff format .

slow: $(DEV_STAMP) ## the tests that take longer than a few seconds
	@$(BIN)/python -m pytest -q -m "slow and not gpu and not network"

starter: $(TRAIN_STAMP) ## pretrain the built-in starter model from its corpus
	@$(BIN)/python -m starter.pretrain

wheel: $(DEV_STAMP) ## build dist/tunewright-*.whl
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist

clean: ## remove .venv, builds and caches; run folders stay
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
	find . -type d -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

# ── the virtual environment ──────────────────────────────────────────────────────────────────────────────────────────
# One stamp per set of packages, so that quickstart stays light and a second call of any verb installs nothing.

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "No '$(PYTHON)' on PATH. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Tunewright needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) -V 2>&1) ..."
	@$(PYTHON) -m venv --clear $(VENV)

$(TRAIN_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing tunewright[train,evaluate] into $(VENV) (torch, transformers, peft: a few minutes the first time) ..."
	@$(PIP_INSTALL) --editable '.[train,evaluate]'
	@touch $@

# The dev set contains the train set, so it renews that stamp too.
$(DEV_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing tunewright[train,data,evaluate,qlora,track,dev] into $(VENV) (training and data packages, and the gates' tools) ..."
	@$(PIP_INSTALL) --editable '.[train,data,evaluate,qlora,track,dev]'
	@touch $(TRAIN_STAMP) $@

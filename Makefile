# A fresh machine needs Python 3.11 or newer and make; everything else lands in .venv.
.DEFAULT_GOAL := help
.PHONY: help demo check format-check lint types test test-slow torture bench docs format

PYTHON ?= python3
BIN := .venv/bin
# Also the build's own packages are pinned, which `pip install -c` would not reach.
INSTALL := PIP_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install
ROW = {printf "%-12s %s\n", $$1, $$2}

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | awk -F'\t' '$(ROW)'

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is not Python 3.11 or newer" >&2; \
	    echo "hint: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv

# Stamps: what is installed is newer than what asks for it.
.venv/.runtime: constraints.txt pyproject.toml | .venv/bin/python
	$(INSTALL) --editable .
	@touch $@

.venv/.dev: constraints.txt pyproject.toml | .venv/bin/python
	$(INSTALL) --editable ".[dev]"
	@touch .venv/.runtime $@

demo: .venv/.runtime ## train on the bundled sample, score the model, classify two messages
	@mkdir -p demo
	$(BIN)/seqcli train --task spam --out demo/spam.pt --force
	$(BIN)/seqcli eval --model demo/spam.pt
	$(BIN)/seqcli classify --model demo/spam.pt \
	  "WINNER! Text CLAIM to 80085 for your free prize" "Running late, see you at 6"

check: format-check lint types test ## what must pass before a change is done

format-check: .venv/.dev
	$(BIN)/ruff format --check .

lint: .venv/.dev
	$(BIN)/ruff check .

types: .venv/.dev
	$(BIN)/mypy

test: .venv/.dev ## the tests, minutes on two cores
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

test-slow: .venv/.dev ## the tests marked slow
	$(BIN)/python -m pytest -q -m slow

torture: .venv/.dev ## faults injected by the hundred: under an hour on two cores
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "torture or not torture" tests/torture

bench: .venv/.dev ## seqcli beside its peers, an hour and a quarter; ROWS=ptb,startup for some of it
	$(BIN)/python benchmarks/bench.py $(ROWS)

docs: .venv/.dev ## write the generated pages of docs/ anew
	$(BIN)/python docs/generate_house.py
	$(BIN)/python docs/generate_cli.py
	$(BIN)/python docs/generate_settings.py
	$(BIN)/python benchmarks/report.py

format: .venv/.dev ## put the code into its format
	$(BIN)/ruff check --fix --select I .
	$(BIN)/ruff format .

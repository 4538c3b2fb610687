# `make demo` and `make test` set up what they need in .venv first; `make faults` takes half an hour.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test faults lint format clean

demo: $(VENV)/.ready
	$(BIN)/saccade demo runs/demo

test: $(VENV)/.ready
	$(BIN)/python -m pytest -n 2 --dist worksteal

faults: $(VENV)/.ready
	SACCADE_FAULTS=long $(BIN)/python -m pytest -n 2 --dist worksteal tests/faults

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Saccade needs Python 3.11 or newer: make PYTHON=python3.11 ...')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV)

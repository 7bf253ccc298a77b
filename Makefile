# Descry. `make demo` and `make test` need Python 3.11 to 3.13 with venv, and nothing else.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
FAISS  ?= cpu
HOST   ?= 127.0.0.1
PORT   ?= 8000

# Who names another host wants others to see the demo, which shows nobody real.
OPEN := $(if $(filter 127.% localhost,$(HOST)),,--allow-open)

VENV := .venv
BIN  := $(VENV)/bin
READY := $(VENV)/ready-$(FAISS)
READY_DEV := $(VENV)/ready-$(FAISS)-dev
GALLERY := demo/gallery
INDEX := demo/index

.PHONY: help setup demo test lint bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    set up, render a demo gallery, index it, serve it at http://$(HOST):$(PORT)"
	@echo "make test    set up and run the tests"
	@echo "make lint    set up and run the static checks"
	@echo "make bench   set up and measure speed against a plain loop"
	@echo "make clean   remove the virtual environment and the demo"
	@echo "settings:    PORT=$(PORT) HOST=$(HOST) FAISS=cpu|gpu PYTHON=$(PYTHON)"

$(VENV)/created:
	@test -n "$(PYTHON)" || { echo "No python3 found: install Python 3.11, or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { echo "$(PYTHON) is not Python 3.11 to 3.13: name one that is, as in make PYTHON=/path/to/python3.11"; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	@touch $@

$(READY): $(VENV)/created pyproject.toml constraints.txt
	@echo "Installing Descry and what it needs (1.3 GB or more; a minute or two on a good connection) ..."
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(FAISS),training]'
	@touch $@

$(READY_DEV): $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(FAISS),training,dev]'
	@touch $@

setup: $(READY)

# The people of the demo come from a seed and a setting that no training run uses.
$(GALLERY)/export.json: | $(READY)
	$(BIN)/python -m training render --people 600 --sightings 4 --seed 20260 --setting held_out --out $(GALLERY)

# Made anew when the model changes: vectors of two models cannot be compared.
$(INDEX)/CURRENT: $(GALLERY)/export.json models/default/card.json | $(READY)
	@rm -rf $(INDEX)
	$(BIN)/python -m indexer build --crops $(GALLERY)/crops --metadata $(GALLERY)/metadata.csv --index $(INDEX) --name demo

demo: $(READY) $(INDEX)/CURRENT
	$(BIN)/python -m service --index $(INDEX) --host $(HOST) --port $(PORT) $(OPEN)

# Two processes of one thread each take half the time of one process of two threads.
test: $(READY_DEV)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(READY_DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

bench: $(READY_DEV)
	$(BIN)/python -m tests.performance
	$(BIN)/python -m tests.performance.nearest_rows
	$(BIN)/python -m tests.performance.growth
	$(BIN)/python -m tests.performance.load

clean:
	rm -rf $(VENV) demo

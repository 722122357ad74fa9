# Everything here sets itself up: it needs Python 3.11 or newer, and the network once.
#
#   make demo     run cachedb on a sample that the demo makes
#   make test     run the tests
#   make check    what has to pass before a commit: format, lint, types, layers, tests
#   make golden   rewrite the golden files that tests compare output with
#   make bench    measure
#   make crash    kill cachedb at every step of its work, and see what is left
#   make soak     let many processes loose on one cache, and kill some
#   make nightly  run every slow campaign
#   make clean    remove what the targets above have made

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
TEST := $(BIN)/python -m pytest
# A worker a core; a file stays with one worker, since its tests share what is slow to start.
ON_ALL_CORES := --numprocesses auto --dist loadfile

# With PYTHON=… that one is taken, or none.
PYTHONS := $(or $(PYTHON),python3.13 python3.12 python3.11 python3)
SUITS := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))

.PHONY: help demo test check bench golden crash soak nightly clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#   make/make/p' Makefile

demo: $(VENV)/.installed
	@$(BIN)/python -m scripts.demo

test: $(VENV)/.with-tests
	@$(TEST) $(ON_ALL_CORES)

check: $(VENV)/.with-tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(TEST) $(ON_ALL_CORES)

bench: $(VENV)/.with-tests
	@$(BIN)/python -m benchmarks

golden: $(VENV)/.with-tests
	@GOLDEN=rewrite $(TEST) -q -k golden

crash: $(VENV)/.with-tests
	$(TEST) -m campaign tests/crash

soak: $(VENV)/.with-tests
	$(TEST) -m campaign tests/soak

nightly: $(VENV)/.with-tests
	$(TEST) -m campaign

clean:
	rm -rf $(VENV) dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache

# A stamp for each amount of tools, so that each is installed once, and no more than is needed.
$(VENV)/.installed: pyproject.toml
	@for python in $(PYTHONS); do \
	    if "$$python" -c '$(SUITS)' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo 'none of these is a Python 3.11 or newer with its venv module: $(PYTHONS)' >&2; \
	    echo 'hint: apt-get install python3-venv, or make PYTHON=/where/it/is' >&2; \
	    exit 1; \
	fi; \
	echo "setting up $(VENV) with $$found" && "$$found" -m venv $(VENV)
	@$(PIP) install --upgrade 'pip>=25.1'
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.with-tests: $(VENV)/.installed
	@$(PIP) install --group test
	@touch $@

$(VENV)/.with-tools: $(VENV)/.with-tests
	@$(PIP) install --group dev
	@touch $@

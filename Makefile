# Everything starts here: `make demo`, `make test`. Needs Python 3.11+ and the package registries, nothing else.
# Paths stay relative so that a checkout in a folder with spaces works.

SHELL := /bin/sh
# The first Python that is new enough; override with `make PYTHON=/path/to/python3`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
PIP := .venv/bin/python -m pip --disable-pip-version-check --quiet
BIN := .venv/bin

# Python keeps what it has compiled: the tests start hundreds of processes, and each would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo install compiled interpreted dev clients test lint explore fuzz fuzz-decoding contract volume bench lock docs clean

demo: install
	$(BIN)/annuaire demo

install: .venv/.runtime

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "annuaire needs Python 3.11 or newer; set PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv .venv

# --no-deps: the lock is complete; every file is checked against its hash. The editable mode that puts the folder on the
# path: what `make compiled` makes shares a module beside the packages.
.venv/.runtime: requirements.lock pyproject.toml | .venv/bin/python
	@echo "Installing the pinned dependencies …"
	$(PIP) install --no-compile --require-hashes --no-deps -r requirements.lock
	$(PIP) install --no-build-isolation --no-deps --config-settings editable_mode=compat --editable .
	@touch $@

# What a lookup over LDAP runs through, and a record on its way to an index, as extension modules beside their sources
# (setup.py): needs a C compiler. They are what runs until `make interpreted` removes them; whoever changes a source makes
# them again.
compiled: dev
	COMPILED=1 $(BIN)/python setup.py --quiet build_ext --inplace
	find directory ldap_server -name '*.so' -exec touch {} +  # those that came out the same are of today as well

interpreted:
	find directory ldap_server -name '*.so' -delete
	rm -f annuaire__mypyc.*.so

dev: .venv/.dev

.venv/.dev: requirements-dev.lock .venv/.runtime
	@echo "Installing the pinned test tools …"
	$(PIP) install --no-compile --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

# Real LDAP clients for the tests; where they cannot be installed their tests are skipped, visibly.
clients: dev
	@sh tests/install_clients.sh

# Two tests at a time, then those that keep a promise in seconds, with nothing beside them; an odd one is soon found
# alone: `.venv/bin/python -m pytest tests/index -x`.
test: clients lint
	$(BIN)/python -m pytest --numprocesses=2 --dist=worksteal -m 'not volume and not bench and not promise'
	$(BIN)/python -m pytest -m promise

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# Properties, with other examples than those of `make test`: by hand, for as long as one likes.
explore: dev
	$(BIN)/python -m pytest --hypothesis-profile=explore tests/directory tests/index tests/ldap_server

# A live server under attack by mutations of the kept corpus (tests/fuzz): no error in its log, no silence, no reply that
# does not decode, memory flat. A SEED that found something finds it again: `make fuzz SECONDS=60 FUZZ_SEED=1`.
SECONDS ?= 600
fuzz: dev
	$(BIN)/python -m tests.fuzz.live --seconds $(SECONDS) $(if $(FUZZ_SEED),--seed $(FUZZ_SEED))

# Decoding alone, by a fuzzer that is led by what the bytes reach.
fuzz-decoding: dev
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(PIP) install --require-hashes --no-deps -r tests/requirements-fuzz.lock
	$(BIN)/python -m tests.fuzz.guided --seconds $(SECONDS)

# Schemathesis over the whole OpenAPI of a served demonstration; `make test` has a short run of it.
contract: dev
	$(BIN)/python -m tests.contract.openapi --seconds $(SECONDS) $(if $(CONTRACT_SEED),--seed $(CONTRACT_SEED))

# Long tests, large data and speed: by hand; figures go to docs/benchmarks.md.
volume: dev
	$(BIN)/python -m pytest -m volume

# The published benchmark at national scale; another SEED asks other questions.
SEED ?= 101
bench: clients compiled
	@sh bench/install_peers.sh
	$(BIN)/python -m bench --seed $(SEED)

# Regenerate the pins after a change of dependencies in pyproject.toml.
LOCK := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --build-deps-for editable
lock: dev
	$(PIP) install pip-tools
	$(LOCK) --output-file requirements.lock pyproject.toml
	$(LOCK) --extra dev --output-file requirements-dev.lock pyproject.toml
	echo mypy | $(filter-out --build-deps-for editable,$(LOCK)) --constraint requirements-dev.lock --output-file requirements-compile.lock -

# Documents made from the code; a test checks that they are current.
docs: dev
	$(BIN)/python -m cli.docs docs/settings.md

clean: interpreted
	rm -rf .venv build *.egg-info

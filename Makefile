# Despoolr. `make demo` and `make test` work from a fresh clone: they make .venv themselves.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CORES  := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
# Workers of a test run: one more than there are cores, for many tests wait for another process.
JOBS   ?= $(shell expr $(CORES) + 1)
PIN    := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --no-emit-index-url \
          --no-emit-find-links --no-emit-trusted-host

# A test starts hundreds of processes: without compiled files each would take twice as long to start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-long fast nightly coverage mutants test-dav test-ordinary test-import-live test-docker test-api check lint types layers format scenarios golden bench semantics recordings security oracle examples release lock clean

help:            ## Show this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/run.stamp: requirements/run.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Despoolr needs Python 3.11 to 3.13; say: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@echo "installing into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@echo "installing what the tests need ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

demo: $(VENV)/run.stamp ## The blocked update, live, in seconds
	@$(BIN)/despoolr demo

test: $(VENV)/dev.stamp ## Every behaviour, without containers and without what test-long takes
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -q -m "not long" --ignore=tests/containers

test-long: $(VENV)/dev.stamp ## Fleets, loads, soaks, kills and pages: real processes, for minutes
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -q -m long tests/process

fast: $(VENV)/dev.stamp ## What can be asked within a minute, for the loop of an edit
	@$(BIN)/python -m pytest -n $(CORES) --dist worksteal -q -m "not slow" tests/unit tests/matrix tests/house

mutants: $(VENV)/dev.stamp ## Tell small lies about the product; a test must notice each
	@$(BIN)/python tests/mutants/run.py

coverage: $(VENV)/dev.stamp ## Every module must be seen by some test: 85 % of its lines
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m coverage run -m pytest -n $(JOBS) --dist worksteal -q --timeout=1800
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python tests/seen/check.py

nightly: mutants ## What takes longer than .ci/run has
	@DESPOOLR_NIGHTLY=1 $(BIN)/python -m pytest -q --durations=10 --timeout=7200 tests/nightly
	@$(MAKE) --no-print-directory coverage

test-ordinary: $(VENV)/dev.stamp ## HTTP, contracts and WebDAV again, without the fast lane
	@DESPOOLR_FAST_LANE=0 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal -q tests/unit/server/http \
	  tests/contract/test_share_http.py tests/dav

test-docker: $(VENV)/dev.stamp ## The stack in containers (starts a Docker engine where none runs)
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -q --durations=5 --timeout=3600 tests/containers

test-dav: $(VENV)/dev.stamp ## WebDAV: litmus and real clients (Debian: litmus cadaver rclone davfs2 curl)
	@$(BIN)/python -m pytest -q tests/dav

$(VENV)/smb.stamp: requirements/smb.txt $(VENV)/dev.stamp
	@echo "installing an SMB client ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/smb.txt
	@touch $@

test-import-live: $(VENV)/smb.stamp ## Import what a Samba of its own saw (Debian: samba samba-vfs-modules libnss-wrapper tshark)
	@$(BIN)/python -m pytest -q -s tests/samba

$(VENV)/api.stamp: requirements/api.txt $(VENV)/run.stamp
	@test -x $(VENV)/api/bin/python || $(PYTHON) -m venv $(VENV)/api
	@echo "installing what asks the API ..."
	@$(VENV)/api/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/api.txt
	@touch $@

test-api: $(VENV)/api.stamp ## Ask running servers all that their OpenAPI description says, and more
	@$(BIN)/python tests/api/run.py $(VENV)/api/bin/schemathesis

check: lint types layers ## Lint, dead code, types, layers

lint: $(VENV)/dev.stamp
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/vulture

types: $(VENV)/dev.stamp
	@$(BIN)/mypy

layers: $(VENV)/dev.stamp
	@$(BIN)/lint-imports

format: $(VENV)/dev.stamp ## Format the code
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

scenarios: $(VENV)/run.stamp ## Every article on every version it speaks of
	@$(BIN)/despoolr kb run --all

golden: $(VENV)/run.stamp ## Write tests/golden/digests.json anew (CHECK=1: only compare)
	@$(BIN)/python tests/golden/write.py $(if $(CHECK),--check)

$(VENV)/bench.stamp: requirements/bench.txt $(VENV)/dev.stamp
	@echo "installing the peers that the benches measure ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

bench: $(VENV)/bench.stamp ## Ratios (peers, from Debian: apache2 samba samba-testsuite); ROWS="put get" BASE=main ROUNDS=5
	@$(BIN)/python -m despoolr_lab.bench $(if $(ROWS),--rows $(ROWS)) $(if $(BASE),--base $(BASE)) \
	  $(if $(ROUNDS),--rounds $(ROUNDS))

semantics: $(VENV)/run.stamp ## Write docs/share-semantics.md anew from the engine's tables
	@$(BIN)/python -m despoolr_lab.docs.semantics > docs/share-semantics.md

recordings: $(VENV)/run.stamp ## Write docs/recordings.md anew: what imports find in tests/data/traces
	@$(BIN)/python -m despoolr_lab.docs.recordings tests/data/traces > docs/recordings.md

security: $(VENV)/run.stamp ## Write docs/security.md anew from the rights tables and the rows of calls
	@$(BIN)/python -m despoolr_lab.docs.security > docs/security.md

oracle: $(VENV)/run.stamp ## Ask what a real SMB server was asked, over HTTP (FILES="a.json b.json")
	@$(BIN)/python -m despoolr_lab.oracle $(or $(FILES),$(wildcard tests/data/oracle/*.json))

examples: $(VENV)/run.stamp ## Ask the examples of the OpenAPI description anew
	@$(BIN)/python -m despoolr_lab.docs.examples > $(VENV)/examples.json
	@mv $(VENV)/examples.json server/despoolr_server/http/openapi/examples.json

$(VENV)/release.stamp: requirements/build.txt $(VENV)/run.stamp
	@echo "installing what builds the wheel ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	@touch $@

release: $(VENV)/release.stamp ## Make the files of a release in dist/; publish nothing (TAG=v0.1.0, ARGS=--no-images)
	@$(BIN)/python .ci/release.py $(if $(TAG),--tag $(TAG)) $(ARGS)

lock: $(VENV)/dev.stamp ## Pin the dependencies anew (needs pip-tools)
	@$(BIN)/python -m pip install --quiet pip-tools
	@for set in run server dev bench smb; do \
	  extras="--extra speed"; \
	  case $$set in server) extras="$$extras --extra postgres";; dev) extras="$$extras --extra postgres --extra dev";; \
	    bench) extras="$$extras --extra dev --extra bench";; \
	    smb) extras="$$extras --extra postgres --extra dev --extra smb";; esac; \
	  $(PIN) $$extras --output-file requirements/$$set.txt pyproject.toml; done
	@$(PIN) --output-file requirements/api.txt requirements/api.in
	@$(PIN) --only-build-deps --build-deps-for wheel --output-file requirements/build.txt pyproject.toml

clean:           ## Remove what was made here
	rm -rf $(VENV) dist runs despoolr-data .despoolr .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# One target for each thing a person does here. `make up` and `make test` install what they need first.
PYTHON ?= python3
SEED ?= 1
VENV := .venv
BIN := $(VENV)/bin
LOCK := .ci/requirements.lock
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps
QUICK := tests/structure tests/checks/test_annual.py tests/checks/test_names.py tests/imports tests/web/test_invitations.py \
  tests/web/test_batch.py tests/web/test_team.py tests/web/test_links.py tests/web/test_signups.py tests/web/test_openapi.py \
  tests/worker/test_mail_message.py tests/worker/test_mail_outcome.py tests/worker/test_tasks.py
PRODUCTION_LOCK := .ci/requirements.production.lock
COMPILE := uv pip compile pyproject.toml --universal --generate-hashes --no-header --no-annotate -q $(LOCKING)

# Where this is set, every start would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: up install test quick coverage trials check bench faults pictures settings catalogues lock help

up: install  ## Start everything on embedded defaults; Ctrl-C stops it.
	@$(BIN)/usher up

test: install  ## The whole test suite, on real PostgreSQL, Valkey and SMTP. One file or test: make test T=tests/web/test_links.py
	$(BIN)/python -m pytest $(if $(T),$(T),-n auto --dist loadscope --no-loadscope-reorder)

quick: install  ## The tests worth running at every save: no processes, no browser.
	$(BIN)/python -m pytest -n auto $(QUICK)

coverage: install  ## The whole suite with the lines that it covers; fails below the floor in pyproject.toml.
	$(BIN)/python -m pytest -n auto --dist loadscope --no-loadscope-reorder --cov --cov-report=term:skip-covered

# pytest answers 5 where there is nothing to try.
trials: install  ## What needs network namespaces or servers of the system, and every call by its document. It tells what it left out.
	$(BIN)/python -m pytest tests/trials || [ $$? = 5 ]

check: install  ## Lint, format, types and import layers.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

faults: install  ## The fault plan in full, with a table of what came of it (about an hour). One: make faults ONLY=chaos
	$(BIN)/python -m tests.faults --seed $(SEED) $(ONLY)
	USHER_TEST_ROUNDS=20 $(BIN)/python -m pytest tests/worker/test_kill_points.py
	USHER_TEST_ROUNDS=500 $(BIN)/python -m pytest tests/web/test_team_races.py tests/web/test_links.py

install: $(VENV)/.installed  ## Everything into .venv, with the versions and hashes of the lock; again only once they change.

# uv installs in a second; without it, or where it can't reach the packages, pip does the same in about fifteen. It takes one
# package after the other, so two of them have half of the lock each.
# Each part is loaded once here and so compiled: it starts in half the time from the first start on.
$(VENV)/.installed: pyproject.toml $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Usher needs Python 3.11 or newer; say which with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); echo "The venv module is missing. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@{ command -v uv >/dev/null && uv pip install -q --python $(BIN)/python --require-hashes -r $(LOCK); } \
	  || { awk '/^[a-zA-Z]/ { half = !half } half { print > "$(VENV)/one.lock"; next } { print > "$(VENV)/other.lock" }' $(LOCK); \
	       $(PIP) --require-hashes -r $(VENV)/one.lock & $(PIP) --require-hashes -r $(VENV)/other.lock && wait $$!; }
	@$(PIP) --no-build-isolation -e .
	@$(BIN)/python -c 'from importlib.metadata import entry_points as e; [p.load() for p in e(group="usher.parts")]; import shared.cli.up'
	@touch $@

bench: install  ## What was promised, measured on real parts; a few minutes.
	$(BIN)/python -m tests.bench

pictures: install  ## The README's pictures of the console, taken anew in a browser.
	$(BIN)/python -m tests.browser.pictures

settings: install  ## Write the settings' help into the operations page.
	$(BIN)/python -m tests.structure.settings_table

catalogues: install  ## Add what pages newly say to the catalogues, to be translated.
	$(BIN)/python -m tests.web.pages.catalogues

# uv writes to the lock that is there, and so changes only what pyproject.toml asks for; LOCKING=--upgrade takes what is new.
lock:  ## Write the locks (needs uv): every version with its hashes, no addresses of any index. Newest: make lock LOCKING=--upgrade
	$(COMPILE) --all-extras -o $(LOCK)
	$(COMPILE) -c $(LOCK) -o $(PRODUCTION_LOCK)

help:  ## This list.
	@awk -F ':.*  ## ' '/^[a-z]+:.*  ## / { printf "%-12s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Two commands are enough: `make demo` and `make test`. The others are their parts.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PIP_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup setup-dev demo test test-all test-slow test-servers test-browser lint types bench clean

setup: $(VENV)/.installed
setup-dev: $(VENV)/.installed-dev

# torch first and pinned: a looser install would bring a newer release with gigabytes of CUDA.
$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))" || { echo "Corrugator needs Python 3.11: set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) torch==2.13.0
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --editable '.[dev]'
	@touch $@

demo: setup
	@exec $(BIN)/python manage.py demo

# On SQLite and the embedded broker, without what takes minutes: eight of them on two cores.
test: setup-dev
	CORRUGATOR_TEST_BACKEND=embedded $(BIN)/python -m pytest --numprocesses 2 --dist loadgroup -m "not slow"

# Everything: also the whole loop, killed workers, the benchmarks on a small scale; then what touches database, broker
# or workers once more, on a real PostgreSQL and a Redis over TCP, which the tests start. Half an hour.
test-all: test test-slow test-servers

test-slow: setup-dev
	CORRUGATOR_TEST_BACKEND=embedded $(BIN)/python -m pytest --numprocesses 2 --dist loadgroup -m slow

test-servers: setup-dev
	CORRUGATOR_TEST_BACKEND=servers $(BIN)/python -m pytest --numprocesses 2 --dist loadgroup -m "not backendless"

test-browser: setup-dev
	$(BIN)/python -m pytest tests/browser

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup-dev
	$(BIN)/mypy

# The measurements of docs/benchmarks.md; those on the ictau pictures need `make bench DATA=/their/folder`. Hours.
bench: setup-dev
	@for script in sampling_speed augmentation_speed wse_speed rank_order_speed web_latency; do \
	  echo "== $$script"; $(BIN)/python benchmarks/$$script.py --json || exit 1; done
	@for script in $(if $(DATA),cleaning_loop wsc_quality detectors); do \
	  echo "== $$script"; $(BIN)/python benchmarks/$$script.py --data "$(DATA)" --json || exit 1; done

clean:
	rm -rf $(VENV) var *.egg-info

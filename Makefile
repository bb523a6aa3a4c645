# Everything that a developer or a newcomer does, each with its own set-up: make demo, make test.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
VENV := .venv
PYTHON := $(VENV)/bin/python
READY := .stamps/ready
LINKS := .links/sitepose/core
PARTS := app core models plugins tracking
# Much of the suite waits for cameras and processes: files of tests run beside each other.
BESIDE := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# Processes that tests start find the bytecode that the first one has written.
unexport PYTHONDONTWRITEBYTECODE

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(READY) ## people, poses and identities out of a real video: out/demo
	@scripts/demo.sh $(PYTHON)

extras: $(READY) ## add PyTorch, GStreamer and Qt, whose tests are skipped otherwise
	@for script in scripts/setup-*.sh; do $$script $(VENV); done

test: $(READY) ## the whole suite, under ten minutes on two cores
	@$(PYTHON) main.py models pull portable movenet-multipose >/dev/null || echo "tests of these networks are skipped"
	@$(PYTHON) -m pytest -m "not soak" $(BESIDE)

soak: $(READY) ## the minutes-long tests
	@$(PYTHON) -m pytest -m soak --timeout 7200

bench: $(READY) ## the figures of benchmarks/README.md
	@$(PYTHON) -m benchmarks

lint: $(READY) $(LINKS) ## format, lint, types and import contracts
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy .links/sitepose
	@$(VENV)/bin/lint-imports

lock: $(READY) ## write requirements/*.lock anew from pyproject.toml
	@scripts/lock.sh $(PYTHON)

bundle: $(READY) ## out/bundle: install without a network or root rights; BUNDLE="--with torch" for more
	@scripts/setup-live.sh $(VENV)
	@scripts/bundle.sh $(BUNDLE) $(PYTHON)

clean: ## remove what make has made
	@rm -rf .links .stamps $(VENV) build *.egg-info

# The environment is made again when a lock file or the build recipe changes, and left alone otherwise.
$(READY): requirements/dev.lock pyproject.toml scripts/setup.sh
	@scripts/setup.sh $(VENV)
	@mkdir -p $(@D) && touch $@

# mypy does not follow an editable install's finder: it reads the packages through links.
$(LINKS):
	@mkdir -p .links/sitepose
	@for part in $(PARTS); do ln -sfn ../../$$part .links/sitepose/$$part; done

.PHONY: help demo extras test soak bench lint lock bundle clean

# Every target sets up what it needs: .venv with the exact versions of requirements.lock.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install demo test contracts monitoring lint lock clean

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "safegrpo needs Python 3.11 or newer")'
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

# The main job: start the service, train the embedded policy against it, show rewards rise.
demo: install
	$(BIN)/safegrpo demo

test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

# Test the alert rules, and every query of dashboard and alerts in a real Prometheus.
monitoring: install
	$(BIN)/python -m deploy.check

# The trainers' own code against a real server, in an environment of their own, so that their pins and
# ours do not fight. EASYR1, SLIME and NEMO_RL are folders with checkouts of what no index has, VLLM
# one with the source of what needs a GPU.
CONTRACTS := .contracts/venv
WITHOUT_DEPENDENCIES := $(CONTRACTS)/bin/python -m pip install --quiet --no-compile --no-deps

contracts: .contracts/installed
	EASYR1='$(EASYR1)' SLIME='$(SLIME)' NEMO_RL='$(NEMO_RL)' VLLM='$(VLLM)' \
		$(CONTRACTS)/bin/python -m pytest -rs --timeout 300 contracts

.contracts/installed: contracts/requirements.txt pyproject.toml Makefile
	$(CONTRACTS)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(CONTRACTS)
	$(CONTRACTS)/bin/python -m pip install --quiet --no-compile --requirement contracts/requirements.txt
	$(WITHOUT_DEPENDENCIES) openrlhf==0.11.2 ms-swift==4.6.0
	$(WITHOUT_DEPENDENCIES) --ignore-requires-python nemo-gym==0.4.0
	$(WITHOUT_DEPENDENCIES) --upgrade --target .contracts/openrlhf-0.9.10 openrlhf==0.9.10
	$(WITHOUT_DEPENDENCIES) --editable .
	@touch $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

# Write requirements.lock anew from pyproject.toml: exact versions, both extras. Wants uv, and a CPU
# build of torch at hand, so that torch itself picks the CUDA packages of the machine it lands on.
lock:
	uv pip compile pyproject.toml --extra train --extra dev --python-version 3.11 \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header | sed 's/+cpu$$//' \
		> requirements.lock

clean:
	rm -rf .venv .contracts build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

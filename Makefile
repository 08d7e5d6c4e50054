# One environment, made once: `make demo` and `make test` work on a fresh clone with nothing but python3 (3.11 or 3.12).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKSPACE ?= asd-workspace
PLUGINS := $(patsubst %/pyproject.toml,-e %,$(wildcard plugins/*/pyproject.toml))
READY := $(VENV)/.ready

.PHONY: demo test lint bench ui clean

demo: $(READY)
	$(BIN)/asd-bench run --system mel-knn,mel-gmm,mel-mahalanobis --dataset synthetic --workspace $(WORKSPACE)
	$(BIN)/asd-bench run --system pae,geco-only,geco --dataset synthetic --profile quick --workspace $(WORKSPACE)
	$(BIN)/asd-bench leaderboard --workspace $(WORKSPACE) --out $(WORKSPACE)/leaderboards

test: $(READY)
	$(BIN)/python -m pytest -n 2

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python tests/benchmarks

ui: $(READY)
	$(BIN)/asd-bench ui --workspace $(WORKSPACE)

$(READY): pyproject.toml requirements.lock $(wildcard plugins/*/pyproject.toml)
	@echo "making the environment $(VENV): a minute or two"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c requirements.lock -e '.[dev]' $(PLUGINS)
	@touch $@

clean:
	rm -rf $(VENV) $(WORKSPACE)

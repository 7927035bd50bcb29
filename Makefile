# make demo | test | bench | promote | fuzz | lint | clean. Everything runs in .venv, made from PYTHON on first use.

PYTHON ?= python3
BIN    := .venv/bin
export OMP_NUM_THREADS ?= 1
JOBS   ?= 2

.PHONY: demo test bench promote fuzz lint clean

.venv/test: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

.venv/bench: .venv/test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	touch $@

demo: .venv/test        ## one model from text to a fit, and its emitted module alone
	PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

test: .venv/test        ## the whole suite; under ten minutes on two cores
	$(BIN)/python -m pytest -n $(JOBS)

bench: .venv/bench      ## ratios to other libraries, side by side; BLAS uses every core
	env -u OMP_NUM_THREADS $(BIN)/python -m benchmarks.run $(ONLY)

promote: .venv/test     ## accept what the compiler writes now as the golden files; review the diff
	$(BIN)/python -m pytest tests/explain tests/golden tests/language tests/model tests/docs --promote

fuzz: .venv/test        ## random models, and many examples of every property
	$(BIN)/python -m pytest -n $(JOBS) -m 'fuzz or hypothesis' --hypothesis-profile=fuzz

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf .venv out .pytest_cache .mypy_cache .ruff_cache .hypothesis dist

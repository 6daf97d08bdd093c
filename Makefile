# make demo: the main job on real data.  make test: the whole test suite.  make lint: ruff and mypy.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# setuptools warns that ./sparseopt may shadow an editable install; the mapping in pyproject.toml takes care of that.
INSTALL := PYTHONWARNINGS=ignore $(BIN)/pip install -q --disable-pip-version-check

.PHONY: demo test lint clean

$(VENV)/demo.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --upgrade "setuptools>=77" wheel
	$(INSTALL) --no-build-isolation -e .
	touch $@

$(VENV)/test.stamp: $(VENV)/demo.stamp
	$(INSTALL) --no-build-isolation -e ".[test,lint]"
	touch $@

demo: $(VENV)/demo.stamp
	@bash docs/demo.sh $(BIN)/sparseopt

test: $(VENV)/test.stamp
	@$(BIN)/python -c 'from sparseopt.solvers.exact.warm_up import warm_up; warm_up()'  # compile once, not in every worker
	$(BIN)/python -m pytest -n 2 $(PYTEST)

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@# mypy looks at an installed copy, where models/ and solvers/ have their names sparseopt.models and sparseopt.solvers
	@rm -rf build/check && $(INSTALL) --no-deps --no-build-isolation --target build/check .
	cd build && MYPYPATH=check ../$(BIN)/mypy --config-file ../pyproject.toml --cache-dir ../.mypy_cache -p sparseopt

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache

# One command each; `make` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo test lint check check-slow check-cuda fuzz mutations format golden docs zoo wheel benchmarks clean

help: ## List the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

install: $(STAMP) ## Create the environment

# The constraints pin what was tested; torch comes as the registry serves it for this pin.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements-dev.txt -e .
	# Where the environment forbids Python to keep bytecode, every start would compile the package anew.
	$(BIN)/python -m compileall -q netdsl
	touch $@

demo: $(STAMP) ## Report AlexNet, train LeNet on real digits, export it, test it in PyTorch and onnxruntime
	$(BIN)/python -m netdsl.cli.demo

test: $(STAMP) ## Run the test suite
	$(BIN)/python -m pytest -m "not slow" -n 2

lint: $(STAMP) ## Formatting, lint and types
	$(BIN)/ruff format --check netdsl tests benchmarks
	$(BIN)/ruff check netdsl tests benchmarks
	$(BIN)/mypy

check: lint test ## Formatting, lint, types, tests and docs: what a change must pass

check-slow: $(STAMP) ## The longer checks
	$(BIN)/python -m pytest -m slow -n 2 --dist loadgroup

fuzz: $(STAMP) ## Judge changed and drawn texts: SEED=0 SECONDS=60, COUNT=1000, DEEP=1
	PYTHONPATH=tests SEED=$(SEED) SECONDS=$(SECONDS) COUNT=$(COUNT) FIRST=$(FIRST) DEEP=$(DEEP) $(BIN)/python -m fuzz

mutations: $(STAMP) ## Change the package in small ways and see whether the tests notice: SEED=0, ROOM=ops, AGAIN=1
	PYTHONPATH=.:tests $(BIN)/python -m mutations

check-cuda: $(STAMP) ## What needs a CUDA device: recorded steps, and the gradients of all operations there
	$(BIN)/python -m pytest tests/runtime/test_cuda.py -n 2
	$(BIN)/python -m pytest --cuda -n 2 tests/passes/test_gradients_*.py tests/passes/test_optimize.py tests/passes/test_step.py

format: $(STAMP) ## Format the Python code and the specs
	$(BIN)/ruff format netdsl tests benchmarks
	$(BIN)/netdsl fmt specs/*.net netdsl/stdlib/*.net

golden: $(STAMP) ## Refresh golden files after looking at the difference
	UPDATE_GOLDEN=1 $(BIN)/python -m pytest -m "not slow"

docs: $(STAMP) ## Regenerate the reference pages from the registry
	$(BIN)/python -m netdsl.reference docs

zoo: $(STAMP) ## Train the nets of specs that learn here and draw what they say: NET=LeNet, AGAIN=1, ENGINE=onnx
	$(BIN)/python -m netdsl.zoo docs $(NET:%=--net %) $(AGAIN:%=--again) $(ENGINE:%=--engine %)
	$(BIN)/python -m netdsl.reference docs

wheel: $(STAMP) ## Build the wheel
	$(BIN)/python -m pip wheel --quiet --no-deps -w dist .

benchmarks: $(STAMP) ## Time reports, long files, emitted PyTorch and ONNX models and training steps against their peers
	$(BIN)/python -m compileall -q netdsl
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/variants.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/pytorch.py
	$(BIN)/python benchmarks/onnx_models.py
	$(BIN)/python benchmarks/train_step.py
	$(BIN)/python benchmarks/opening.py
	$(BIN)/python benchmarks/devices.py --batch 1

clean: ## Remove the environment and what was built
	rm -rf $(VENV) dist build .pytest_cache .ruff_cache .mypy_cache

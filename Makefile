# make demo   sets up the environment, makes a data set of drawn portraits and trains a growing GAN
# make test   sets up the environment and runs the tests, except the slow ones (make test-slow)
# make fuzz   feeds damaged files to every reader of foreign files for MINUTES=10
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
MINUTES ?= 10

export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: demo test test-slow fuzz lint clean

demo: $(VENV)/.installed
	$(BIN)/python -m pgan_tf.demo

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto --maxprocesses 4

test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto --maxprocesses 4 -m slow

fuzz: $(VENV)/.installed-dev
	$(BIN)/python tests/fuzz/run.py --minutes $(MINUTES)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else "Python 3.11, 3.12 or 3.13 is needed, this is %d.%d; try: make PYTHON=python3.12" % v)'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	@echo "Installing TensorFlow and other packages into $(VENV), once: several hundred megabytes"
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements-dev.txt
	touch $(VENV)/.installed $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache build *.egg-info

# demo    set up an environment and tune a model
# test    set up and run the tests that are not slow; ARGS= runs all, ARGS='-m slow' the others
# check   style, types, docs in step with the code
# docs    write what the program itself documents
# lock    renew constraints.txt
# lowest  the tests with the oldest versions admitted
# With TORCH=cpu: PyTorch without CUDA, whose files have other hashes than constraints.txt tells

TORCH  ?=
ARGS   ?= -m "not slow"
VENV   ?= .venv$(addprefix -,$(TORCH))
PYTHON ?= $(firstword $(foreach python,python3 python3.12 python3.11,\
	$(shell $(python) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' \
	2>/dev/null && echo $(python))))

# A process takes whole files: what a file sets up is made once, and each process has one Ray.
PYTEST = $(VENV)/bin/python -m pytest -n logical --maxprocesses 4 --dist loadfile

INSTALL = $(VENV)/bin/uv pip install --python $(VENV)/bin/python \
	-c constraints.txt $(if $(TORCH),--torch-backend $(TORCH) --no-verify-hashes)

.PHONY: demo test check docs lock lowest

demo: $(VENV)/.installed
	$(VENV)/bin/tuner run diabetes-xgboost

test: $(VENV)/.installed-dev
	$(PYTEST) $(ARGS)

check: $(VENV)/.installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m docs.generate --check

docs: $(VENV)/.installed-dev
	$(VENV)/bin/python -m docs.generate

# The newest versions of everything, for all platforms and both Python versions, with the hashes of
# their files, which uv checks.
lock: $(VENV)/bin/uv
	$(VENV)/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --upgrade --quiet --no-annotate --custom-compile-command 'make lock' -o constraints.txt

# The tests with the oldest version of every dependency that pyproject.toml admits.
lowest: VENV = .venv-lowest
lowest:
	$(MAKE) VENV=$(VENV) $(VENV)/bin/uv
	$(VENV)/bin/uv pip install --python $(VENV)/bin/python --resolution lowest-direct -e '.[dev]'
	$(PYTEST) $(ARGS)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/uv
	$(INSTALL) -e .
	touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/uv
	$(INSTALL) -e '.[dev]'
	touch $@

$(VENV)/bin/uv:
	$(if $(PYTHON),,$(error Python 3.11 or 3.12 is needed and not found; say where: make PYTHON=...))
	$(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/[^\\]$$/p' constraints.txt | \
		$(VENV)/bin/python -m pip install --quiet -r /dev/stdin

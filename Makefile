# Needs Python 3.11 or newer and make; everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
CODE := lateint_ref workbook tests data notebooks/solutions conftest.py

# The bundled profile needs no model hub; whoever wants the hub's models says LATEINT_PROFILE=hub before make.
LATEINT_PROFILE ?= bundled
export LATEINT_PROFILE
# Tests and committed outputs come from the bundled models alone, whatever the user's shell says.
OFFLINE := LATEINT_PROFILE=bundled HF_HUB_OFFLINE=1
# A backend set by the user's shell would keep the figures out of the notebooks: each kernel sets its own.
unexport MPLBACKEND

.DEFAULT_GOAL := help
.PHONY: help doctor run lab test portable quick bench quality claims data site notebooks format lint clean

help: ## show this list
	@echo "Late interaction, step by step. Targets:"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

doctor: $(READY) ## show versions, the profile, what is available and how to get what is not
	@$(PY) -m workbook doctor

run: $(READY) ## execute every notebook into build/ as HTML, with an index page (ONLY=02 for one, JOBS=1 for one at a time)
	@$(PY) -m workbook run $(if $(ONLY),--only $(ONLY)) $(if $(JOBS),--jobs $(JOBS))

lab: $(READY) ## open the notebooks in JupyterLab
	@$(PY) -m jupyterlab --notebook-dir=. --LabApp.default_url=/lab/tree/notebooks

test: lint ## lint, type check, all tests, every notebook compared output by output
	@$(OFFLINE) $(PY) -m pytest tests --nbval notebooks

portable: $(READY) ## run the notebooks as other processors would, three rounds in seven settings (ARGS="--only 08")
	@$(PY) tests/portable.py --rounds 3 $(ARGS)

quick: lint ## lint, type check and the tests that need no notebook and little time
	@$(OFFLINE) $(PY) -m pytest tests -m "not slow and not notebooks"

bench: $(READY) ## time maxsim_scores beside other implementations
	@$(PY) -m workbook bench

quality: $(READY) ## measure the bundled models on the test splits; writes data/models/quality.json (BEIR=FOLDER: on that, prints)
	@$(OFFLINE) $(PY) -m workbook quality $(if $(BEIR),--beir $(BEIR))

claims: $(READY) ## measure what notebook 12 needs and is slow; writes data/measurements/
	@$(OFFLINE) $(PY) -m workbook claims

data: $(READY) ## check the bundled data and list what there is (REBUILD=1 draws the report pages anew)
	@$(PY) -m workbook data $(if $(REBUILD),--rebuild-pages)

site: $(READY) ## build the notebooks as a static site with navigation and search in build/site/
	@$(PY) -m workbook site

notebooks: $(READY) ## execute the notebooks and save their outputs in place (ONLY=02 for one of them)
	@$(OFFLINE) $(PY) -m workbook notebooks $(if $(ONLY),--only $(ONLY))

format: $(READY) ## format the code and sort its imports
	@$(PY) -m ruff check --quiet --select I --fix $(CODE)
	@$(PY) -m ruff format $(CODE)

lint: $(READY) ## ruff (code and notebooks), formatting, types
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --quiet --check $(CODE) || { echo "not formatted: run 'make format'"; exit 1; }
	@$(PY) -m mypy --no-error-summary

clean: ## delete build/ and the caches in this folder; .venv and the kept vectors (see make doctor) stay
	@rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
	@find . -type f -not -path './$(VENV)/*' \( -name '*.nbi' -o -name '*.nbc' \) -delete

# Made again whenever the dependencies change; an installation that was cut short leaves no stamp and is redone.
$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) > /dev/null || { echo "No '$(PYTHON)' found: install Python 3.11 or newer, or say make PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1). Say make PYTHON=/path/to/python3.11."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null || { \
	  echo "$(PYTHON) comes without the venv module: install it (on Debian and Ubuntu, the package python3-venv)."; exit 1; }
	@echo "Setting up .venv. The first time this downloads up to 3 GB, most of it PyTorch: several minutes."
	@$(PYTHON) -m venv $(VENV)
	@if [ -t 1 ]; then quiet=; else quiet=--quiet; fi; \
	  $(PY) -m pip install --disable-pip-version-check $$quiet -c constraints.txt -e '.[all]'
	@touch $(READY)
	@echo "Done: .venv is ready."

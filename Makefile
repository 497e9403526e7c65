# `make` lists the verbs. Needs make 3.81 or newer and Python 3.11 or newer.

PROFILE   := quick
STUDIES   :=
STUDY     :=
P         :=
T         :=
B         :=
FROM      := py
DATA_DIR  := data
BUILD_DIR := build
PYTHON    := python3
VENV      := .venv

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

PROFILES    := smoke quick paper
cores       := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
# Small networks do not fill two cores: studies of small runs are executed side by side.
JOBS        := $(if $(filter paper,$(PROFILE)),1,$(shell echo $$(( $(cores) < 4 ? $(cores) : 4 ))))
comma       := ,
all_studies := $(sort $(basename $(notdir $(wildcard notebooks/[0-9][0-9]_*.py))))
chosen      := $(if $(strip $(STUDIES)),$(sort $(subst $(comma), ,$(STUDIES))),$(all_studies))
out         := $(BUILD_DIR)/$(PROFILE)

# Mistakes in a request end it here, before anything is installed or runs.
ifneq ($(words $(PROFILE))-$(filter $(PROFILES),$(PROFILE)),1-$(PROFILE))
  $(error PROFILE=$(PROFILE) is unknown. Choose one of: $(PROFILES). For example: make report PROFILE=quick)
endif
unknown := $(filter-out $(all_studies),$(chosen) $(STUDY))
ifneq ($(unknown),)
  $(error the study $(unknown) is unknown. There are: $(all_studies). A study is named as its file in notebooks/)
endif
ifneq ($(filter study,$(MAKECMDGOALS)),)
  ifneq ($(words $(STUDY)),1)
    $(error make study needs one name: make study STUDY=$(firstword $(all_studies)). There are: $(all_studies))
  endif
endif
ifneq ($(filter report built,$(MAKECMDGOALS)),)
  ifneq ($(strip $(P)$(STUDY)),)
    $(error make report takes neither P nor STUDY. For one study with parameters of its own: make study STUDY=NN_name P="-p name value"; for some studies: make report STUDIES=NN_name)
  endif
endif
ifneq ($(filter-out py ipynb,$(FROM)),)
  $(error FROM=$(FROM) is unknown. Choose py (write .ipynb from .py) or ipynb (write .py from .ipynb))
endif

# VENV= (empty) runs everything by $(PYTHON) as it is.
run      := $(if $(VENV),$(VENV)/bin/python,$(PYTHON))
place    := --profile $(PROFILE) --data-dir '$(DATA_DIR)' --build-dir '$(BUILD_DIR)'
settings := $(place) --studies '$(chosen)'

# glibc gives large blocks back to the system after each operation and fetches them again page by page.
# Keeping them makes networks and their derivatives up to a quarter faster; others ignore this.
MALLOC_TRIM_THRESHOLD_ ?= 8589934592
MALLOC_MMAP_THRESHOLD_ ?= 8589934592
export MALLOC_TRIM_THRESHOLD_ MALLOC_MMAP_THRESHOLD_

# They share the cores, whether one is made or all: the number of threads is part of what a result is.
share    := $(shell echo $$(( $(cores) > $(JOBS) ? $(cores) / $(JOBS) : 1 )))
threads  := $(if $(filter-out 1,$(JOBS)),OMP_NUM_THREADS=$${OMP_NUM_THREADS:-$(share)})

.PHONY: help report study test check notebooks lab bench publish clean clean-all environment built

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  PROFILE=smoke|quick|paper   size of the run; default quick, which is not evidence'
	@echo '  STUDIES="01_... 02_..."     only these studies; default all'
	@echo '  P="-p name value ..."       parameters for make study; its run is kept apart from the report, in'
	@echo '                              $(BUILD_DIR)/custom/<profile>/, and uses what is already computed'
	@echo '  T="-k name"                 options for pytest in make test'
	@echo '  B="--rows product"          options for make bench; without, all of it, into bench/README.md'
	@echo '  DATA_DIR=data               folder of the data archives'
	@echo '  BUILD_DIR=build             folder for everything that is made'
	@echo '  JOBS=1                      studies side by side; default 1 in paper, else as many as cores, 4 at most'
	@echo '  PYTHON=python3.12           the Python that makes .venv'
	@echo '  VENV= PYTHON=python         no .venv: your own environment as it is (conda: environment.yml)'
	@echo
	@echo '  studies: $(all_studies)'

report: environment ## execute the studies and write report.html and report.pdf
	@started=$$(date +%s) && \
	$(run) -m report prepare $(settings) && \
	if $(MAKE) --no-print-directory -q built >/dev/null 2>&1; then \
	  echo 'nothing to do: $(out)/report.html is up to date'; \
	else \
	  $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,--jobs=$(JOBS)) built && $(run) -m report finished $(settings) --started $$started; \
	fi

study: environment ## execute one: STUDY=NN_name [P="-p name value"]
ifneq ($(strip $(P)),)
	@$(threads) $(run) -m report execute $(place) --studies '$(STUDY)' $(P)
else
	@$(run) -m report prepare $(place) --studies '$(STUDY)' && \
	if $(MAKE) --no-print-directory -q $(out)/$(STUDY).ipynb >/dev/null 2>&1; then \
	  echo 'nothing to do: $(out)/$(STUDY).ipynb is up to date'; \
	else \
	  $(MAKE) --no-print-directory $(out)/$(STUDY).ipynb; \
	fi
endif

# Tests compute on one thread each, so that their sums have one order: side by side they fill the cores.
test: environment ## run the tests; T="-k name" for some
	$(run) -m pytest $(if $(strip $(T)),$(T),--numprocesses auto --maxprocesses 8 --dist loadfile)

check: environment ## ruff, notebook structure, pairing, profiles, the README's table, lib's imports
	$(run) -m ruff check .
	$(run) -m ruff format --check .
	$(run) -m report check

notebooks: environment ## write the paired .ipynb from the .py (FROM=ipynb: the other way)
	@$(run) -m report notebooks $(if $(filter ipynb,$(FROM)),--from-ipynb)

lab: environment ## open JupyterLab; saving a notebook keeps its .py in step
	$(threads) $(run) -m jupyterlab

# Tools are compared as a plain Python process runs them, with the system's own allocator.
plain := env -u MALLOC_TRIM_THRESHOLD_ -u MALLOC_MMAP_THRESHOLD_ $(run)

bench: environment ## measure beside other tools: an hour and a half; B="--subjects mlp" for less
	@$(run) -m bench.install --target '$(BUILD_DIR)/bench/peers'
	@$(plain) -m bench.spectrum --data-dir '$(DATA_DIR)' --build-dir '$(BUILD_DIR)' \
	  $(if $(strip $(B)),$(B),--publish bench/README.md)
ifeq ($(strip $(B)),)
	@$(plain) -m bench.slices --data-dir '$(DATA_DIR)' --build-dir '$(BUILD_DIR)' \
	  --publish bench/README.md
	@$(plain) -m bench.batchnorm --data-dir '$(DATA_DIR)' --build-dir '$(BUILD_DIR)' \
	  --publish bench/README.md
	@$(run) -m bench.trace --build-dir '$(BUILD_DIR)' --publish bench/README.md
	@$(run) -m bench.coverage --publish bench/README.md
endif

publish: environment ## put executed studies of paper into report/published, and renew the README's table
	@$(run) -m report publish --data-dir '$(DATA_DIR)' --build-dir '$(BUILD_DIR)' \
	  $(if $(strip $(STUDIES)),--studies '$(chosen)') $(P)

clean: ## remove what make report made; the store of computed results stays
	rm -rf $(addprefix '$(BUILD_DIR)'/,$(PROFILES) custom)
	@if [ -d '$(BUILD_DIR)/store' ]; then \
	  echo "kept: $(BUILD_DIR)/store ($$(du -sh '$(BUILD_DIR)/store' | cut -f1)), computed results; make clean-all removes it"; \
	fi

clean-all: clean ## remove the store, the bench's peers and the virtual environment as well
	rm -rf '$(BUILD_DIR)/store' '$(BUILD_DIR)/bench' $(if $(VENV),'$(VENV)' '$(VENV).lock')

environment: ## make the virtual environment alone
	@$(PYTHON) report/environment.py $(if $(VENV),--venv '$(VENV)',--own)

# From here on: what `report prepare` made ready. A study depends on the hashes of its notebook, its
# profile file, the library, the data it names and the lock, in inputs/NN_name.json, which is
# rewritten only when one of them changes (report/inputs.py).

built: $(out)/report.html $(out)/report.pdf

$(out)/%.ipynb: $(out)/inputs/%.json
	@$(threads) $(run) -m report execute $(place) --studies $*

# The synthesis reads what all the other studies wrote.
$(out)/08_synthesis.ipynb: $(patsubst %,$(out)/%.ipynb,$(filter-out 08_synthesis,$(all_studies)))

executed := $(patsubst %,$(out)/%.ipynb,$(chosen))

$(out)/report.html: $(out)/inputs/report.json $(executed)
	@$(run) -m report html $(settings)

$(out)/report.pdf: $(out)/inputs/report.json $(executed) | $(out)/report.html
	@$(run) -m report pdf $(settings)

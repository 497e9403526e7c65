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
JOBS      :=
CHECKED   :=
CLUSTER   :=
# Also from the environment: REMEASURE=stale make report PROFILE=paper
REMEASURE ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# Mistakes in a request end it here, before anything is installed or runs: report/request.py says what is
# allowed. It sees values as they were typed, since make would execute some, also to export them to a
# program. make's calls of itself skip it.
quoted    = '$(subst ','\'',$(value $(1)))'
variables := MAKECMDGOALS PROFILE STUDIES STUDY P T B FROM JOBS REMEASURE CLUSTER DATA_DIR BUILD_DIR PYTHON VENV
unexport $(variables)
ifneq ($(value CHECKED),yes)
  answer := $(shell $(call quoted,PYTHON) -m report.request $(foreach name,$(variables),$(name)=$(call quoted,$(name))))
  ifeq ($(firstword $(answer)),refused:)
    $(error $(answer))
  endif
  ifneq ($(answer),ok)
    $(error PYTHON=$(value PYTHON) does not run this project; its own message, if any, is above. Name one program, of Python 3.11 or newer, without options. For example: make report PYTHON=python3.12)
  endif
endif

cores       := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
# Small networks do not fill two cores: studies of small runs are executed side by side.
jobs        := $(or $(JOBS),$(if $(filter paper,$(PROFILE)),1,$(shell echo $$(( $(cores) < 4 ? $(cores) : 4 )))))
comma       := ,
verdicts    := 09_verdicts
gathering   := 08_prediction
all_studies := $(sort $(basename $(notdir $(wildcard notebooks/[0-9][0-9]_*.py))))
# Of published: the studies whose record is, and the verdicts on them (report/settings.py).
recorded    := $(notdir $(patsubst %/record.json,%,$(wildcard report/published/record/*/record.json)))
# The study of the reader's own network is no part of our report.
ours        := $(filter-out 00_own_network,$(all_studies))
every_study := $(if $(filter published,$(PROFILE)),$(filter $(recorded) $(verdicts),$(ours)),$(ours))
asked       := $(or $(strip $(STUDY)),$(strip $(STUDIES)))
chosen      := $(if $(asked),$(sort $(subst $(comma), ,$(asked))),$(every_study))
out         := $(BUILD_DIR)/$(PROFILE)

# VENV= (empty) runs everything by $(PYTHON) as it is.
python   := $(call quoted,PYTHON)
run      := $(if $(VENV),$(VENV)/bin/python,$(python))
folders  := --data-dir $(call quoted,DATA_DIR) --build-dir '$(BUILD_DIR)'
place    := --profile $(PROFILE) $(folders)$(if $(REMEASURE), --remeasure '$(REMEASURE)')
settings := $(place) --studies '$(chosen)'

# glibc gives large blocks back to the system after each operation and fetches them again page by page.
# Keeping them makes networks and their derivatives up to a quarter faster; others ignore this.
MALLOC_TRIM_THRESHOLD_ ?= 8589934592
MALLOC_MMAP_THRESHOLD_ ?= 8589934592
export MALLOC_TRIM_THRESHOLD_ MALLOC_MMAP_THRESHOLD_

# They share the cores, whether one is made or all: the number of threads is part of what a result is.
share    := $(shell echo $$(( $(cores) > $(jobs) ? $(cores) / $(jobs) : 1 )))
threads  := $(if $(filter-out 1,$(jobs)),OMP_NUM_THREADS=$${OMP_NUM_THREADS:-$(share)})

# Written into the build folder before anything else: make clean removes only from folders that have it.
marker   := $(BUILD_DIR)/.landscape-report
# What the environment asked for is not inherited: see unexport.
again    := --no-print-directory CHECKED=yes $(if $(REMEASURE),REMEASURE='$(REMEASURE)')

# One report or study at a time in the folder of a profile: a second one waits (report/hold.py).
held     := $(run) -m report.hold '$(out)' $(if $(CLUSTER),$(run) -m report.cluster '$(CLUSTER)' $(call quoted,DATA_DIR))

.PHONY: help report report-held study study-held test fast check compare notebooks lab bench docs publish clean clean-all environment built

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  PROFILE=quick               the default, in minutes, which is not evidence; smoke is smaller'
	@echo '  PROFILE=published           the real report from report/published/record: no data, no training'
	@echo '  PROFILE=paper               measures anew, in hours; what the record holds is not measured again'
	@echo '  REMEASURE=stale|all         measure again what was measured by code that has changed since, or all'
	@echo '  STUDIES="01_... 02_..."     only these studies; default all'
	@echo '  P="-p name value ..."       parameters for make study; its run is kept apart from the report, in'
	@echo '                              $(BUILD_DIR)/custom/<profile>/, and uses what is already computed'
	@echo '  T="-k name"                 options for pytest in make test, which then are all it has, and make fast'
	@echo '  B="--rows product"          options for make bench; without, all of it, into bench/README.md'
	@echo '  DATA_DIR=data               folder of the data archives'
	@echo '  BUILD_DIR=build             folder for everything that is made; a new or empty one, or one of make'
	@echo '  JOBS=1                      studies side by side; default 1 in paper, else as many as cores, 4 at most'
	@echo '  CLUSTER=tcp://host:port     train and measure on a Dask cluster; local makes one of the cores'
	@echo '  PYTHON=python3.12           the Python that makes .venv'
	@echo '  VENV= PYTHON=python         no .venv: your own environment as it is (conda: environment.yml)'
	@echo
	@echo '  studies: $(all_studies)'

report: $(marker) environment ## execute the studies and write report.html and report.pdf
	@$(held) $(MAKE) $(again) report-held

# Kernels of its studies are forked from one process that imports for all: report/warm.py says where.
report-held:
	@started=$$(date +%s) && \
	$(run) -m report prepare $(settings) && \
	if $(MAKE) $(again) -q built >/dev/null 2>&1; then \
	  echo 'nothing to do: $(out)/report.html is up to date'; \
	else \
	  $(run) -m report.warm '$(if $(filter-out 1,$(jobs)),$(share))' $(MAKE) $(again) $(if $(findstring jobserver,$(MAKEFLAGS)),,--jobs=$(jobs)) built && $(run) -m report finished $(settings) --started $$started; \
	fi

# With its own parameters it works in a folder of its own, beside any report.
study: $(marker) environment ## execute one: STUDY=NN_name [P="-p name value"]
ifneq ($(strip $(P)),)
	@$(threads) $(run) -m report execute $(place) --studies '$(STUDY)' $(P)
else
	@$(held) $(MAKE) $(again) study-held
endif

study-held:
	@$(run) -m report prepare $(place) --studies '$(STUDY)' && \
	if $(MAKE) $(again) -q $(out)/$(STUDY).ipynb >/dev/null 2>&1; then \
	  echo 'nothing to do: $(out)/$(STUDY).ipynb is up to date'; \
	else \
	  $(MAKE) $(again) $(out)/$(STUDY).ipynb; \
	fi

# Tests compute on one thread each, so that their sums have one order: side by side they fill the cores.
# The smoke report is one of them. It stays in the build folder, and is not made again while it is right.
test: $(marker) environment ## run the tests; T="-k name" for some
	SMOKE_BUILD_DIR='$(BUILD_DIR)' $(run) -m pytest $(if $(strip $(T)),$(T),--numprocesses auto --maxprocesses 8 --dist loadfile)

# What a test is slow for: tests/conftest.py.
fast: environment ## run the fast tests, for every change: under a minute on two idle cores
	$(run) -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile -m fast $(T)

check: environment ## ruff, types, notebook structure, pairing, profiles, the README, lib's imports
	$(run) -m ruff check .
	$(run) -m ruff format --check .
	$(run) -m mypy
	$(run) -m report check

compare: environment ## after PROFILE=published: is report/published what this tree makes?
	@$(run) -m report compare $(folders)

notebooks: environment ## write the paired .ipynb from the .py (FROM=ipynb: the other way)
	@$(run) -m report notebooks $(if $(filter ipynb,$(FROM)),--from-ipynb)

lab: environment ## open JupyterLab; saving a notebook keeps its .py in step
	$(threads) $(run) -m jupyterlab

# Tools are compared as a plain Python process runs them, with the system's own allocator.
plain := env -u MALLOC_TRIM_THRESHOLD_ -u MALLOC_MMAP_THRESHOLD_ $(run)

bench: $(marker) environment ## measure beside other tools: two hours; B="--subjects mlp" for less
	@$(run) -m bench.install --target '$(BUILD_DIR)/bench/peers'
	@$(if $(strip $(B)),,$(plain) -m bench.speed $(folders) --resume --publish bench/README.md)
	@$(plain) -m bench.spectrum $(folders) \
	  $(if $(strip $(B)),$(B),--publish bench/README.md)
ifeq ($(strip $(B)),)
	@$(plain) -m bench.slices $(folders) \
	  --publish bench/README.md
	@$(plain) -m bench.batchnorm $(folders) \
	  --publish bench/README.md
	@$(plain) -m bench.training $(folders) \
	  --threads 1 --publish bench/README.md
	@$(run) -m bench.trace --build-dir '$(BUILD_DIR)' --publish bench/README.md
	@$(run) -m bench.coverage --publish bench/README.md
	@$(run) -m bench.verdicts --publish bench/README.md
endif

docs: $(marker) environment ## build the documentation into build/docs; the guides are executed
	@$(run) -m report.documentation --build-dir '$(BUILD_DIR)'

# Both steps leave what they replace in git. A sub-make, because its studies are those now published.
publish: environment ## put records of paper into report/published, and the report of all records
ifneq ($(filter --table --check,$(P)),)
	@$(run) -m report publish $(P)
else
ifeq ($(filter --report,$(P)),)
	@$(run) -m report take $(folders) $(if $(strip $(STUDIES)),--studies '$(chosen)') $(P)
endif
	@$(MAKE) $(again) report PROFILE=published STUDIES= STUDY= P= REMEASURE=
	@$(run) -m report publish $(folders)
endif

clean: ## remove what make report made; records and the store of computed results stay
	@$(python) -m report.clean --build-dir '$(BUILD_DIR)'

clean-all: ## remove records, store, the bench's peers and the virtual environment as well
	@$(python) -m report.clean --all --build-dir '$(BUILD_DIR)' --venv '$(VENV)'

environment: ## make the virtual environment alone
	@$(python) -m report.environment $(if $(VENV),--venv '$(VENV)',--own)

$(marker):
	@$(python) -m report.folders '$(BUILD_DIR)'

# From here on: what `report prepare` made ready. A study depends on the hashes of its notebook, its
# profile file, the library, the data it names (of published: its record) and the lock, in
# inputs/NN_name.json, which is rewritten only when one of them changes (report/inputs.py).

built: $(out)/report.html $(out)/report.pdf

$(out)/%.ipynb: $(out)/inputs/%.json
	@$(threads) $(run) -m report execute $(place) --studies $*

executed := $(patsubst %,$(out)/%.ipynb,$(chosen))

# Prediction gathers the networks that the other studies recorded; alone, those that are there.
$(out)/$(gathering).ipynb: $(filter-out $(out)/$(gathering).ipynb $(out)/$(verdicts).ipynb,$(executed))

# The verdicts read the records that the other studies wrote; alone, those that are there.
$(out)/$(verdicts).ipynb: $(filter-out $(out)/$(verdicts).ipynb,$(executed))

$(out)/report.html: $(out)/inputs/report.json $(executed)
	@$(run) -m report html $(settings)

$(out)/report.pdf: $(out)/inputs/report.json $(executed) | $(out)/report.html
	@$(run) -m report pdf $(settings)

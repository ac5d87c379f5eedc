# Copyright (c) 2026, fleetlab.linux contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The lab:   make lab [LAB_NAME=name] [BACKEND=uml|qemu|aws] [ARGS='-e lab_servers=4']
# The tests: make test, make test-fast, make test-faults

LAB_NAME ?=
BACKEND ?=
HOST ?=
SUITE ?= trixie
RUN ?= make test-fast
TARGET ?=
FAULT ?=
TEST ?=
ARGS ?=

export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.cache/collections
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export LC_ALL := C.UTF-8
# With it each Python compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE
# The lab's playbooks create their own inventory.
export ANSIBLE_LOCALHOST_WARNING := false
export ANSIBLE_INVENTORY_UNPARSED_WARNING := false
export ANSIBLE_DISPLAY_SKIPPED_HOSTS := false
# The lab is below the current folder; after make -C the shell's PWD is still another folder.
export PWD := $(CURDIR)

INVENTORY = .lab/$(if $(filter-out lab,$(LAB_NAME)),$(LAB_NAME)/)inventory.yml
PLAYBOOK = ansible-playbook $(if $(LAB_NAME),-e lab_name=$(LAB_NAME)) $(if $(BACKEND),-e lab_backend=$(BACKEND))
# A lab on AWS needs no packages for guests. It is recognised by its folder if BACKEND does not name it again.
ON_AWS = $(or $(filter aws,$(BACKEND)),$(wildcard $(dir $(INVENTORY))aws.yml))
NOX = nox --reuse-existing-virtualenvs --no-install --sessions

.DEFAULT_GOAL := help
.PHONY: help lab lab-status lab-stop lab-ssh lab-destroy bench bench-copies bench-ftpaccess bench-memory bench-memory-page bench-netns bench-packages bench-tz-cron bench-throughput bench-tls test test-faults test-faults-core test-target test-fault test-unit test-isolation test-nvme test-nftables test-own-machines test-kernels test-fast test-host lint format docs clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

lab: ## build or repair the storage lab
	@scripts/bootstrap $(if $(ON_AWS),aws,run lab $(filter qemu,$(BACKEND)))
	$(PLAYBOOK) fleetlab.linux.storage_lab $(ARGS)

lab-status: ## show which hosts of the lab answer, and the state of its arrays; for a lab on AWS its machines and costs
	@scripts/bootstrap $(if $(ON_AWS),aws,run)
	$(if $(ON_AWS),$(PLAYBOOK) fleetlab.linux.storage_lab_status $(ARGS),@python scripts/lab.py --lab='$(LAB_NAME)' status)

lab-stop: ## stop the machines of a lab on AWS and keep their volumes
	@scripts/bootstrap $(if $(ON_AWS),aws,run)
	$(PLAYBOOK) fleetlab.linux.storage_lab_stop $(ARGS)

lab-ssh: ## open a shell on a host of the lab: make lab-ssh HOST=client1
	@scripts/bootstrap run
	@python scripts/lab.py --lab='$(LAB_NAME)' ssh '$(HOST)'

lab-destroy: ## remove the lab with all its files on this machine
	@scripts/bootstrap $(if $(ON_AWS),aws,run)
	$(PLAYBOOK) fleetlab.linux.storage_lab_destroy $(ARGS)

bench: ## measure the lab: scaling, layouts, queue depths, tuning; 40 minutes
	@scripts/bootstrap run
	$(PLAYBOOK) -i $(INVENTORY) fleetlab.linux.storage_lab_benchmark $(ARGS)

bench-copies: ## count the damages that copy_check finds, 210 on each file system, and the clean copies that it blames: make bench-copies ARGS=xfs
	@scripts/bootstrap run dev lab
	@PYTHONPATH=.cache/collections python -m ansible_collections.fleetlab.linux.tests.bench.copies $(ARGS)

bench-ftpaccess: ## measure ftpaccess_info: 100 users computed, and a trial of each: make bench-ftpaccess ARGS=trixie
	@scripts/bootstrap run dev lab
	@python tests/bench/ftpaccess.py $(ARGS)

bench-memory: ## compare the ways to read the memory of many hosts: make bench-memory ARGS='--hosts 20,100 --runs 3'
	@scripts/bootstrap run
	@PYTHONPATH=.cache/collections python -m ansible_collections.fleetlab.linux.tests.bench.memory $(ARGS)

bench-memory-page: ## open the page of fleet_memory in headless Chromium, with 4 to 5,000 hosts, and judge it (a minute)
	@scripts/bootstrap run dev
	@PYTHONPATH=.cache/collections python -m ansible_collections.fleetlab.linux.tests.bench.memory_page $(ARGS)

bench-tz-cron: ## measure the time of a run of run-at without a wanted time
	@scripts/bootstrap run
	@PYTHONPATH=.cache/collections python -m ansible_collections.fleetlab.linux.tests.bench.tz_cron $(ARGS)

bench-netns: ## measure namespaces, their number and their throughput: make bench-netns ARGS='--count 20 --seconds 2'
	@scripts/bootstrap run dev lab
	@PYTHONPATH=.cache/collections python -m ansible_collections.fleetlab.linux.tests.bench.netns $(ARGS)

bench-packages: ## measure a package with a patch, from its source to a host that holds it, and all of it again (a minute)
	@scripts/bootstrap run dev lab
	@PYTHONPATH=.cache/collections python -m ansible_collections.fleetlab.linux.tests.bench.packages $(ARGS)

bench-throughput: ## measure whether throughput explains every byte, its sender, a black hole, a matrix: make bench-throughput ARGS='--parts hole'
	@scripts/bootstrap run dev lab
	@PYTHONPATH=.cache/collections python -m ansible_collections.fleetlab.linux.tests.bench.throughput $(ARGS)

bench-tls: ## compare tls_info with sslyze, and measure apache_tls, in roots of two Debian releases: make bench-tls ARGS='--parts oracle'
	@scripts/bootstrap run dev lab
	@PYTHONPATH=.cache/collections python -m ansible_collections.fleetlab.linux.tests.bench.tls $(ARGS)

test: ## everything: lint, sanity, unit, other Pythons and ansible-cores, package, network, aws, kernels, and the scenarios that need guests
	@scripts/bootstrap run dev lab kernels
	@python scripts/run_tests.py molecule matrix network aws unit sanity lint kernels package

test-faults: ## all faults that the lab survives, with a table at the end (an hour)
	@scripts/bootstrap run dev lab
	@python scripts/run_tests.py faults

test-faults-core: ## the most important faults (a quarter of an hour)
	@scripts/bootstrap run dev lab
	@python scripts/run_tests.py faults-core

test-isolation: ## flush and rebuild firewalls under traffic, and count what passes: make test-isolation SECONDS=60 (by itself an hour)
	@scripts/bootstrap run dev lab
	@PYTHONPATH=.cache/collections python -m ansible_collections.fleetlab.linux.tests.network.isolation --seconds $(or $(SECONDS),3600) $(ARGS)

test-nftables: ## netns on a guest whose kernel has only nftables (a minute; a quarter of an hour the first time, to build the kernel)
	@scripts/bootstrap run dev lab build
	@python scripts/run_tests.py nftables

test-own-machines: ## docs/storage.md's play with inventories that users write and change, on three servers and two clients (half an hour)
	@scripts/bootstrap run dev lab
	@python scripts/run_tests.py own-machines

test-kernels: ## guests' kernels on this CPU and on a CPU with larger registers: boot, and registers of programs (a minute)
	@scripts/bootstrap run dev lab kernels
	@python scripts/run_tests.py kernels

test-target: ## the integration tests of one module, on one guest: make test-target TARGET=tz_cron
	@scripts/bootstrap run dev lab
	@python scripts/run_tests.py 'target:$(TARGET)'

test-fault: ## one fault, or all faults whose names match, on a separate lab: make test-fault FAULT=go_bad
	@scripts/bootstrap run dev lab
	@python scripts/run_tests.py 'fault:$(FAULT)'

test-unit: ## unit tests, all or some: make test-unit TEST='tests/unit/scripts -k deprecated'
	@scripts/bootstrap run dev units
	@python -m pytest -q $(or $(TEST),tests/unit)

test-nvme: ## the NVMe disks of EBS volumes, on a guest under QEMU (two minutes, five the first time)
	@scripts/bootstrap run dev lab qemu
	@python scripts/run_tests.py nvme

test-fast: ## the quick tests: lint, sanity, unit, package
	@scripts/bootstrap run dev units
	@python scripts/run_tests.py lint sanity unit package

test-host: ## run a command on a fresh host of another Debian release, as root: make test-host SUITE=trixie RUN='make test-fast'
	@scripts/bootstrap run lab
	@python scripts/test_host.py '$(SUITE)' $(RUN)

lint: ## ruff, mypy, yamllint, ansible-lint, shellcheck and the checks of antsibull-nox
	@scripts/bootstrap run dev
	@python scripts/run_tests.py lint

format: ## format the Python files, and write the roles' READMEs from their argument specs
	@scripts/bootstrap run dev
	$(NOX) formatters role-readmes floors

docs: ## check the documentation and build its site in build/docs, without a warning
	@scripts/bootstrap run dev
	$(NOX) docs-check docs

clean: ## remove the files of tests and tools, but not the lab
	rm -rf .venv .nox .cache build tests/output .mypy_cache .pytest_cache .ruff_cache .hypothesis .ansible

# A short front for the presets of CMake and the scripts in tools/. `make help` lists the targets.
PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
FUZZ_SECONDS ?= 30

CICADA := build/release/cicada
MAN_DIR := $(DESTDIR)$(PREFIX)/share/man/man1
COMPLETION_DIR := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
PYTHON_DIR := $(DESTDIR)$(PREFIX)/lib/cicada/python

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: deps deps-build build demo test check static unit-and-integration clang tidy fuzz golden \
        golden-check script bench bench-quick soak install uninstall clean help

deps: ## install the packages that are missing (Debian and its kin)
	@tools/deps build test

deps-build:
	@tools/deps build

build: ## make the release binary, build/release/cicada
	@tools/build release cicada
	@tools/build release cicada_extension

script: build ## for another Python too: make script PYTHON=/path/to/python3
	@tools/script "$(PYTHON)"

demo: deps-build build ## hold 500 streams for 20 s on the demo service
	@tools/demo

test: deps check clang tidy fuzz golden-check ## everything that CI asks for
	@echo "make test: all steps passed"

check: static unit-and-integration ## before each commit: style, layers, sanitizer build, tests

static:
	@tools/format --check
	@tools/check-text
	@tools/check-layers
	@tools/check-headers
	@tools/check-metrics
	@tools/check-findings

unit-and-integration:
	@tools/build dev
	@ctest --test-dir build/dev --output-on-failure --parallel $(JOBS)

clang:
	@tools/build clang

tidy:
	@tools/tidy

fuzz: ## run each fuzz target for FUZZ_SECONDS (30)
	@tools/fuzz $(FUZZ_SECONDS)

golden: build ## write the expected outputs anew; read the difference before you commit
	@tools/golden --write

golden-check: build
	@tools/golden --check

bench: ## measure our claims: within an hour
	@tools/build release
	@bench/run.py

bench-quick: ## the same, shorter: within 12 minutes
	@tools/build release
	@bench/run.py --quick

soak: build ## ten minutes on a healthy service: nothing may be found, nothing lost
	@bench/soak.py

install: build ## copy binary, manual page and completion below PREFIX (/usr/local)
	install -D -m 755 $(CICADA) $(DESTDIR)$(PREFIX)/bin/cicada
	install -D -m 644 man/cicada.1 $(MAN_DIR)/cicada.1
	install -d $(COMPLETION_DIR)
	$(CICADA) help --completion > $(COMPLETION_DIR)/cicada
	install -d $(PYTHON_DIR)
	cp -rL build/release/python/. $(PYTHON_DIR)/
	find $(PYTHON_DIR) -name __pycache__ -prune -exec rm -rf {} +

uninstall: ## remove what install copied
	rm -f $(DESTDIR)$(PREFIX)/bin/cicada $(MAN_DIR)/cicada.1 $(COMPLETION_DIR)/cicada
	rm -rf $(DESTDIR)$(PREFIX)/lib/cicada

clean: ## remove build/
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
	    awk -F'|' '{ printf "  make %-12s %s\n", $$1, $$2 }'

# Needs a Swift toolchain (6.2 or later) in PATH. Everything else is either here or installed by `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test fuzz models soak matrix lint bench build release install servers clean

SOURCES := Sources Tests Examples Package.swift

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## build, then watch a small web server sleep, wake and sleep again
	swift build --product torpor
	swift build --product greeter
	Examples/demo.sh "$$(swift build --show-bin-path)"

test: servers models ## every test; as root it installs the servers that are missing
	swift build --build-tests
	swift test --skip-build --no-parallel
	Tests/Fuzz/run.sh 60

fuzz: ## ten minutes of libFuzzer for each parser of what others write; see Tests/Fuzz/run.sh
	Tests/Fuzz/run.sh 600

models: servers ## check the model of the hand-back exhaustively (under a minute)
	docs/models/check.sh || [ $$? = 77 ]

soak: servers ## the long round: 2,000 stops of each server under clients, 10,000 cycles, a minute of dormancy
	swift build --build-tests
	TORPOR_HAMMER_STOPS=2000 TORPOR_HAMMER_ABORTS=100 TORPOR_DORMANT_SECONDS=60 TORPOR_CYCLES=10000 \
	  swift test --skip-build --no-parallel --filter 'Hammer|Dorman|Flatness'

matrix: servers ## the table of docs/servers.md: 200 stops of every server in every row
	swift build --build-tests
	rm -rf .build/matrix && mkdir -p .build/matrix
	TORPOR_HAMMER_STOPS=200 TORPOR_MATRIX_RESULTS="$$PWD/.build/matrix" \
	  swift test --skip-build --no-parallel --filter MatrixTests
	TORPOR_MATRIX_RESULTS="$$PWD/.build/matrix" swift test --skip-build --no-parallel --filter ServerTableTests

lint: ## format and forbidden words
	swift format lint --strict --recursive $(SOURCES)
	@if grep -rnE '\b(try|as)!' --include='*.swift' Sources; then \
	  echo 'lint: try! and as! are not used in Sources' >&2; exit 1; fi

bench: release ## measure on this machine (about five minutes); see docs/benchmarks.md
	python3 -B Benchmarks/run.py --torpor "$$(swift build -c release --show-bin-path)/torpor"

build: ## debug build of everything but the tests
	swift build

release: ## one program without the Swift libraries: .build/release/torpor
	swift build -c release --static-swift-stdlib --product torpor

PREFIX ?= /usr/local
install: release ## programs, manual pages and completions, below PREFIX (/usr/local) and DESTDIR
	install -D -m 755 .build/release/torpor "$(DESTDIR)$(PREFIX)/bin/torpor"
	for page in docs/man/*.[1-8]; do \
	  install -D -m 644 "$$page" "$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}"; done
	install -d "$(DESTDIR)$(PREFIX)/share/bash-completion/completions" "$(DESTDIR)$(PREFIX)/share/zsh/site-functions" \
	  "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d"
	.build/release/torpor --generate-completion-script bash >"$(DESTDIR)$(PREFIX)/share/bash-completion/completions/torpor"
	.build/release/torpor --generate-completion-script zsh >"$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_torpor"
	.build/release/torpor --generate-completion-script fish >"$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/torpor.fish"

servers:
	@.ci/install-servers

clean: ## remove what was built
	swift package clean

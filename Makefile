# Needs a Swift toolchain (6.2 or later) in PATH. Everything else is either here or installed by `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test fuzz models soak matrix lint bench build release install uninstall servers clean

# The tests that watch a real kernel. Of these, two that mostly wait run side by side, the others one at a time.
TIMED := ^(Server|Torpor|Linux)Tests\.
WAITING := ^ServerTests\.(SharedData|OwnData)Tests/
SOURCES := Sources Tests Examples Package.swift

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## build, then watch a small web server sleep, wake and sleep again
	swift build --product torpor
	swift build --product greeter
	Examples/demo.sh "$$(swift build --show-bin-path)"

test: servers models ## every test; as root it installs the servers that are missing
	swift build --build-tests
	Tests/run.sh --skip-build --skip '$(TIMED)'
	Tests/run.sh --skip-build --filter '$(WAITING)'
	Tests/run.sh --skip-build --no-parallel --filter '$(TIMED)' --skip '$(WAITING)'
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

release: ## the two programs without the Swift libraries: .build/release/torpor and torpord
	swift build -c release --static-swift-stdlib --product torpor
	swift build -c release --static-swift-stdlib --product torpord

# Where things go; a package's build says DESTDIR, too. BUILT: where the programs are.
PREFIX ?= /usr/local
BUILT ?= .build/release
ROOT = $(DESTDIR)$(PREFIX)
SHARE = $(ROOT)/share

install: ## what `make release` has built, manual pages, units, busy checks, completions, below PREFIX (/usr/local) and DESTDIR
	@[ -x "$(BUILT)/torpor" ] && [ -x "$(BUILT)/torpord" ] || { \
	  echo 'install: $(BUILT) has no torpor and torpord; run make release first' >&2; exit 1; }
	install -D -m 755 -t "$(ROOT)/bin" "$(BUILT)/torpor" "$(BUILT)/torpord"
	for page in docs/man/*.[1-8]; do \
	  install -D -m 644 -t "$(SHARE)/man/man$${page##*.}" "$$page"; done
	sed 's|/usr/bin/torpord|$(PREFIX)/bin/torpord|' Packaging/torpord.service | \
	  install -D -m 644 /dev/stdin "$(ROOT)/lib/systemd/system/torpord.service"
	sed 's|/usr/bin/torpord|$(PREFIX)/bin/torpord|' Packaging/torpord.user.service | \
	  install -D -m 644 /dev/stdin "$(ROOT)/lib/systemd/user/torpord.service"
	install -D -m 644 -t "$(SHARE)/doc/torpor" LICENSE README.md CHANGELOG.md
	install -D -m 644 -t "$(SHARE)/doc/torpor/examples/units" Examples/units/*
	sed -i 's|/usr/share|$(PREFIX)/share|' "$(SHARE)/doc/torpor/examples/units/README.md"
	for check in Examples/checks/*; do \
	  sed 's|/usr/share|$(PREFIX)/share|' "$$check" | install -D -m 755 /dev/stdin "$(SHARE)/torpor/checks/$${check##*/}"; done
	for program in torpor torpord; do \
	  complete() { "$(BUILT)/$$program" --generate-completion-script "$$1" | install -D -m 644 /dev/stdin "$(SHARE)/$$2"; }; \
	  complete bash "bash-completion/completions/$$program"; \
	  complete zsh "zsh/site-functions/_$$program"; \
	  complete fish "fish/vendor_completions.d/$$program.fish"; done

uninstall: ## remove what `make install` with the same PREFIX and DESTDIR has put there
	rm -f "$(ROOT)"/bin/{torpor,torpord} "$(ROOT)"/lib/systemd/{system,user}/torpord.service
	for page in docs/man/*.[1-8]; do rm -f "$(SHARE)/man/man$${page##*.}/$${page##*/}"; done
	rm -f "$(SHARE)"/bash-completion/completions/{torpor,torpord} "$(SHARE)"/zsh/site-functions/_{torpor,torpord}
	rm -f "$(SHARE)"/fish/vendor_completions.d/{torpor,torpord}.fish
	rm -rf "$(SHARE)/doc/torpor" "$(SHARE)/torpor/checks"

servers:
	@.ci/install-servers

clean: ## remove what was built
	swift package clean

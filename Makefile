# What there is to do: make help. Modules come from go.work ("work" below is the
# Go command's name for all of their packages), so a new module joins by itself.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

# How long each fuzz target runs, and which benchmark of `aether bench` (all).
FUZZTIME ?= 10s
BENCH ?=

# A package that hangs is stopped; each should need less than 60 s.
TEST_TIMEOUT ?= 7m

# The race detector needs cgo. Read after .ci/install, which sees to that or says
# that it cannot.
race = $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)

.PHONY: help test check vet staticcheck gofmt tidy generate generated histories chaos rushes stories bench fuzz install

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

test: install ## run every test of every module, installing what they need
	go test $(race) -shuffle=on -timeout=$(TEST_TIMEOUT) work

check: vet staticcheck gofmt tidy generated ## vet, staticcheck, gofmt, tidy go.mod files, pages as generated

vet:
	go vet work

# Built from the module tools, which pins it, and outside the workspace, so that
# its dependencies have no say in ours.
staticcheck:
	GOWORK=off go build -C tools -buildvcs=false -o ../bin/ honnef.co/go/tools/cmd/staticcheck
	bin/staticcheck work

gofmt:
	@echo gofmt -l -s .
	@files=$$("$$(go env GOROOT)/bin/gofmt" -l -s .); \
	if [ -n "$$files" ]; then \
		printf 'not formatted; run gofmt -s -w on:\n%s\n' "$$files" >&2; exit 1; \
	fi

# Each module must stand alone, without the workspace.
tidy:
	@{ go list -m -f '{{.Dir}}'; echo "$$PWD/tools"; } | { \
		status=0; \
		while IFS= read -r dir; do \
			echo "go mod tidy -C $$dir -diff"; \
			GOWORK=off go mod tidy -C "$$dir" -diff || status=1; \
		done; \
		exit $$status; \
	}

# What templ makes of the pages is committed, so that nobody needs templ to build.
generate: ## make the Go files of the pages (*.templ) again
	GOWORK=off go build -C tools -buildvcs=false -o ../bin/ github.com/a-h/templ/cmd/templ
	bin/templ generate -path apps -log-level error

generated:
	@before=$$(cat $$(find apps -name '*_templ.go' | sort) | cksum); \
	$(MAKE) --no-print-directory generate; \
	if [ "$$before" != "$$(cat $$(find apps -name '*_templ.go' | sort) | cksum)" ]; then \
		echo 'the Go files of the pages are not those of their templates: commit what make generate has made' >&2; exit 1; \
	fi

histories: ## ten thousand random histories of the model station (CHECKS=10000)
	go test ./apps/internal/modeltest -run TestStationHistories -rapid.checks=$(or $(CHECKS),10000) -timeout 30m

chaos: ## kill, pause and cut off real processes under load for CHAOS (30m), then audit
	go test $(race) ./apps/internal/chaos -run 'TestNATS|TestPostgres' -chaos=$(or $(CHAOS),30m) -v -timeout 24h

rushes: ## send 200 rushes for tickets (RUSHES=200) to processes that are killed, then audit
	go test ./apps/internal/chaos -run 'TestRushes' -rushes=$(or $(RUSHES),200) -v -timeout 24h

stories: ## play 2,000 histories of charging stations (STORIES=2000) with a server that is killed, then audit
	go test ./apps/internal/chaos -run 'TestStations' -stories=$(or $(STORIES),2000) -v -timeout 24h

bench: ## run the benchmarks of the packages, then aether bench (BENCH=append: one)
	go test -run='^$$' -bench=. -benchmem work
	go run ./apps/cmd/aether bench $(BENCH)

fuzz: ## run every fuzz target for FUZZTIME (10s) each
	@targets=$$(go test -list='^Fuzz' work | \
		awk '/^Fuzz/ { names[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, names[i]; n = 0 }'); \
	while read -r package target; do \
		echo "fuzz $$package $$target"; \
		go test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) "$$package" </dev/null; \
	done <<<"$$targets"

install:
	@bash .ci/install

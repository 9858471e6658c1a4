# Cumulite. The two commands of a new user are `make up` and `make test`.

GO       ?= go
BIN      := bin
LINT     := build/golangci-lint-v2.15.0
TIMEOUT  ?= 40m
PACKAGES ?= ./...

.PHONY: build up down packages vet lint test soak kill bench powercut clean

build:
	$(GO) build -trimpath -ldflags='-s -w' -o $(BIN)/ ./daemons/...

# up starts a cloud on this machine (as root), boots a first server and shows how to go on.
up: packages build
	@scripts/up

# down takes away all that up made.
down: build
	@scripts/down

# packages installs the Debian packages that tests and real backends need, if they are missing and we are root.
packages:
	@scripts/packages

vet:
	$(GO) vet ./...

$(LINT):
	@mkdir -p build
	GOBIN=$(CURDIR)/build $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	@mv build/golangci-lint $@

lint: $(LINT)
	$(LINT) run ./...

# Whose tests run a second time, on PostgreSQL; without the thousands of failures of TestOperations, which take minutes there.
STORED ?= ./platform/store/... ./platform/flow/... ./platform/event ./platform/quota ./platform/lease ./identity/... ./image ./image/imageapi ./network ./network/networkapi ./compute ./compute/computeapi

# test installs what is missing and runs everything: vet, lint, the rules of the house, all suites.
test: packages vet lint
	SOAK_SECONDS=60 KILL_ROUNDS=200 KILL_REAL=6 KILL_SHARED=6 $(GO) test -timeout $(TIMEOUT) $(PACKAGES)
	CUMULITE_TEST_ENGINE=postgres $(GO) test -timeout $(TIMEOUT) -skip '^TestOperations$$' $(STORED)

# soak runs simulated clouds through crashes, partitions and the like, from new seeds, for SECONDS.
soak:
	$(GO) test -v -timeout 0 ./test/soak -seconds $(or $(SECONDS),600)

# kill kills the processes of clouds ROUNDS times at random steps of what they do; the report goes into bench/KILL.md.
kill: packages
	$(GO) test -v -timeout 24h ./test/kill -rounds $(or $(ROUNDS),200) -real $(or $(REAL),24) -shared $(or $(SHARED),24)

# bench measures cumulited from outside; as root also real servers. PARTS="creates restart" measures these only.
bench: packages
	@scripts/bench $(PARTS)

# powercut cuts the power of an emulated machine under load, ROUNDS times; the report goes into bench/README.md.
powercut: packages
	$(GO) test -v -timeout 24h ./test/powercut -rounds $(or $(ROUNDS),20)

clean:
	rm -rf $(BIN) build

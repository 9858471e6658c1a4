# Cumulite. The two commands of a new user are `make up` and `make test`.

GO       ?= go
BIN      := bin
LINT     := build/golangci-lint-v2.15.0
TIMEOUT  ?= 20m
PACKAGES ?= ./...

.PHONY: build packages vet lint test bench clean

build:
	$(GO) build -trimpath ./...

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

# test installs what is missing and runs everything: vet, lint, the rules of the house, all suites.
test: packages vet lint
	$(GO) test -timeout $(TIMEOUT) $(PACKAGES)

bench:
	$(GO) test -run '^$$' -bench . -benchtime 1s $(PACKAGES)

clean:
	rm -rf $(BIN) build

# The same commands on a laptop and in CI: `make lint` and `make test`. Nothing needs to be installed by hand but
# Rust (with cargo-nextest), a C compiler, Python 3.11 with pip, npm, git and make; the rest is fetched into a folder.

# Build results lie outside the clone, so that a fresh clone builds quickly; `CARGO_TARGET_DIR` in the environment wins.
ifndef CARGO_TARGET_DIR
CARGO_TARGET_DIR := $(shell d="$$HOME/.cache/bugle/target"; \
  if [ -n "$$HOME" ] && mkdir -p "$$d" 2>/dev/null && [ -w "$$d" ]; then echo "$$d"; else echo "$(CURDIR)/target"; fi)
endif
export CARGO_TARGET_DIR

.DEFAULT_GOAL := help
.PHONY: help run lint fmt test ghost tools bench fuzz torture image

help: ## Shows this list
	@sed -nE 's/^([a-z]+):.*## /\1\t/p' $(MAKEFILE_LIST)

run: ## Starts Bugle with config/bugle.toml
	cargo run --locked -- run

lint: ## Formatting, clippy, docs, licences and bans, Dockerfile
	bash scripts/lint.sh

fmt: ## Formats the code
	cargo fmt

test: ## All tests but those of `ghost`, against real PostgreSQL, PDS, snac and WebSub hub (fetched and started here)
	bash scripts/test.sh

ghost: ## The stories of a newsroom that writes in Ghost (fetched and started here: 7 minutes, once)
	bash scripts/ghost.sh

tools: ## Only fetches what lint and test need
	bash scripts/tools.sh all

bench: ## Measures speed and memory
	bash scripts/bench.sh

fuzz: ## Feeds the readers noise until one breaks: make fuzz T=600 (seconds each), or N=10000000 (runs each)
	bash scripts/fuzz.sh $(if $(N),-n $(N),-t $(or $(T),60))

torture: ## Kills Bugle again and again and counts the posts: make torture N=1000
	bash scripts/torture.sh $(N)

image: ## Builds the container image bugle:dev with the first of docker, podman, buildah
	bash scripts/image.sh

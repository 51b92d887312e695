#!/usr/bin/env bash
# Measures composing (benches/compose.rs), pictures (benches/cards.rs) and the desk (benches/desk.rs), then the release binary against its own feed server and sink
# (benches/service/main.rs). Run it on a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo bench --locked --bench compose
cargo bench --locked --bench cards
cargo bench --locked --bench desk
exec cargo bench --locked --bench service

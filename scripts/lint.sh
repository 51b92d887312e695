#!/usr/bin/env bash
# Everything that can be said of the code without running it.
set -euo pipefail
# shellcheck source=scripts/tools.sh
. "$(dirname "$0")/tools.sh"
cd "$BUGLE_ROOT"

say 'formatting'
cargo fmt --check
say 'licences and bans'
cargo metadata --locked --format-version 1 --all-features --filter-platform x86_64-unknown-linux-gnu | python3 scripts/crates.py
say 'the lock file of the fuzz targets'
cargo metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null
say 'Dockerfile'
need_hadolint
"$HADOLINT" Dockerfile
say 'clippy'
cargo clippy --locked --all-targets --features crash-points,ghost -- -D warnings
say 'docs'
RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --lib --features crash-points

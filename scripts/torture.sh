#!/usr/bin/env bash
# Kills Bugle again and again and counts the posts:  bash scripts/torture.sh [KILLS]
# The campaign of `make test` (tests/it/kills), longer, with the program as it is released, and 20 kills of each recovery
# class in real time. Ends with a table, and with 1 where a post was lost, doubled or falsely called published.
# BUGLE_KILLS_SEED=N replays the campaign of that seed.
set -euo pipefail
# shellcheck source=scripts/tools.sh
. "$(dirname "$0")/tools.sh"
# shellcheck source=scripts/servers.sh
. "$(dirname "$0")/servers.sh"
cd "$BUGLE_ROOT"

kills=${1:-1000}
[[ $kills =~ ^[1-9][0-9]*$ ]] || die "expected a number of kills, found $kills"

need_postgres
cargo test --release --locked --features crash-points --test it --no-run

trap stop_servers EXIT
trap 'exit 130' INT TERM
BUGLE_SERVERS=$(mktemp -d "${TMPDIR:-/tmp}/bugle-servers.XXXXXX")
chmod 755 "$BUGLE_SERVERS"
start_postgres
began=$SECONDS
BUGLE_TORTURE=$kills cargo test --release --locked --quiet --features crash-points --test it -- \
  kills::torture --exact --nocapture || exit 1
say "$kills kills in $((SECONDS - began)) s"

#!/usr/bin/env bash
# The stories of a newsroom that writes in Ghost (tests/it/story_ghost.rs), against a real Ghost and a real WebSub hub:
# bash scripts/ghost.sh. Installing Ghost takes some 7 minutes and 650 MB, once; hence apart from `make test`.
set -euo pipefail
# shellcheck source=scripts/tools.sh
. "$(dirname "$0")/tools.sh"
# shellcheck source=scripts/servers.sh
. "$(dirname "$0")/servers.sh"
cd "$BUGLE_ROOT"

need_nextest
need_pds
need_hub
need_ghost
cargo nextest run --locked --features crash-points,ghost --test it --no-run

trap stop_servers EXIT
trap 'exit 130' INT TERM
BUGLE_SERVERS=$(mktemp -d "${TMPDIR:-/tmp}/bugle-servers.XXXXXX")
chmod 755 "$BUGLE_SERVERS"
start_hub
start_ghost
wait_hub
wait_ghost
cargo nextest run --locked --features crash-points,ghost --test it -E 'test(/^story_ghost::/)' "$@"

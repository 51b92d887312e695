#!/usr/bin/env bash
# All tests but those of Ghost (scripts/ghost.sh), which are compiled in by a feature. The servers that they need are
# started first and stopped, by their process ids, whatever happens.
# Arguments go to nextest:  bash scripts/test.sh -E 'test(bluesky)'
set -euo pipefail
# shellcheck source=scripts/tools.sh
. "$(dirname "$0")/tools.sh"
# shellcheck source=scripts/servers.sh
. "$(dirname "$0")/servers.sh"
cd "$BUGLE_ROOT"

need_nextest
need_postgres
need_snac
need_pds
need_oidc
need_hub
need_synapse
need_chromium
need_axe

# Built before the servers start, so that a compile error shows at once and no server waits for minutes.
cargo nextest run --locked --features crash-points --no-run

trap stop_servers EXIT
trap 'exit 130' INT TERM
start_servers
export BUGLE_TEST_CHROMIUM=$CHROMIUM BUGLE_TEST_AXE=$AXE
cargo nextest run --locked --features crash-points "$@"

#!/usr/bin/env bash
# All tests but those of Ghost (scripts/ghost.sh). The servers they need are started first and stopped, by their process ids, whatever happens.
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
need_hub

# Built before the servers start, so that a compile error shows at once and no server waits for minutes.
cargo nextest run --locked --features crash-points --no-run

# Ghost takes minutes to install: its stories have a target of their own.
if [ $# = 0 ]; then
  say "not here: the stories of Ghost (tests/it/story_ghost.rs); run make ghost"
  set -- -E 'not test(/^story_ghost::/)'
fi

trap stop_servers EXIT
trap 'exit 130' INT TERM
start_servers
cargo nextest run --locked --features crash-points "$@"

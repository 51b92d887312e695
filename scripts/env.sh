# Sourced by the other scripts: where built and fetched things lie.
# shellcheck shell=bash

BUGLE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# A folder of the user's cache when there can be one, so that a fresh clone finds what an earlier one built or fetched.
if [ -n "${HOME:-}" ] && mkdir -p "$HOME/.cache/bugle" 2>/dev/null && [ -w "$HOME/.cache/bugle" ]; then
  : "${CARGO_TARGET_DIR:=$HOME/.cache/bugle/target}"
  BUGLE_TOOLS=$HOME/.cache/bugle/tools
else
  : "${CARGO_TARGET_DIR:=$BUGLE_ROOT/target}"
  BUGLE_TOOLS=$BUGLE_ROOT/.tools
fi
export CARGO_TARGET_DIR

say() { printf '== %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

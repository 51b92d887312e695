#!/usr/bin/env bash
# Builds the container image bugle:dev with the first builder that works here; further words are handed on to it:
#
#   bash scripts/image.sh --no-cache
set -euo pipefail
cd "$(dirname "$0")/.."

# A docker client alone is not enough: its daemon must answer.
if docker info >/dev/null 2>&1; then
  exec docker build --tag bugle:dev "$@" .
fi
# These write OCI images unless told otherwise, and those have no place for a health check.
for builder in podman buildah; do
  if command -v "$builder" >/dev/null; then
    exec "$builder" build --format docker --tag bugle:dev "$@" .
  fi
done
echo 'error: building an image needs docker (with its daemon running), podman or buildah' >&2
exit 1

#!/usr/bin/env bash
# Builds the container image bugle:dev with the first builder found.
set -euo pipefail
cd "$(dirname "$0")/.."
for builder in docker podman buildah; do
  if command -v "$builder" >/dev/null; then
    exec "$builder" build --tag bugle:dev .
  fi
done
echo 'error: building an image needs docker, podman or buildah' >&2
exit 1

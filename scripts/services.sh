# shellcheck shell=bash
# ./dev services: Postgres, nats-server and the seven services, each a process of its own, as in production.
# A service that ends is started again with back-off, as an orchestrator of containers would.

ROLES=(gateway orchestrator worker detector retry notifier monitor)
SERVICES="$ROOT/.kintsugi/services"
declare -A NAME_OF=() COMMAND_OF=() STARTED_AT=() DELAY_OF=() RESTART_AT=()

services() {
  local lock binary role http docs nats_port postgres_port url endpoint=() jaeger_ui="" jaeger="" alarm=""
  mkdir -p "$SERVICES"/{run,log,nats}
  exec {lock}>>"$SERVICES/services.lock"
  flock -n "$lock" || { say "./dev services already runs in this folder: $(cat "$SERVICES/urls" 2>/dev/null || echo 'it is starting'). ./dev down stops it."; return; }
  echo $$ >"$SERVICES/services.pid"

  binary=${KINTSUGI_BIN:-}
  need_nats_server
  need_postgres
  if [[ -z $binary ]]; then
    need_rust
    need_node
  fi
  die_if_missing
  [[ -n $binary ]] || { build_release kintsugi kintsugi; binary=$REPLY; }

  pick_port "the dashboard" 3000; http=$REPLY
  pick_port "the API documentation" 8000; docs=$REPLY
  pick_port "NATS" 4222; nats_port=$REPLY
  pick_port "Postgres" 5433; postgres_port=$REPLY

  trap 'services_stop' EXIT
  trap 'exit 0' INT TERM HUP
  rm -f "$SERVICES"/run/* "$SERVICES/urls"
  postgres_start "$postgres_port"
  url=$REPLY
  service_start nats-server "$NATS_SERVER_BIN" -c "$ROOT/nats/server.conf" -a 127.0.0.1 -p "$nats_port" -m 0 -sd "$SERVICES/nats"
  eventually 20 port_taken "$nats_port" || die "nats-server does not start (log: .kintsugi/services/log/nats-server.log)"
  if [[ -n $(jaeger_found) ]] || go_usable; then
    pick_port "Jaeger's OTLP receiver" 4318; endpoint=(--otlp-endpoint "http://127.0.0.1:$REPLY")
    local otlp=$REPLY
    pick_port "Jaeger" 16686; jaeger_ui="http://127.0.0.1:$REPLY"
    setsid setpriv --pdeathsig TERM "$ROOT/dev" _jaeger "$otlp" "$REPLY" >"$SERVICES/log/jaeger.log" 2>&1 {lock}>&- </dev/null &
    jaeger=$!
  fi

  # In the environment: whoever is on this machine may read the command line of a process.
  export KINTSUGI_DATABASE__URL=$url
  for role in "${ROLES[@]}"; do
    local own=() as=()
    # It executes tasks and needs the broker only; it is not given the database.
    [[ $role != worker ]] || as=(env -u KINTSUGI_DATABASE__URL)
    [[ $role != gateway ]] || own=(--http "127.0.0.1:$http" --set "gateway.also_http=127.0.0.1:$docs" ${jaeger_ui:+--set "gateway.traces_url=$jaeger_ui"})
    service_start "$role" "${as[@]}" "$binary" "$role" --nats-url "nats://127.0.0.1:$nats_port" \
      --ready-file "$SERVICES/run/$role.json" "${endpoint[@]}" "${own[@]}"
  done
  say "Starting …"
  # The children are watched while we wait: a service that ends at start is started again.
  local deadline=$((SECONDS + 120))
  until services_ready; do
    ((SECONDS < deadline)) || die "not every service is ready after 120 s (logs: .kintsugi/services/log/)"
    services_watch 1
  done
  echo "http://127.0.0.1:$http" >"$SERVICES/urls"

  say
  say "Kintsugi is up, as seven services."
  say "  Dashboard          http://127.0.0.1:$http"
  say "  API documentation  http://127.0.0.1:$docs/docs"
  say "  NATS               nats://127.0.0.1:$nats_port"
  say "  Postgres           127.0.0.1:$postgres_port, database and user kintsugi (password: .kintsugi/services/password)"
  [[ -z $jaeger_ui ]] || say "  Jaeger             $jaeger_ui$([[ -n $(jaeger_found) ]] || echo ' (being built, some minutes, once)')"
  say "  Processes          .kintsugi/services/run/*.pid: kill one with -9 and watch; it is started again"
  say "  Logs               .kintsugi/services/log/"
  say
  say "Ctrl-C stops everything."
  # A child that ends between two waits is seen by the next one.
  while :; do services_watch 2; done
}

services_ready() {
  local role
  for role in "${ROLES[@]}"; do [[ -s $SERVICES/run/$role.json ]] || return 1; done
}

# service_start NAME COMMAND…: starts it in the background, its log appended to, its pid in run/NAME.pid.
service_start() {
  local name=$1
  shift
  printf -v "COMMAND_OF[$name]" '%q ' "$@"
  service_run "$name"
}
service_run() {
  local command
  eval "command=(${COMMAND_OF[$1]})"
  "${command[@]}" >>"$SERVICES/log/$1.log" 2>&1 </dev/null &
  NAME_OF[$!]=$1
  STARTED_AT[$1]=$SECONDS
  echo $! >"$SERVICES/run/$1.pid"
}

# Waits for the end of a child, for $1 seconds at most, and starts what ended again when its pause is over. The time is
# a child too: bash waits for children or for nothing.
services_watch() {
  local pid name
  # It must not keep the lock when the script is gone.
  sleep "$1" {lock}>&- &
  alarm=$!
  wait -n "$alarm" "${!NAME_OF[@]}"
  kill "$alarm" && wait "$alarm"
  # Each child is looked at: `wait -n` tells of one, and of two that ended together the other one never.
  for pid in "${!NAME_OF[@]}"; do
    ! process_gone "$pid" || services_ended "$pid"
  done
  for name in "${!RESTART_AT[@]}"; do
    ((SECONDS >= RESTART_AT[$name])) || continue
    unset "RESTART_AT[$name]"
    service_run "$name"
  done
  # Bash would add a line of its own about each child that a signal ended.
} 2>/dev/null
# Says so, and notes when it is started again. Nobody else waits for that.
services_ended() {
  local name=${NAME_OF[$1]} status=0
  wait "$1" || status=$?
  unset "NAME_OF[$1]"
  # Half a minute of life clears the back-off.
  ((SECONDS - STARTED_AT[$name] < 30)) || DELAY_OF[$name]=0
  say "$(date +%T) $name (process $1) ended with status $status; starting it again in ${DELAY_OF[$name]:-0} s."
  RESTART_AT[$name]=$((SECONDS + ${DELAY_OF[$name]:-0}))
  DELAY_OF[$name]=$((${DELAY_OF[$name]:-0} < 8 ? ${DELAY_OF[$name]:-0} * 2 + 1 : 15))
}

services_stop() {
  trap '' INT TERM HUP
  say
  say "Stopping …"
  local pid name
  # Services first, all at once; then what they stand on.
  for pid in "${!NAME_OF[@]}"; do
    case ${NAME_OF[$pid]} in postgres | nats-server) ;; *) kill -TERM "$pid" 2>/dev/null ;; esac
  done
  for name in '*' nats-server postgres; do
    for pid in "${!NAME_OF[@]}"; do
      case $name:${NAME_OF[$pid]} in
        '*:postgres' | '*:nats-server') ;;
        '*:'* | nats-server:nats-server) stop_process "$pid" TERM 20 ;;
        postgres:postgres) stop_process "$pid" INT 20 ;;
      esac
    done
  done
  [[ -z ${alarm:-} ]] || kill "$alarm" 2>/dev/null
  [[ -z ${jaeger:-} ]] || kill -TERM -- "-$jaeger" 2>/dev/null
  rm -f "$SERVICES"/run/* "$SERVICES/services.pid" "$SERVICES/urls"
}

# Starts our own Postgres on loopback port $1 and puts the URL of its database into REPLY. Its data are kept;
# fsync and synchronous_commit stay as they are by default: on.
postgres_start() {
  local data="$SERVICES/pg" password as=()
  # Postgres refuses to run as root.
  if ((EUID == 0)); then
    local user=postgres
    id "$user" >/dev/null 2>&1 || user=nobody
    as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
    "${as[@]}" test -x "$SERVICES" || data="/var/tmp/kintsugi-$(cksum <<<"$ROOT" | cut -d' ' -f1)/pg"
    mkdir -p "$data" && chmod 700 "$data" && chown -R "$user" "$data"
    [[ $data == "$SERVICES/pg" ]] || { chmod 755 "$(dirname "$data")"; say "Postgres keeps its data in $data: its user cannot enter this folder."; }
  fi
  if [[ ! -s $SERVICES/password ]]; then
    (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$SERVICES/password")
  fi
  password=$(cat "$SERVICES/password")
  if [[ ! -s $data/PG_VERSION ]]; then
    say "Creating a database cluster …"
    # initdb reads the password as the user that it runs as, who may not read our file.
    local copy
    copy=$(mktemp /tmp/kintsugi.XXXXXX) && cat "$SERVICES/password" >"$copy"
    [[ -z ${user:-} ]] || chown "$user" "$copy"
    (cd / && "${as[@]}" "$POSTGRES_BIN_DIR/initdb" -D "$data" -U kintsugi -A scram-sha-256 --pwfile="$copy" \
      -E UTF8 --locale=C.UTF-8) >"$SERVICES/log/initdb.log" 2>&1 ||
      { rm -f "$copy"; tail -n 5 "$SERVICES/log/initdb.log" >&2; die "initdb failed (log: .kintsugi/services/log/initdb.log)"; }
    rm -f "$copy"
  fi
  service_start postgres "${as[@]}" "$POSTGRES_BIN_DIR/postgres" -D "$data" -p "$1" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200
  export PGPASSWORD=$password
  eventually 30 "$POSTGRES_BIN_DIR/pg_isready" -q -h 127.0.0.1 -p "$1" ||
    die "Postgres does not start (log: .kintsugi/services/log/postgres.log)"
  local psql=("$POSTGRES_BIN_DIR/psql" -X -q -A -t -h 127.0.0.1 -p "$1" -U kintsugi -d postgres)
  [[ $("${psql[@]}" -c "select 1 from pg_database where datname = 'kintsugi'") == 1 ]] ||
    "${psql[@]}" -c "create database kintsugi" || die "cannot create the database kintsugi"
  unset PGPASSWORD
  REPLY="postgres://kintsugi:$password@127.0.0.1:$1/kintsugi"
}

# shellcheck shell=bash
# ./dev up: the whole engine in one process, on SQLite and a nats-server of its own, with Jaeger beside it.

DATA="$ROOT/.kintsugi"

# Puts the value that option $1 has among the rest of the arguments into REPLY; fails if it is not there.
option_in() {
  local option=$1
  shift
  while (($#)); do
    case $1 in
      "$option") REPLY=${2:-}; return ;;
      "$option="*) REPLY=${1#*=}; return ;;
    esac
    shift
  done
  return 1
}

up() {
  local lock ready="$DATA/ready.json" engine="" binary endpoint="" jaeger_ui="" docs="" args=()
  mkdir -p "$DATA"
  exec {lock}>>"$DATA/up.lock"
  # The engine inherits the lock, so that a script killed by force does not let a second engine onto the data.
  flock -n "$lock" || { up_runs_already "$ready"; return; }
  echo $$ >"$DATA/up.pid"

  binary=${KINTSUGI_BIN:-}
  need_nats_server
  if [[ -z $binary ]]; then
    need_rust
    need_node
  fi
  die_if_missing
  [[ -n $binary ]] || { build_release kintsugi kintsugi; binary=$REPLY; }

  option_in --data "$@" || args+=(--data "$DATA")
  option_in --http "$@" || { pick_port "the dashboard" 3000; args+=(--http "127.0.0.1:$REPLY"); }
  option_in --also-http "$@" || { pick_port "the API documentation" 8000; args+=(--also-http "127.0.0.1:$REPLY"); docs=$REPLY; }
  option_in --nats "$@" || { pick_port "NATS" 4222; args+=(--nats "127.0.0.1:$REPLY"); }
  if option_in --ready-file "$@"; then ready=$REPLY; else args+=(--ready-file "$ready"); fi
  rm -f "$ready"
  args+=(--set "nats.server_binary=$NATS_SERVER_BIN")

  local jaeger_otlp="" jaeger_query="" jaeger=""
  if option_in --otlp-endpoint "$@"; then
    endpoint=$REPLY
  elif [[ -n ${OTEL_EXPORTER_OTLP_ENDPOINT:-} ]]; then
    endpoint=$OTEL_EXPORTER_OTLP_ENDPOINT
    args+=(--otlp-endpoint "$endpoint")
  elif [[ -n $(jaeger_found) ]] || go_usable; then
    pick_port "Jaeger's OTLP receiver" 4318; jaeger_otlp=$REPLY
    pick_port "Jaeger" 16686; jaeger_query=$REPLY
    jaeger_ui="http://127.0.0.1:$jaeger_query"
    args+=(--otlp-endpoint "http://127.0.0.1:$jaeger_otlp" --set "gateway.traces_url=$jaeger_ui")
  fi

  # From here on there are children; whatever ends the script, they end first.
  trap 'up_stop' EXIT
  trap 'exit 0' INT TERM HUP
  [[ -z $(jaeger_found) || -z $jaeger_ui ]] || up_jaeger
  "$binary" dev "${args[@]}" "$@" >"$DATA/engine.log" 2>&1 &
  engine=$!
  say "Starting …"
  eventually 120 up_started || { tail -n 20 "$DATA/engine.log" >&2; die "not ready after 120 s (log: .kintsugi/engine.log)"; }
  process_gone "$engine" && { tail -n 20 "$DATA/engine.log" >&2; die "the engine stopped at start (log: .kintsugi/engine.log)"; }

  up_print "$ready" "$docs" "$jaeger_ui"
  if [[ -n $jaeger_ui && -z $jaeger ]]; then
    say "Jaeger is being built in the background (some minutes, once); runs started before it is there leave no trace in it."
    up_jaeger
  elif [[ -z $jaeger_ui && -z $endpoint ]]; then
    say "No Jaeger here: building it needs Go 1.21 or newer. Everything else works."
  fi
  say "Ctrl-C stops everything. Log: .kintsugi/engine.log"

  local status=0
  wait "$engine" || status=$?
  tail -n 20 "$DATA/engine.log" >&2
  die "the engine stopped by itself with status $status (log: .kintsugi/engine.log)"
}
# In a session of its own, so that a build in progress ends as a whole when it must; and it ends with this script,
# even where that is killed by force.
up_jaeger() {
  setsid setpriv --pdeathsig TERM "$ROOT/dev" _jaeger "$jaeger_otlp" "$jaeger_query" >"$DATA/jaeger.log" 2>&1 {lock}>&- </dev/null &
  jaeger=$!
}
up_started() { [[ -s $ready ]] || process_gone "$engine"; }
up_stop() {
  trap '' INT TERM HUP
  [[ -z ${engine:-} ]] || { say; say "Stopping …"; stop_process "$engine" TERM 20; }
  [[ -z ${jaeger:-} ]] || kill -TERM -- "-$jaeger" 2>/dev/null
  rm -f "${ready:-}" "$DATA/up.pid"
}
# NAME:PORT or a whole URL, as a URL.
as_url() { case $1 in *://*) echo "$1" ;; *) echo "${2:-http}://$1" ;; esac; }

up_print() {
  local http nats
  http=$(as_url "$(json_field "$1" http)")
  nats=$(as_url "$(json_field "$1" nats)" nats)
  say
  say "Kintsugi is up."
  say "  Dashboard          $http"
  say "  API documentation  $([[ -n $2 ]] && echo "http://127.0.0.1:$2" || echo "$http")/docs"
  say "  NATS               $nats"
  [[ -z $3 ]] || say "  Jaeger             $3"
  say
  say "Try it: a workflow whose task fails twice and is mended, over HTTP and over NATS."
  say "  curl -sS $http/v1/definitions -H 'content-type: application/yaml' --data-binary @scripts/hello.yaml"
  say "  curl -sS $http/v1/runs -H 'content-type: application/json' -d '{\"definition\":\"sample/hello:1.0.0\",\"input\":{}}'"
  say "  $(nats_cli_hint) -s $nats request kintsugi.api.start.sample.hello '{}'"
  say
}
nats_cli_hint() {
  local built="$TOOLS/nats-cli-$NATS_CLI_VERSION/nats"
  if have nats; then echo nats; elif [[ -x $built ]]; then echo "${built#"$PWD"/}"; else echo nats; fi
}
up_runs_already() {
  if [[ -s $1 ]]; then
    say "Kintsugi already runs in this folder:"
    say "  Dashboard  $(as_url "$(json_field "$1" http)")"
    say "  NATS       $(as_url "$(json_field "$1" nats)" nats)"
  else
    say "Another ./dev up is starting, or stopping, in this folder; look at its terminal, or at .kintsugi/engine.log."
  fi
  say "./dev down stops it."
}

# ./dev down: ends what `up` and `services` of this folder left running, from whatever terminal.
down() {
  local file pid found=0
  for file in "$DATA/up.pid" "$DATA/services/services.pid"; do
    pid=$(cat "$file" 2>/dev/null) || continue
    # A pid may be another program's by now: only a script of this folder has this folder's lock open.
    if [[ -n $pid && $(readlink "/proc/$pid"/fd/* 2>/dev/null) == *"$DATA/"*.lock* ]]; then
      found=1
      say "Stopping $(basename "$file" .pid) (process $pid) …"
      stop_process "$pid" TERM 60
    fi
    rm -f "$file"
  done
  # What a script that was killed by force has left.
  for pid in /proc/[0-9]*; do
    pid=${pid#/proc/}
    [[ $pid != "$$" && $(readlink "/proc/$pid"/fd/* 2>/dev/null) == *"$DATA/"*.lock* ]] || continue
    found=1
    say "Stopping process $pid ($(cat "/proc/$pid/comm" 2>/dev/null)) …"
    stop_process "$pid" TERM 20
  done
  ((found)) || say "Nothing runs in this folder."
}

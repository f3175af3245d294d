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
# terminal, that heeds Ctrl-C, which commands in the background ignore; its pid in $!.
run_in() {
    env --default-signal=INT STATE_DIR="$1" setsid make -C "$ROOT" -s run BUILD="$PROGRAM_DIR" STATE_DIR="$1" PORT="$2" HUB_PORT="$3" \
        >"$1/said" 2>&1 3>&- &
    PIDS+=($!)
}

# served STATE_DIR PORT: the URLs were printed and the sample data is there.
served() { grep -q 'Stop with Ctrl-C' "$1/said"; }

# ended PID STATE_DIR: the command is over, so that nothing is started any more, and then so is all that
# it started. What outlives it by mistake stays, and is named.
ended() {
    await "the end of make run" no kill -0 "$1"
    await "the end of all that it started" nothing_left "$2" && return
    left "$2" | xargs ps -fp >&2
    return 1
}

@test "make run serves sample data from a local Hub, and ends all that it started on SIGTERM" {
    # Real tokens or a proxy in the shell make no difference to the local Hub.
    export HF_TOKEN=hf_somebody_s HF_READ_TOKEN=hf_somebody_s http_proxy=http://127.0.0.1:9
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
    # No program that serves holds a token.
    local pids
    pids=$(pgrep -f "$PROGRAM_DIR/[a-z]*[.]fcgi")
    for pid in $pids; do
        no grep -qzE '^HF_(READ_)?TOKEN=.' "/proc/$pid/environ"
    done
    kill "$make"
    ended "$make" "$STATE_DIR"
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
    ended "$first" "$STATE_DIR"
    curl -sf "http://127.0.0.1:$other_port/api/leaderboard?limit=1" >/dev/null
    kill -INT -- "-$second"
    ended "$second" "$OTHER_DIR"
}

@test "SIGTERM is heeded in the midst of a sync" {
    fault '* * stall'
    HUB_TIMEOUT=3000 \
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

# What the tests share: a server and a local Hub of their own, on free ports, with a state folder of
# their own; and checks that print request and answer when they fail.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PROGRAM_DIR=$(cd "$ROOT/${BUILD:-build}" 2>/dev/null && pwd || cd "${BUILD:-build}" && pwd)
SHARED_DATA=${SHARED_DATA:-$ROOT/../shared/data}
PATH=$PATH:/usr/sbin
export PROGRAM_DIR

# A port that nothing listens on at this moment.
free_port() {
    local port
    while :; do
        port=$((RANDOM % 20000 + 20000))
        (: </dev/tcp/127.0.0.1/$port) 2>/dev/null || { echo $port; return; }
    done
}

# await WHAT COMMAND…: waits until the command succeeds, for at most ten seconds.
await() {
    local what=$1 tries=0
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ $tries -gt 400 ]; then
            echo "timed out waiting for $what" >&2
            return 1
        fi
        sleep 0.025
    done
}

port_open() { (: </dev/tcp/127.0.0.1/"$1") 2>/dev/null; }

# Sets the environment of one server: STATE_DIR, PORT, HUB_PORT, HF_ENDPOINT and quick failures.
new_state() {
    STATE_DIR=$(mktemp -d "${TMPDIR:-/tmp}/lb.XXXXXX")
    HOST=127.0.0.1
    PORT=$(free_port)
    HUB_PORT=$(free_port)
    HF_ENDPOINT=http://127.0.0.1:$HUB_PORT
    HF_ORGANIZATION=acme
    LEADERBOARD_CONFIG=$ROOT/leaderboards/open-llm.json
    HUB_RETRIES=0
    HUB_TIMEOUT=2
    ENV_FILE=$STATE_DIR/env
    export STATE_DIR HOST PORT HUB_PORT HF_ENDPOINT HF_ORGANIZATION LEADERBOARD_CONFIG HUB_RETRIES \
        HUB_TIMEOUT ENV_FILE
    : >"$ENV_FILE"
    mkdir -p "$STATE_DIR"/{run,log,public,conf.d}
    API=http://127.0.0.1:$PORT
    PIDS=()
}

# Starts lighttpd with the leaderboard, and with the local Hub unless told `start_server alone`.
start_server() {
    [ "${1:-}" = alone ] || cp "$ROOT/tools/hub.conf" "$STATE_DIR/conf.d/hub.conf"
    lighttpd -D -f "$ROOT/lighttpd.conf" 3>&- &
    SERVER=$!
    PIDS+=($SERVER)
    await "port $PORT" port_open "$PORT"
}

# Ends what the test started, by pid, and removes its state.
stop_all() {
    local pid
    for pid in "${PIDS[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${PIDS[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$STATE_DIR"
}

hubctl() { "$PROGRAM_DIR/hubctl" --db "$STATE_DIR/hub.db" "$@"; }
fetcher() { "$PROGRAM_DIR/fetcher" "$@"; }

# hub_put NAME PATH FILE: puts a file into the organisation's dataset NAME, as one commit.
hub_put() { hubctl put "datasets/$HF_ORGANIZATION/$1" "$2" "$3" >/dev/null; }

# get PATH [curl options…]: the answer's body in $body, status in $status, headers in $headers.
get() {
    local path=$1
    shift
    request="GET $path $*"
    headers=$(mktemp "$STATE_DIR/headers.XXXXXX")
    status=$(curl -s --max-time 20 -o "$STATE_DIR/body" -D "$headers" -w '%{http_code}' "$@" "$API$path") || true
    body=$STATE_DIR/body
}

# header NAME: the value of a header of the last answer.
header() { sed -n "s/^$1: \(.*\)\r\$/\1/Ip" "$headers"; }

# expect WHAT WANTED GOT: fails with the last request and answer.
expect() {
    [ "$2" = "$3" ] && return
    {
        echo "$1: expected '$2', got '$3'"
        echo "request: ${request:-none}"
        [ -z "${headers:-}" ] || cat "$headers"
        [ -z "${body:-}" ] || head -c 2000 "$body"
    } >&2
    return 1
}

expect_status() { expect "status" "$1" "$status"; }

# The test's own check of a log or message.
expect_line() {
    grep -qF -- "$1" <<<"$2" && return
    printf 'expected to find: %s\nin: %s\n' "$1" "$2" >&2
    return 1
}

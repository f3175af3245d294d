# What the tests share: a server and a local Hub of their own, on free ports, with a state folder of
# their own; and checks that print request and answer when they fail.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PROGRAM_DIR=$(cd "$ROOT" && cd "${BUILD:-build}" && pwd)
SHARED_DATA=${SHARED_DATA:-$ROOT/../shared/data}
PATH=$PATH:/usr/sbin
export PROGRAM_DIR

# free_port [OTHER]: a port that nothing listens on at this moment, below those that the kernel hands out, and
# that is not the other.
free_port() {
    local port
    while :; do
        port=$((RANDOM % 12000 + 20000))
        [ $port != "${1:-}" ] || continue
        (: </dev/tcp/127.0.0.1/$port) 2>/dev/null || { echo $port; return; }
    done
}

# await WHAT COMMAND…: waits until the command succeeds, for at most forty seconds.
await() {
    local what=$1 tries=0
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ $tries -gt 1600 ]; then
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
    HUB_PORT=$(free_port "$PORT")
    HF_ENDPOINT=http://127.0.0.1:$HUB_PORT
    HF_ORGANIZATION=acme
    LEADERBOARD_CONFIG=$ROOT/leaderboards/open-llm.json
    HUB_RETRIES=0
    HUB_TIMEOUT=${PATIENCE:-2} # seconds; more where programs are slow
    ENV_FILE=$STATE_DIR/env
    export STATE_DIR HOST PORT HUB_PORT HF_ENDPOINT HF_ORGANIZATION LEADERBOARD_CONFIG HUB_RETRIES \
        HUB_TIMEOUT ENV_FILE
    : >"$ENV_FILE"
    mkdir -p "$STATE_DIR"/{run,log,public,conf.d}
    API=http://127.0.0.1:$PORT
    PIDS=() PROXY_PORT=
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
    # A program that was only just started may still be making a file there.
    await "the removal of $STATE_DIR" rm -rf "$STATE_DIR"
}

# left STATE_DIR: the pids of what was started with it and runs, but for those that look. (grep's exit
# code tells nothing: processes that end while it looks are an error to it.)
left() { (unset STATE_DIR && grep -lzs "^STATE_DIR=$1\$" /proc/[0-9]*/environ | cut -d / -f 3); }
nothing_left() { [ -z "$(left "$1")" ]; }

# workers NAME: the pids of lighttpd's processes of a program. descriptors: how many files lighttpd has open; a
# request that a program was given is two of them.
workers() { pgrep -P "$SERVER" -f "/$1.fcgi"; }
descriptors() { find "/proc/$SERVER/fd" -mindepth 1 | wc -l; }

# usage: for a script that was not called as the comment at its top has it.
usage() { sed -n '4,$s/^# \?//p; /^set/q' "$0"; exit 100; }

hubctl() { "$PROGRAM_DIR/hubctl" --db "$STATE_DIR/hub.db" "$@"; }
fetcher() { "$PROGRAM_DIR/fetcher" "$@"; }

# fetch ARGUMENTS…: runs the fetcher; its words in $said, its exit code in $code.
fetch() {
    code=0
    said=$(fetcher "$@" 2>&1) || code=$?
    said=${said//\\\"/\"} # a quoted value in a log line, as one reads it
    request="fetcher $*" body='' headers=''
    echo "$said" >>"$STATE_DIR/said"
}

# fault RULE…: puts the fault proxy between the fetcher and the Hub, with these rules (see faultproxy
# --help). Called again, it replaces them.
fault() {
    printf '%s\n' "$@" >"$STATE_DIR/rules.new"
    mv "$STATE_DIR/rules.new" "$STATE_DIR/rules"
    [ -z "$PROXY_PORT" ] || return 0
    "$PROGRAM_DIR/tests/faultproxy" --upstream "127.0.0.1:$HUB_PORT" --rules "$STATE_DIR/rules" \
        --port-file "$STATE_DIR/proxy.port" --log "$STATE_DIR/proxy.log" 3>&- &
    PIDS+=($!)
    await "the fault proxy" test -s "$STATE_DIR/proxy.port"
    PROXY_PORT=$(cat "$STATE_DIR/proxy.port")
    export HF_ENDPOINT=http://127.0.0.1:$PROXY_PORT
}

# hub_put NAME PATH FILE: puts a file into the organisation's dataset NAME, as one commit; the dataset
# is made when it is not there.
hub_put() {
    hubctl ls "datasets/$HF_ORGANIZATION/$1" >/dev/null 2>&1 ||
        hubctl create "datasets/$HF_ORGANIZATION/$1" >/dev/null
    hubctl put "datasets/$HF_ORGANIZATION/$1" "$2" "$3" >/dev/null
}

# get PATH [curl options…]: asks for it, or posts to it with `-d TEXT`, or whatever the options say; the
# answer's body in $body, status in $status, headers in $headers.
get() {
    local path=$1
    shift
    request="GET $path $*"
    headers=$STATE_DIR/headers
    rm -f "$headers" "$STATE_DIR/body"
    status=$(curl -s --max-time "${PATIENCE:-20}" -o "$STATE_DIR/body" -D "$headers" -w '%{http_code}' "$@" "$API$path") || true
    body=$STATE_DIR/body
    [ -e "$body" ] || : >"$body"
}

# no COMMAND…: succeeds when the command fails. (A bare `! command` never fails a bats test.)
no() { ! "$@"; }

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

# sample_row NAME [JQ FILTER]: one row of a leaderboard as JSON, changed by the filter.
sample_row() {
    jq -nc --arg name "$1" '{
        eval_name: (($name | gsub("/"; "_")) + "_bfloat16"),
        Precision: "bfloat16", Type: "💬 chat models (RLHF, DPO, IFT, ...)", T: "💬",
        "Weight type": "Original", Architecture: "LlamaForCausalLM",
        Model: ("<a href=\"x\">" + $name + "</a>"), fullname: $name,
        "Model sha": "0123456789abcdef0123456789abcdef01234567",
        "Average ⬆️": 20.5, "Hub License": "apache-2.0", "Hub ❤️": 3, "#Params (B)": 7.242,
        "Available on the hub": true, MoE: false, Flagged: false, "Chat Template": true,
        "CO₂ cost (kg)": 1.25,
        "IFEval Raw": 0.33, IFEval: 33.25, "BBH Raw": 0.36, BBH: 10.5,
        "MATH Lvl 5 Raw": 0.014, "MATH Lvl 5": 1.4, "GPQA Raw": 0.26, GPQA: 1.25,
        "MUSR Raw": 0.38, MUSR: 5.75, "MMLU-PRO Raw": 0.12, "MMLU-PRO": 1.85,
        Merged: false, "Official Providers": false,
        "Upload To Hub Date": "2024-04-13", "Submission Date": "2024-08-05", Generation: 0,
        "Base Model": $name
    } | '"${2:-.}"
}

# put_rows: standard input becomes the contents dataset's data, as JSON lines.
put_rows() {
    cat >"$STATE_DIR/rows.jsonl"
    hub_put contents data/train.jsonl "$STATE_DIR/rows.jsonl"
}

# put_providers NAME…: becomes the official-providers dataset.
put_providers() {
    jq -nc '{CURATED_SET: $ARGS.positional}' --args "$@" >"$STATE_DIR/providers.jsonl"
    hub_put official-providers data/train.jsonl "$STATE_DIR/providers.jsonl"
}

# sample_request MODEL [JQ FILTER]: a request file's content.
sample_request() {
    jq -nc --arg model "$1" '{
        model: $model, base_model: "", revision: "0123456789abcdef0123456789abcdef01234567",
        precision: "bfloat16", params: 7.242, architectures: "LlamaForCausalLM",
        weight_type: "Original", status: "PENDING", submitted_time: "2024-08-05T10:20:30Z",
        model_type: "💬 chat models (RLHF, DPO, IFT, ...)", job_id: -1, job_start_time: null,
        use_chat_template: true, sender: "alice"
    } | '"${2:-.}"
}

# put_request MODEL [JQ FILTER]: the model's request file becomes that.
put_request() {
    sample_request "$@" >"$STATE_DIR/request.json"
    hub_put requests "$1_eval_request_False_bfloat16_Original.json" "$STATE_DIR/request.json"
}

# sample_vote MODEL USER [JQ FILTER]: a line of the votes file.
sample_vote() {
    jq -nc --arg model "$1" --arg user "$2" '{
        model: $model, revision: "0123456789abcdef0123456789abcdef01234567", username: $user,
        timestamp: "2024-08-05T10:20:30Z", vote_type: "up"
    } | '"${3:-.}"
}

# put_votes: standard input becomes the votes file.
put_votes() {
    cat >"$STATE_DIR/votes.jsonl"
    hub_put votes votes_data.jsonl "$STATE_DIR/votes.jsonl"
}

# change SQL: changes the cache database, as a program that is not the last to have it open: -wal and -shm
# stay, as they do in a server whose events.fcgi is at work.
change() { sqlite3 "$STATE_DIR/cache.db" '.filectrl persist_wal 1' "$1" >/dev/null; }

# query SQL: what the cache database says.
query() { sqlite3 -readonly "$STATE_DIR/cache.db" "$1"; }

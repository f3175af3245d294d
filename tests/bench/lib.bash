# What the parts of the benchmark share. A part prints lines of TSV, which run.sh collects:
#
#   NAME  UNIT  VALUE  [REFERENCE  ITS VALUE  [WANTED]]
#
# WANTED ("<= 1.2") is about the ratio of the values or, without a reference, about the value. A part that
# cannot run prints `skipped: why` instead.
# shellcheck disable=SC2034 # parts use what is set here
# shellcheck source=tests/helper.bash
. "$(dirname "${BASH_SOURCE[0]}")/../helper.bash"
trap stop_all EXIT
export RATE_LIMIT_REQUESTS=0 # of the programs: no limit
PIDS=() STATE_DIR=
CONNECTIONS=16

row() { (IFS=$'\t' && echo "$*"); }
skipped() { echo "skipped: $*"; }
grouped() { sed -E ':a; s/([0-9])([0-9]{3})($|,)/\1,\2\3/; ta' <<<"$1"; } # 4,576

# A server whose leaderboard has ROWS rows; where they are few it has requests and votes as well. All of it
# is generated and pulled once and then copied: BENCH_DIR/ROWS.
filled() {
    local rows=$1 made=$BENCH_DIR/$1 many=()
    [ "$rows" = "$ROWS" ] || many=(--requests 1 --votes 0)
    new_state
    cat >"$STATE_DIR/conf.d/references.conf" <<'END'
$HTTP["url"] =~ "^/constant(\?|$)" {
    fastcgi.server = ("/" => ((
        "bin-path"    => env.PROGRAM_DIR + "/tests/constant",
        "socket"      => env.STATE_DIR + "/run/constant.sock",
        "max-procs"   => 2,
        "check-local" => "disable"
    )))
}
$HTTP["url"] =~ "^/empty$" {
    fastcgi.server = ("/" => ((
        "bin-path"    => env.PROGRAM_DIR + "/tests/empty",
        "socket"      => env.STATE_DIR + "/run/empty.sock",
        "max-procs"   => 2,
        "check-local" => "disable"
    )))
}
END
    [ ! -d "$made" ] || cp -a "$made/." "$STATE_DIR"
    start_server
    [ ! -d "$made" ] || return 0
    "$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --owner acme --rows "$rows" --seed "$SEED" "${many[@]}" >/dev/null
    hubctl import "$STATE_DIR/samples" >/dev/null
    rm -r "$STATE_DIR/samples"
    LOG_LEVEL=DEBUG fetcher pull official-providers contents 2>"$STATE_DIR/pull.log"
    [ "$rows" != "$ROWS" ] || fetcher --quiet pull requests votes
    mkdir "$made"
    cp -a "$STATE_DIR"/{cache.db*,hub.db*,public,pull.log} "$made"
}

# plain FOLDER: another lighttpd, with little but its defaults, that serves the folder's files: $PLAIN.
plain() {
    local port
    port=$(free_port)
    cat >"$STATE_DIR/plain.conf" <<END
server.bind          = "127.0.0.1"
server.port          = $port
server.document-root = "$1"
server.errorlog      = "$STATE_DIR/log/plain.log"
mimetype.assign      = ("" => "application/json")
END
    lighttpd -D -f "$STATE_DIR/plain.conf" 3>&- &
    PIDS+=($!)
    PLAIN=http://127.0.0.1:$port
    await "port $port" port_open "$port"
}

# load URL [HEADER…]: what wrk says of SECONDS_EACH seconds of requests. wrk knows whole seconds only: of less
# it is told by a signal, which it may miss while it starts, or take before an answer came; then once more, for
# longer. An error is no answer, and ends the part.
load() {
    local url=$1 seconds=$SECONDS_EACH said
    shift
    for _ in 1 2 3 4 5 6; do
        if [[ $seconds = 0.* ]]; then
            said=$(timeout -s INT "$seconds" wrk -t1 -c"$CONNECTIONS" -d2s --latency "${@/#/-H}" "$url") && said=
        else
            said=$(wrk -t1 -c"$CONNECTIONS" -d"${seconds%.*}s" --latency "${@/#/-H}" "$url")
        fi
        if grep -q 'Non-2xx' <<<"$said"; then
            echo "$url: $(grep 'Non-2xx' <<<"$said" | xargs)" >&2
            return 1
        fi
        grep -q '^ *[1-9][0-9]* requests in' <<<"$said" && echo "$said" && return
        seconds=$(jq -n "$seconds * 2")
    done
    echo "no answer: $url" >&2
    return 1
}
rate() { load "$@" | awk '/^Requests\/sec/ { print $2 }'; }

# alternate COMMAND…: the commands by turns, so that a slow moment of the machine is everybody's; each prints
# a number, or several. `median COMMAND [N]` is the median of its (N-th) numbers.
alternate() {
    local command
    rm -f "$STATE_DIR"/figure.*
    for command in "$@"; do
        SECONDS_EACH=0.1 "$command" >/dev/null # warms up
    done
    for _ in $(seq "$ROUNDS"); do
        for command in "$@"; do
            "$command" >>"$STATE_DIR/figure.$command"
        done
    done
}
median() {
    awk -v n="${2:-1}" '{ print $n }' "$STATE_DIR/figure.$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# resident PID…, proportional PID…: kB, as the sum over the processes; the latter counts what several share
# once.
resident() { cat "${@/%//status}" | awk '/^VmRSS/ { n += $2 } END { print n + 0 }'; }
proportional() { cat "${@/%//smaps_rollup}" | awk '/^Pss:/ { n += $2 } END { print n + 0 }'; }

# programs PATTERN: /proc/PID of the programs with such a name that lighttpd has started, but for the local
# Hub and the references.
programs() {
    local pid
    for pid in $(pgrep -P "$SERVER"); do
        case $(readlink "/proc/$pid/exe") in
        */hub.fcgi | */tests/*) ;;
        */$1) echo "/proc/$pid" ;; # a pattern: shellcheck disable=SC2254
        esac
    done
}

# with_descendants PID: /proc/PID of it and of all that it started.
with_descendants() {
    local child
    echo "/proc/$1"
    for child in $(pgrep -P "$1"); do
        with_descendants "$child"
    done
}

# ---- the peer: peer.py, with the data that our own programs answer ----

# Finds a Python that has what the peer needs; PEER names it with its versions. Fails, having printed why,
# where there is none.
peer_found() {
    for PYTHON in python3 /usr/bin/python3; do
        PEER=$("$PYTHON" -c 'import fastapi, uvicorn
print("FastAPI", fastapi.__version__, "uvicorn", uvicorn.__version__)' 2>/dev/null) && return
    done
    skipped "the peer needs python3-fastapi and python3-uvicorn, which are not installed"
    return 1
}

# Saves the data for the peer from the server's answers; MODEL is the one with most votes.
peer_fill() {
    MODEL=$(query "SELECT model FROM votes GROUP BY model ORDER BY COUNT(*) DESC, model LIMIT 1")
    export PEER_DATA=$STATE_DIR/peer
    mkdir "$PEER_DATA"
    local name
    for name in formatted:leaderboard/formatted pending:models/pending "votes:votes/model/$MODEL"; do
        curl -sf "$API/api/${name#*:}" >"$PEER_DATA/${name%%:*}.json"
    done
}

# peer_command WORKERS: the command that serves the peer on $PEER_PORT, as the array `command`.
peer_command() {
    command=("$PYTHON" -B -m uvicorn --app-dir "$ROOT/tests/bench" --port "$PEER_PORT" --workers "$1" --log-level warning
        --no-access-log peer:app)
}

# peer WORKERS: the peer, when it answers: $PEER_API, $PEER_PID.
peer() {
    local PEER_PORT command
    PEER_PORT=$(free_port)
    peer_command "$1"
    "${command[@]}" 3>&- &
    PEER_PID=$!
    PIDS+=("$PEER_PID")
    PEER_API=http://127.0.0.1:$PEER_PORT
    await "the peer" curl -sf -o /dev/null "$PEER_API/api/models/pending"
}

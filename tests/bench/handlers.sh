#!/usr/bin/env bash
# Measures the FastCGI programs against an empty one behind the same lighttpd, with as many processes
# and as many bytes, in turns: a line each, separated by tabs,
#
#   NAME  UNIT  VALUE  REFERENCE  ITS VALUE  WANTED RATIO
#
#   tests/bench/handlers.sh    SECONDS_EACH=3 ROUNDS=3 REQUESTS=20000 CONNECTIONS=16
#
# Values are medians. The limits, the log and the counters are as they are in production. Everything runs
# on 127.0.0.1 with generated data, and ends by itself.
set -euo pipefail
# shellcheck source=tests/helper.bash
. "$(dirname "$0")/../helper.bash"
each=$(awk -v s="${SECONDS_EACH:-3}" 'BEGIN { print int(s + 0.999) }') rounds=${ROUNDS:-3} requests=${REQUESTS:-20000} connections=${CONNECTIONS:-16}
VOTERS=100

new_state
trap stop_all EXIT
# One address makes all requests, and more than it may: the limit is counted, and never reached.
export RATE_LIMIT_REQUESTS=1000000 RATE_LIMIT_WINDOW=1 TRUSTED_PROXIES='["127.0.0.1"]'
export HUB_RATE_API=1000000 HUB_RATE_RESOLVERS=1000000 HF_TOKEN=hf_local_server
# empty PROCESSES BYTES: what the next server needs for one.
empty() {
    cat <<END
\$HTTP["url"] =~ "^/empty/$1/$2$" {
    fastcgi.server = ("/" => ((
        "bin-path"    => env.PROGRAM_DIR + "/tests/empty $2",
        "socket"      => env.STATE_DIR + "/run/empty.$1.$2",
        "max-procs"   => $1,
        "check-local" => "disable"
    )))
}
END
}
bytes_of() { curl -s --max-time 20 "$API$1" | wc -c; }
restart_server() {
    kill "$SERVER"
    wait "$SERVER" || true
    await "the end of the server" no port_open "$PORT"
    start_server
}

start_server
"$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --owner acme --requests "$requests" >/dev/null
hubctl import "$STATE_DIR/samples" >/dev/null
fetcher --quiet pull official-providers contents requests votes >&2
model=$(query "SELECT model FROM votes GROUP BY model HAVING count(*) = 2 ORDER BY model LIMIT 1")
user=$(query "SELECT username FROM votes GROUP BY username ORDER BY count(*), username LIMIT 1")
submitted=$(query "SELECT model FROM requests ORDER BY model LIMIT 1")
status_bytes=$(bytes_of /api/models/status)
pending_bytes=$(bytes_of /api/models/pending)
{
    empty 2 300
    empty 4 300
    empty 4 "$status_bytes"
    empty 4 "$pending_bytes"
} >"$STATE_DIR/conf.d/empty.conf"
restart_server

# rate PATH HEADER…: requests a second.
rate() {
    local path=$1
    shift
    wrk -t1 -c"$connections" -d"${each}s" "${@/#/-H}" "$API$path" | awk '/Requests\/sec/ { print $2 }'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# row NAME PROCESSES BYTES PATH HEADER…: one line, after a look at the answer.
row() {
    local name=$1 processes=$2 bytes=$3 path=$4 i
    shift 4
    get "$path" "${@/#/-H}"
    [[ $status = 200 || $status = 304 ]] || expect_status "200 or 304"
    rate "$path" "$@" >/dev/null # every process has what it keeps
    rm -f "$STATE_DIR"/{empty,handler}
    for ((i = 0; i < rounds; i++)); do
        rate "/empty/$processes/$bytes" >>"$STATE_DIR/empty"
        rate "$path" "$@" >>"$STATE_DIR/handler"
    done
    printf '%s\trequests/s\t%s\tempty handler, %d processes, %d bytes\t%s\t%s\n' "$name" \
        "$(median <"$STATE_DIR/handler")" "$processes" "$bytes" "$(median <"$STATE_DIR/empty")" "$wanted"
}

# With an etag of the answer before.
row_304() {
    get "$3"
    row "$1, 304" "$2" 300 "$3" "If-None-Match: $(header etag)"
}

wanted='>= 0.90'
row_304 "/api/leaderboard/formatted" 2 "/api/leaderboard/formatted"
row "/api/health" 2 300 "/api/health"
row_304 "/api/leaderboard/snapshots" 2 "/api/leaderboard/snapshots"
row_304 "/api/leaderboard/models/{model}" 2 "/api/leaderboard/models/$(query 'SELECT name FROM models LIMIT 1')"
wanted='>= 0.85'
row "/api/votes/model/{model}" 4 300 "/api/votes/model/$model"
row "/api/votes/user/{user}" 4 300 "/api/votes/user/$user"
row "/api/models/{model}/status" 4 300 "/api/models/$submitted/status"
wanted='>= 0.90'
row_304 "/api/models/status" 4 "/api/models/status"
wanted=
row "/api/models/status, $requests submissions" 4 "$status_bytes" "/api/models/status"
row "/api/models/pending, $requests submissions" 4 "$pending_bytes" "/api/models/pending"

# Votes: each is a new one, and is on disk when it is acknowledged. Against what the file system does: one
# small write after the other, each made durable.
eval "hubctl token bench{1..$VOTERS}" >/dev/null
query "SELECT DISTINCT model FROM requests WHERE status = 'PENDING' ORDER BY model" >"$STATE_DIR/models"
cat >"$STATE_DIR/vote.lua" <<'END'
local models, voters, number = {}, tonumber(os.getenv("VOTERS")), tonumber(os.getenv("FIRST"))
for line in io.lines(os.getenv("STATE_DIR") .. "/models") do models[#models + 1] = line end
function request()
    local voter, model = number % voters + 1, models[math.floor(number / voters) + 1]
    number = number + 1
    return wrk.format("POST", "/api/votes/" .. model, {
        ["Authorization"] = "Bearer hf_local_bench" .. voter,
        ["Content-Type"] = "application/json",
    }, '{"vote_type":"up","user_id":"bench' .. voter .. '"}')
end
function done(summary, latency)
    io.write(string.format("voted %.1f %.3f %d\n", (summary.requests - summary.errors.status) / summary.duration * 1e6,
        latency:percentile(99) / 1000, summary.errors.status))
end
END
export VOTERS
votes_there() { query "SELECT count(*) FROM votes WHERE username LIKE 'bench%'"; }

# vote CONNECTIONS SECONDS: votes a second, and the 99th percentile of their times in milliseconds.
vote() {
    local rate p99 refused
    # What was on its way when the last run ended was counted, but not by it.
    FIRST=$(($(votes_there) + VOTERS))
    export FIRST
    read -r _ rate p99 refused < <(wrk -t1 -c"$1" -d"${2}s" -s "$STATE_DIR/vote.lua" "$API" | grep '^voted')
    [ "$refused" = 0 ] || { echo "$refused votes were refused" >&2; exit 1; }
    echo "$rate $p99"
}
vote 1 1 >/dev/null # whose the tokens are
for clients in 1 4 16; do
    rm -f "$STATE_DIR"/{fsync,votes}
    for ((i = 0; i < rounds; i++)); do
        "$PROGRAM_DIR/tests/fsync" "$STATE_DIR/fsync.file" "$each" >>"$STATE_DIR/fsync"
        vote "$clients" "$each" >>"$STATE_DIR/votes"
    done
    fsync=$(median <"$STATE_DIR/fsync")
    printf 'POST /api/votes, %d clients\tvotes/s\t%s\tfsync\t%s\t>= 0.80\n' "$clients" \
        "$(cut -d' ' -f1 "$STATE_DIR/votes" | median)" "$fsync"
    printf 'POST /api/votes, %d clients, 99th percentile\tms\t%s\tfsync\t%s\n' "$clients" \
        "$(cut -d' ' -f2 "$STATE_DIR/votes" | median)" "$(awk -v f="$fsync" 'BEGIN { printf "%.3f", 1000 / f }')"
done

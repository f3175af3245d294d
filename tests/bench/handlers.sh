#!/usr/bin/env bash
# Measures the FastCGI programs against an empty one behind the same lighttpd, with as many processes
# and as many bytes. The limits, the log and the counters are as they are in production.
set -euo pipefail
# shellcheck source=tests/bench/lib.bash
. "$(dirname "$0")/lib.bash"
requests=${REQUESTS:-20000}
known= # not empty: the client has the answer already
lines= # not empty: the empty handler sends as many header lines, and closes at once
VOTERS=400

new_state
# One address makes all requests, and more than it may: the limit is counted, and never reached.
export RATE_LIMIT_REQUESTS=1000000 RATE_LIMIT_WINDOW=1 TRUSTED_PROXIES='["127.0.0.1"]'
export HUB_RATE_API=1000000 HUB_RATE_RESOLVERS=1000000 HF_TOKEN=hf_local_server
# empty PROCESSES BYTES [lines]: what the next server needs for one, which sends those header lines.
empty() {
    cat <<END
\$HTTP["url"] =~ "^/empty/$1/$2${3:+/$3}$" {
    fastcgi.server = ("/" => ((
        "bin-path"    => env.PROGRAM_DIR + "/tests/empty $2" + "${3:+ $STATE_DIR/$3}",
        "socket"      => env.STATE_DIR + "/run/empty.$1.$2${3:+.$3}",
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
get "/api/votes/model/$model"
# What the program sends; the other lines are lighttpd's.
grep -iE '^(x-request-id|content-type|vary|ratelimit|ratelimit-policy|cache-control|etag):' "$headers" >"$STATE_DIR/lines"
{
    empty 2 300
    empty 4 300
    empty 4 300 lines
    empty 4 "$status_bytes"
    empty 4 "$pending_bytes"
} >"$STATE_DIR/conf.d/empty.conf"
restart_server

ours() {
    [ -z "$known" ] || { get "$path" && sent=("If-None-Match: $(header etag)"); }
    rate "$API$path" "${sent[@]}"
}
nothing() { rate "$API/empty/$processes/$bytes${lines:+/lines}"; }

# measure NAME PROCESSES BYTES PATH HEADER…: one line, after a look at the answer.
measure() {
    local name=$1 processes=$2 bytes=$3 path=$4 sent=("${@:5}")
    get "$path" "${sent[@]/#/-H}"
    [[ $status = 200 || $status = 304 ]] || expect_status "200 or 304"
    SECONDS_EACH=1 ours >/dev/null # every process has what it keeps
    alternate nothing ours
    row "$name" requests/s "$(median ours)" "empty handler, $processes processes, $bytes bytes${lines:+, the same lines, closing at once}" \
        "$(median nothing)" "$wanted"
}

# With the etag of the answer before.
measure_304() {
    get "$3"
    known=1 measure "$1, 304" "$2" 300 "$3" "If-None-Match: $(header etag)"
}

wanted='>= 0.90'
measure_304 "/api/leaderboard/formatted" 2 "/api/leaderboard/formatted"
measure "/api/health" 2 300 "/api/health"
measure_304 "/api/leaderboard/snapshots" 2 "/api/leaderboard/snapshots"
measure_304 "/api/leaderboard/models/{model}" 2 "/api/leaderboard/models/$(query 'SELECT name FROM models LIMIT 1')"
# Two processes read, beside four of the empty handler, with which it is quicker than with two.
wanted='>= 0.85'
measure "/api/votes/model/{model}" 4 300 "/api/votes/model/$model"
lines=1 wanted='' measure "/api/votes/model/{model}" 4 300 "/api/votes/model/$model"
measure "/api/votes/user/{user}" 4 300 "/api/votes/user/$user"
measure "/api/models/{model}/status" 4 300 "/api/models/$submitted/status"
wanted='>= 0.90'
measure_304 "/api/models/status" 4 "/api/models/status"
wanted=
measure "/api/models/status, $requests submissions" 4 "$status_bytes" "/api/models/status"
measure "/api/models/pending, $requests submissions" 4 "$pending_bytes" "/api/models/pending"

# Votes: each is a new one, and is on disk when it is acknowledged. Against what the file system does: one
# small write after the other, each made durable. Few clients do not get there: each waits for its own vote.
eval "hubctl token bench{1..$VOTERS}" >/dev/null
query "SELECT DISTINCT model FROM requests WHERE status = 'PENDING' ORDER BY model" >"$STATE_DIR/models"
cat >"$STATE_DIR/vote.lua" <<'END'
local models, voters, voter = {}, tonumber(os.getenv("VOTERS")), nil
number = tonumber(os.getenv("FIRST"))
for line in io.lines(os.getenv("STATE_DIR") .. "/models") do models[#models + 1] = line end
function setup(thread) voter = thread end
function request()
    local voter, model = number % voters + 1, models[math.floor(number / voters) + 1]
    number = number + 1
    return wrk.format("POST", "/api/votes/" .. model, {
        ["Authorization"] = "Bearer hf_local_bench" .. voter,
        ["Content-Type"] = "application/json",
    }, '{"vote_type":"up","user_id":"bench' .. voter .. '"}')
end
function done(summary, latency)
    io.write(string.format("voted %.1f %.3f %d %d\n", (summary.requests - summary.errors.status) / summary.duration * 1e6,
        latency:percentile(99) / 1000, summary.errors.status, voter:get("number")))
end
END
export VOTERS
# vote: votes a second of $clients clients, and the 99th percentile of their times in milliseconds. (wrk knows
# whole seconds only.)
vote() {
    local figures p99 refused next
    FIRST=$(cat "$STATE_DIR/next" 2>/dev/null || echo 0)
    export FIRST
    read -r _ figures p99 refused next < <(wrk -t1 -c"$clients" -d"$(jq -n "$SECONDS_EACH | ceil")s" -s "$STATE_DIR/vote.lua" "$API" | grep '^voted')
    echo "$next" >"$STATE_DIR/next"
    [ "$refused" = 0 ] || { echo "$refused votes were refused" >&2; exit 1; }
    echo "$figures $p99"
}
fsync() { "$PROGRAM_DIR/tests/fsync" "$STATE_DIR/fsync.file" "$(jq -n "$SECONDS_EACH | ceil")"; }
for clients in 1 4 16 64; do
    alternate fsync vote # the first votes ask whose the tokens are
    [ $clients -lt 16 ] || wanted='>= 0.80'
    row "POST /api/votes, $clients clients" votes/s "$(median vote)" fsync "$(median fsync)" "$wanted"
    row "POST /api/votes, $clients clients, 99th percentile" ms "$(median vote 2)" fsync "$(jq -n "1000 / $(median fsync)")"
done

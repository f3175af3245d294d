#!/usr/bin/env bash
# Prints what a query costs, as a ratio against a program that answers with a constant body of the same
# size, in the same minute.
#
#   tests/bench/queries.sh    SECONDS_EACH=3 ROUNDS=3 ROWS=4576
#
# Everything runs on 127.0.0.1 with generated data, and ends by itself.
set -euo pipefail
# shellcheck source=tests/helper.bash
. "$(dirname "$0")/../helper.bash"
each=${SECONDS_EACH:-3} rounds=${ROUNDS:-3} rows=${ROWS:-4576}

new_state
trap stop_all EXIT
export RATE_LIMIT_REQUESTS=0
cat >"$STATE_DIR/conf.d/constant.conf" <<'END'
$HTTP["url"] =~ "^/constant" {
    fastcgi.server = ("/" => ((
        "bin-path"     => env.PROGRAM_DIR + "/tests/constant",
        "socket"       => env.STATE_DIR + "/run/constant.sock",
        "max-procs"    => 2,
        "check-local"  => "disable",
        "read-timeout" => 330
    )))
}
END
start_server
"$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --owner acme --rows "$rows" --requests 1 --votes 0 >/dev/null
hubctl import "$STATE_DIR/samples" >/dev/null
LOG_LEVEL=INFO fetcher pull official-providers contents 2>&1 | grep -o 'dataset=contents.*'

# rate PATH: requests a second; a sum over all rounds is not kept, so that a slow moment is one round's.
rate() { wrk -t1 -c16 -d"${each}s" "$API$1" | awk '/Requests\/sec/ { print $2 }'; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

echo "== queries over $rows rows, at most 50 out, 16 connections, $rounds rounds of $each s, median requests/s"
printf '%-58s %8s %9s %9s %6s\n' query bytes constant query ratio
while read -r name query; do
    get "/api/leaderboard/formatted?limit=50&$query"
    expect_status 200
    bytes=$(stat -c %s "$body")
    rm -f "$STATE_DIR/constant" "$STATE_DIR/query"
    for _ in $(seq "$rounds"); do
        rate "/constant?bytes=$bytes" >>"$STATE_DIR/constant"
        rate "/api/leaderboard/formatted?limit=50&$query" >>"$STATE_DIR/query"
    done
    awk -v name="${name//_/ }: $query" -v bytes="$bytes" -v c="$(median <"$STATE_DIR/constant")" \
        -v q="$(median <"$STATE_DIR/query")" 'BEGIN { printf "%-58s %8d %9.0f %9.0f %6.2f\n", name, bytes, c, q, q / c }'
done <<'END'
a_page offset=100
frequent_term search=lumen
rare_term search=fjord-70b-chat
hexadecimal_term search=beef
no_match search=nothing-like-it
several_terms search=cobalt;quill;@license:gemma
filter_and_sort precision=float16&sort=-average
hide hide=merged,moe,flagged,unavailable
range_and_sort min_params=7&max_params=20&sort=-ifeval,params
all_sorted_by_name sort=name
weights_and_rank weights=ifeval:2,math:1&rank=true
fields search=lumen&sort=-average&fields=model.name,metadata
END

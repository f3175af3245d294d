#!/usr/bin/env bash
# Prints what the leaderboard costs, as ratios against something run in the same minute.
#
#   tests/bench/run.sh        SECONDS_EACH=3 ROUNDS=3 ROWS=4576 MANY=100000
#
# Everything runs on 127.0.0.1 with generated data, and ends by itself.
set -euo pipefail
# shellcheck source=tests/helper.bash
. "$(dirname "$0")/../helper.bash"
each=${SECONDS_EACH:-3} rounds=${ROUNDS:-3} rows=${ROWS:-4576}

new_state
trap stop_all EXIT
export PLAIN_PORT RATE_LIMIT_REQUESTS=0
PLAIN_PORT=$(free_port)
# A second port of the same lighttpd that serves the published files as plain static files.
cat >"$STATE_DIR/conf.d/plain.conf" <<END
\$SERVER["socket"] == "127.0.0.1:$PLAIN_PORT" {
    fastcgi.server = ()
    server.document-root = "$STATE_DIR/plain"
    setenv.set-response-header = ("Content-Encoding" => "gzip")
    mimetype.assign = ("" => "application/json")
}
END
mkdir "$STATE_DIR/plain"
start_server
"$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --owner acme --rows "$rows" >/dev/null
hubctl import "$STATE_DIR/samples" >/dev/null

echo "== pull and publish $rows rows"
LOG_LEVEL=INFO fetcher sync 2>&1 | grep -o 'dataset=.*'
echo "unchanged:"
fetcher sync 2>&1 | grep -o 'dataset=.*'
file=$STATE_DIR/samples/datasets/acme/contents/data/train-00000-of-00001.parquet
if python3 -c 'import pandas, pyarrow' 2>/dev/null; then
    python3 - "$file" <<'END'
import gzip, json, resource, sys
import pandas
rows = pandas.read_parquet(sys.argv[1]).to_dict("records")
gzip.compress(json.dumps({"models": rows}, ensure_ascii=False, default=lambda v: v.item()).encode(), 9)
used = resource.getrusage(resource.RUSAGE_SELF)
print("python3 and pandas, one body of the four, gzip only: cpu_ms=%d peak_kb=%d"
      % (used.ru_utime * 1000 + used.ru_stime * 1000, used.ru_maxrss))
END
else
    echo "no pandas with pyarrow here: nothing to compare with"
fi

echo "== a published body (gzip), 16 connections, $rounds rounds of $each s, median requests/s"
cp "$(ls "$STATE_DIR"/public/formatted.documented.*.json.gz)" "$STATE_DIR/plain/body"

# rate URL HEADER…: requests a second.
rate() {
    local url=$1
    shift
    wrk -t1 -c16 -d"${each}s" "${@/#/-H}" "$url" | awk '/Requests\/sec/ { print $2 }'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

etag=$(curl -sI -H 'Accept-Encoding: gzip' "$API/api/leaderboard/formatted" | sed -n 's/^etag: \(.*\)\r/\1/Ip')
for _ in $(seq "$rounds"); do
    rate "http://127.0.0.1:$PLAIN_PORT/body" >>"$STATE_DIR/static"
    rate "$API/api/leaderboard/formatted" "Accept-Encoding: gzip" >>"$STATE_DIR/program"
    rate "$API/api/leaderboard/formatted" "Accept-Encoding: gzip" "If-None-Match: $etag" >>"$STATE_DIR/304"
    rate "$API/api/nothing" >>"$STATE_DIR/404"
done
bytes=$(stat -c %s "$STATE_DIR/plain/body")
awk -v bytes="$bytes" -v s="$(median <"$STATE_DIR/static")" -v p="$(median <"$STATE_DIR/program")" \
    -v n="$(median <"$STATE_DIR/304")" -v e="$(median <"$STATE_DIR/404")" 'BEGIN {
    printf "%-52s %10.0f\n", "lighttpd, the same " bytes " bytes as a static file", s
    printf "%-52s %10.0f   %.2f of the static file\n", "GET /api/leaderboard/formatted", p, p / s
    printf "%-52s %10.0f\n", "the program answering without a database (404)", e
    printf "%-52s %10.0f   %.2f of that\n", "GET /api/leaderboard/formatted, 304", n, n / e
}'

echo "== resident memory after that, kB"
for pid in $(pgrep -P "$SERVER") "$SERVER"; do
    printf '%-24s %s\n' "$(cat "/proc/$pid/comm")" "$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")"
done

# Queries, over as many rows and over very many.
for count in "$rows" ${MANY:-100000}; do
    ROWS=$count "$(dirname "$0")/queries.sh"
done

#!/usr/bin/env bash
# Idle keep-alive connections: what they cost in memory, and what 256 busy ones feel of them.
set -euo pipefail
# shellcheck source=tests/bench/lib.bash
. "$(dirname "$0")/lib.bash"
CONNECTIONS=256

filled "$ROWS"
# As many as lighttpd takes here: it wants two files a connection, and cannot raise a hard limit.
setting() { awk -v name="server.$1" '$1 == name { print $3 }' "$ROOT/lighttpd.conf"; }
files=$(jq -n "[$(setting max-fds), $(ulimit -Hn)] | min")
idle=$(jq -n "[$IDLE, $(setting max-connections) - $CONNECTIONS - 16, ($files / 2 | floor) - $CONNECTIONS - 16] | min")
[ "$idle" = "$IDLE" ] || echo "bench: lighttpd takes no more than $idle idle connections here (ulimit -Hn: $(ulimit -Hn))" >&2

# In ms; the requests are those of a page of the leaderboard.
p99() {
    load "$API/api/leaderboard/formatted?limit=20&offset=100" |
        awk '$1 == "99%" { print $2 * ($2 ~ /us$/ ? 0.001 : $2 ~ /ms$/ ? 1 : 1000) }'
}
hold() {
    coproc "$PROGRAM_DIR/tests/client" idle "$PORT" /style.css "$idle"
    CLIENT=$COPROC_PID from=${COPROC[0]} to=${COPROC[1]}
    PIDS+=("$CLIENT")
    read -r _ <&"$from"
}
# All must still have been there at the end: lighttpd closes what is idle for 15 s.
let_go() {
    local held
    eval "exec $to>&-"
    read -r held <&"$from"
    [ "$held" = "$idle" ] || { echo "only $held of $idle connections were held" >&2; return 1; }
    wait "$CLIENT" || true
}
memory() { row "$1 with $(grouped "$idle") idle connections" "kB resident" "$2" "without" "$3"; }

alone() { p99; }
among() { p99; }
SECONDS_EACH=$(jq -n "[$SECONDS_EACH, 5] | min")
alone >/dev/null
mapfile -t programs < <(programs '*.fcgi')
lighttpd_before=$(resident "/proc/$SERVER") programs_before=$(resident "${programs[@]}")
hold
lighttpd_after=$(resident "/proc/$SERVER") programs_after=$(resident "${programs[@]}")
let_go
for _ in $(seq "$ROUNDS"); do
    alone >>"$STATE_DIR/figure.alone"
    hold
    among >>"$STATE_DIR/figure.among"
    let_go
done
row "p99 of $CONNECTIONS busy ones, beside $(grouped "$idle") idle" ms "$(median among)" "without idle ones" "$(median alone)"
memory lighttpd "$lighttpd_after" "$lighttpd_before"
memory "the programs" "$programs_after" "$programs_before"

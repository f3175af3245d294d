#!/bin/bash
# What is left for others: requests are offered at a fixed rate from a hundred addresses of 127.0.0.0/8,
# alone and beside somebody who abuses the server, in turns. "answered" is the share of the offered
# requests that were answered 200, and the times count from when a request was due. Without and with
# cron/leaderboard.nft, in a network of its own. The generators share the machine with the server; where
# it has more than one CPU they keep to the last one.
set -u
. "$(dirname "$0")/helper.bash"

ROUNDS=${ROUNDS:-3}
load_from() { taskset -c $(($(nproc) - 1)) "$PROGRAM_DIR/tests/load" "$@"; }
field() { sed -n "s/.*\b$1=\([0-9.]*\).*/\1/p" <<<"$2" | tail -1; }
median() { sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

# normal WHAT: what others get right now, into $STATE_DIR/WHAT.
normal() {
    load_from ask --port "$PORT" --path '/api/leaderboard/formatted?limit=10' --from 127.0.0.10 --addresses 100 \
        --connections 100 --rate 200 --seconds 3 >>"$STATE_DIR/$1"
}

# row WHAT: the medians of the rounds, alone and beside it.
row() {
    local what
    for what in alone beside; do
        while read -r line; do
            echo "$(field good "$line") $(field offered "$line") $(field p99_ms "$line")"
        done <"$STATE_DIR/$what" >"$STATE_DIR/rows"
        printf -v "$what" '%6s %% %9s' "$(awk '{ printf "%.1f\n", 100 * $1 / $2 }' "$STATE_DIR/rows" | median)" \
            "$(cut -d ' ' -f 3 "$STATE_DIR/rows" | median)"
    done
    printf '%-46s %s   %s   %s\n' "$1" "$alone" "$beside" "$(tail -1 "$STATE_DIR/abuser" | cut -c1-60)"
}

# beside WHAT ABUSER…: rounds of normal load alone, and beside the abuser's.
beside() {
    local what=$1 pid
    shift
    rm -f "$STATE_DIR"/{alone,beside}
    for _ in $(seq "$ROUNDS"); do
        normal alone
        "$@" >"$STATE_DIR/abuser" 2>&1 &
        pid=$!
        sleep 1 # a beginning; nothing is decided by how long it is
        normal beside
        kill $pid 2>/dev/null
        wait $pid 2>/dev/null
    done
    row "$what"
}

hold() { exec taskset -c $(($(nproc) - 1)) "$PROGRAM_DIR/tests/load" "$@" --port "$PORT" --seconds 8; }
flood() { exec taskset -c $(($(nproc) - 1)) "$PROGRAM_DIR/tests/load" ask --port "$PORT" --seconds 5 "$@"; }
slowtest() { exec slowhttptest -u "$API/api/leaderboard" -c 1000 -r 500 -l 6 -i 1 -p 2 "$@"; }

measure() {
    new_state
    trap stop_all EXIT
    ip link set lo up
    start_server
    put_providers acme
    for i in $(seq 500); do sample_row "acme/m$i"; done | put_rows
    fetch pull official-providers contents
    printf 'GET /nothing HTTP/1.1\r\nHost: x\r\nX-Slow: ' >"$STATE_DIR/head"
    printf 'POST /api/webhooks/hub HTTP/1.1\r\nHost: x\r\nContent-Length: 65000\r\n\r\n' >"$STATE_DIR/length"
    printf 'GET /api/leaderboard HTTP/1.1\r\nHost: x\r\n\r\n' >"$STATE_DIR/whole"
    [ "$1" = without ] || sed "s/= 7860/= $PORT/" "$ROOT/cron/leaderboard.nft" | nft -f -
    printf '\n%-46s %18s   %18s   %s\n' "$1 the kernel's bound" "alone     p99 ms" "beside     p99 ms" "the abuser"
    beside "4,500 trickled heads" hold hold --connections 4500 --every 1000 --file "$STATE_DIR/head"
    beside "4,500 trickled bodies" hold hold --connections 4500 --every 1000 --file "$STATE_DIR/length"
    beside "1,000 slow readers" hold read --connections 1000 --every 500 --file "$STATE_DIR/whole"
    beside "10,000 silent connections" hold hold --connections 10000 --every 60000 --file /dev/null
    if command -v slowhttptest >/dev/null; then
        beside "slowhttptest -H (slowloris)" slowtest -H
        beside "slowhttptest -B (slow body)" slowtest -B
        beside "slowhttptest -X (slow read)" slowtest -X -w 10 -y 20 -n 1 -z 32
    else
        echo "(slowhttptest is not installed)"
    fi
    for connections in 16 1000; do
        for path in /api/leaderboard '/api/leaderboard/formatted?search=m&limit=5' /; do
            beside "flood, $connections connections: $path" flood --path "$path" --connections $connections
        done
    done
    awk '/VmHWM/ { print "lighttpd at most: " $2 " KB" }' "/proc/$SERVER/status"
}

if [ "${1:-}" = measure ]; then
    measure "$2"
    exit
fi
[ "$(ulimit -n)" -ge 11000 ] || ulimit -n 11000 2>/dev/null || { echo "skipped: ulimit -n is below 11000"; exit 0; }
unshare -rn true 2>/dev/null || { echo "skipped: no network of its own can be had here"; exit 0; }
unshare -rn "$0" measure without
command -v nft >/dev/null || { echo "skipped: no nft (Debian's package nftables)"; exit 0; }
unshare -rn "$0" measure with

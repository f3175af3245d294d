#!/bin/bash
# What is left for others beside somebody who abuses the server from one address: requests are offered at
# a fixed rate from a hundred addresses of 127.0.0.0/8, alone and beside the abuser, by turns. "answered" is the
# share of what is answered 200 alone that is beside the abuser as well; the times count from when a request
# was due. Without and with cron/leaderboard.nft, in a network of its own. ROUNDS=3 EACH=3 (seconds)
# RATE=200; PART=flood: the abusers whose names match.
#
# The clients have the machine's last CPU, the server the others, and, where root runs this, the packets' way
# through the kernel as well. The abuser's client gets only what the others' leaves of that CPU, where
# something spins all the time, so that it never sleeps: what differs is the server's. The abuser begins anew
# in each round: what it did before is forgotten.
set -u
. "$(dirname "$0")/helper.bash"

ROUNDS=${ROUNDS:-3} EACH=${EACH:-3} RATE=${RATE:-200} PART=${PART:-}
LAST=$(($(nproc) - 1))
abuser() { exec taskset -c $LAST chrt -i 0 "$@"; }
field() { sed -n "s/.*\b$1=\([0-9.]*\).*/\1/p" <<<"$2" | tail -1; }
median() { sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

# normal: the answers that others get right now, and the milliseconds in which 99 % of them came.
normal() {
    local said
    said=$(taskset -c $LAST "$PROGRAM_DIR/tests/load" ask --port "$PORT" --from 127.0.0.10 --addresses 100 \
        --path '/api/leaderboard/formatted?limit=10' --connections 100 --rate "$RATE" --seconds "$EACH")
    echo "$(field good "$said") $(field p99_ms "$said")"
}

# turn COMMAND…: what others get while that runs.
turn() {
    local pid
    if [ "$BOUNDS" = with ]; then sed "s/= 7860/= $PORT/" "$ROOT/cron/leaderboard.nft" | nft -f -; fi # and forget
    "$@" >"$STATE_DIR/abuser" 2>&1 &
    pid=$!
    sleep 1 # a beginning; nothing is decided by how long it is
    normal
    kill $pid 2>/dev/null
    wait $pid 2>/dev/null
}

# beside WHAT ABUSER…: rounds of both, and the medians of the ratios.
beside() {
    local what=$1
    shift
    [[ $what =~ $PART ]] || return
    for _ in $(seq "$ROUNDS"); do
        echo "$(turn sleep 60) $(turn "$@")"
    done >"$STATE_DIR/rounds"
    column() { awk "{ printf \"%.2f\\n\", $1 }" "$STATE_DIR/rounds" | median; }
    printf '%-46s %7.1f %% %9s %9s %8s   %s\n' "$what" "$(column '100 * $3 / $1')" "$(column '$2')" "$(column '$4')" \
        "$(column '$4 / $2')" "$(tail -1 "$STATE_DIR/abuser" | cut -c1-60)"
}

hold() { abuser "$PROGRAM_DIR/tests/load" "$@" --port "$PORT" --seconds 60; }
flood() { hold ask "$@"; }
slowtest() { abuser slowhttptest -u "$API/api/leaderboard" -c 1000 -r 500 -l 60 -i 1 -p 2 "$@"; }

measure() {
    BOUNDS=$1
    new_state
    trap stop_all EXIT
    ip link set lo up
    if [ $LAST -gt 0 ]; then
        taskset -cp 0-$((LAST - 1)) $$ >/dev/null
        mount -t sysfs none /sys && printf '%x' $(((1 << LAST) - 1)) 2>/dev/null >/sys/class/net/lo/queues/rx-0/rps_cpus ||
            echo "(the clients' CPU handles the server's packets)"
    fi
    abuser "$BASH" -c 'while :; do :; done' &
    PIDS+=($!)
    start_server
    put_providers acme
    for i in $(seq 500); do sample_row "acme/m$i"; done | put_rows
    fetch pull official-providers contents
    printf 'GET /nothing HTTP/1.1\r\nHost: x\r\nX-Slow: ' >"$STATE_DIR/head"
    printf 'POST /api/webhooks/hub HTTP/1.1\r\nHost: x\r\nContent-Length: 65000\r\n\r\n' >"$STATE_DIR/length"
    printf 'GET /api/leaderboard HTTP/1.1\r\nHost: x\r\n\r\n' >"$STATE_DIR/whole"
    for _ in $(seq 100); do printf 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'; done >"$STATE_DIR/many"
    printf '\n%-46s %9s %9s %9s %8s   %s\n' "$1 the kernel's bounds" answered "p99 alone" "beside" ratio "the abuser"
    beside "4,500 trickled heads" hold hold --connections 4500 --every 1000 --file "$STATE_DIR/head"
    beside "4,500 trickled bodies" hold hold --connections 4500 --every 1000 --file "$STATE_DIR/length"
    beside "1,000 slow readers" hold read --connections 1000 --every 500 --file "$STATE_DIR/whole"
    beside "10,000 silent connections" hold hold --connections 10000 --every 60000 --file /dev/null
    if command -v slowhttptest >/dev/null; then
        beside "slowhttptest -H (slowloris)" slowtest -H
        beside "slowhttptest -B (slow body)" slowtest -B
        beside "slowhttptest -X (slow read)" slowtest -X -w 10 -y 20 -n 1 -z 32
    fi
    for connections in 16 1000; do
        for path in /api/leaderboard '/api/leaderboard/formatted?search=m&limit=5' /; do
            beside "flood, $connections connections: $path" flood --path "$path" --connections $connections
        done
    done
    beside "flood, a connection each: /" flood --connections 1000 --anew
    beside "flood, 100 requests at once: /" flood --connections 16 --file "$STATE_DIR/many"
    beside "9,800 silent connections, 245 addresses" hold hold --from 127.1.0.1 --addresses 245 --connections 9800 \
        --every 60000 --file /dev/null
    beside "flood, 100,000 addresses, a connection each" flood --from 127.1.0.1 --addresses 100000 --anew --connections 100
    awk '/VmHWM/ { print "lighttpd at most: " $2 " KB" }' "/proc/$SERVER/status"
}

if [ "${1:-}" = measure ]; then
    measure "$2"
    exit
fi
[ "$(ulimit -n)" -ge 11000 ] || ulimit -n 11000 2>/dev/null || { echo "skipped: ulimit -n is below 11000"; exit 0; }
# Only root of the machine may say which CPU handles packets.
apart=-nm
unshare $apart true 2>/dev/null || apart=-rnm
unshare $apart true 2>/dev/null || { echo "skipped: no network of its own can be had here"; exit 0; }
unshare $apart "$0" measure without
command -v nft >/dev/null || { echo "skipped: no nft (Debian's package nftables)"; exit 0; }
unshare $apart "$0" measure with

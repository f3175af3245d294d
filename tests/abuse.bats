#!/usr/bin/env bats
# A server on the open internet: clients that never finish, that hold what they can get, that want two
# readings of one request, and what caches in between may be made to keep. tests/abuse.sh measures.

load helper

setup() { new_state; }
teardown() { stop_all; }

load_from() { "$PROGRAM_DIR/tests/load" "$@"; }

# holding SECONDS CONNECTIONS TEXT: in the background, that many clients that begin with TEXT and go on
# byte by byte. $HOLDER is the pid; what came of it is in $STATE_DIR/held.
holding() {
    printf '%b' "$3" >"$STATE_DIR/begin"
    rm -f "$STATE_DIR/held"
    load_from hold --port "$PORT" --connections "$2" --every 200 --seconds "$1" --file "$STATE_DIR/begin" \
        >"$STATE_DIR/held" 3>&- &
    HOLDER=$!
    PIDS+=($HOLDER)
    await "the connections" test -s "$STATE_DIR/held"
}

# field NAME TEXT: the value of NAME=VALUE.
field() { sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" <<<"$2"; }

# exchange TEXT: sends it and prints the status lines of all that is answered until the server closes, or
# a second after it was idle.
exchange() {
    exec 9<>"/dev/tcp/127.0.0.1/$PORT"
    printf '%b' "$1" >&9
    timeout 10 cat <&9 | tee "$STATE_DIR/exchange" | grep -ao '^HTTP/1\.[01] [0-9]*' | cut -d ' ' -f 2 | xargs
    exec 9>&-
}

log_of() { cat "$STATE_DIR/log/$1.log" 2>/dev/null || true; }

# filtered PORT: the kernel's bound on that port, in a network of the test's own.
filtered() {
    ip link set lo up
    sed "s/7860/$1/" "$ROOT/cron/leaderboard.nft" | nft -f -
}

# apart FUNCTION: runs it where there is a network of its own, with a server.
apart() {
    command -v nft >/dev/null || skip "no nft here (Debian's package nftables)"
    unshare -rn true 2>/dev/null || skip "no network of its own can be had here"
    unshare -rn "$BASH" -euc ". '$ROOT/tests/helper.bash'; $(declare -f load_from holding field filtered "$1")
        new_state; trap stop_all EXIT; start_server alone; filtered \$PORT; $1"
}

held_apart() {
    holding 60 300 'GET /nothing HTTP/1.1\r\nHost: x\r\nX-Slow: '
    expect "open, unreached" "64 236" "$(field open "$(<"$STATE_DIR/held")") $(field unreached "$(<"$STATE_DIR/held")")"
    # Its own next connection is refused, another address's is not.
    expect "the same address" 7 "$(curl -s -o /dev/null --max-time 5 "$API/nothing" || echo $?)"
    get /nothing --interface 127.0.0.2
    expect_status 404
    # What it gives back it may have again.
    kill $HOLDER
    wait $HOLDER || true
    again() { [ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 "$API/nothing")" = 404 ]; }
    await "its connections to be forgotten" again
}

@test "an address holds no more connections than the kernel is told to let it; others do not notice" {
    apart held_apart
}

flooded_apart() {
    load_from ask --port "$PORT" --path / --connections 300 --seconds 3 >"$STATE_DIR/flood" &
    local flood=$! said
    said=$(load_from ask --port "$PORT" --path /openapi.json --from 127.0.0.2 --addresses 50 --connections 50 --rate 50 --seconds 2)
    expect "answered 200 of 100" "yes" "$([ "$(field good "$said")" -ge 95 ] && echo yes || echo "$said")"
    wait $flood
    expect "refused connections of the flood" "yes" "$([ "$(field unreached "$(<"$STATE_DIR/flood")")" -ge 236 ] && echo yes)"
}

@test "beside a flood from one address others are answered" {
    apart flooded_apart
}

@test "300 clients that trickle headers or bodies keep nobody from being answered, and reach no program" {
    start_server alone
    local text
    for text in 'GET /nothing HTTP/1.1\r\nHost: x\r\nX-Slow: ' \
        'POST /api/webhooks/hub HTTP/1.1\r\nHost: x\r\nContent-Length: 65000\r\n\r\n'; do
        holding 60 300 "$text"
        expect "open" 300 "$(field open "$(<"$STATE_DIR/held")")"
        get /nothing
        expect_status 404
        kill $HOLDER
        wait $HOLDER || true
    done
    expect "requests in the log" 2 "$(log_of leaderboard | grep -c 'msg=request\|"request"\| request ' || true)"
}

#!/usr/bin/env bats
# lighttpd before the programs: what it takes and what it refuses, that it refuses in JSON, and which
# headers every answer carries.

load helper

setup() { new_state; }
teardown() { stop_all; }

# send REQUEST: sends it as it is (with printf's escapes) and reads until the server closes. The answer
# is found where `get` leaves it; what followed the first answer is a part of its body.
send() {
    request=$1 headers=$STATE_DIR/headers body=$STATE_DIR/body
    exec 9<>"/dev/tcp/127.0.0.1/$PORT"
    printf '%b' "$1" >&9
    timeout 40 cat <&9 >"$STATE_DIR/answer"
    exec 9>&-
    sed '/^\r$/q' "$STATE_DIR/answer" >"$headers"
    sed '1,/^\r$/d' "$STATE_DIR/answer" >"$body"
    status=$(awk 'NR == 1 { print $2 }' "$headers")
}

# ask TARGET: a GET with this very target.
ask() { send "GET $1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"; }

expect_security_headers() {
    expect "type sniffing" nosniff "$(header X-Content-Type-Options)"
    expect "frames" DENY "$(header X-Frame-Options)"
    expect "referrer" no-referrer "$(header Referrer-Policy)"
    expect "content" "default-src 'none'; frame-ancestors 'none'" "$(header Content-Security-Policy)"
    expect "other origins' pages" cross-origin "$(header Cross-Origin-Resource-Policy)"
    expect "transport, which is the proxy's affair" "" "$(header Strict-Transport-Security)"
    expect "banner" "" "$(header Server)"
}

# expect_refused STATUS WORDS: lighttpd's own answer, as good as a program's.
expect_refused() {
    expect_status "$1"
    expect "type" application/json "$(header Content-Type)"
    expect "keys" '["detail"]' "$(jq -c keys "$body")"
    expect_line "$2" "$(jq -r .detail "$body")"
    expect "length" "$(wc -c <"$body")" "$(header Content-Length)"
    expect "caching" no-store "$(header Cache-Control)"
    expect "readable by browsers" '*' "$(header Access-Control-Allow-Origin)"
    expect_security_headers
}

# start_all waits until all programs have their processes: lighttpd listens before it starts them.
processes() { pgrep -P "$SERVER" -fa '[.]fcgi' | sed 's|.*/||' | sort | uniq -c | xargs; }
all_there() { [ "$(processes)" = "2 changes.fcgi 2 entries.fcgi 1 events.fcgi 2 leaderboard.fcgi 6 models.fcgi 2 system.fcgi 5 votes.fcgi" ]; }
start_all() {
    start_server alone
    await "all processes" all_there || { processes >&2; return 1; }
}

@test "the configuration is without a warning, with and without the local Hub" {
    run lighttpd -tt -f "$ROOT/lighttpd.conf"
    expect "words" "0 " "$status $output"
    cp "$ROOT/tools/hub.conf" "$STATE_DIR/conf.d/hub.conf"
    run lighttpd -tt -f "$ROOT/lighttpd.conf"
    expect "words" "0 " "$status $output"
}

@test "each prefix reaches its program, and the processes are as many as wanted" {
    start_all
    local path name id
    while read -r path name; do
        id=to$(tr / - <<<"$path")
        get "$path" -H "X-Request-Id: $id"
        await "$name to answer $path" grep -q "id=$id " "$STATE_DIR/log/$name.log"
    done <<'TEXT'
/api/votes/user/x votes
/api/models/status models
/api/health system
/metrics system
/api/webhooks/hub system
/api/leaderboard leaderboard
/api/leaderboard.csv leaderboard
/api/leaderboard/formatted leaderboard
/api/leaderboard/snapshots changes
/api/leaderboard/changes.atom changes
/api/leaderboard/models/acme/one entries
/api/leaderboard/stats entries
/api/badge/acme/one.svg entries
/nothing leaderboard
TEXT
}

@test "all programs end with lighttpd, however and whenever it ends" {
    local signal round state=$STATE_DIR
    for signal in TERM KILL; do
        for round in 1 2 3; do
            # At once after its start, in the midst of it, and when all are there.
            lighttpd -D -f "$ROOT/lighttpd.conf" 3>&- &
            SERVER=$!
            PIDS+=($SERVER)
            case $round in
            2) await "port $PORT" port_open "$PORT" ;;
            3) await "all processes" all_there ;;
            esac
            kill -$signal "$SERVER"
            wait "$SERVER" 2>/dev/null || true
            await "the end of all programs" nothing_left "$state" || { left "$state" | xargs ps -fp >&2; false; }
        done
    done
}

# secrets PROGRAM: of each process its pid and the secrets that it has, or none.
secrets() {
    local pid found
    for pid in $(workers "$1"); do
        found=$(tr '\0' '\n' <"/proc/$pid/environ" | sed -n 's/.*=s-/s-/p' | xargs)
        echo "$pid ${found:-none}"
    done
}

@test "each program gets only the secrets that it uses" {
    export HF_TOKEN=s-token HF_READ_TOKEN=s-read HUB_WEBHOOK_SECRET=s-hook
    start_all
    local name wanted
    while read -r name wanted; do
        expect "secrets of $name" "$wanted" "$(secrets "$name" | cut -d' ' -f2- | sort | uniq -c | xargs)"
    done <<'TEXT'
changes 2 none
entries 2 none
events 1 none
leaderboard 2 none
models 2 none 4 s-read
system 2 s-hook
votes 2 none 3 s-read
TEXT
}

@test "who reads does not wait for who votes or submits" {
    local path held
    export HF_READ_TOKEN=s-read
    start_all
    put_providers acme
    sample_row acme/m1 | put_rows
    put_request acme/m1
    fetch pull
    # All that take votes and submissions, which may ask the Hub, are held up.
    mapfile -t held < <({ secrets votes; secrets models; } | sed -n 's/ s-read$//p')
    kill -STOP "${held[@]}"
    for path in /api/votes/user/alice /api/votes/model/acme/m1 /api/models/status /api/models/pending; do
        for _ in 1 2 3 4; do
            get "$path"
            expect_status 200
        done
    done
    kill -CONT "${held[@]}"
}

@test "every answer carries the security headers and no banner" {
    start_server
    put_providers acme
    sample_row acme/one | put_rows
    fetch pull official-providers contents
    local path
    for path in /api/leaderboard '/api/leaderboard/formatted?limit=1' /nothing; do
        get "$path"
        expect_security_headers
        get "$path" -I
        expect_security_headers
        get "$path" -X OPTIONS -H 'Origin: https://page.example'
        expect_security_headers
    done
    get /api/leaderboard
    get /api/leaderboard -H "If-None-Match: $(header ETag)"
    expect_status 304
    expect_security_headers
    # Pages have a policy of their own: scripts of this server alone.
    for path in / /docs; do
        get "$path"
        expect_status 200
        expect_line "default-src 'none'; script-src 'self'; style-src 'self'" "$(header Content-Security-Policy)"
        expect "frames" DENY "$(header X-Frame-Options)"
    done
}

@test "400: what is not HTTP, and the connection ends with it" {
    start_server alone
    local text
    for text in 'hello\r\n\r\n' '\x16\x03\x01\x02' 'GET\r\n\r\n' 'GET / HTTP/1.1\r\n\r\n' \
        'GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n' 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n' \
        'GET / HTTP/1.1\r\nHost: x\r\nNo colon\r\n\r\n' 'GET / HTTP/1.1\nHost: x\n\n' \
        'GET / HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n' 'GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n'; do
        send "$text"
        expect_refused 400 "not well-formed"
    done
    # A second request behind a bad one is not answered.
    send 'GET /../ HTTP/1.1\r\nHost: x\r\n\r\nGET /api/leaderboard HTTP/1.1\r\nHost: x\r\n\r\n'
    expect_refused 400 "not well-formed"
}

@test "400: a body whose length can be read in two ways is nobody's" {
    start_server alone
    local fields
    for fields in 'Content-Length: 5\r\nTransfer-Encoding: chunked' 'Content-Length: 5\r\nContent-Length: 6' \
        'Content-Length: -1' 'Content-Length: 5x' 'Content-Length: 0x5' 'Transfer-Encoding: chunked\r\nContent-Length: 5'; do
        send "POST /api/webhooks/hub HTTP/1.1\r\nHost: x\r\n$fields\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"
        expect_refused 400 "not well-formed"
    done
    send 'POST /api/webhooks/hub HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'
    expect_refused 400 "not well-formed"
    send 'GET /api/leaderboard HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello'
    expect_refused 400 "not well-formed"
}

@test "400, 404: nothing of the state folder or the sources can be fetched, however the path is written" {
    start_server
    put_providers acme
    sample_row acme/one | put_rows
    fetch pull official-providers contents
    local target published
    published=$(basename "$(find "$STATE_DIR/public" -name 'formatted.documented.*.json')")
    for target in /../ /../cache.db /api/../cache.db /%2e%2e/cache.db /%2E%2e/cache.db /.%2e/cache.db \
        /api/%2e%2e/%2e%2e/cache.db '/..\\\\cache.db' '/..;/cache.db' /%252e%252e/cache.db \
        /..%2fcache.db /..%5ccache.db /%2fetc%2fpasswd /%c0%ae%c0%ae/cache.db /%e0%80%ae%e0%80%ae/cache.db \
        /%00 /cache.db%00.json '/\\x00' '/cache\\x00.db' /%0d%0aX:%20y '/\\x7f' /% /%zz \
        // //cache.db ///etc/passwd /cache.db /hub.db /public/ "/public/$published" "/$published" /.env /env \
        /run/lighttpd.pid /run/leaderboard.sock-0 /log/lighttpd.log /conf.d/ /www/errors.txt /errors/404.html \
        /lighttpd.conf /.git/config /cgi-bin/system.c /~root/ /.refused /.unavailable \
        http://x/cache.db http://x/../cache.db http://other.example/cache.db http://x:1/.env \
        https://x/cache.db file:///etc/passwd cache.db ../cache.db '*' '' ; do
        ask "$target"
        case $status in
        400 | 404) ;;
        *) expect "status of $target" "400 or 404" "$status" ;;
        esac
        expect "type" application/json "$(header Content-Type)"
        expect "detail" string "$(jq -r '.detail | type' "$body")"
        expect_security_headers
    done
    # Where errors are sent to is an address like any other that leads nowhere.
    ask /.unavailable
    expect_refused 404 "nothing at this path"
    expect "Retry-After" "" "$(header Retry-After)"
}

@test "405, 501: methods" {
    start_server alone
    local method
    for method in PUT DELETE PATCH TRACE PROPFIND; do
        get /api/leaderboard -X $method
        expect_status 405
        expect "Allow" "GET, HEAD, OPTIONS" "$(header Allow)"
    done
    for method in UNHEARD-OF get; do
        get /api/leaderboard -X $method
        expect_refused 501 "does not know that method"
    done
    send 'CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n'
    [[ $status == 40[05] ]]
    expect "type" application/json "$(header Content-Type)"
    # HTTP/2, by upgrade or by prior knowledge, is the proxy's affair.
    get /nothing --http2
    expect_status 404
    expect "protocol" "HTTP/1.1" "$(awk 'NR == 1 { print $1 }' "$headers")"
    send 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
    expect_refused 505 "HTTP/1.1"
}

@test "411: a POST that does not say how long it is" {
    start_server alone
    send 'POST /api/webhooks/hub HTTP/1.1\r\nHost: x\r\n\r\n'
    expect_refused 411 "no Content-Length"
}

@test "413: a body of more than 64 KB, before it was sent, chunked or not" {
    start_server alone
    send 'POST /api/webhooks/hub HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n'
    expect_refused 413 "larger than 64 KB"
    expect "Retry-After" "" "$(header Retry-After)"
    head -c 10000000 /dev/zero >"$STATE_DIR/large"
    get /api/webhooks/hub --data-binary "@$STATE_DIR/large"
    expect_refused 413 "larger than 64 KB"
    get /api/webhooks/hub --data-binary "@$STATE_DIR/large" -H 'Transfer-Encoding: chunked' -H 'Expect:'
    expect_refused 413 "larger than 64 KB"
    truncate -s 65536 "$STATE_DIR/large"
    get /api/webhooks/hub --data-binary "@$STATE_DIR/large"
    expect "64 KB are the program's affair" 404 "$status"
}

@test "431: more than 8 KB of request line and headers" {
    start_server alone
    get "/$(printf '%08192d' 0)"
    expect_refused 431 "more than 8 KB"
    get /nothing -H "X-Long: $(printf '%08192d' 0)"
    expect_refused 431 "more than 8 KB"
    get /nothing -H "X-Long: $(printf '%08000d' 0)"
    expect_status 404
}

@test "505: another version of HTTP" {
    start_server alone
    send 'GET / HTTP/3.0\r\nHost: x\r\n\r\n'
    expect_refused 505 "HTTP/1.1"
}

@test "ranges are not served: the answer is the whole" {
    start_server
    put_providers acme
    sample_row acme/one | put_rows
    fetch pull official-providers contents
    get /api/leaderboard -H 'Range: bytes=0-0'
    expect_status 200
    get /api/leaderboard -H 'Range: bytes=9999999-'
    expect_status 200
}

@test "503: where no process is left, reads and short writes say when to come again" {
    # Programs that can be taken away.
    mkdir "$STATE_DIR/programs"
    ln -s "$PROGRAM_DIR"/{*.fcgi,www} "$STATE_DIR/programs"
    PROGRAM_DIR=$STATE_DIR/programs start_all
    local pids
    pids=$(workers leaderboard)
    rm "$STATE_DIR/programs/leaderboard.fcgi"
    kill $pids
    await "their end" no kill -0 $pids
    get /nothing
    expect_refused 503 "try again"
    expect "Retry-After" 5 "$(header Retry-After)"
    get /nothing -d '{}'
    expect_refused 503 "try again"
    expect "Retry-After" 5 "$(header Retry-After)"
    # The other programs answer as before.
    get /api/webhooks/other
    expect_status 404
}

# delivered NAME: a request lies before one of its processes.
delivered() { ss -xlH | awk -v socket="$STATE_DIR/run/$1.sock" 'index($5, socket) && $3 > 0 { found = 1 } END { exit !found }'; }

@test "500: a process that dies in the midst of a request; the next one is answered" {
    start_all
    local pids
    pids=$(workers leaderboard)
    kill -STOP $pids
    get /nothing >/dev/null 3>&- &
    local client=$!
    await "the request" delivered leaderboard
    kill -KILL $pids
    wait $client
    headers=$STATE_DIR/headers body=$STATE_DIR/body
    status=$(awk 'NR == 1 { print $2 }' "$headers")
    expect_refused 500 "ended in the midst"
    get /nothing
    expect_status 404
}

@test "504: a process that does not answer in time" {
    sed 's/\("read-timeout" *=>\) [0-9]*/\1 1/' "$ROOT/lighttpd.conf" >"$STATE_DIR/lighttpd.conf"
    ROOT=$STATE_DIR start_all
    local pids
    pids=$(workers leaderboard)
    kill -STOP $pids
    get /nothing
    kill -CONT $pids
    expect_refused 504 "took too long"
}

@test "clients that send nothing more are let go" {
    # The limits themselves, and what happens when one is reached. (lighttpd -p writes beyond its memory.)
    local limit
    for limit in 'max-read-idle *= 30' 'max-keep-alive-idle *= 15' 'max-write-idle *= 120' 'max-connections *= 10000'; do
        grep -q "^server\.$limit\b" "$ROOT/lighttpd.conf"
    done
    printf 'server.max-%s-idle := 1\n' read keep-alive >"$STATE_DIR/conf.d/quick.conf"
    start_server alone
    send 'GET /nothing HTTP/1.1\r\nHos'
    expect "answer to half a header" "" "$(cat "$STATE_DIR/answer")"
    send 'POST /api/webhooks/hub HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf'
    expect "answer to half a body" "" "$(cat "$STATE_DIR/answer")"
    send 'GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n'
    expect_status 404
}

#!/usr/bin/env bats
# GET /api/events: what happens, as it happens.

load helper

setup() { new_state; }
teardown() { stop_all; }

# listen NAME [curl options…]: a client that writes what it is told into STATE_DIR/NAME; waits until it
# has been greeted.
listen() {
    local name=$1
    shift
    curl -sN "$@" "$API/api/events" >"$STATE_DIR/$name" 3>&- &
    LISTENER=$!
    PIDS+=($LISTENER)
    await "a greeting" grep -q '^retry: 5000$' "$STATE_DIR/$name"
}

# heard NAME: the events that it was told, as "event id data" lines.
heard() {
    awk '/^event: / { event = $2 } /^id: / { id = $2 } /^data: / { sub(/^data: /, ""); print event, id, $0 }' "$STATE_DIR/$1"
}

# hears NAME COUNT: waits until it was told so many events.
has_heard() { [ "$(heard "$1" | wc -l)" -ge "$2" ]; }
hears() { await "$2 events" has_heard "$1" "$2" || { cat "$STATE_DIR/$1" >&2; return 1; }; }

# events COUNT: a writer adds so many events, in one transaction.
events() {
    change "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < $1)
        INSERT INTO events (model, revision, precision, status) SELECT 'acme/m' || i, 'r', '4bit', 'PENDING' FROM n"
}

# database: makes an empty one.
database() { KEEP=0 "$PROGRAM_DIR/tests/history" "$STATE_DIR/cache.db" record r 1 0 </dev/null >/dev/null; }

@test "a new snapshot and a submission's changes of state are told, the numbers of the commits as ids" {
    start_server
    listen early
    sample_row acme/one | put_rows
    put_providers acme
    fetcher --quiet pull official-providers contents
    hears early 1
    listen late
    put_request acme/one
    fetcher --quiet pull requests
    hears late 1
    put_request acme/one '.status = "RUNNING"'
    fetcher --quiet pull requests
    hears late 2
    hubctl rm datasets/acme/requests acme/one_eval_request_False_bfloat16_Original.json >/dev/null
    put_request acme/two
    fetcher --quiet pull requests
    hears early 5
    local sha
    sha=$(query 'SELECT revision FROM history_snapshots')
    expect "snapshot" "snapshot 1 {\"id\":1,\"revision\":\"$sha\",\"rows\":1,\"added\":1,\"removed\":0,\"changed\":0}" \
        "$(heard early | sed -n '1s/"pulled_at":"[-0-9T:]*Z",//p')"
    local submission='"revision":"0123456789abcdef0123456789abcdef01234567","precision":"bfloat16","status":'
    expect "submission" "submission 2 {\"model\":\"acme/one\",${submission}\"PENDING\"}" "$(heard early | sed -n 2p)"
    expect "state" "submission 3 {\"model\":\"acme/one\",${submission}\"EVALUATING\"}" "$(heard early | sed -n 3p)"
    expect "gone" "submission 5 {\"model\":\"acme/one\",${submission}null}" "$(heard early | sed -n 5p)"
    expect "who came later" "$(heard early | sed 1d)" "$(heard late)"
}

@test "what a stream is to be: its type, never kept, readable by browsers, not coded, not buffered" {
    database
    start_server alone
    listen one -D "$STATE_DIR/headers" -H 'Origin: http://page.example' -H 'Accept-Encoding: gzip, br'
    headers=$STATE_DIR/headers
    expect "type" text/event-stream "$(header content-type)"
    expect "caching" no-store "$(header cache-control)"
    expect "browsers" '*' "$(header access-control-allow-origin)"
    expect "coding" "" "$(header content-encoding)"
    expect "proxies" no "$(header x-accel-buffering)"
    get /api/events -I
    expect_status 200
    expect "HEAD" text/event-stream "$(header content-type)"
    get /api/events -X OPTIONS -H 'Origin: http://page.example' -H 'Access-Control-Request-Headers: last-event-id'
    expect_status 204
    expect_line "Last-Event-ID" "$(header access-control-allow-headers)"
    get /api/events -d x
    expect_status 405
    expect "Allow" "GET, HEAD, OPTIONS" "$(header allow)"
    get /api/eventful
    expect_status 404
}

@test "CORS_ORIGINS says whose pages may listen" {
    database
    export CORS_ORIGINS='["https://one.example"]'
    start_server alone
    get /api/events -I -H 'Origin: https://one.example'
    expect "its own" https://one.example "$(header access-control-allow-origin)"
    get /api/events -I -H 'Origin: https://two.example'
    expect "another" "" "$(header access-control-allow-origin)"
}

# ---- resuming ----

@test "Last-Event-ID: exactly what was missed, then what happens" {
    database
    events 5
    start_server alone
    listen one -H 'Last-Event-ID: 2'
    events 1
    hears one 4
    expect "ids" "3 4 5 6" "$(heard one | cut -d ' ' -f 2 | xargs)"
    events 200
    listen longer -H 'Last-Event-ID: 2'
    hears longer 204
    expect "ids" "$(seq 3 206 | xargs)" "$(heard longer | cut -d ' ' -f 2 | xargs)"
    listen up_to_date -H 'Last-Event-ID: 206'
    listen fresh
    events 1
    hears up_to_date 1
    hears fresh 1
    expect "ids" "207 207" "$(heard up_to_date | cut -d ' ' -f 2) $(heard fresh | cut -d ' ' -f 2)"
    expect "where a fresh one begins" "id: 206" "$(grep -m 1 '^id' "$STATE_DIR/fresh")"
}

@test "who missed more than is kept, or than can be told at once, is told to reload, and so is whoever knows the future" {
    database
    events 600
    start_server alone
    listen far -H 'Last-Event-ID: 10'
    hears far 1
    expect "too much" "reload 600 {}" "$(heard far)"
    sqlite3 "$STATE_DIR/cache.db" 'DELETE FROM events WHERE id < 590'
    listen dropped -H 'Last-Event-ID: 588'
    hears dropped 1
    expect "not kept" "reload 600 {}" "$(heard dropped)"
    listen kept -H 'Last-Event-ID: 589'
    hears kept 11
    expect "still kept" "590 600" "$(heard kept | sed -n '1p;$p' | cut -d ' ' -f 2 | xargs)"
    listen future -H 'Last-Event-ID: 601'
    hears future 1
    expect "unknown" "reload 600 {}" "$(heard future)"
    listen nonsense -H 'Last-Event-ID: x'
    events 1
    hears nonsense 1
    expect "nonsense" "submission 601" "$(heard nonsense | cut -d ' ' -f 1,2)"
}

@test "much at once is told in parts, and very much as a reload" {
    database
    start_server alone
    listen one
    events 1000
    hears one 1000
    expect "one by one" "$(seq 1000 | xargs)" "$(heard one | cut -d ' ' -f 2 | xargs)"
    events 1001
    hears one 1001
    expect "all at once" "reload 2001 {}" "$(heard one | tail -1)"
}

@test "events are kept for who was away, but not for ever" {
    database
    events 10300
    expect "kept" "10300 1" "$(query 'SELECT max(id), min(id) > 200 FROM events' | tr '|' ' ')"
}

@test "a client may come before there is a database, and a restored one is news" {
    start_server alone
    listen early
    database
    events 2
    hears early 2
    rm -f "$STATE_DIR"/cache.db*
    database
    events 1
    hears early 3
    expect "the older database" "reload 1 {}" "$(heard early | tail -1)"
}

# ---- many, slow and gone ----

@test "a client that stops reading keeps nobody waiting" {
    database
    start_server alone
    listen stopped
    local stopped=$LISTENER
    kill -STOP "$stopped"
    listen other
    local i
    for i in 1 2 3; do
        events 250
        hears other $((i * 250))
    done
    kill -CONT "$stopped"
    hears stopped 750
}

@test "a client that is gone is forgotten" {
    database
    start_server alone
    listen one -H 'X-Request-Id: the-one'
    kill "$LISTENER"
    events 1 # lighttpd sees that it is gone when there is something to send
    await "its end" grep -q 'stream ended id=the-one reason="it is gone"' "$STATE_DIR/log/events.log"
}

# connect COUNT ADDRESS: so many connections of one address, as a trusted proxy forwards them; their
# descriptors are appended to $open, and each has been answered.
connect() {
    local i fd line
    for ((i = 0; i < $1; i++)); do
        exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
        printf 'GET /api/events HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %s\r\n\r\n' "$2" >&"$fd"
        open+=($fd)
        read -r line <&"$fd"
        expect "connection $i of $2" "HTTP/1.1 200 OK" "${line%$'\r'}"
    done
}

@test "one address has a quarter of the places; beyond all of them it is 503, until one is free" {
    ulimit -n 4096 || skip "cannot have so many descriptors"
    database
    export TRUSTED_PROXIES='["127.0.0.1"]'
    start_server alone
    local open=() fd
    connect 250 192.0.2.1
    get /api/events -H 'X-Forwarded-For: 192.0.2.1'
    expect_status 429
    expect "Retry-After" 30 "$(header retry-after)"
    for i in 2 3 4; do connect 250 192.0.2.$i; done
    get /api/events -H 'X-Forwarded-For: 192.0.2.5'
    expect_status 503
    expect "Retry-After" 30 "$(header retry-after)"
    expect_line "as many clients as can be" "$(jq -r .detail "$body")"
    events 1
    for fd in "${open[@]}"; do
        timeout 20 grep -m 1 -q '^data: ' <&"$fd" || { echo "connection $fd was not told" >&2; return 1; }
    done
    fd=${open[0]}
    exec {fd}>&-
    events 1
    place_free() { listen_once=$(curl -sN --max-time 2 -o /dev/null -w '%{http_code}' -H 'X-Forwarded-For: 192.0.2.6' "$API/api/events") || true; [ "$listen_once" = 200 ]; }
    await "a free place" place_free
    for fd in "${open[@]:1}"; do exec {fd}>&-; done
}

@test "connections count against the rate limit" {
    database
    export RATE_LIMIT_REQUESTS=2
    start_server alone
    get /api/events -I
    get /api/events -I
    get /api/events -I
    expect_status 429
    expect "Retry-After" true "$([ "$(header retry-after)" -gt 0 ] && echo true)"
}

@test "where nothing happens, a comment shows that the stream lives" {
    database
    start_server alone
    listen one
    await "a heartbeat" grep -qx : "$STATE_DIR/one"
}

@test "SIGTERM ends it at once, with its clients, and lighttpd starts the next" {
    database
    start_server alone
    listen one
    kill "$(pgrep -P "$SERVER" -f 'events[.]fcgi')"
    wait "$LISTENER" || true
    started_again() { [ "$(grep -c 'ready program=events' "$STATE_DIR/log/events.log")" = 2 ]; }
    await "the next one" started_again
    expect "last words" 1 "$(grep -c 'stopped program=events' "$STATE_DIR/log/events.log")"
}

#!/usr/bin/env bats
# /api/health and /metrics, and what every answer of the API has: limits, ids, CORS, one line in a log.

load helper

setup() {
    new_state
    start_server
}

teardown() { stop_all; }

# restart VARIABLE=VALUE…: the server anew with these settings.
restart() {
    kill "$SERVER"
    wait "$SERVER" || true
    export "$@"
    start_server
}

# ---- health ----

@test "GET /api/health: alive, whatever the state of the data" {
    get /api/health
    expect_status 200
    expect "body" '{"status":"ok"}' "$(cat "$body")"
    expect "caching" no-store "$(header cache-control)"
}

@test "?ready=1: 503 until there is data; then ages, the outbox, and whether the Hub is reached" {
    get '/api/health?ready=1'
    expect_status 503
    expect_line "the first sync has not ended" "$(jq -r .detail "$body")"
    sample_row acme/one | put_rows
    put_providers acme
    fetcher --quiet pull official-providers contents
    get '/api/health?ready=1'
    expect_status 200
    expect "state" "ready true" "$(jq -r '"\(.status) \(.hub.reachable)"' "$body")"
    expect "rows" 1 "$(jq .datasets.contents.rows "$body")"
    expect "age" true "$(jq '.datasets.contents.age_s < 60' "$body")"
    expect "outbox" '{"waiting":0,"parked":0,"oldest_at":null}' "$(jq -c .outbox.votes "$body")"
    "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" vote acme/one rev alice up >/dev/null
    HF_ENDPOINT=http://127.0.0.1:9 fetcher --quiet pull contents || true
    get '/api/health?ready=1'
    expect_status 200
    expect "outbox" 1 "$(jq .outbox.votes.waiting "$body")"
    expect "Hub" "false true" "$(jq -r '"\(.hub.reachable) \(.datasets.contents.failing)"' "$body")"
    get '/api/health?ready=maybe'
    expect_status 400
}

# ---- metrics ----

@test "GET /metrics: what all processes did, and the state of the data" {
    sample_row acme/one | put_rows
    put_providers acme
    put_request acme/one
    fetcher --quiet pull official-providers contents requests
    local i
    for i in 1 2 3; do get '/api/leaderboard?limit=1'; done
    get '/api/leaderboard/formatted?limit=1' -H 'If-None-Match: *'
    get /api/leaderboard # lighttpd alone sends this one
    get '/api/votes/acme/one?vote_type=up&user_id=alice' -d '' -H 'Authorization: Bearer hf_local_alice'
    get '/api/votes/acme/one?vote_type=up&user_id=alice' -d '' -H 'Authorization: Bearer hf_local_alice'
    get /api/nothing
    get /metrics
    expect_status 200
    expect "type" "text/plain; version=0.0.4; charset=utf-8" "$(header content-type)"
    local metrics
    metrics=$(cat "$body")
    for line in \
        'leaderboard_http_requests_total{method="GET",route="/api/leaderboard",status="200"} 3' \
        'leaderboard_http_requests_total{method="GET",route="/api/leaderboard/formatted",status="304"} 1' \
        'leaderboard_http_requests_total{method="POST",route="/api/votes/{provider}/{model}",status="200"} 1' \
        'leaderboard_http_requests_total{method="POST",route="/api/votes/{provider}/{model}",status="409"} 1' \
        'leaderboard_http_requests_total{method="GET",route="-",status="404"} 1' \
        'leaderboard_http_request_duration_seconds_count{method="GET",route="/api/leaderboard"} 3' \
        'leaderboard_auth_total{outcome="asked"} 1' \
        'leaderboard_auth_total{outcome="cached"} 1' \
        'leaderboard_votes_total 1' \
        'leaderboard_not_modified_total 1' \
        'leaderboard_outbox_entries{dataset="votes",state="waiting"} 1' \
        'leaderboard_dataset_rows{dataset="contents"} 1' \
        'leaderboard_database_up 1'; do
        expect_line "$line" "$metrics"
    done
    expect_line 'leaderboard_data_age_seconds{dataset="contents"}' "$metrics"
    expect_line 'leaderboard_dataset_synced_timestamp_seconds{dataset="contents"}' "$metrics"
}

@test "counts outlive the processes that made them; without a database they are still there" {
    get /api/leaderboard
    expect_status 503
    restart LOG_LEVEL=INFO
    get /api/leaderboard
    get /metrics
    expect_line 'leaderboard_http_requests_total{method="GET",route="/api/leaderboard",status="503"} 2' "$(cat "$body")"
    expect_line 'leaderboard_database_up 0' "$(cat "$body")"
}

@test "promtool accepts the metrics" {
    command -v promtool >/dev/null || skip "promtool (Debian's prometheus) is not here"
    sample_row acme/one | put_rows
    put_providers acme
    fetcher --quiet pull official-providers contents
    get /api/leaderboard
    get /metrics
    run promtool check metrics <"$body"
    expect "promtool" "0 " "$status $output"
}

# ---- limits ----

@test "a limit for each address and endpoint group, in every answer; beyond it 429" {
    restart RATE_LIMIT_REQUESTS=3 RATE_LIMIT_WINDOW=3600
    get /api/votes/user/alice
    expect "policy" '"votes";q=3;w=3600' "$(header ratelimit-policy)"
    expect "left" '"votes";r=2;t=1200' "$(header ratelimit)"
    get /api/votes/user/bob
    get /api/votes/nothing/at/all/here
    expect_status 404
    get /api/votes/user/alice -H 'Origin: https://page.example'
    expect_status 429
    expect_line "too many requests from your address: at most 3 in 3600 s" "$(jq -r .detail "$body")"
    expect "a page may read it" '*' "$(header access-control-allow-origin)"
    [ "$(header retry-after)" -gt 1100 ]
    expect "left" '"votes";r=0;t=3600' "$(header ratelimit)"
    get /api/models/status
    no expect_status 429 2>/dev/null
    get /api/votes/user/alice -X OPTIONS
    expect_status 204
    get /metrics
    expect_status 200
    expect_line 'leaderboard_rate_limited_total 1' "$(cat "$body")"
}

# connects HEADER: makes three requests in a row and prints the status of each and how often it had to connect.
connects() {
    local path=$API/api/votes/user/nobody
    request="three times $path with $1"
    curl -s --max-time 20 -H "$1" -o /dev/null -o /dev/null -o /dev/null -w '%{http_code}+%{num_connects} ' $path $path $path
}

@test "a client beyond its limit has to connect anew; a proxy, whose connection is others' as well, has not" {
    restart RATE_LIMIT_REQUESTS=1 RATE_LIMIT_WINDOW=3600
    expect "connects" "503+1 429+0 429+1 " "$(connects 'X-Forwarded-For: 192.0.2.1')"
    get /api/votes/user/nobody
    expect "connection" close "$(header connection)"
    restart 'TRUSTED_PROXIES=["127.0.0.0/8"]'
    expect "connects" "503+1 429+0 429+0 " "$(connects 'X-Forwarded-For: 192.0.2.1')"
}

@test "the limit holds over restarts, and RATE_LIMIT_REQUESTS=0 takes it away" {
    restart RATE_LIMIT_REQUESTS=1 RATE_LIMIT_WINDOW=3600
    get /api/votes/user/alice
    restart LOG_LEVEL=INFO
    get /api/votes/user/alice
    expect_status 429
    restart RATE_LIMIT_REQUESTS=0
    get /api/votes/user/alice
    no expect_status 429 2>/dev/null
    expect "policy" "" "$(header ratelimit-policy)"
}

@test "X-Forwarded-For counts from TRUSTED_PROXIES alone" {
    restart RATE_LIMIT_REQUESTS=1 RATE_LIMIT_WINDOW=3600
    get /api/votes/user/alice -H 'X-Forwarded-For: 192.0.2.1'
    get /api/votes/user/alice -H 'X-Forwarded-For: 192.0.2.2'
    expect_status 429
    restart 'TRUSTED_PROXIES=["127.0.0.0/8"]'
    get /api/votes/user/alice -H 'X-Forwarded-For: 192.0.2.1'
    no expect_status 429 2>/dev/null
    get /api/votes/user/alice -H 'X-Forwarded-For: 192.0.2.1'
    expect_status 429
    get /api/votes/user/alice -H 'X-Forwarded-For: 198.51.100.7, 192.0.2.2, 127.0.0.9'
    no expect_status 429 2>/dev/null
    expect_line "client=192.0.2.2 " "$(tail -1 "$STATE_DIR/log/votes.log")"
    get /api/votes/user/alice -H 'X-Forwarded-For: 2001:db8:0:1::1'
    get /api/votes/user/alice -H 'X-Forwarded-For: 2001:db8:0:1::2'
    expect_status 429
}

@test "headers in another spelling, with underscores, decide nothing" {
    restart 'TRUSTED_PROXIES=["127.0.0.0/8"]'
    get /api/votes/user/alice -H 'X_Forwarded_For: 9.9.9.9' -H 'X-Forwarded_For: 9.9.9.9' -H 'X-Forwarded-For: 192.0.2.8'
    expect_line "client=192.0.2.8 " "$(grep " request " "$STATE_DIR/log/votes.log" | tail -1)"
    sample_row acme/one | put_rows
    put_providers acme
    fetcher --quiet pull official-providers contents
    get /api/leaderboard -H 'Accept_Encoding: br'
    expect "coding" "" "$(header content-encoding)"
    get /api/leaderboard -H 'If_None_Match: *' -H 'If-None_Match: *'
    expect_status 200
}

@test "TRUSTED_PROXIES that are no addresses stop a program at its start" {
    export TRUSTED_PROXIES='["proxy.example"]'
    fetch settings
    expect "exit code" 100 "$code"
    expect_line "TRUSTED_PROXIES: 'proxy.example' is no address or network" "$said"
}

# ---- the log ----

@test "one line a request: id, method, route, status, bytes, time, client, user" {
    put_request acme/one
    fetcher --quiet pull requests
    get '/api/votes/acme/one?vote_type=up&user_id=alice' -d '' -H 'Authorization: Bearer hf_local_alice' -H 'X-Request-Id: my-id.1'
    expect_status 200
    expect "id" my-id.1 "$(header x-request-id)"
    local line
    line=$(grep -c ' http: request ' "$STATE_DIR/log/votes.log")
    expect "lines" 1 "$line"
    grep -qE "^[0-9-]+T[0-9:.]+Z INFO http: request id=my-id.1 method=POST route=/api/votes/\{provider\}/\{model\} status=200 bytes=$(wc -c <"$body") us=[0-9]+ client=127.0.0.1 user=alice\$" "$STATE_DIR/log/votes.log"
}

@test "LOG_FORMAT=json; LOG_LEVEL_HTTP=ERROR leaves only failures" {
    restart LOG_FORMAT=json
    get /api/votes/user/alice
    expect "line" "http GET 503" "$(grep '"request"' "$STATE_DIR/log/votes.log" | tail -1 | jq -r '"\(.component) \(.method) \(.status)"')"
    restart LOG_LEVEL_HTTP=ERROR
    get /api/nothing
    get /api/votes/user/alice
    no grep '"status":404' "$STATE_DIR/log/leaderboard.log"
    grep -q '"status":503' "$STATE_DIR/log/votes.log"
}

@test "an X-Request-Id that is long or odd is replaced by one of our own" {
    local id
    for id in "$(printf 'x%.0s' {1..100})" 'a b' 'a"b' '<x>'; do
        get /api/health -H "X-Request-Id: $id"
        grep -qE '^[0-9a-f]{16}$' <<<"$(header x-request-id)"
    done
}

# ---- CORS ----

@test "with CORS_ORIGINS a write is admitted from those pages only; credentials never are" {
    restart 'CORS_ORIGINS=["https://page.example"]'
    get /api/models/submit -X OPTIONS -H 'Origin: https://page.example' -H 'Access-Control-Request-Method: POST'
    expect_status 204
    expect "origin" https://page.example "$(header access-control-allow-origin)"
    expect_line "Origin" "$(header vary)"
    expect_line "POST" "$(header access-control-allow-methods)"
    expect "credentials" "" "$(header access-control-allow-credentials)"
    get /api/models/submit -X OPTIONS -H 'Origin: https://evil.example' -H 'Access-Control-Request-Method: POST'
    expect "origin" "" "$(header access-control-allow-origin)"
    expect_line "Origin" "$(header vary)"
}

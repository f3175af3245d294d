#!/usr/bin/env bats
# The whole bodies, which lighttpd sends by itself: the answers are those of the program, and what is not
# plain is left to it. An answer of the program bears an X-Request-Id, one of lighttpd alone does not.

load helper

setup() {
    new_state
}

teardown() { stop_all; }

# Starts the server with one row published.
begin() {
    start_server
    put_providers acme
    sample_row acme/one | put_rows
    fetch pull official-providers contents
    expect "exit code" 0 "$code"
}

direct() { expect "X-Request-Id" "" "$(header X-Request-Id)"; }
by_program() { [ -n "$(header X-Request-Id)" ] || expect "X-Request-Id" "some" ""; }

@test "whole bodies come from lighttpd alone, also when no program answers" {
    begin
    get /api/leaderboard/formatted
    expect_status 200 && direct
    expect "Content-Type" application/json "$(header Content-Type)"
    expect "Cache-Control" "public, max-age=300" "$(header Cache-Control)"
    expect "Vary" "Accept-Encoding, Origin" "$(header Vary)"
    expect "X-Content-Type-Options" nosniff "$(header X-Content-Type-Options)"
    [ -n "$(header ETag)" ] && [ -n "$(header Last-Modified)" ]
    expect "model" acme/one "$(jq -r '.models[0].model.name' "$body")"
    get /api/leaderboard
    expect_status 200 && direct
    expect "model" acme/one "$(jq -r '.models[0].fullname' "$body")"
    get /api/leaderboard --head
    expect_status 200 && direct
    pkill -STOP -P "$SERVER" leaderboard.fcg
    get /api/leaderboard
    pkill -CONT -P "$SERVER" leaderboard.fcg
    expect_status 200
}

@test "coding, length, ETag and date are those that the program gives, whatever Accept-Encoding says" {
    begin
    local accept answer
    for accept in '' gzip GZIP br zstd 'gzip, deflate' 'gzip, deflate, br' 'gzip, deflate, br, zstd' 'zstd,gzip' \
        deflate identity 'gzip;q=0' 'gzip;q=0.5, br;q=0.1' '*' 'x-gzip' 'brotli, gzippy' 'gzip,,br' 'br ,zstd'; do
        for path in /api/leaderboard /api/leaderboard/formatted; do
            get "$path" -H "Accept-Encoding: $accept"
            expect_status 200
            answer="$(header Content-Encoding) $(header Content-Length) $(header ETag) $(header Last-Modified) $(sha1sum <"$body")"
            get "$path" -H "Accept-Encoding: $accept" -H 'X-Request-Id: mine'
            expect "id" mine "$(header X-Request-Id)"
            expect "answer to '$accept'" "$answer" \
                "$(header Content-Encoding) $(header Content-Length) $(header ETag) $(header Last-Modified) $(sha1sum <"$body")"
        done
    done
}

@test "parameters, weights, a trailing slash, other methods and an id of one's own are the program's" {
    begin
    get '/api/leaderboard?profile=documented' && expect_status 200 && by_program
    get '/api/leaderboard/' && expect_status 200 && by_program
    get /api/leaderboard -H 'Accept-Encoding: gzip;q=1.0' && expect_status 200 && by_program
    get /api/leaderboard -H 'X-Request-Id: mine' && expect "id" mine "$(header X-Request-Id)"
    get /api/leaderboard -X POST -d '' && expect_status 405 && by_program
    get /api/leaderboard -X OPTIONS && expect_status 204 && by_program
    get '/api/leaderboard?' && expect_status 200 && direct
}

@test "If-None-Match and If-Modified-Since are answered with 304" {
    begin
    get /api/leaderboard/formatted -H 'Accept-Encoding: gzip'
    local tag date
    tag=$(header ETag) date=$(header Last-Modified)
    get /api/leaderboard/formatted -H 'Accept-Encoding: gzip' -H "If-None-Match: \"other\", $tag"
    expect_status 304 && direct
    expect "ETag" "$tag" "$(header ETag)"
    expect "Cache-Control" "public, max-age=300" "$(header Cache-Control)"
    get /api/leaderboard/formatted -H "If-Modified-Since: $date"
    expect_status 304 && direct
    get /api/leaderboard/formatted -H "If-None-Match: $tag" # the tag of another coding
    expect_status 200
    get /api/leaderboard/formatted -H 'Accept-Encoding: gzip' -H "If-None-Match: $tag" -H 'X-Request-Id: mine'
    expect_status 304 && by_program
}

@test "what a pull published is in the very next answer, under another ETag" {
    begin
    local tag round
    for round in 1 2 3 4 5; do
        get /api/leaderboard
        tag=$(header ETag)
        sample_row "acme/round-$round" | put_rows
        fetch pull contents
        get /api/leaderboard -H "If-None-Match: $tag"
        expect_status 200 && direct
        expect "model" "acme/round-$round" "$(jq -r '.models[0].fullname' "$body")"
    done
}

@test "until there is a file the program answers, and a name that somebody deleted is given again" {
    start_server
    get /api/leaderboard -H 'Accept-Encoding: gzip'
    expect_status 503 && by_program
    expect "Cache-Control" no-store "$(header Cache-Control)"
    expect "Content-Encoding" "" "$(header Content-Encoding)"
    expect "detail" "there is no data yet: the first sync has not ended" "$(jq -r .detail "$body")"
    get /api/leaderboard --head
    expect_status 503
    put_providers acme
    sample_row acme/one | put_rows
    fetch pull official-providers contents
    rm "$STATE_DIR"/public/direct.leaderboard.documented.json{,.gz}
    get /api/leaderboard --compressed -H 'Accept-Encoding: gzip'
    expect_status 200 && by_program
    expect "model" acme/one "$(jq -r '.models[0].fullname' "$body")"
    get /api/leaderboard
    expect_status 200 && by_program
    fetch pull contents
    get /api/leaderboard --compressed -H 'Accept-Encoding: gzip'
    expect_status 200 && direct
    get /api/leaderboard
    expect_status 200 && direct
}

@test "LEADERBOARD_PROFILE decides what is sent" {
    export LEADERBOARD_PROFILE=space
    begin
    get /api/leaderboard
    expect_status 200 && direct
    expect "model" acme/one "$(jq -r '.[0].fullname' "$body")"
}

@test "where all origins are admitted the answer says so; of listed ones the program judges" {
    begin
    get /api/leaderboard -H 'Origin: https://any.example'
    expect_status 200 && direct
    expect "allowed" '*' "$(header Access-Control-Allow-Origin)"
    [[ $(header Access-Control-Expose-Headers) == *ETag* ]]
    kill "$SERVER"; wait "$SERVER" || true
    export CORS_ORIGINS='["https://good.example"]' CACHE_TTL=7
    start_server
    get /api/leaderboard
    expect_status 200 && direct
    expect "allowed" "" "$(header Access-Control-Allow-Origin)"
    expect "Cache-Control" "public, max-age=7" "$(header Cache-Control)"
    get /api/leaderboard -H 'Origin: https://good.example'
    expect_status 200 && by_program
    expect "allowed" https://good.example "$(header Access-Control-Allow-Origin)"
    get /api/leaderboard -H 'Origin: https://bad.example'
    expect_status 200 && by_program
    expect "allowed" "" "$(header Access-Control-Allow-Origin)"
}

@test "LEADERBOARD_DIRECT=off has every request counted against RATE_LIMIT_REQUESTS" {
    export RATE_LIMIT_REQUESTS=2
    begin
    for _ in 1 2 3 4; do
        get /api/leaderboard
        expect_status 200 && direct
    done
    kill "$SERVER"; wait "$SERVER" || true
    export LEADERBOARD_DIRECT=off
    start_server
    get /api/leaderboard && expect_status 200 && by_program
    get /api/leaderboard && expect_status 200
    get /api/leaderboard && expect_status 429
}

@test "a setting that is wrong keeps the server from starting, and is named" {
    export LEADERBOARD_DIRECT=sometimes
    said=$(timeout 20 lighttpd -tt -f "$ROOT/lighttpd.conf" 2>&1) && return 1
    expect_line "LEADERBOARD_DIRECT" "$said"
}

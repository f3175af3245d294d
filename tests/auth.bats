#!/usr/bin/env bats
# Whose token it is: asked of the Hub, kept for a while, and never passed on or written down.

load helper

REV=0123456789abcdef0123456789abcdef01234567

setup() {
    new_state
    export HUB_DEADLINE=1
    fault '* * pass'
    start_server
    put_request acme/one
    put_request acme/two
    fetcher --quiet pull requests
}

teardown() { stop_all; }

# vote MODEL USER: USER's vote with USER's token.
vote() {
    get "/api/votes/$1?vote_type=up&user_id=$2" -d '' -H "Authorization: Bearer hf_local_$2"
}

asked() { grep -c 'GET /api/whoami-v2' "$STATE_DIR/proxy.log" || true; }

@test "the Hub is asked once; then the owner is known for AUTH_CACHE_TTL seconds" {
    vote acme/one alice
    expect_status 200
    vote acme/two alice
    expect_status 200
    expect "times asked" 1 "$(asked)"
    expect "seconds" true "$(query "SELECT CASE WHEN expires_at - strftime('%s') BETWEEN 200 AND 300 THEN 'true' ELSE expires_at END FROM tokens")"
    sqlite3 "$STATE_DIR/cache.db" 'UPDATE tokens SET expires_at = 1'
    vote acme/two alice
    expect_status 409
    expect "times asked" 2 "$(asked)"
}

@test "what is kept of a token is its SHA-256; of those that have expired, nothing" {
    vote acme/one alice
    expect "row" "$(printf hf_local_alice | sha256sum | cut -d' ' -f1)|alice|1" "$(query 'SELECT hash, owner, person FROM tokens')"
    sqlite3 "$STATE_DIR/cache.db" 'UPDATE tokens SET expires_at = 1'
    vote acme/one bob
    expect "rows" bob "$(query 'SELECT group_concat(owner) FROM tokens')"
}

@test "no token and no body is in a log, an answer or the database" {
    export LOG_LEVEL=DEBUG
    kill "$SERVER"
    wait "$SERVER" || true
    start_server
    vote acme/one alice
    get /api/votes/acme/two -H 'Authorization: Bearer hf_secret_of_mine' -H 'Content-Type: application/json' \
        -d '{"user_id": "alice", "vote_type": "up", "comment": "body_of_mine"}'
    expect_status 401
    get /api/models/submit -H 'Authorization: Bearer hf_local_bob' -H 'Content-Type: application/json' \
        -d '{"user_id": "bob", "model_id": "acme/nowhere", "model_type": "chat", "comment": "body_of_mine"}'
    fault '* * status 500'
    get /api/models/submit -H 'Authorization: Bearer hf_local_carol' -H 'Content-Type: application/json' \
        -d '{"user_id": "carol", "model_id": "acme/nowhere", "model_type": "chat", "comment": "body_of_mine"}'
    expect_status 503
    grep -q 'route=/api/votes/{provider}/{model} status=401' "$STATE_DIR/log/votes.log"
    no grep -rE 'hf_local_(alice|bob|carol)|hf_secret_of_mine|body_of_mine' "$STATE_DIR"/log "$STATE_DIR"/cache.db* "$STATE_DIR"/run "$body" "$headers"
}

@test "a token that is nobody's is not asked about again for a minute" {
    get '/api/votes/acme/one?vote_type=up&user_id=alice' -d '' -H 'Authorization: Bearer hf_wrong'
    expect_status 401
    get '/api/votes/acme/one?vote_type=up&user_id=alice' -d '' -H 'Authorization: Bearer hf_wrong'
    expect_status 401
    expect "times asked" 1 "$(asked)"
}

@test "an address that tries token after token is stopped; users at it whose tokens are known are not" {
    vote acme/one alice
    local i
    for ((i = 1; i <= 90; i++)); do # 30 at once, and one more every two seconds
        get '/api/votes/acme/two?vote_type=up&user_id=alice' -d '' -H "Authorization: Bearer hf_guess$i"
        [ "$status" = 401 ] || break
    done
    [ "$i" -gt 30 ]
    expect_status 429
    expect_line "too many tokens from your address that the Hub does not know" "$(jq -r .detail "$body")"
    [ "$(header retry-after)" -gt 0 ]
    expect "times asked" "$i" "$(asked)" # alice's, and all before the refused one
    vote acme/two alice
    expect_status 200
}

@test "a Hub that is down: 503 for whom it would have to be asked about, and no pass" {
    vote acme/one alice
    local answer
    for answer in reset 'status 403' 'status 500' 'status 429' garbage 'status 200 type:text/html body:hello' 'status 200 body:{"type":"user"}' \
        'status 200 body:{"name":"bob"}' 'status 200 body:{"name":7,"type":"user"}' 'truncate 10' endless stall; do
        fault "GET /api/whoami-v2 $answer"
        rm -f "$STATE_DIR/run/votes.login.hub-down"
        vote acme/one bob
        expect "with $answer" 503 "$status"
        [ "$(header retry-after)" -gt 0 ]
        vote acme/two alice
        [ "$status" = 200 ] || [ "$status" = 409 ]
    done
    expect "voters" alice "$(query 'SELECT group_concat(DISTINCT username) FROM votes')"
}

@test "a redirect does not take the token to another host" {
    fault "GET /api/whoami-v2 redirect http://localhost:$HUB_PORT%p"
    vote acme/one bob
    expect_status 401
    no grep -q "bob" <(query 'SELECT owner FROM tokens')
}

@test "a Hub that hangs holds half of the processes at most: the others go on answering" {
    fault 'GET /api/whoami-v2 stall'
    local i pids=()
    for i in {1..12}; do
        curl -s -o /dev/null -d '' -H "Authorization: Bearer hf_user$i" "$API/api/votes/acme/one?vote_type=up&user_id=u$i" 3>&- &
        pids+=($!)
    done
    await "the Hub to be asked" grep -q whoami "$STATE_DIR/proxy.log"
    for i in {1..20}; do
        get /api/votes/model/acme/one
        expect_status 200
    done
    wait "${pids[@]}"
    # One place, and nobody asks again within 5 s of a failure.
    [ "$(asked)" -le 4 ]
    fault '* * pass'
    rm -f "$STATE_DIR/run/votes.login.hub-down"
    vote acme/one alice
    expect_status 200
}

@test "votes do not wait for the Hub's word on another's token" {
    local user pids=() want
    hubctl token dora eric >/dev/null
    for user in alice bob dora eric; do
        vote acme/one $user
        expect_status 200
    done
    fault 'GET /api/whoami-v2 stall'
    want=$(descriptors)
    # shellcheck disable=SC2046
    kill -STOP $(workers votes)
    # One for each process, and then one that has to be asked about.
    for user in alice bob dora eric zoe; do
        [ $user != zoe ] || await "four requests" eval "[ \$(descriptors) -ge $((want + 8)) ]"
        curl -s -o /dev/null -w "$user %{http_code}\n" -d '' -H "Authorization: Bearer hf_local_$user" \
            "$API/api/votes/acme/two?vote_type=up&user_id=$user" >>"$STATE_DIR/answers" 3>&- &
        pids+=($!)
    done
    await "five requests" eval "[ \$(descriptors) -ge $((want + 10)) ]"
    # shellcheck disable=SC2046
    kill -CONT $(workers votes)
    wait "${pids[@]}"
    expect "the last one" "zoe 503" "$(tail -n 1 "$STATE_DIR/answers")"
    expect "votes" 4 "$(grep -c ' 200$' "$STATE_DIR/answers")"
}

#!/usr/bin/env bats
# /api/votes: who wants which model evaluated.

load helper

REV=0123456789abcdef0123456789abcdef01234567

setup() {
    new_state
    start_server
    put_request acme/waiting
    put_votes </dev/null
    echo "# A model" >"$STATE_DIR/README.md"
    hubctl create models/acme/hosted >/dev/null
    hubctl put models/acme/hosted README.md "$STATE_DIR/README.md" >/dev/null
    fetcher --quiet sync || true
}

teardown() { stop_all; }

# vote MODEL USER [JSON FILTER] [curl options…]: posts a vote as USER with USER's token.
vote() {
    local model=$1 user=$2 filter=${3:-.}
    shift 2
    [ $# = 0 ] || shift
    get "/api/votes/$model" -X POST -H "Authorization: Bearer hf_local_$user" -H 'Content-Type: application/json' \
        -d "$(jq -nc --arg user "$user" '{vote_type: "up", user_id: $user} | '"$filter")" "$@"
}

votes() { query 'SELECT count(*) FROM votes'; }
outbox() { query 'SELECT count(*) FROM outbox'; }

# refused STATUS WORDS: the last answer is that error, and the database has no vote of it.
refused() {
    expect_status "$1"
    expect_line "$2" "$(jq -r .detail "$body")"
    expect "votes" 0 "$(votes)"
    expect "outbox" 0 "$(outbox)"
}

# Keeps the writers' lock, as another program would.
take_lock() {
    flock "$STATE_DIR/cache.db.lock" tail -f --pid=$$ /dev/null 3>&- &
    PIDS+=($!)
    await "the lock" no flock -n "$STATE_DIR/cache.db.lock" true
}
give_lock_back() {
    pkill -P "${PIDS[-1]}" tail
    await "the lock's end" flock -n "$STATE_DIR/cache.db.lock" true
}

# ---- voting ----

@test "a vote is about the revision that waits, is on disk, and is in the next read" {
    vote acme/waiting alice
    expect_status 200
    expect "answer" '{"success":true,"status":"success","message":"Vote added successfully","model_id":"acme/waiting","revision":"'$REV'","vote_type":"up"}' "$(cat "$body")"
    expect "row" "acme/waiting|$REV|alice|up|0" "$(query 'SELECT model, revision, username, vote_type, pull FROM votes')"
    expect "outbox" 1 "$(outbox)"
    get /api/votes/model/acme/waiting
    expect "total" 1 "$(jq .total_votes "$body")"
}

@test "the React page's form: no body, vote_type and user_id as query parameters" {
    get '/api/votes/acme/waiting?vote_type=down&user_id=bob' -d '' -H 'Content-Type: application/json' \
        -H 'Authorization: Bearer hf_local_bob'
    expect_status 200
    expect "vote" "bob down" "$(query "SELECT username || ' ' || vote_type FROM votes")"
}

@test "the slash of a model's id may come raw or as %2F" {
    vote acme%2Fwaiting alice
    expect_status 200
    expect "model" acme/waiting "$(query 'SELECT model FROM votes')"
    get /api/votes/model/acme%2Fwaiting
    expect "total" 1 "$(jq .total_votes "$body")"
}

@test "a model that does not wait is voted on at the revision that the Hub has" {
    vote acme/hosted alice
    expect_status 200
    expect "revision" "$(hubctl log models/acme/hosted | head -1 | cut -d' ' -f1)" "$(jq -r .revision "$body")"
}

@test "a model that neither waits nor is on the Hub: 404" {
    vote acme/nowhere alice
    refused 404 "acme/nowhere is not on the Hub"
}

@test "one vote for each user and revision: a second one is 409, whatever its type" {
    vote acme/waiting alice
    vote acme/waiting alice '.vote_type = "down"'
    expect_status 409
    expect_line "alice has voted on acme/waiting at revision $REV already" "$(jq -r .detail "$body")"
    vote acme/waiting bob
    expect_status 200
    expect "votes" "alice up, bob up" "$(query "SELECT group_concat(username || ' ' || vote_type, ', ') FROM (SELECT * FROM votes ORDER BY username)")"
}

@test "a vote reaches the Hub with the next sync" {
    vote acme/waiting alice
    HF_TOKEN=hf_local_server fetcher --quiet push
    expect "outbox" 0 "$(outbox)"
    get_hub="http://127.0.0.1:$HUB_PORT/datasets/acme/votes/resolve/main/votes_data.jsonl"
    expect "line" "acme/waiting alice up" "$(curl -s "$get_hub" | jq -r '"\(.model) \(.username) \(.vote_type)"')"
}

# ---- reading ----

@test "GET /api/votes/model/{provider}/{model}: counts by type and revision, and the votes" {
    { sample_vote acme/m alice; sample_vote acme/m bob '.vote_type = "down"'; sample_vote acme/m carol '.revision = "old"'; } | put_votes
    fetcher --quiet pull votes
    get /api/votes/model/acme/m
    expect_status 200
    expect "counts" '[3,2,1,{"'$REV'":2,"old":1}]' "$(jq -c '[.total_votes, .up_votes, .down_votes, .votes_by_revision]' "$body")"
    expect "votes" "alice up bob down carol up" "$(jq -r '[.votes | sort_by(.user_id)[] | .user_id, .vote_type] | join(" ")' "$body")"
    expect "keys" "model_id revision user_id vote_type timestamp" "$(jq -r '.votes[0] | keys_unsorted | join(" ")' "$body")"
}

@test "a model that nobody voted on has no votes" {
    get /api/votes/model/acme/none
    expect_status 200
    expect "body" '{"total_votes":0,"up_votes":0,"down_votes":0,"votes_by_revision":{},"votes":[]}' "$(cat "$body")"
}

@test "GET /api/votes/user/{user_id}: an array; model repeats model_id" {
    vote acme/waiting alice
    vote acme/hosted alice '.vote_type = "down"'
    get /api/votes/user/alice
    expect_status 200
    expect "votes" "acme/hosted down acme/waiting up" "$(jq -r '[sort_by(.model)[] | .model, .vote_type] | join(" ")' "$body")"
    expect "keys" "model_id model vote_type timestamp revision" "$(jq -r '.[0] | keys_unsorted | join(" ")' "$body")"
    expect "time" true "$(jq '.[0].timestamp | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$")' "$body")"
    get /api/votes/user/nobody
    expect "nobody's" '[]' "$(cat "$body")"
}

@test "an answer has a strong ETag that a vote changes; until then it is 304" {
    get /api/votes/model/acme/waiting
    local etag
    etag=$(header etag)
    expect "caching" no-cache "$(header cache-control)"
    get /api/votes/model/acme/waiting -H "If-None-Match: $etag"
    expect_status 304
    vote acme/waiting alice
    get /api/votes/model/acme/waiting -H "If-None-Match: $etag"
    expect_status 200
}

@test "answers over 500 bytes come in the best coding that the client takes" {
    local user
    for user in a b c d e f g h; do sample_vote acme/m "$user"; done | put_votes
    fetcher --quiet pull votes
    get /api/votes/model/acme/m
    local plain=$STATE_DIR/plain coding etag
    cp "$body" "$plain"
    etag=$(header etag)
    for coding in gzip br zstd; do
        get /api/votes/model/acme/m -H "Accept-Encoding: $coding"
        expect "coding" "$coding" "$(header content-encoding)"
        no expect "tag of its own" "$etag" "$(header etag)" 2>/dev/null
        expect_line "Accept-Encoding" "$(header vary)"
        case $coding in
        gzip) gzip -dc <"$body" ;;
        br) curl -s --compressed -H "Accept-Encoding: br" "$API/api/votes/model/acme/m" ;;
        zstd) if command -v zstd >/dev/null; then zstd -dcq <"$body"; else cat "$plain"; fi ;;
        esac | cmp - "$plain"
    done
    get /api/votes/model/acme/m -H 'Accept-Encoding: br;q=0.1, gzip;q=0.9'
    expect "q-values" gzip "$(header content-encoding)"
    get /api/votes/model/acme/none -H 'Accept-Encoding: gzip'
    expect "a short answer" "" "$(header content-encoding)"
}

@test "where there is no database yet, reading is 503 and voting makes one" {
    rm -f "$STATE_DIR"/cache.db*
    get /api/votes/model/acme/hosted
    expect_status 503
    expect_line "the first sync has not ended" "$(jq -r .detail "$body")"
    vote acme/hosted alice
    expect_status 200
    get /api/votes/model/acme/hosted
    expect "total" 1 "$(jq .total_votes "$body")"
}

@test "while another program keeps the database's lock: 503 for votes, and reading goes on" {
    vote acme/hosted alice
    take_lock
    vote acme/waiting alice
    expect_status 503
    expect_line "cannot be written: try again later" "$(jq -r .detail "$body")"
    get /api/votes/user/alice
    expect "votes" 1 "$(jq length "$body")"
    give_lock_back
    vote acme/waiting alice
    expect_status 200
}

# ---- who may vote ----

@test "without a token: 401, and how to get one" {
    get /api/votes/acme/waiting -X POST -H 'Content-Type: application/json' -d '{"vote_type":"up","user_id":"alice"}'
    refused 401 "send Authorization: Bearer hf_"
    expect_line "Bearer" "$(header www-authenticate)"
}

@test "an Authorization that is malformed: 401" {
    local value
    for value in 'Basic YWxpY2U6eA==' 'Bearer' 'Bearer ' 'hf_local_alice' 'Bearer hf local alice' 'Bearer hf_"x"' 'Bearer a,b'; do
        vote acme/waiting nobody . -H "Authorization: $value"
        get '/api/votes/acme/waiting?vote_type=up&user_id=alice' -d '' -H "Authorization: $value"
        refused 401 "Bearer hf_"
    done
}

@test "a token that the Hub does not know: 401" {
    get '/api/votes/acme/waiting?vote_type=up&user_id=alice' -d '' -H 'Authorization: Bearer hf_wrong'
    refused 401 "the Hub does not know this token"
}

@test "a token of somebody else: 403" {
    vote acme/waiting alice . -H 'Authorization: Bearer hf_local_bob'
    get '/api/votes/acme/waiting?vote_type=up&user_id=alice' -d '' -H 'Authorization: Bearer hf_local_bob'
    expect_status 403
    expect_line "this token is bob's, and user_id is 'alice'" "$(jq -r .detail "$body")"
    expect "votes" 0 "$(votes)"
}

@test "an organisation's token: 403" {
    get '/api/votes/acme/waiting?vote_type=up&user_id=acme' -d '' -H 'Authorization: Bearer hf_local_acme'
    refused 403 "only people vote and submit"
}

@test "user_id in other letters is the same user, spelled as the Hub does" {
    get '/api/votes/acme/waiting?vote_type=up&user_id=ALICE' -d '' -H 'Authorization: Bearer hf_local_alice'
    expect_status 200
    vote acme/waiting alice
    expect_status 409
    expect "name" alice "$(query 'SELECT username FROM votes')"
}

# ---- bad input ----

# post DATA [curl options…]: the bytes as alice's vote on acme/waiting.
post() {
    local data=$1
    shift
    printf '%s' "$data" >"$STATE_DIR/data"
    get /api/votes/acme/waiting -X POST -H 'Authorization: Bearer hf_local_alice' -H 'Content-Type: application/json' \
        --data-binary "@$STATE_DIR/data" "$@"
}

@test "no body and no parameters: 422 that names the field" {
    post ''
    refused 422 "user_id is missing"
    post '{"user_id":"alice"}'
    refused 422 "vote_type is missing: expected up or down"
}

@test "what is no JSON object: 400 or 422" {
    post 'vote_type=up'
    refused 400 "the body is not JSON"
    post '{"vote_type":"up","user_id":"alice"'
    refused 400 "the body is not JSON"
    post '{"vote_type":"up","user_id":"alice"} x'
    refused 400 "the body is not JSON"
    post '["up","alice"]'
    refused 422 "no object"
}

@test "JSON that is nested 10,000 deep: 400" {
    post "$(printf '[%.0s' {1..10000})"
    refused 400 "the body is not JSON"
    post "{\"a\":$(printf '[%.0s' {1..10000})$(printf ']%.0s' {1..10000}),\"vote_type\":\"up\",\"user_id\":\"alice\"}"
    refused 400 "the body is not JSON"
}

@test "a body of 1 MB: 413" {
    head -c 1000000 /dev/zero | tr '\0' x >"$STATE_DIR/data"
    get /api/votes/acme/waiting -X POST -H 'Authorization: Bearer hf_local_alice' -H 'Content-Type: application/json' \
        --data-binary "@$STATE_DIR/data"
    expect_status 413
    expect "detail" string "$(jq -r '.detail | type' "$body")"
    expect "votes" 0 "$(votes)"
}

@test "text that is no UTF-8, and NUL bytes: 400" {
    printf '{"vote_type":"up","user_id":"al\xffice"}' >"$STATE_DIR/data"
    get /api/votes/acme/waiting -X POST -H 'Authorization: Bearer hf_local_alice' -H 'Content-Type: application/json' --data-binary "@$STATE_DIR/data"
    refused 400 "the body is not JSON"
    printf '{"vote_type":"up","user_id":"alice"\0}' >"$STATE_DIR/data"
    get /api/votes/acme/waiting -X POST -H 'Authorization: Bearer hf_local_alice' -H 'Content-Type: application/json' --data-binary "@$STATE_DIR/data"
    refused 400 "the body is not JSON"
    post '{"vote_type":"up","user_id":"alice\u0000"}'
    refused 400 "the body is not JSON"
}

@test "duplicate keys: 400" {
    post '{"vote_type":"up","vote_type":"down","user_id":"alice"}'
    refused 400 "duplicate"
}

@test "fields of another type, empty, too long, or with odd characters: 422" {
    post '{"vote_type":1,"user_id":"alice"}'
    refused 422 "vote_type: expected a text"
    post '{"vote_type":"up","user_id":["alice"]}'
    refused 422 "user_id: expected a text"
    post '{"vote_type":"","user_id":"alice"}'
    refused 422 "vote_type"
    post '{"vote_type":"up","user_id":""}'
    refused 422 "user_id"
    post "{\"vote_type\":\"up\",\"user_id\":\"$(printf 'a%.0s' {1..200})\"}"
    refused 422 "user_id: at most 96 bytes"
    local name
    for name in 'al ice' '../alice' "al'ice" '<script>' 'alice\n' 'al\"ice' 'ålice'; do
        post "{\"vote_type\":\"up\",\"user_id\":\"$name\"}"
        refused 422 "user_id"
    done
}

@test "vote_type \"banana\": 422 that says what is expected" {
    post '{"vote_type":"banana","user_id":"alice"}'
    refused 422 "vote_type: 'banana' is not what is expected: up or down"
}

@test "unknown fields are ignored" {
    post '{"vote_type":"up","user_id":"alice","colour":"red","revision":{}}'
    expect_status 200
}

@test "another content type: 415" {
    post '{"vote_type":"up","user_id":"alice"}' -H 'Content-Type: text/plain'
    get /api/votes/acme/waiting -X POST -H 'Authorization: Bearer hf_local_alice' -H 'Content-Type: text/plain' -d '{"vote_type":"up","user_id":"alice"}'
    expect_status 415
    expect_line "application/json" "$(jq -r .detail "$body")"
}

@test "ids of models that none can have: 4xx" {
    local id
    for id in 'acme/has%20space' 'acme/..' '..%2F..' 'acme%2F' 'acme/a%22b' 'acme/%3Cscript%3E' 'acme/-x' 'acme/x.git' 'a/b%2Fc' \
        'acme/x%0d%0aSet-Cookie:%20a' "acme/$(printf 'x%.0s' {1..97})" 'acme/%E2%82%AC' 'acme/a--b'; do
        get "/api/votes/$id?vote_type=up&user_id=alice" -d '' -H 'Authorization: Bearer hf_local_alice' --path-as-is
        expect "of $id" 4 "${status:0:1}"
        expect "detail" string "$(jq -r '.detail | type' "$body")"
        expect "no header came in" "" "$(header set-cookie)"
        expect "votes" 0 "$(votes)"
        get "/api/votes/model/$id" --path-as-is
        expect "reading $id" 4 "${status:0:1}"
    done
}

@test "other methods: 405 with Allow; OPTIONS answers a preflight" {
    get /api/votes/acme/waiting -X DELETE
    expect_status 405
    expect_line "POST" "$(header allow)"
    get /api/votes/user/alice -X PUT
    expect_status 405
    get /api/votes/acme/waiting -X OPTIONS -H 'Origin: https://page.example' -H 'Access-Control-Request-Method: POST' \
        -H 'Access-Control-Request-Headers: authorization, content-type'
    expect_status 204
    expect "origin" '*' "$(header access-control-allow-origin)"
    expect_line "Authorization" "$(header access-control-allow-headers)"
    expect_line "POST" "$(header access-control-allow-methods)"
    expect "kept" 86400 "$(header access-control-max-age)"
    expect "credentials" "" "$(header access-control-allow-credentials)"
}

@test "HEAD is GET without a body" {
    get /api/votes/user/alice -I
    expect_status 200
    expect "length" 2 "$(header content-length)"
}

# ---- voting at the same time ----

# known USER…: the programs know whose their tokens are, by a vote of each on acme/hosted.
known() {
    local user
    hubctl token "$@" >/dev/null
    for user; do
        vote acme/hosted "$user"
        expect_status 200
    done
}

# at_once USER…: all of them vote on acme/waiting while the programs take nothing; then they go on. Prints what each
# was answered: STATUS USER.
at_once() {
    local user pids=() want=$(($(descriptors) + 2 * $#))
    # shellcheck disable=SC2046
    kill -STOP $(workers votes)
    for user; do
        curl -s --max-time 60 -o "$STATE_DIR/answer.$user" -w "%{http_code} $user\n" -d '' \
            -H "Authorization: Bearer hf_local_${user%.*}" \
            "$API/api/votes/acme/waiting?vote_type=up&user_id=${user%.*}" >>"$STATE_DIR/answers" 3>&- &
        pids+=($!)
    done
    await "$# requests at the programs" eval "[ \$(descriptors) -ge $want ]" # of lighttpd's, each has two
    # shellcheck disable=SC2046
    kill -CONT $(workers votes)
    wait "${pids[@]}"
    LC_ALL=C sort "$STATE_DIR/answers"
}

# commits: how many transactions the database's log has.
commits() {
    od -An -v -j 32 -w4120 -t x4 --endian=big "$STATE_DIR/cache.db-wal" | awk '$2 != "00000000"' | wc -l
}

@test "votes that come at the same time share transactions, and each has an answer of its own" {
    local before users=(u{1..15})
    known "${users[@]}"
    before=$(commits)
    answers=$(at_once "${users[@]}" u7.again)
    expect "acknowledged" 15 "$(grep -c ^200 <<<"$answers")"
    expect "a second vote of u7" 1 "$(grep -cE '^409 u7(.again)?$' <<<"$answers")"
    expect "answer" "acme/waiting $REV" "$(jq -r '.model_id + " " + .revision' "$STATE_DIR/answer.u3")"
    expect "votes" 15 "$(query "SELECT count(DISTINCT username) FROM votes WHERE model = 'acme/waiting'")"
    expect "outbox" 30 "$(outbox)"
    # Four processes have one transaction each, and one more where the clock's second just ended.
    [ $(($(commits) - before)) -le 8 ]
}

@test "where the database cannot be written, all who voted at the same time are told so, and can again" {
    local users=(u{1..8})
    known "${users[@]}"
    take_lock
    expect "answers" "503 " "$(at_once "${users[@]}" | cut -c 1-4 | uniq)"
    give_lock_back
    expect "votes" 8 "$(votes)"
    rm "$STATE_DIR/answers"
    expect "answers" "200 " "$(at_once "${users[@]}" | cut -c 1-4 | uniq)"
}

#!/usr/bin/env bats
# /api/models: what is submitted, what waits for its evaluation, and new submissions.

load helper

REV=0123456789abcdef0123456789abcdef01234567

setup() {
    new_state
    start_server
}

teardown() { stop_all; }

# model_file NAME PATH: standard input becomes the file of the model.
model_file() {
    cat >"$STATE_DIR/model_file"
    hubctl put "models/$1" "$2" "$STATE_DIR/model_file" >/dev/null
}

# safetensors MILLIONS: a safetensors file whose header claims so many parameters.
safetensors() {
    local header='{"w":{"dtype":"BF16","shape":['$1',1000000],"data_offsets":[0,0]}}'
    printf "\\x$(printf %02x ${#header})\0\0\0\0\0\0\0%s" "$header"
}

# put_model NAME: a model on the Hub that satisfies every check.
put_model() {
    hubctl create "models/$1" >/dev/null
    echo '{"architectures": ["LlamaForCausalLM"]}' | model_file "$1" config.json
    echo '{}' | model_file "$1" tokenizer.json
    echo '{"chat_template": "{{ x }}"}' | model_file "$1" tokenizer_config.json
    { printf -- '---\nlicense: apache-2.0\n---\n'; printf 'A model card that says enough. %.0s' {1..10}; } | model_file "$1" README.md
    safetensors 7242 | model_file "$1" model.safetensors
}

head_of() { hubctl log "models/$1" | head -1 | cut -d' ' -f1; }

# submit USER [JSON FILTER] [curl options…]: submits acme/fresh as USER with USER's token.
submit() {
    local user=$1 filter=${2:-.}
    shift
    [ $# = 0 ] || shift
    get /api/models/submit -H "Authorization: Bearer hf_local_$user" -H 'Content-Type: application/json' \
        -d "$(jq -nc --arg user "$user" '{user_id: $user, model_id: "acme/fresh", model_type: "chat"} | '"$filter")" "$@"
}

# refused STATUS WORDS: the last answer is that error, and nothing was kept of the submission.
refused() {
    expect_status "$1"
    expect_line "$2" "$(jq -r .detail "$body")"
    expect "votes" 0 "$(query 'SELECT count(*) FROM votes')"
    expect "outbox" 0 "$(query 'SELECT count(*) FROM outbox')"
    expect "submissions" 0 "$(query 'SELECT count(*) FROM submissions')"
}

# ---- the lists ----

pull_requests() { fetcher --quiet pull requests; }

@test "GET /api/models/status: three lists, the oldest first; other states are in none" {
    put_request acme/first '.submitted_time = "2024-01-01T00:00:00Z"'
    put_request acme/second
    put_request acme/running '.status = "RUNNING"'
    put_request acme/done '.status = "FINISHED"'
    put_request acme/failed '.status = "FAILED"'
    put_request acme/again '.status = "RERUN"'
    put_request acme/new '.status = "PENDING_NEW_EVAL"'
    pull_requests
    get /api/models/status
    expect_status 200
    expect "names" '{"pending":["acme/first","acme/second"],"evaluating":["acme/running"],"finished":["acme/done"]}' \
        "$(jq -c 'map_values(map(.name))' "$body")"
    expect "states" '["PENDING","PENDING","EVALUATING","FINISHED"]' "$(jq -c '[.pending, .evaluating, .finished | .[].status]' "$body")"
    expect "an entry" '{"name":"acme/second","submitter":"alice","revision":"'$REV'","submission_time":"2024-08-05T10:20:30Z","status":"PENDING","precision":"bfloat16","weight_type":"Original","model_type":"💬 chat models (RLHF, DPO, IFT, ...)"}' \
        "$(jq -c '.pending[1] | del(.wait_time)' "$body")"
    expect "waiting time" true "$(jq '.pending[1].wait_time | test("^[0-9]+\\.[0-9]s$")' "$body")"
}

@test "one entry for each model, revision and precision: the latest submission" {
    put_request acme/m '.status = "FINISHED"'
    sample_request acme/m '.weight_type = "Delta" | .submitted_time = "2025-01-01T00:00:00Z"' >"$STATE_DIR/r.json"
    hub_put requests acme/m_eval_request_False_bfloat16_Delta.json "$STATE_DIR/r.json"
    sample_request acme/m '.precision = "float16" | .submitted_time = "2023-01-01T00:00:00Z"' >"$STATE_DIR/r.json"
    hub_put requests acme/m_eval_request_False_float16_Original.json "$STATE_DIR/r.json"
    pull_requests
    get /api/models/status
    expect "entries" '{"pending":["float16 Original","bfloat16 Delta"],"evaluating":[],"finished":[]}' \
        "$(jq -c 'map_values(map(.precision + " " + .weight_type))' "$body")"
}

@test "without any request the lists are empty, and all three are there" {
    hubctl create datasets/acme/requests >/dev/null
    pull_requests
    get /api/models/status
    expect "body" '{"pending":[],"evaluating":[],"finished":[]}' "$(cat "$body")"
    get /api/models/pending
    expect "body" '[]' "$(cat "$body")"
}

@test "GET /api/models/pending: newest last; sort=votes puts the most wanted first" {
    put_request acme/old '.submitted_time = "2024-01-01T00:00:00Z"'
    put_request acme/new
    put_request acme/done '.status = "FINISHED"'
    { sample_vote acme/new alice; sample_vote acme/new bob; sample_vote acme/old carol; sample_vote acme/old dave '.revision = "other"'; } | put_votes
    fetcher --quiet pull requests votes
    get /api/models/pending
    expect "by age" "acme/old 1 acme/new 2" "$(jq -r '[.[] | .name, .votes] | join(" ")' "$body")"
    get '/api/models/pending?sort=votes'
    expect "by votes" "acme/new acme/old" "$(jq -r '[.[].name] | join(" ")' "$body")"
    get '/api/models/pending?sort=banana'
    expect_status 400
    expect_line "sort: expected votes" "$(jq -r .detail "$body")"
}

@test "a list has an ETag, and changes with the next sync" {
    put_request acme/m
    pull_requests
    get /api/models/status
    local etag
    etag=$(header etag)
    expect "caching" no-cache "$(header cache-control)"
    get /api/models/status -H "If-None-Match: $etag"
    expect_status 304
    put_request acme/m '.status = "RUNNING"'
    pull_requests
    get /api/models/status -H "If-None-Match: $etag"
    expect_status 200
    expect "state" EVALUATING "$(jq -r '.evaluating[0].status' "$body")"
}

# ---- one model ----

@test "GET /api/models/{provider}/{name}/status: the latest submission, whatever its state" {
    put_request acme/m '.job_id = 17'
    pull_requests
    get /api/models/acme/m/status
    expect_status 200
    expect "answer" '{"status":"PENDING","model":"acme/m","revision":"'$REV'","precision":"bfloat16","submitted_time":"2024-08-05T10:20:30Z","submitter":"alice","job_id":17}' \
        "$(jq -c '{status, model, revision, precision, submitted_time, submitter, job_id}' "$body")"
    local state
    for state in RUNNING FINISHED FAILED CANCELLED RERUN PENDING_NEW_EVAL; do
        put_request acme/m ".status = \"$state\""
        pull_requests
        get /api/models/acme%2Fm/status
        expect "state" "$(sed 's/RUNNING/EVALUATING/' <<<$state)" "$(jq -r .status "$body")"
    done
    expect "history" "CANCELLED EVALUATING FAILED FINISHED PENDING PENDING_NEW_EVAL RERUN" \
        "$(jq -r '[.history[].status] | sort | join(" ")' "$body")"
    expect "times" true "$(jq '.history | all(.seen_at | test("^2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$"))' "$body")"
}

@test "a failed submission says why, where its request file does" {
    put_request acme/m '.status = "FAILED" | .error_message = "out of memory on 8 GPUs"'
    pull_requests
    get /api/models/acme/m/status
    expect "reason" "out of memory on 8 GPUs" "$(jq -r .reason "$body")"
}

@test "a pending submission has its place in the queue" {
    put_request acme/third '.submitted_time = "2024-03-01T00:00:00Z"'
    put_request acme/first '.submitted_time = "2024-01-01T00:00:00Z"'
    put_request acme/second '.submitted_time = "2024-02-01T00:00:00Z"'
    put_request acme/running '.status = "RUNNING"'
    pull_requests
    get /api/models/acme/third/status
    expect "place" 3 "$(jq .queue_position "$body")"
    get /api/models/acme/running/status
    expect "place" null "$(jq .queue_position "$body")"
}

@test "?precision= and ?revision= narrow it" {
    put_request acme/m
    sample_request acme/m '.precision = "4bit" | .status = "FAILED" | .submitted_time = "2020-01-01T00:00:00Z"' >"$STATE_DIR/r.json"
    hub_put requests acme/m_eval_request_False_4bit_Original.json "$STATE_DIR/r.json"
    pull_requests
    get '/api/models/acme/m/status?precision=4bit'
    expect "state" FAILED "$(jq -r .status "$body")"
    get "/api/models/acme/m/status?precision=bfloat16&revision=$REV"
    expect "state" PENDING "$(jq -r .status "$body")"
    get '/api/models/acme/m/status?revision=other'
    expect_status 404
}

@test "a model that nobody submitted: 404 with status not_found" {
    hubctl create datasets/acme/requests >/dev/null
    pull_requests
    get /api/models/acme/none/status
    expect_status 404
    expect "answer" '{"status":"not_found","detail":"acme/none was not submitted"}' "$(cat "$body")"
}

@test "models named status, pending and submit are reachable" {
    local name
    for name in status pending submit; do put_request "acme/$name"; done
    pull_requests
    for name in status pending submit; do
        get "/api/models/acme/$name/status"
        expect "model" "acme/$name" "$(jq -r .model "$body")"
        get "/api/models/acme%2F$name/status"
        expect "model" "acme/$name" "$(jq -r .model "$body")"
    done
}

# ---- submitting ----

@test "a submission: its row, the submitter's vote, and both on the Hub after the next push" {
    put_model acme/fresh
    submit alice '.precision = "bfloat16" | .use_chat_template = true'
    expect_status 200
    expect "status" success "$(jq -r .status "$body")"
    expect "message" "The model was submitted successfully, and the vote has been recorded" "$(jq -r .message "$body")"
    local sha
    sha=$(head_of acme/fresh)
    get /api/models/acme/fresh/status
    expect "state" "PENDING $sha bfloat16 alice 1" "$(jq -r '"\(.status) \(.revision) \(.precision) \(.submitter) \(.queue_position)"' "$body")"
    get /api/models/pending
    expect "pending" acme/fresh "$(jq -r '.[0].name' "$body")"
    get /api/votes/model/acme/fresh
    expect "vote" "alice up $sha" "$(jq -r '.votes[0] | "\(.user_id) \(.vote_type) \(.revision)"' "$body")"
    hubctl create datasets/acme/requests >/dev/null
    hubctl create datasets/acme/votes >/dev/null
    HF_TOKEN=hf_local_server fetcher --quiet push
    local file=http://127.0.0.1:$HUB_PORT/datasets/acme/requests/resolve/main/acme/fresh_eval_request_False_bfloat16_Original.json
    expect "request file" '{"model":"acme/fresh","base_model":"","revision":"'"$sha"'","precision":"bfloat16","params":7.242,"architectures":"LlamaForCausalLM","weight_type":"Original","status":"PENDING","model_type":"chat","job_id":-1,"job_start_time":null,"use_chat_template":true,"sender":"alice"}' \
        "$(curl -s "$file" | jq -c 'del(.submitted_time)')"
    expect "vote line" "acme/fresh alice up" "$(curl -s "http://127.0.0.1:$HUB_PORT/datasets/acme/votes/resolve/main/votes_data.jsonl" | jq -r '"\(.model) \(.username) \(.vote_type)"')"
    expect "outbox" 0 "$(query 'SELECT count(*) FROM outbox')"
}

@test "absent and empty fields have their defaults: main, float16, Original" {
    put_model acme/fresh
    submit alice '.precision = "" | .weight_type = "" | .base_model = "" | .revision = null'
    expect_status 200
    expect "row" "float16 Original chat" "$(query "SELECT precision || ' ' || weight_type || ' ' || model_type FROM requests")"
}

@test "the same submission again, by anybody: 409 with the one that there is" {
    put_model acme/fresh
    submit alice
    submit bob
    expect_status 409
    expect_line "acme/fresh is submitted already at revision $(head_of acme/fresh) in float16" "$(jq -r .detail "$body")"
    expect "existing" "PENDING alice 1" "$(jq -r '.submission | "\(.status) \(.submitter) \(.queue_position)"' "$body")"
    expect "rows" 1 "$(query 'SELECT count(*) FROM requests')"
    submit bob '.precision = "bfloat16"'
    expect_status 200
}

@test "evaluated and finished submissions are not taken again; failed ones are" {
    put_model acme/fresh
    local state
    for state in RUNNING FINISHED; do
        sample_request acme/fresh ".status = \"$state\" | .precision = \"float16\" | .revision = \"$(head_of acme/fresh)\"" >"$STATE_DIR/r.json"
        hub_put requests acme/fresh_eval_request_False_float16_Original.json "$STATE_DIR/r.json"
        pull_requests
        submit alice
        expect_status 409
        expect "existing" "$(sed s/RUNNING/EVALUATING/ <<<$state)" "$(jq -r .submission.status "$body")"
    done
    sed -i 's/FINISHED/FAILED/' "$STATE_DIR/r.json"
    hub_put requests acme/fresh_eval_request_False_float16_Original.json "$STATE_DIR/r.json"
    pull_requests
    submit alice
    expect_status 200
    get /api/models/acme/fresh/status
    expect "its life" "EVALUATING FAILED FINISHED PENDING" "$(jq -r '[.history[].status] | sort | join(" ")' "$body")"
    HF_TOKEN=hf_local_server fetcher --quiet push requests
    expect "on the Hub" PENDING "$(curl -s "http://127.0.0.1:$HUB_PORT/datasets/acme/requests/resolve/main/acme/fresh_eval_request_False_float16_Original.json" | jq -r .status)"
}

@test "a submission that waits to be pushed stays when the file that it replaces is deleted on the Hub" {
    put_model acme/fresh
    sample_request acme/fresh '.status = "FAILED" | .precision = "float16"' >"$STATE_DIR/r.json"
    hub_put requests acme/fresh_eval_request_False_float16_Original.json "$STATE_DIR/r.json"
    put_request acme/other
    pull_requests
    submit alice
    expect_status 200
    hubctl rm datasets/acme/requests acme/fresh_eval_request_False_float16_Original.json >/dev/null
    pull_requests
    get /api/models/acme/fresh/status
    expect "state" PENDING "$(jq -r .status "$body")"
    HF_TOKEN=hf_local_server fetcher --quiet push requests
    expect "on the Hub" PENDING "$(curl -s "http://127.0.0.1:$HUB_PORT/datasets/acme/requests/resolve/main/acme/fresh_eval_request_False_float16_Original.json" | jq -r .status)"
    expect "outbox" 0 "$(query "SELECT count(*) FROM outbox WHERE dataset = 'requests'")"
}

@test "another revision whose file is not through yet is not overwritten: 409" {
    put_model acme/fresh
    sample_request acme/fresh '.precision = "float16"' >"$STATE_DIR/r.json"
    hub_put requests acme/fresh_eval_request_False_float16_Original.json "$STATE_DIR/r.json"
    pull_requests
    submit alice
    expect_status 409
    expect_line "another revision of acme/fresh is not through its evaluation" "$(jq -r .detail "$body")"
    expect "row" "$REV" "$(query 'SELECT revision FROM requests')"
}

@test "an official provider's finished model is not evaluated again in that precision" {
    put_providers acme
    put_model acme/fresh
    sample_request acme/fresh '.status = "FINISHED" | .precision = "float16"' >"$STATE_DIR/r.json"
    hub_put requests acme/fresh_eval_request_False_float16_Original.json "$STATE_DIR/r.json"
    fetcher --quiet pull official-providers requests
    submit alice
    expect_status 409
    expect_line "official provider's model and finished" "$(jq -r .detail "$body")"
}

@test "the quota: five submissions a user in seven days, double for HIGHER_QUOTA_USERS, whatever restarts" {
    kill "$SERVER"
    wait "$SERVER" || true
    export RATE_LIMIT_QUOTA=2 HIGHER_QUOTA_USERS='["bob"]'
    start_server
    put_model acme/fresh
    submit alice '.precision = "float16"'
    submit alice '.precision = "bfloat16"'
    expect_status 200
    submit alice '.precision = "float32"'
    expect_status 429
    expect_line "alice has made 2 submissions within 7 days" "$(jq -r .detail "$body")"
    expect_line '"submissions";q=2;w=604800' "$(header ratelimit-policy)"
    [ "$(header retry-after)" -gt 604000 ]
    kill "$SERVER"
    wait "$SERVER" || true
    start_server
    submit alice '.precision = "float32"'
    expect_status 429
    submit bob '.precision = "float32"'
    submit bob '.precision = "4bit"'
    submit bob '.precision = "8bit"'
    expect_status 200
    expect "rows" "alice 2, bob 3" "$(query "SELECT group_concat(sender || ' ' || n, ', ') FROM (SELECT sender, count(*) AS n FROM requests GROUP BY sender ORDER BY sender)")"
}

@test "the revision is stored as its commit; one that is not there is 404" {
    put_model acme/fresh
    submit alice ".revision = \"$(head_of acme/fresh)\""
    expect_status 200
    submit bob '.revision = "0000000000000000000000000000000000000000"'
    expect_status 404
    expect_line "acme/fresh" "$(jq -r .detail "$body")"
}

@test "a model that is not on the Hub, or private: 404" {
    hubctl create models/acme/secret --private >/dev/null
    submit alice '.model_id = "acme/nowhere"'
    refused 404 "acme/nowhere is not on the Hub"
    submit alice '.model_id = "acme/secret"'
    refused 404 "acme/secret is not on the Hub"
}

@test "HF_READ_TOKEN opens gated models, and tells nobody of private ones" {
    kill "$SERVER"
    wait "$SERVER" || true
    HF_READ_TOKEN=hf_local_server start_server
    put_model acme/fresh
    hubctl create models/acme/secret --private >/dev/null
    submit alice '.model_id = "acme/secret"'
    refused 404 "acme/secret is not on the Hub"
    get '/api/votes/acme/secret?vote_type=up&user_id=alice' -d '' -H 'Authorization: Bearer hf_local_alice'
    expect_status 404
    submit alice
    expect_status 200
}

@test "a user who tries again and again is stopped before the Hub is asked" {
    local i
    for ((i = 1; i <= 40; i++)); do
        submit alice '.model_id = "acme/nowhere"'
        [ "$status" = 404 ] || break
    done
    [ "$i" -gt 30 ]
    refused 429 "alice has tried to submit 30 times within 10 minutes"
}

@test "a gated model: 422, unless HF_READ_TOKEN may read it" {
    hubctl create models/acme/fresh --gated >/dev/null
    echo '{"architectures": ["LlamaForCausalLM"]}' | model_file acme/fresh config.json
    submit alice
    expect "status" 4 "${status:0:1}"
    expect_line "gated" "$(jq -r .detail "$body")"
}

@test "each check of the model is told in a sentence" {
    put_model acme/fresh
    check() { # FILE CONTENT WORDS
        printf '%s' "$2" | model_file acme/fresh "$1"
        submit alice '.use_chat_template = true'
        refused 422 "$3"
    }
    printf '{}' | model_file acme/fresh tokenizer_config.json
    submit alice '.use_chat_template = true'
    refused 422 "chat template"
    safetensors 200000 | model_file acme/fresh model.safetensors
    submit alice
    refused 422 "100"
    check README.md '---
license: mit
---
Short.' "at least 200"
    check README.md "$(printf 'A model card without a license. %.0s' {1..10})" "license"
    hubctl rm models/acme/fresh tokenizer.json >/dev/null
    submit alice
    refused 422 "tokenizer"
    check config.json '{"architectures": ["X"], "auto_map": {"AutoModel": "x.X"}}' "auto_map"
    check config.json '{}' "architectures"
}

@test "base_model is needed for Delta and Adapter weights" {
    put_model acme/fresh
    submit alice '.weight_type = "Adapter"'
    refused 422 "base_model is missing"
    submit alice '.weight_type = "Delta" | .base_model = "acme/nowhere"'
    refused 404 "acme/nowhere"
}

@test "a Hub that is down: 503, and nothing is left behind" {
    put_model acme/fresh
    submit carol '.model_id = "acme/x"' # carol's token is known from here on
    kill "$SERVER"
    wait "$SERVER" || true
    rm "$STATE_DIR/conf.d/hub.conf"
    start_server alone
    submit carol
    refused 503 "the Hub cannot be asked"
    [ "$(header retry-after)" -gt 0 ]
    submit alice
    refused 503 "the Hub"
}

# ---- who may, and bad input ----

@test "without a token: 401; with another's: 403; with an organisation's: 403" {
    put_model acme/fresh
    get /api/models/submit -H 'Content-Type: application/json' -d '{"user_id":"alice","model_id":"acme/fresh","model_type":"chat"}'
    expect_status 401
    submit bob '.user_id = "alice"'
    refused 403 "this token is bob's"
    submit acme
    refused 403 "only people"
}

@test "each field is checked: 422 that names it and says what is expected" {
    put_model acme/fresh
    local case
    while IFS='|' read -r filter words; do
        submit alice "$filter"
        refused 422 "$words"
    done <<'CASES'
del(.model_id)|model_id is missing
.model_id = 5|model_id: expected a text
.model_id = "has space"|model_id: 'has space' is not what is expected
.model_id = "../x"|model_id
.model_id = "a/b/c"|model_id
.model_id = "<script>"|model_id
.model_id = ("x" * 300)|model_id: at most
.precision = "float8"|precision: 'float8' is not what is expected: float16, bfloat16, float32, 8bit, 4bit or GPTQ
.precision = "FLOAT16"|precision
.weight_type = "original"|weight_type: 'original' is not what is expected: Original, Delta or Adapter
.base_model = "a b"|base_model
.revision = "../main"|revision
.revision = "a b"|revision
.revision = ("x" * 200)|revision
del(.model_type)|model_type is missing
.model_type = ""|model_type
.model_type = "a\nb"|model_type
.use_chat_template = "yes"|use_chat_template: expected true or false
del(.user_id)|user_id is missing
CASES
}

@test "no body, no JSON, no object, another type: 400, 400, 422, 415" {
    submit alice # makes the database
    get /api/models/submit -H 'Authorization: Bearer hf_local_alice' -d ''
    refused 400 "there is no body"
    get /api/models/submit -H 'Authorization: Bearer hf_local_alice' -H 'Content-Type: application/json' -d '{x}'
    refused 400 "not JSON"
    get /api/models/submit -H 'Authorization: Bearer hf_local_alice' -H 'Content-Type: application/json' -d '"x"'
    expect "status" 4 "${status:0:1}"
    get /api/models/submit -H 'Authorization: Bearer hf_local_alice' -H 'Content-Type: text/xml' -d '{}'
    refused 415 "application/json"
    get /api/models/submit
    expect_status 405
    expect "allow" "POST, OPTIONS" "$(header allow)"
}

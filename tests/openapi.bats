#!/usr/bin/env bats
# www/openapi.json: that it is a sound document, that it describes what the programs have, and that what they
# answer is as it says. And /docs, which shows it.

load helper

DOC=$ROOT/www/openapi.json
export SECRET=secret

another_second() { [ "$(date +%s)" != "$1" ]; }

setup_file() {
    new_state
    export HUB_WEBHOOK_SECRET=$SECRET RATE_LIMIT_QUOTA=1 API
    start_server
    export SERVER
    put_providers acme
    { sample_row acme/m-7b '.["Average ⬆️"] = 18.1 | .IFEval = 30'; sample_row zeta/n-8b; sample_row acme/old-3b; } | put_rows
    put_votes </dev/null
    fetcher --quiet pull official-providers contents votes
    local then
    then=$(date +%s)
    await "another second, for the next snapshot" another_second "$then"
    { sample_row acme/m-7b; sample_row acme/m-7b '.Precision = "float16" | .eval_name += "_2" | .IFEval = null'; sample_row zeta/n-8b '.["Hub ❤️"] = 4'
        sample_row zeta/bare 'with_entries(if .key | test("fullname|eval_name|Precision|Average|IFEval|Official") then . else .value = null end)'; } | put_rows
    put_request acme/waits-7b
    put_request acme/runs-7b '.status = "RUNNING"'
    put_request acme/m-7b '.status = "FINISHED" | .job_id = "123"'
    put_request acme/fails-7b '.status = "FAILED" | .error = "out of memory"'
    { sample_vote acme/m-7b alice; sample_vote acme/m-7b bob '.vote_type = "down" | .revision = "old"'; } | put_votes
    fetcher --quiet sync 2>/dev/null || true # it may not push
    put_model acme/fresh-7b
}

teardown_file() {
    PIDS=($SERVER)
    stop_all
}

# A server of the test's own.
teardown() { [ -z "${OWN:-}" ] || stop_all; }
own_server() {
    OWN=1
    new_state
    start_server "$@"
}

# put_model NAME: a model on the Hub that satisfies every check.
put_model() {
    local files=$STATE_DIR/model file
    mkdir -p "$files"
    echo '{"architectures": ["LlamaForCausalLM"]}' >"$files/config.json"
    echo '{}' >"$files/tokenizer.json"
    { printf -- '---\nlicense: apache-2.0\n---\n'; printf 'A model card that says enough. %.0s' {1..10}; } >"$files/README.md"
    local header='{"w":{"dtype":"BF16","shape":[7242,1000000],"data_offsets":[0,0]}}'
    printf "\\x$(printf %02x ${#header})\0\0\0\0\0\0\0%s" "$header" >"$files/model.safetensors"
    hubctl create "models/$1" >/dev/null
    for file in "$files"/*; do hubctl put "models/$1" "${file##*/}" "$file" >/dev/null; done
}

need_ajv() {
    command -v node >/dev/null || skip "node is not installed"
    [ -d "$PROGRAM_DIR/node_modules/ajv" ] || skip "ajv is not in $PROGRAM_DIR/node_modules (make js)"
}

# check COMMAND ARGUMENTS…: check.mjs on the document, or on the one that DOC names.
check() { node "$ROOT/tests/openapi/check.mjs" "$DOC" "$PROGRAM_DIR/node_modules" "$@"; }

# ---- the document ----

@test "the linter has nothing to say" {
    local linter=$PROGRAM_DIR/node_modules/.bin/redocly
    [ -x "$linter" ] || skip "@redocly/cli is not in $PROGRAM_DIR/node_modules (make js)"
    export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
    "$linter" lint "$DOC" --config "$ROOT/tests/openapi/redocly.yaml" --format json 2>/dev/null >"$BATS_TEST_TMPDIR/lint" || true
    expect "problems" '[]' "$(jq -c '[.problems[] | [.ruleId, .message, .location[0].pointer]]' "$BATS_TEST_TMPDIR/lint")"
}

@test "its routes are those of the programs' tables" {
    local programs
    programs=$(cd "$ROOT/cgi-bin" && ls ./*.c | grep -v hub.c)
    {
        (cd "$ROOT/cgi-bin" && grep -hoE '\{ METHOD_[A-Z]+, "[^"]+"' $programs) | sed -E 's/\{ METHOD_([A-Z]+), "([^"]+)"/\1 \2/; s/\*\}/}/'
        (cd "$ROOT/cgi-bin" && grep -hoE '\.path = "/[^"]+"' $programs) | sed -E 's/.*"(.*)"/GET \1/' # a stream has one path
        echo "GET /openapi.json"
    } | sort >"$BATS_TEST_TMPDIR/code"
    jq -r '.paths | to_entries[] | .key as $path | .value | keys[] | "\(ascii_upcase) \($path)"' "$DOC" | sort | diff "$BATS_TEST_TMPDIR/code" -
}

@test "its query parameters are those that the programs read, and the columns that it names" {
    (cd "$ROOT" && tr '\n' ' ' < <(cat cgi-bin/[!h]*.c lib/[!h]*.c)) | tee "$BATS_TEST_TMPDIR/all" |
        grep -oE 'request_(query|integer)\( *(form->)?request, +(response, +)?"[a-z_]+"|\{ "[a-z_]+", (true|false), (read_[a-z]+|NULL) \}|axis\(board, request, response, "[a-z]"|\.name = "(user_id|vote_type)"' |
        grep -oE '"[a-z_]+"' | tr -d '"' >"$BATS_TEST_TMPDIR/code"
    grep -oE '(names|own)\[\] = \{[^}]*"at", NULL \}' "$BATS_TEST_TMPDIR/all" | grep -oE '"[a-z_]+"' | tr -d '"' >>"$BATS_TEST_TMPDIR/code"
    printf '%s\n' precision type weight_type architecture license provider official {min,max}_{params,average} columns >>"$BATS_TEST_TMPDIR/code"
    jq -r '[.. | objects | select(.in? == "query") | .name] | unique[]' "$DOC" | diff <(sort -u "$BATS_TEST_TMPDIR/code") <(sort)
}

@test "its examples are what its schemas say, and every operation has some" {
    need_ajv
    check examples
}

# ---- what the server answers ----

@test "each of its curl commands is answered as it says" {
    need_ajv
    check samples "$API"
}

@test "answers are as it says: queries, refusals, and what has another shape" {
    need_ajv
    local alice='"Authorization": "Bearer hf_local_alice"' bob='"Authorization": "Bearer hf_local_bob"' json='"Content-Type": "application/json"'
    check answers "$API" exact <<TEXT
getLeaderboard 200 /api/leaderboard
getLeaderboard 200 /api/leaderboard?profile=space
getLeaderboard 200 /api/leaderboard?rank=true&weights=ifeval:1,bbh:2&limit=2&offset=1
getLeaderboard 200 /api/leaderboard?fields=fullname&profile=space
getLeaderboard 304 /api/leaderboard {"headers": {"If-None-Match": "*"}}
getLeaderboard 400 /api/leaderboard?limit=0
getLeaderboard 400 /api/leaderboard?search=%ff
getFormattedLeaderboard 200 /api/leaderboard/formatted
getFormattedLeaderboard 200 /api/leaderboard/formatted?profile=space
getFormattedLeaderboard 200 /api/leaderboard/formatted?profile=space&rank=true
getFormattedLeaderboard 200 /api/leaderboard/formatted?rank=true&weights=ifeval:1&sort=ifeval
getFormattedLeaderboard 200 /api/leaderboard/formatted?fields=model.name,evaluations.ifeval.value,metadata
getFormattedLeaderboard 200 /api/leaderboard/formatted?search=nothing-like-it&limit=3
getFormattedLeaderboard 200 /api/leaderboard/formatted?precision=bfloat16,float16&is_moe=false&min_ifeval.value=0.1&hide=flagged,unavailable&submitted_after=2024-01-01
getFormattedLeaderboard 200 /api/leaderboard/formatted?at=1&limit=1
getFormattedLeaderboard 400 /api/leaderboard/formatted?at=yesterday
getFormattedLeaderboard 404 /api/leaderboard/formatted?at=2024-06-12
getFormattedLeaderboard 304 /api/leaderboard/formatted?limit=1 {"headers": {"If-None-Match": "*"}}
getFormattedLeaderboard 400 /api/leaderboard/formatted?colour=red
exportCsv 200 /api/leaderboard.csv?fields=fullname
exportCsv 304 /api/leaderboard.csv {"headers": {"If-None-Match": "*"}}
exportJsonl 200 /api/leaderboard.jsonl?limit=1
exportCsv 404 /api/leaderboard.csv?at=999
exportJsonl 200 /api/leaderboard.jsonl?at=1
exportJsonl 400 /api/leaderboard.jsonl?rank=true
exportParquet 200 /api/leaderboard.parquet
getModelEntries 200 /api/leaderboard/models/acme/m-7b
getModelEntries 200 /api/leaderboard/models/zeta%2Fbare
getModelEntries 200 /api/leaderboard/models/acme/old-3b?at=1
getModelEntries 400 /api/leaderboard/models/acme/m-7b?colour=red
getModelEntries 404 /api/leaderboard/models/acme/m-8b
compareEntries 200 /api/leaderboard/compare?models=acme/m-7b:float16,zeta/bare,zeta/n-8b@0123
compareEntries 400 /api/leaderboard/compare?models=acme/m-7b
compareEntries 404 /api/leaderboard/compare?models=acme/m-7b,acme/m-8b
getFrontier 200 /api/leaderboard/pareto?x=co2_cost&y=ifeval&all=true
getFrontier 200 /api/leaderboard/pareto?search=nothing-like-it
getFrontier 400 /api/leaderboard/pareto?x=colour
getStats 200 /api/leaderboard/stats
getStats 304 /api/leaderboard/stats {"headers": {"If-None-Match": "*"}}
getStats 200 /api/leaderboard/stats?at=1
getStats 400 /api/leaderboard/stats?x=1
getStats 404 /api/leaderboard/stats?at=2024-06-12
getBadge 200 /api/badge/acme/m-7b.svg?metric=ifeval&label=IFEval
getBadge 200 /api/badge/acme%2Fnobody.svg
getBadge 400 /api/badge/acme/m-7b.svg?metric=colour
getBadge 404 /api/badge/acme/m-7b.png
listSnapshots 200 /api/leaderboard/snapshots?limit=1
listSnapshots 304 /api/leaderboard/snapshots {"headers": {"If-None-Match": "*"}}
listSnapshots 400 /api/leaderboard/snapshots?limit=1001
getChanges 200 /api/leaderboard/changes?since=1&until=2&limit=1
getChanges 400 /api/leaderboard/changes
getChanges 404 /api/leaderboard/changes?since=999
getFeed 304 /api/leaderboard/changes.atom {"headers": {"If-None-Match": "*"}}
listSubmissions 200 /api/models/status
listSubmissions 304 /api/models/status {"headers": {"If-None-Match": "*"}}
listPending 200 /api/models/pending
listPending 400 /api/models/pending?sort=name
getSubmission 200 /api/models/acme/m-7b/status?precision=bfloat16
getSubmission 200 /api/models/acme/fails-7b/status
getSubmission 404 /api/models/acme/none/status
getSubmission 422 /api/models/acme/-x/status
getSubmissionById 200 /api/models/acme%2Fwaits-7b/status
getSubmissionById 404 /api/models/gpt2/status
submitModel 401 /api/models/submit {"headers": {$json}, "body": "{}"}
submitModel 415 /api/models/submit {"headers": {$bob}, "body": "{}"}
submitModel 400 /api/models/submit {"headers": {$bob, $json}, "body": "{"}
submitModel 422 /api/models/submit {"headers": {$bob, $json}, "body": "{\"user_id\": \"bob\"}"}
submitModel 403 /api/models/submit {"headers": {$bob, $json}, "body": "{\"user_id\": \"alice\", \"model_id\": \"acme/fresh-7b\", \"model_type\": \"chat\"}"}
submitModel 404 /api/models/submit {"headers": {$bob, $json}, "body": "{\"user_id\": \"bob\", \"model_id\": \"acme/nowhere\", \"model_type\": \"chat\"}"}
submitModel 409 /api/models/submit {"headers": {$bob, $json}, "body": "{\"user_id\": \"bob\", \"model_id\": \"acme/fresh-7b\", \"model_type\": \"chat\"}"}
submitModel 429 /api/models/submit {"headers": {$alice, $json}, "body": "{\"user_id\": \"alice\", \"model_id\": \"acme/fresh-7b\", \"model_type\": \"chat\"}"}
submitModel 413 /api/models/submit {"headers": {$alice, $json}, "body": "$(head -c 70000 /dev/zero | tr '\0' x)"}
vote 401 /api/votes/acme/waits-7b {"headers": {"Authorization": "Bearer hf_wrong", $json}, "body": "{\"user_id\": \"alice\", \"vote_type\": \"up\"}"}
vote 400 /api/votes/acme/waits-7b {"headers": {$alice, $json}, "body": "{"}
vote 403 /api/votes/acme/waits-7b?user_id=alice&vote_type=up {"headers": {$bob}, "body": ""}
vote 404 /api/votes/acme/nowhere?user_id=alice&vote_type=up {"headers": {$alice}, "body": ""}
vote 409 /api/votes/acme/waits-7b?user_id=alice&vote_type=down {"headers": {$alice}, "body": ""}
vote 415 /api/votes/acme/waits-7b {"headers": {$alice}, "body": "{}"}
vote 422 /api/votes/acme/waits-7b?user_id=alice&vote_type=banana {"headers": {$alice}, "body": ""}
voteById 422 /api/votes/-x?user_id=alice&vote_type=up {"headers": {$alice}, "body": ""}
getModelVotes 200 /api/votes/model/acme/nobody
getModelVotes 304 /api/votes/model/acme/m-7b {"headers": {"If-None-Match": "*"}}
getModelVotes 422 /api/votes/model/acme/-x
getModelVotesById 200 /api/votes/model/acme%2Fm-7b
getUserVotes 200 /api/votes/user/bob
getUserVotes 422 /api/votes/user/al%20ice
streamEvents 200 /api/events {"headers": {"Last-Event-ID": "0"}}
getHealth 200 /api/health
getHealth 200 /api/health?ready=1
getHealth 400 /api/health?ready=2
takeHubEvent 200 /api/webhooks/hub {"headers": {"X-Webhook-Secret": "$SECRET", $json}, "body": "{\"event\": {\"scope\": \"repo\"}, \"repo\": {\"type\": \"model\", \"name\": \"x\"}}"}
takeHubEvent 400 /api/webhooks/hub {"headers": {"X-Webhook-Secret": "$SECRET", $json}, "body": "{}"}
takeHubEvent 401 /api/webhooks/hub {"headers": {$json}, "body": "{}"}
takeHubEvent 413 /api/webhooks/hub {"headers": {$json}, "body": "$(head -c 70000 /dev/zero | tr '\0' x)"}
takeHubEvent 415 /api/webhooks/hub {"headers": {"X-Webhook-Secret": "$SECRET"}, "body": "{}"}
getDescription 304 /openapi.json {"headers": {"If-None-Match": "*"}}
TEXT
}

@test "what the document does not know is noticed" {
    need_ajv
    local whole=$DOC
    DOC=$BATS_TEST_TMPDIR/doc.json
    # wrong FILTER REQUEST WORDS: with that change the answer is not as it says.
    wrong() {
        jq "$1" "$whole" >"$DOC"
        run check answers "$API" exact <<<"$2"
        expect "code" 1 "$status"
        expect_line "$3" "$output"
    }
    wrong 'del(.components.schemas.Listed | .properties.wait_time, .required)' 'listSubmissions 200 /api/models/status' wait_time
    wrong 'del(.components.schemas.Metadata.properties.co2_cost)' 'getFormattedLeaderboard 200 /api/leaderboard/formatted' co2_cost
    wrong 'del(.components.schemas.Standing.properties.tied)' 'getModelEntries 200 /api/leaderboard/models/acme/m-7b' tied
    wrong '.components.schemas.Snapshot.properties.rows.type = "string"' 'listSnapshots 200 /api/leaderboard/snapshots' /rows
    wrong 'del(.paths["/api/health"].get.responses["200"].headers["X-Request-Id"])' 'getHealth 200 /api/health' "x-request-id is not documented"
    wrong 'del(.paths["/api/badge/{name}"].get.responses["404"])' 'getBadge 404 /api/badge/a' "is not documented"
}

@test "before the first sync, without the Hub, and over the limit" {
    need_ajv
    export RATE_LIMIT_REQUESTS=12 RATE_LIMIT_WINDOW=3600
    unset HUB_WEBHOOK_SECRET
    own_server alone
    check answers "$API" <<'TEXT'
getLeaderboard 503 /api/leaderboard
getFormattedLeaderboard 503 /api/leaderboard/formatted?limit=1
exportCsv 503 /api/leaderboard.csv
getModelEntries 503 /api/leaderboard/models/acme/m-7b
getStats 503 /api/leaderboard/stats
listSnapshots 503 /api/leaderboard/snapshots
listSubmissions 503 /api/models/status
getUserVotes 503 /api/votes/user/alice
vote 503 /api/votes/acme/m-7b?user_id=alice&vote_type=up {"headers": {"Authorization": "Bearer hf_local_alice"}, "body": ""}
getHealth 503 /api/health?ready=1
takeHubEvent 404 /api/webhooks/hub {"body": "{}"}
TEXT
    local i
    for i in {1..12}; do curl -so /dev/null "$API/api/leaderboard" "$API/api/leaderboard/stats" "$API/api/votes/user/x"; done
    check answers "$API" <<'TEXT'
getLeaderboard 429 /api/leaderboard
getStats 429 /api/leaderboard/stats
getUserVotes 429 /api/votes/user/alice
TEXT
}

@test "the public leaderboard's 4,576 rows are as it says" {
    need_ajv
    [ -e "$SHARED_DATA/contents.parquet" ] || skip "no ../shared/data here"
    own_server
    hub_put contents data/train-00000-of-00001.parquet "$SHARED_DATA/contents.parquet"
    put_providers acme
    fetcher --quiet pull official-providers contents
    check answers "$API" exact <<'TEXT'
getLeaderboard 200 /api/leaderboard
getFormattedLeaderboard 200 /api/leaderboard/formatted
getFormattedLeaderboard 200 /api/leaderboard/formatted?profile=space
getFormattedLeaderboard 200 /api/leaderboard/formatted?rank=true&weights=ifeval:1,math:2
getModelEntries 200 /api/leaderboard/models/0-hero/Matter-0.2-7B-DPO
getFrontier 200 /api/leaderboard/pareto?all=true
getStats 200 /api/leaderboard/stats
TEXT
    get /api/leaderboard
    expect "rows" 4576 "$(jq '.models | length' "$body")"
}

@test "so is a leaderboard of one's own, with other keys" {
    need_ajv
    OWN=1
    new_state
    LEADERBOARD_CONFIG=$ROOT/leaderboards/finance.json
    start_server
    put_rows <"$ROOT/leaderboards/finance.jsonl"
    put_providers harbour-ai
    fetcher --quiet pull official-providers contents
    check answers "$API" <<'TEXT'
getLeaderboard 200 /api/leaderboard
getFormattedLeaderboard 200 /api/leaderboard/formatted
getFormattedLeaderboard 200 /api/leaderboard/formatted?profile=space&rank=true
getFormattedLeaderboard 200 /api/leaderboard/formatted?weights=credit:1&sort=ratios
getModelEntries 200 /api/leaderboard/models/ledger-lab/Abacus-1.5B-chat
compareEntries 200 /api/leaderboard/compare?models=ledger-lab/Abacus-1.5B-chat,harbour-ai/Bourse-3.2B
getFrontier 200 /api/leaderboard/pareto?y=credit
getStats 200 /api/leaderboard/stats
TEXT
}

# ---- how it is served ----

@test "/openapi.json may be read by pages of any origin, comes compressed, and is asked for again by ETag" {
    get /openapi.json -H 'Origin: https://page.example'
    expect_status 200
    cmp "$body" "$DOC"
    expect "type" application/json "$(header Content-Type)"
    expect "origin" '*' "$(header Access-Control-Allow-Origin)"
    expect "policy" "default-src 'none'; frame-ancestors 'none'" "$(header Content-Security-Policy)"
    local etag
    etag=$(header ETag)
    get /openapi.json -H "If-None-Match: $etag"
    expect_status 304
    get /openapi.json -H 'Accept-Encoding: gzip' -H 'Origin: https://page.example'
    expect "coding" gzip "$(header Content-Encoding)"
    expect "origin" '*' "$(header Access-Control-Allow-Origin)"
    no expect "tag" "$etag" "$(header ETag)" 2>/dev/null
    gzip -dc <"$body" | cmp - "$DOC"
}

@test "/docs is a page with a strict policy, whose parts are all on this server" {
    local path policy="default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    for path in /docs /docs/; do
        get "$path"
        expect_status 200
        expect "type" "text/html; charset=utf-8" "$(header Content-Type)"
        expect "policy" "$policy" "$(header Content-Security-Policy)"
        cmp "$body" "$ROOT/www/docs/index.html"
        get "$path" -H 'Accept-Encoding: gzip'
        expect "policy" "$policy" "$(header Content-Security-Policy)"
        gzip -dc <"$body" | cmp - "$ROOT/www/docs/index.html"
    done
    for path in docs.css docs.js swagger-ui.css swagger-ui-bundle.js; do
        [[ $path != swagger* ]] || [ -e "$PROGRAM_DIR/www/docs/$path" ] || continue
        get "/docs/$path"
        expect_status 200
        expect "policy" "$policy" "$(header Content-Security-Policy)"
        cmp "$body" "$PROGRAM_DIR/www/docs/$path"
    done
    no grep -rnE 'https?://' "$ROOT/www/docs" --include=*.html
    get /docs/other.js
    expect_status 404
}

@test "a browser shows every operation in /docs, with Swagger UI and without" {
    local chromium modules=${PAGE_JS_MODULES:-$PROGRAM_DIR/node_modules}
    chromium=$(command -v chromium || command -v chromium-browser) || skip "chromium is not installed"
    command -v node >/dev/null || skip "node is not installed"
    [ -d "$modules/playwright-core" ] || skip "playwright-core is not in $modules"
    timeout 100 node "$ROOT/tests/openapi/docs.mjs" "$API" "$modules" "$chromium"
}

#!/usr/bin/env bats
# What programs rely on that read the public leaderboard today, and the page that shows it: with
# LEADERBOARD_PROFILE=space they work unchanged. Over the real rows where they are there, else over a few.

load helper

setup() {
    new_state
    export LEADERBOARD_PROFILE=space
    start_server
    ROWS=30
    if [ -e "$SHARED_DATA/contents.parquet" ]; then
        ROWS=4576
        hub_put contents data/train-00000-of-00001.parquet "$SHARED_DATA/contents.parquet"
    else
        for ((i = 0; i < ROWS; i++)); do sample_row "acme/m$((i % 20))" 'if .fullname == "acme/m3" then .["Hub License"] = null | .["#Params (B)"] = null else . end'; done | put_rows
    fi
    put_providers acme
    put_request acme/waiting
    put_request acme/running '.status = "RUNNING"'
    sample_vote acme/waiting alice | put_votes
    fetcher --quiet sync 2>/dev/null || true # it may not push
}

teardown() { stop_all; }

@test "both endpoints are bare arrays, answered without any request header, without a redirect" {
    local path
    for path in /api/leaderboard /api/leaderboard/formatted; do
        get "$path" -H 'User-Agent:' -H 'Accept:'
        expect_status 200
        expect "rows" "array $ROWS" "$(jq -r '"\(type) \(length)"' "$body")"
        expect "type" application/json "$(header content-type)"
    done
}

@test "offset and limit page through both, until a short page; the pages are the whole" {
    local path offset
    for path in /api/leaderboard /api/leaderboard/formatted; do
        get "$path"
        cp "$body" "$STATE_DIR/whole"
        : >"$STATE_DIR/pages"
        for ((offset = 0; ; offset += 200)); do
            get "$path?offset=$offset&limit=200"
            jq -c '.[]' "$body" >>"$STATE_DIR/pages"
            [ "$(jq length "$body")" = 200 ] || break
        done
        cmp "$STATE_DIR/pages" <(jq -c '.[]' "$STATE_DIR/whole")
    done
}

@test "nothing is null, and every entry has the same keys in the same order" {
    get /api/leaderboard/formatted
    expect "nulls" 0 "$(jq '[.. | select(. == null)] | length' "$body")"
    expect "shapes" 1 "$(jq -c '.[] | [paths]' "$body" | sort -u | wc -l)"
    get /api/leaderboard
    expect "columns" 1 "$(jq -c '.[] | keys_unsorted' "$body" | sort -u | wc -l)"
}

@test "missing text is empty, unknown sizes are -1; numbers, texts and flags keep their types" {
    get /api/leaderboard/formatted
    expect "types" '["string","string","number","boolean","object","boolean","number","string"]' \
        "$(jq -c '.[0] | [.id, .model.name, .model.average_score, .model.has_chat_template, .evaluations, .features.is_moe, .metadata.params_billions, .metadata.hub_license] | map(type)' "$body")"
    expect "texts" true "$(jq 'all(.[]; all(.model.name, .model.sha, .model.type, .metadata.base_model, .metadata.hub_license, .metadata.upload_date; type == "string"))' "$body")"
    expect "sizes" true "$(jq 'all(.[]; .metadata.params_billions == -1 or .metadata.params_billions >= 0)' "$body")"
    expect "scores" true "$(jq 'all(.[]; all(.evaluations[]; (.value | type) == "number" and (.normalized_score | type) == "number"))' "$body")"
}

@test "floats keep their point, hearts and generation are whole numbers" {
    get /api/leaderboard/formatted
    no grep -qE '"(average_score|value|normalized_score|co2_cost)":-?[0-9]+[,}]' "$body"
    no grep -qE '"(hub_hearts|generation)":-?[0-9]+\.' "$body"
}

@test "availability is as the Space has it: true means available" {
    get /api/leaderboard
    cp "$body" "$STATE_DIR/rows"
    get /api/leaderboard/formatted
    expect "the same" "$(jq -c '[.[]["Available on the hub"]] | map(. == true)' "$STATE_DIR/rows" | sha256sum)" \
        "$(jq -c '[.[].features.is_not_available_on_hub]' "$body" | sha256sum)"
}

@test "ids are unique, and made of name, precision, commit and chat template" {
    get /api/leaderboard/formatted
    expect "form" true "$(jq 'all(.[]; .id == "\(.model.name)_\(.model.precision)_\(.model.sha)_\(if .model.has_chat_template then "True" else "False" end)")' "$body")"
    [ "$ROWS" != 4576 ] || expect "unique" 4576 "$(jq -r '.[].id' "$body" | sort -u | wc -l)"
}

@test "the page's lists: three arrays; revision and waiting time are texts" {
    get /api/models/status
    expect "lists" '["array","array","array"]' "$(jq -c '[.pending, .evaluating, .finished] | map(type)' "$body")"
    expect "an entry" '["string","string","string","string","string","string","string"]' \
        "$(jq -c '.pending[0] | [.name, .submitter, .revision, .wait_time, .submission_time, .status, .precision] | map(type)' "$body")"
    expect "parsable" true "$(jq '.pending[0] | (.wait_time | rtrimstr("s") | tonumber) > 0 and (.submission_time | fromdateiso8601) > 0' "$body")"
}

@test "the page asks for the votes of every pending model at once: a burst of hundreds is admitted" {
    local i
    for ((i = 0; i < 300; i++)); do
        [ $i = 0 ] || echo next
        printf 'url = "%s/api/votes/model/acme/waiting"\noutput = "%s/votes.json"\nwrite-out = "%%{http_code}\\n"\nsilent\n' "$API" "$STATE_DIR"
    done >"$STATE_DIR/burst"
    expect "answers" "300 200" "$(curl -K "$STATE_DIR/burst" | sort | uniq -c | xargs)"
    expect "votes" '{"0123456789abcdef0123456789abcdef01234567":1}' "$(jq -c .votes_by_revision "$STATE_DIR/votes.json")"
}

@test "the page's vote and submission, with its header added" {
    get '/api/votes/acme/waiting?vote_type=up&user_id=bob' -X POST -H 'Content-Type: application/json' -H 'Content-Length: 0' \
        -H 'Authorization: Bearer hf_local_bob'
    expect_status 200
    get /api/votes/user/bob
    expect "its own votes" acme/waiting "$(jq -r '.[].model' "$body")"
    # Without it: a refusal whose detail is a text, as the page shows it.
    get '/api/votes/acme/waiting?vote_type=up&user_id=bob' -d ''
    expect_status 401
    expect "detail" string "$(jq -r '.detail | type' "$body")"
    get /api/models/submit -H 'Content-Type: application/json' -H 'Authorization: Bearer hf_local_bob' \
        -d '{"model_id":"acme/nowhere","revision":"main","model_type":"chat","precision":"","weight_type":"","base_model":"","use_chat_template":false,"user_id":"bob"}'
    expect_status 404
    expect "detail" string "$(jq -r '.detail | type' "$body")"
}

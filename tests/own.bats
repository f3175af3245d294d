#!/usr/bin/env bats
# A leaderboard of one's own: leaderboards/finance.json, with other benchmarks and other columns. Nothing
# but this file names them.

load helper

setup() {
    new_state
    LEADERBOARD_CONFIG=$ROOT/leaderboards/finance.json
    start_server
    put_rows <"$ROOT/leaderboards/finance.jsonl"
    put_providers harbour-ai
    fetcher --quiet pull official-providers contents
}

teardown() { stop_all; }

@test "both endpoints show its columns and benchmarks" {
    get /api/leaderboard
    expect "columns" "$(head -1 "$ROOT/leaderboards/finance.jsonl" | jq -c keys_unsorted)" "$(jq -c '.models[0] | keys_unsorted' "$body")"
    expect "rows" "$(jq -c . "$ROOT/leaderboards/finance.jsonl")" "$(jq -c '.models[]' "$body")"
    get /api/leaderboard/formatted
    expect "benchmarks" "headlines filings_qa ratios causal credit" "$(jq -r '.models[0].evaluations | keys_unsorted | join(" ")' "$body")"
    expect "first" "ledger-lab/Abacus-1.5B-chat pretrained Headline sentiment" \
        "$(jq -r '.models[0] | "\(.model.name) \(.model.type) \(.evaluations.headlines.name)"' "$body")"
    expect "a missing score" null "$(jq '.models[5].evaluations.ratios.normalized_score' "$body")"
    expect "official" "harbour-ai" "$(jq -r '[.models[] | select(.features.is_official_provider) | .model.name | split("/")[0]] | unique | join(" ")' "$body")"
    expect "metadata" "submission_date base_model hub_license params_billions languages" "$(jq -r '.models[0].metadata | keys_unsorted | join(" ")' "$body")"
}

@test "profile space: a bare array without nulls" {
    get '/api/leaderboard/formatted?profile=space'
    expect "nulls" 0 "$(jq '[.. | select(. == null)] | length' "$body")"
    expect "id" true "$(jq '.[0].id | test("^ledger-lab/Abacus-1.5B-chat_bfloat16_[0-9a-f]{40}$")' "$body")"
}

@test "queries sort by its benchmarks and filter by its columns" {
    get '/api/leaderboard/formatted?sort=-credit&limit=3'
    expect_status 200
    expect "best at credit" "$(jq -sc 'sort_by(-.Credit)[:3] | map(.model)' "$ROOT/leaderboards/finance.jsonl")" "$(jq -c '[.models[].model.name]' "$body")"
    get '/api/leaderboard/formatted?precision=float16&min_params=10&sort=params,-average'
    expect "rows" "$(jq -sc 'map(select(.dtype == "float16" and .params >= 10)) | sort_by(.params, -.mean) | map(.model)' "$ROOT/leaderboards/finance.jsonl")" \
        "$(jq -c '[.models[].model.name]' "$body")"
    get '/api/leaderboard/formatted?weights=ratios:2,credit:1&limit=1'
    expect "own average" "$(jq -sc 'map(select(.Ratios != null)) | max_by((2 * .Ratios + .Credit) / 3) | .model' "$ROOT/leaderboards/finance.jsonl")" \
        "$(jq -c '.models[0].model.name' "$body")"
    get '/api/leaderboard/formatted?sort=ifeval'
    expect_status 400
    expect_line "ifeval" "$(jq -r .detail "$body")"
    get '/api/leaderboard/formatted?weight_type=Original'
    expect_status 400
    expect_line "weight_type" "$(jq -r .detail "$body")"
}

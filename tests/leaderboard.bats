#!/usr/bin/env bats
# GET /api/leaderboard and GET /api/leaderboard/formatted, as their users know them.

load helper

setup() {
    new_state
    start_server
    put_providers acme
}

teardown() { stop_all; }

pull() { fetcher pull official-providers contents 2>"$STATE_DIR/pull.log" || { cat "$STATE_DIR/pull.log" >&2; return 1; }; }

@test "before the first sync the API answers 503 with Retry-After, not an empty list" {
    get /api/leaderboard/formatted
    expect_status 503
    [ -n "$(header Retry-After)" ]
    expect "Cache-Control" no-store "$(header Cache-Control)"
    expect_line "no data yet" "$(jq -r .detail "$body")"
}

@test "/api/leaderboard gives every column of the dataset, in its order, under its own name" {
    sample_row acme/one '. + {"A column of our own": "x"}' | put_rows
    pull
    get /api/leaderboard
    expect_status 200
    expect "Content-Type" application/json "$(header Content-Type)"
    expect "row" "$(jq -c . "$STATE_DIR/rows.jsonl")" "$(jq -c '.models[0]' "$body")"
}

@test "/api/leaderboard/formatted gives {id, model, evaluations, features, metadata}" {
    sample_row acme/one | put_rows
    pull
    get /api/leaderboard/formatted
    expect_status 200
    local wanted='{"id":"acme_one_bfloat16",
        "model":{"name":"acme/one","sha":"0123456789abcdef0123456789abcdef01234567",
            "precision":"bfloat16","type":"chatmodels","weight_type":"Original",
            "architecture":"LlamaForCausalLM","average_score":20.5,"has_chat_template":true},
        "evaluations":{
            "ifeval":{"name":"IFEval","value":0.33,"normalized_score":33.25},
            "bbh":{"name":"BBH","value":0.36,"normalized_score":10.5},
            "math":{"name":"MATH Level 5","value":0.014,"normalized_score":1.4},
            "gpqa":{"name":"GPQA","value":0.26,"normalized_score":1.25},
            "musr":{"name":"MUSR","value":0.38,"normalized_score":5.75},
            "mmlu_pro":{"name":"MMLU-PRO","value":0.12,"normalized_score":1.85}},
        "features":{"is_not_available_on_hub":false,"is_merged":false,"is_moe":false,
            "is_flagged":false,"is_official_provider":false},
        "metadata":{"upload_date":"2024-04-13","submission_date":"2024-08-05","generation":0,
            "base_model":"acme/one","hub_license":"apache-2.0","hub_hearts":3,
            "params_billions":7.242,"co2_cost":1.25}}'
    expect "entry" "$(jq -c . <<<"$wanted")" "$(jq -c '.models[0]' "$body")"
}

@test "profile=space gives a bare array, ids with sha and template, and availability as the Space has it" {
    sample_row acme/one | put_rows
    pull
    get '/api/leaderboard/formatted?profile=space'
    expect "id" acme/one_bfloat16_0123456789abcdef0123456789abcdef01234567_True "$(jq -r '.[0].id' "$body")"
    expect "is_not_available_on_hub" true "$(jq '.[0].features.is_not_available_on_hub' "$body")"
    get '/api/leaderboard?profile=space'
    expect "row" "$(jq -c . "$STATE_DIR/rows.jsonl")" "$(jq -c '.[0]' "$body")"
    get '/api/leaderboard?profile=banana'
    expect_status 400
    expect "detail" "profile: expected documented or space" "$(jq -r .detail "$body")"
}

@test "LEADERBOARD_PROFILE=space selects that shape for a whole deployment" {
    kill "$SERVER"; wait "$SERVER" || true
    export LEADERBOARD_PROFILE=space
    start_server
    sample_row acme/one | put_rows
    pull
    get /api/leaderboard/formatted
    expect "type" array "$(jq -r type "$body")"
    get '/api/leaderboard/formatted?profile=documented'
    expect "type" object "$(jq -r type "$body")"
}

@test "what a row lacks is null in profile documented, and \"\", -1 or 0.0 in profile space" {
    sample_row acme/one '."Hub License" = null | ."#Params (B)" = null | .IFEval = null' |
        put_rows
    pull
    get /api/leaderboard/formatted
    expect "documented" '[null,null,null]' \
        "$(jq -c '.models[0] | [.metadata.hub_license, .metadata.params_billions, .evaluations.ifeval.normalized_score]' "$body")"
    get '/api/leaderboard/formatted?profile=space'
    grep -q '"hub_license":"","hub_hearts":3,"params_billions":-1,' "$body"
    grep -q '"ifeval":{"name":"IFEval","value":0.33,"normalized_score":0.0}' "$body"
}

@test "columns that the dataset does not have: scores 0, other metadata null, flags false" {
    sample_row acme/one 'del(."IFEval", ."CO₂ cost (kg)", ."Upload To Hub Date", .MoE)' | put_rows
    pull
    get /api/leaderboard/formatted
    expect "entry" '[0.0,0.0,null,false]' \
        "$(jq -c '.models[0] | [.evaluations.ifeval.normalized_score, .metadata.co2_cost, .metadata.upload_date, .features.is_moe]' "$body" | sed 's/\[0,0,/[0.0,0.0,/')"
}

@test "is_official_provider comes from the column, by its old name too, else from the providers dataset" {
    {
        sample_row acme/one 'del(."Official Providers")'
        sample_row other/two 'del(."Official Providers")'
        sample_row acm/three 'del(."Official Providers")'
    } | put_rows
    pull
    get /api/leaderboard/formatted
    expect "flags" '[true,false,false]' "$(jq -c '[.models[].features.is_official_provider]' "$body")"

    put_providers other
    pull
    get /api/leaderboard/formatted
    expect "after the providers changed" '[false,true,false]' \
        "$(jq -c '[.models[].features.is_official_provider]' "$body")"

    sample_row acme/one 'del(."Official Providers") | ."Maintainer'"'"'s Highlight" = true' | put_rows
    pull
    get /api/leaderboard/formatted
    expect "old name" '[true]' "$(jq -c '[.models[].features.is_official_provider]' "$body")"
}

@test "numbers keep their kind and all their digits" {
    sample_row acme/one '."Average ⬆️" = 33.02792147058693' | sed 's/"Generation":0/"Generation":2,"Odd":1.0e2/' | put_rows
    pull
    get /api/leaderboard
    grep -q '"Average ⬆️":33.02792147058693,' "$body"
    grep -q '"Generation":2,"Odd":100.0,' "$body"
}

@test "rows keep the dataset's order, and names that occur twice stay twice" {
    { sample_row b/two; sample_row a/one; sample_row b/two '.Precision = "float16"'; } | put_rows
    pull
    get /api/leaderboard/formatted
    expect "names" '["b/two","a/one","b/two"]' "$(jq -c '[.models[].model.name]' "$body")"
}

@test "offset and limit give a part of the rows, in both shapes" {
    for i in 1 2 3 4 5; do sample_row acme/m$i; done | put_rows
    pull
    get '/api/leaderboard/formatted?offset=1&limit=2'
    expect "names" '["acme/m2","acme/m3"]' "$(jq -c '[.models[].model.name]' "$body")"
    get '/api/leaderboard?offset=4&limit=200&profile=space'
    expect "names" '["acme/m5"]' "$(jq -c '[.[].fullname]' "$body")"
    get '/api/leaderboard?offset=5&profile=space'
    expect "past the end" '[]' "$(cat "$body")"
    local etag
    get '/api/leaderboard?limit=2'
    etag=$(header ETag)
    get '/api/leaderboard?limit=2' -H "If-None-Match: $etag"
    expect_status 304
    get '/api/leaderboard?limit=3' -H "If-None-Match: $etag"
    expect_status 200
    for bad in limit=0 limit=x limit= offset=-1 limit=99999999999999999999; do
        get "/api/leaderboard?$bad"
        expect_status 400
        expect_line "${bad%%=*}: expected a whole number" "$(jq -r .detail "$body")"
    done
}

@test "each coding is chosen by Accept-Encoding, has an ETag of its own, and decodes to the same bytes" {
    for i in 1 2 3 4 5; do sample_row acme/m$i; done | put_rows
    pull
    get /api/leaderboard/formatted
    expect "Content-Encoding" "" "$(header Content-Encoding)"
    cp "$body" "$STATE_DIR/plain"
    local etags
    etags=$(header ETag)
    for coding in gzip br zstd; do
        get /api/leaderboard/formatted -H "Accept-Encoding: $coding"
        expect "Content-Encoding" "$coding" "$(header Content-Encoding)"
        expect "Vary" "Accept-Encoding, Origin" "$(header Vary)"
        etags="$etags $(header ETag)"
        get /api/leaderboard/formatted --compressed -H "Accept-Encoding: $coding"
        cmp "$body" "$STATE_DIR/plain"
    done
    expect "different ETags" 4 "$(tr ' ' '\n' <<<"$etags" | sort -u | wc -l)"
}

@test "If-None-Match and If-Modified-Since give 304 without a body" {
    sample_row acme/one | put_rows
    pull
    get /api/leaderboard/formatted
    local etag modified
    etag=$(header ETag)
    modified=$(header Last-Modified)
    for validator in "If-None-Match: $etag" "If-None-Match: \"x\", W/$etag" "If-None-Match: *" \
        "If-Modified-Since: $modified"; do
        get /api/leaderboard/formatted -H "$validator"
        expect_status 304
        expect "body's length" 0 "$(stat -c %s "$body")"
        expect "ETag" "$etag" "$(header ETag)"
        expect "Cache-Control" "public, max-age=300" "$(header Cache-Control)"
    done
    get /api/leaderboard/formatted -H 'If-None-Match: "another"'
    expect_status 200
    get /api/leaderboard/formatted -H 'If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT'
    expect_status 200
}

@test "HEAD gives the headers of GET and no body" {
    sample_row acme/one | put_rows
    pull
    for coding in identity gzip; do
        get /api/leaderboard/formatted -H "Accept-Encoding: $coding"
        local length etag
        length=$(stat -c %s "$body")
        etag=$(header ETag)
        get /api/leaderboard/formatted -I -H "Accept-Encoding: $coding"
        expect_status 200
        expect "Content-Length" "$length" "$(header Content-Length)"
        expect "ETag" "$etag" "$(header ETag)"
    done
}

@test "browsers of any origin may read by default" {
    sample_row acme/one | put_rows
    pull
    get /api/leaderboard/formatted -H 'Origin: https://page.example'
    expect "allowed" '*' "$(header Access-Control-Allow-Origin)"
    expect_line ETag "$(header Access-Control-Expose-Headers)"
    get /api/leaderboard/formatted -X OPTIONS -H 'Origin: https://page.example' -H 'Access-Control-Request-Method: GET'
    expect_status 204
    expect "methods" "GET, HEAD, OPTIONS" "$(header Access-Control-Allow-Methods)"
    expect "cached for" 86400 "$(header Access-Control-Max-Age)"
}

@test "with CORS_ORIGINS only those origins may" {
    kill "$SERVER"; wait "$SERVER" || true
    export CORS_ORIGINS='["https://page.example", "https://other.example"]'
    start_server
    get /api/leaderboard -H 'Origin: https://other.example'
    expect "allowed" https://other.example "$(header Access-Control-Allow-Origin)"
    get /api/leaderboard -H 'Origin: https://evil.example'
    expect "allowed" "" "$(header Access-Control-Allow-Origin)"
    expect "Vary" "Accept-Encoding, Origin" "$(header Vary)"
}

@test "a new snapshot is in the next read, and its ETag is another" {
    sample_row acme/one | put_rows
    pull
    get /api/leaderboard/formatted
    local before
    before=$(header ETag)
    sample_row acme/two | put_rows
    pull
    for _ in 1 2 3 4; do
        get /api/leaderboard/formatted -H "If-None-Match: $before"
        expect_status 200
        expect "name" acme/two "$(jq -r '.models[0].model.name' "$body")"
    done
}

@test "when an operator puts another database in place, the next read shows it" {
    sample_row acme/one | put_rows
    pull
    get /api/leaderboard/formatted
    expect_status 200
    rm "$STATE_DIR"/cache.db*
    sample_row acme/two | put_rows
    pull
    for _ in 1 2 3 4; do
        get /api/leaderboard/formatted
        expect "name" acme/two "$(jq -r '.models[0].model.name' "$body")"
    done
}

@test "unknown paths are 404, other methods 405 with Allow, both with a detail" {
    get /api/leaderboards
    expect_status 404
    expect "type" string "$(jq -r '.detail | type' "$body")"
    get /api/leaderboard -X DELETE
    expect_status 405
    expect "Allow" "GET, HEAD, OPTIONS" "$(header Allow)"
    expect "type" string "$(jq -r '.detail | type' "$body")"
    get '/api/%ff'
    expect_status 400
    get "/api$(printf '/x%.0s' $(seq 70))" -H 'Origin: https://page.example'
    expect_status 400
    expect "readable by browsers" '*' "$(header Access-Control-Allow-Origin)"
    get '/api/leaderboard?profile=%zz'
    expect_status 400
}

@test "a trailing slash is tolerated, and X-Request-Id is taken over when it is plain" {
    sample_row acme/one | put_rows
    pull
    get /api/leaderboard/ -H 'X-Request-Id: my-id.1'
    expect_status 200
    expect "id" my-id.1 "$(header X-Request-Id)"
    get /api/leaderboard -H 'X-Request-Id: not "plain"'
    [ "$(header X-Request-Id)" != 'not "plain"' ]
}

@test "nothing of the state folder can be fetched, and no banner tells what serves" {
    sample_row acme/one | put_rows
    pull
    local file
    file=$(basename "$(find "$STATE_DIR/public" -name 'formatted.documented.*.json')")
    for path in /cache.db /../cache.db /public/ "/$file" /log/lighttpd.log /%2e%2e/cache.db; do
        get "$path" --path-as-is
        [ "$status" = 404 ] || [ "$status" = 400 ] || expect_status 404
    done
    expect "Server" "" "$(header Server)"
}

@test "the real rows of the Open LLM Leaderboard give what the public Space gave, field by field" {
    [ -e "$SHARED_DATA/contents.parquet" ] || skip "no ../shared/data here"
    hub_put contents data/train-00000-of-00001.parquet "$SHARED_DATA/contents.parquet"
    pull
    get '/api/leaderboard/formatted?profile=space'
    jq -S '.[:40]' "$body" >"$STATE_DIR/ours"
    jq -S . "$SHARED_DATA/formatted_space_first40.json" >"$STATE_DIR/theirs"
    diff "$STATE_DIR/theirs" "$STATE_DIR/ours"
    # Every row has the same keys in the same order, and nothing is null.
    expect "rows" 4576 "$(jq length "$body")"
    expect "shapes" 1 "$(jq -c '.[] | [paths]' "$body" | sort -u | wc -l)"
    expect "nulls" 0 "$(jq '[.. | select(. == null)] | length' "$body")"
    # The keys' order and the numbers' very digits.
    local first
    first=$(jq -c '.[0]' "$SHARED_DATA/formatted_space_first40.json")
    expect "first entry" "[$first" "$(head -c $((${#first} + 1)) "$body")"
}

@test "the four rows that the dataset serves come back as they are" {
    [ -e "$SHARED_DATA/contents_rows.json" ] || skip "no ../shared/data here"
    hub_put contents data/train-00000-of-00001.parquet "$SHARED_DATA/contents.parquet"
    pull
    get /api/leaderboard
    jq -c '.[] | .eval_name' "$SHARED_DATA/contents_rows.json" | while read -r name; do
        diff <(jq -c ".[] | select(.eval_name == $name)" "$SHARED_DATA/contents_rows.json") \
            <(jq -c "first(.models[] | select(.eval_name == $name))" "$body")
    done
}

#!/usr/bin/env bats
# The page in a browser, on a server with the whole sample data: one step of tests/page/page.mjs a test.

load helper

setup_file() {
    new_state
    export HF_ORGANIZATION=acme API SHARED=$STATE_DIR
    CHROMIUM=$(command -v chromium || command -v chromium-browser || true)
    MODULES=${PAGE_JS_MODULES:-$PROGRAM_DIR/node_modules}
    WHY_NOT=
    [ -d "$MODULES/playwright-core" ] || WHY_NOT="playwright-core is not in $MODULES"
    [ -n "$CHROMIUM" ] || WHY_NOT="chromium is not installed"
    command -v node >/dev/null || WHY_NOT="node is not installed"
    export CHROMIUM MODULES WHY_NOT
    [ -z "$WHY_NOT" ] || return 0
    local samples=$STATE_DIR/samples acme=$STATE_DIR/samples/datasets/acme
    "$PROGRAM_DIR/tests/samples" "$samples" --owner acme >/dev/null
    # A model and a submission whose names are markup; the model is on the frontier of the plot.
    "$PROGRAM_DIR/parquet-cat" "$acme"/contents/data/*.parquet >"$STATE_DIR/rows"
    sample_row 'acme/<img src=x onerror=pwned=1>' '.["#Params (B)"] = 0.1 | .["Base Model"] = .fullname
        | .["Hub License"] = .fullname | .Architecture = .fullname' >>"$STATE_DIR/rows"
    rm "$acme"/contents/data/*
    mv "$STATE_DIR/rows" "$acme/contents/data/train.jsonl"
    mkdir -p "$acme/requests/acme"
    sample_request acme/waits '.sender = "<img src=x onerror=pwned=2>" | .model_type = .sender' \
        >"$acme/requests/acme/waits_eval_request_False_bfloat16_Original.json"
    hubctl import "$samples" >/dev/null
    start_server
    echo "$SERVER" >"$STATE_DIR/server.pid"
    HUB_TIMEOUT=20 fetcher --quiet sync
}

teardown_file() {
    [ ! -e "$STATE_DIR/server.pid" ] || PIDS=("$(cat "$STATE_DIR/server.pid")")
    stop_all
}

setup() { [ -z "$WHY_NOT" ] || skip "$WHY_NOT"; }

# A test with a server of its own.
teardown() { [ "$STATE_DIR" = "$SHARED" ] || stop_all; }

# step NAME [ADDRESS]
step() { timeout 120 node "$BATS_TEST_DIRNAME/page/page.mjs" "${2:-$API}" "$MODULES" "$CHROMIUM" "$1"; }

@test "every file of the page is served, compressed or not, with its type and a policy; 304 when it is known" {
    local file path type
    for file in "$ROOT"/www/*.html "$ROOT"/www/*.css "$ROOT"/www/*.js; do
        path=/${file##*/}
        case $path in
        *.html) type="text/html; charset=utf-8" ;;
        *.css) type="text/css; charset=utf-8" ;;
        *) type="text/javascript; charset=utf-8" ;;
        esac
        get "$path"
        expect "of $path: status" 200 "$status"
        cmp "$file" "$body"
        get "$path" -H 'Accept-Encoding: gzip, br'
        expect "of $path: status" 200 "$status"
        expect "of $path: coding" gzip "$(header Content-Encoding)"
        gzip -dc "$body" | cmp "$file"
        expect "of $path: type" "$type" "$(header Content-Type)"
        expect "of $path: caching" no-cache "$(header Cache-Control)"
        expect "of $path: Vary" Accept-Encoding "$(header Vary)"
        expect_line "default-src 'none'; script-src 'self';" "$(header Content-Security-Policy)"
        get "$path" -H 'Accept-Encoding: gzip, br' -H "If-None-Match: $(header ETag)"
        expect "of $path: status" 304 "$status"
    done
    get '/?view=plot'
    cmp "$ROOT/www/index.html" "$body"
    # The rest is as it was: JSON of the programs, under their own policy.
    for path in /nothing /nothing.js /.gz /errors.txt /errors/404.html /app.js/ /www/app.js; do
        get "$path"
        expect "of $path: status" 404 "$status"
        expect "of $path: policy" "default-src 'none'; frame-ancestors 'none'" "$(header Content-Security-Policy)"
    done
    get / -d x
    expect_status 404
}

@test "the page names no benchmark and writes no markup from data" {
    no grep -nE 'innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function' "$ROOT"/www/*.js
    sed 's/Math\.//g' "$ROOT"/www/*.{js,html,css} >"$STATE_DIR/page"
    no grep -niE "$(jq -r '[.benchmarks[] | .key, .name] | join("|")' "$ROOT/leaderboards/open-llm.json")" "$STATE_DIR/page"
}

@test "load: the best models, their benchmarks as columns" { step load; }
@test "search: by terms, in the address, and nothing found" { step search; }
@test "sort: by a click on a header, both ways, and back" { step sort; }
@test "filter: choices, flags and a range, as chips and after a reload" { step filter; }
@test "paging: forth, to the end, other sizes, and a page that is not there" { step paging; }
@test "pin: on top, in the link, and away again" { step pin; }
@test "compare: two to four pinned models in a dialog, with what differs" { step compare; }
@test "columns: chosen, and kept in the link" { step columns; }
@test "plot: the points and the frontier of the models that pass the filters" { step plot; }
@test "queue: the counts, and what waits by votes" { step queue; }
@test "vote: with a token that is kept nowhere" { step vote; }
@test "submit: taken, in the queue, and refused the second time" { step submit; }
@test "submit: a refusal is shown word by word" { step refused; }
@test "names that are markup stay text, in the data and in the address" { step hostile; }
@test "everything by keyboard" { step keyboard; }
@test "a server that fails is said, with a button that tries again" { step trouble; }
@test "typing asks once, and an old answer is not shown" { step typing; }
@test "320 and 400 pixels: nothing sticks out, the first column stays" { step narrow; }
@test "the theme is the system's or the visitor's" { step theme; }

@test "a leaderboard of one's own" {
    new_state
    export LEADERBOARD_CONFIG=$ROOT/leaderboards/finance.json
    start_server
    hub_put contents data/train.jsonl "$ROOT/leaderboards/finance.jsonl"
    put_providers ledger-lab
    fetch pull official-providers contents
    expect "fetcher" 0 "$code"
    step own "$API"
}

@test "the time of its scripts until the first data is there" {
    local said
    said=$(step time)
    echo "# $said" >&3
}

#!/usr/bin/env bats
# The fetcher: takes datasets whole or not at all, and says what to do when it cannot.

load helper

setup() {
    new_state
    start_server
    put_providers acme
    { sample_row acme/one; sample_row acme/two; } | put_rows
    put_request acme/three
    sample_vote acme/three bob | put_votes
}

teardown() { stop_all; }

# The pull that is about to fail must leave what is served as it is, exit 1, and say WORDS in one line.
refused() {
    local before names
    get /api/leaderboard/formatted
    before="$status $(header ETag)"
    fetch pull contents
    expect "exit code" 1 "$code"
    expect "lines" 1 "$(wc -l <<<"$said")"
    expect_line "$1" "$said"
    get /api/leaderboard/formatted
    expect "what is served" "$before" "$status $(header ETag)"
    if [ "${before%% *}" = 200 ]; then
        names=$(jq -c '[.models[].model.name]' "$body")
        expect "rows" '["acme/one","acme/two"]' "$names"
    fi
    # The reason is kept for whoever asks later.
    expect_line "$1" "$(fetcher status)"
}

@test "pull takes all four datasets; an unchanged Hub costs one request each" {
    fetch pull
    expect "exit code" 0 "$code"
    expect_line "pulled dataset=official-providers rows=1" "$said"
    expect_line "pulled dataset=contents rows=2" "$said"
    expect_line "pulled dataset=requests rows=1" "$said"
    expect_line "pulled dataset=votes rows=1" "$said"
    fault
    fetch pull
    expect "exit code" 0 "$code"
    expect_line "unchanged dataset=contents rows=2 hub_requests=1" "$said"
    expect "requests" 4 "$(wc -l <"$STATE_DIR/proxy.log")"
    fetch pull --force contents
    expect_line "pulled dataset=contents rows=2" "$said"
}

@test "a new commit is taken; a commit that changes no data file is taken too" {
    fetch pull
    sample_row acme/three | put_rows
    fetch pull
    expect_line "pulled dataset=contents rows=1" "$said"
    echo words >"$STATE_DIR/words"
    hub_put contents README.md "$STATE_DIR/words"
    fetch pull
    expect_line "pulled dataset=contents rows=1" "$said"
}

@test "parquet, JSON lines and JSON arrays are read; parquet goes first; several files are one" {
    jq -sc . "$STATE_DIR/rows.jsonl" >"$STATE_DIR/rows.json"
    hubctl rm datasets/acme/contents data/train.jsonl >/dev/null
    hub_put contents data/train.json "$STATE_DIR/rows.json"
    fetch pull
    expect_line "pulled dataset=contents rows=2" "$said"
    sample_row acme/three | put_rows
    fetch pull
    expect_line "pulled dataset=contents rows=1" "$said"
    "$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --owner acme --rows 50 --requests 1 --votes 1 >/dev/null
    local file=$STATE_DIR/samples/datasets/acme/contents/data/train-00000-of-00001.parquet
    hub_put contents data/train-00000-of-00002.parquet "$file"
    hub_put contents data/train-00001-of-00002.parquet "$file"
    fetch pull
    expect_line "pulled dataset=contents rows=100" "$said"
}

@test "a dataset that is not there" {
    fetch pull
    export CONTENTS_REPO=nothing-here
    refused "dataset acme/nothing-here: $HF_ENDPOINT answered 401"
    expect_line "set HF_TOKEN, or check the name" "$said"
    export HF_TOKEN=hf_local_alice
    refused "dataset acme/nothing-here: not on $HF_ENDPOINT (404)"
    expect_line "check the name in the settings" "$said"
}

@test "a token that the Hub does not know" {
    fetch pull
    export HF_TOKEN=hf_stolen_1234
    refused "HF_TOKEN is not valid"
    no grep -rq hf_stolen_1234 "$STATE_DIR/said" "$STATE_DIR/log" "$STATE_DIR/cache.db" "$STATE_DIR/cache.db-wal"
}

@test "403, 429 and 5xx say what to do" {
    fetch pull
    fault '* * status 403'
    refused "set HF_TOKEN to a token that may read this"
    fault '* * status 429 header:RateLimit="api";r=0;t=55'
    refused "run again in 55 s"
    # No Hub may make us wait for longer than a rate limit's window.
    fault '* * status 429 header:RateLimit="api";r=0;t=9223372036854775807'
    refused "run again in 300 s"
    fault '* * status 500'
    refused "answered 500"
    fault '* * status 503 header:Retry-After=7'
    refused "a failure on its side; run again later"
    fault '* * status 418'
    refused "is not expected: check HF_ENDPOINT"
}

@test "each step of a pull may fail: the revision, the file list, the download" {
    fetch pull
    sample_row acme/three | put_rows
    for step in '*/revision/*' '*/tree/*' '*/resolve/*'; do
        fault "GET $step status 500"
        refused "answered 500"
        fault "GET $step reset"
        refused "no complete answer"
        fault "GET $step stall"
        refused "no complete answer"
        fault "GET $step truncate 20"
        refused "no complete answer"
        fault "GET $step garbage"
        refused "no complete answer"
    done
}

@test "HTML instead of JSON, an endless body, a file list that makes no sense" {
    fetch pull
    sample_row acme/three | put_rows
    echo '<html>hello</html>' >"$STATE_DIR/page"
    fault "GET */revision/* replace file:$STATE_DIR/page type:text/html"
    refused "not valid JSON"
    echo '{"no": "sha"}' >"$STATE_DIR/page"
    fault "GET */revision/* replace file:$STATE_DIR/page"
    refused 'names no commit ("sha")'
    echo '[]' >"$STATE_DIR/page"
    fault "GET */tree/* replace file:$STATE_DIR/page"
    refused "holds no data file"
    echo '{}' >"$STATE_DIR/page"
    fault "GET */tree/* replace file:$STATE_DIR/page"
    refused "did not answer with a list"
    echo '[{"type":"file","path":"../../etc/passwd","size":1,"oid":"0123456789abcdef0123456789abcdef01234567"}]' >"$STATE_DIR/page"
    fault "GET */tree/* replace file:$STATE_DIR/page"
    refused "an entry of the file list makes no sense"
    export HUB_MAX_MB=1
    fault "GET */resolve/* endless"
    refused "larger than 1 MiB: raise HUB_MAX_MB"
}

@test "a Hub that trickles does not hold the fetcher for ever" {
    fetch pull
    sample_row acme/three | put_rows
    fault "GET */contents/* slow 2"
    refused "no complete answer"
}

@test "a part that is not to be had, or does not join on, makes the download start again" {
    for i in $(seq 50); do sample_row acme/m$i; done | put_rows
    export HUB_RETRIES=2
    fault "GET */contents/resolve/* truncate 5000 times=1" "GET */contents/resolve/* status 416 times=1"
    fetch pull contents
    expect "exit code" 0 "$code"
    expect_line "rows=50" "$said"
}

@test "a redirect to nowhere, in circles, or to another scheme is not followed for ever" {
    fetch pull
    sample_row acme/three | put_rows
    fault "GET */resolve/* redirect file:///etc/passwd"
    refused "redirects to where we do not follow"
    fault "GET * redirect $HF_ENDPOINT%p"
    refused "redirects to where we do not follow"
}

@test "what was downloaded is checked against the hash that the Hub lists" {
    fetch pull
    sample_row acme/three | put_rows
    fault "GET */resolve/* corrupt"
    refused "is not the file that it lists"
}

@test "a broken download goes on where it ended" {
    for i in $(seq 50); do sample_row acme/m$i; done | put_rows
    export HUB_RETRIES=1
    fault "GET */contents/resolve/* truncate 5000 times=1"
    fetch pull
    expect "exit code" 0 "$code"
    expect_line "trying again" "$said"
    expect_line "rows=50" "$said"
    expect_line "range=bytes=5000-" "$(cat "$STATE_DIR/proxy.log")"
}

@test "a Hub that ignores the range sends the whole file, which is taken" {
    for i in $(seq 50); do sample_row acme/m$i; done | put_rows
    export HUB_RETRIES=1
    fault "GET */contents/resolve/* truncate 5000 times=1" "GET */resolve/* norange"
    fetch pull
    expect "exit code" 0 "$code"
    expect_line "trying again" "$said"
    expect_line "rows=50" "$said"
}

@test "passing failures are tried again, HUB_RETRIES times" {
    export HUB_RETRIES=2
    fault "GET */revision/* status 503 header:Retry-After=0 times=2"
    fetch pull contents
    expect "exit code" 0 "$code"
    expect "waits" 2 "$(grep -c 'trying again wait_s=1' <<<"$said")"
    expect_line "hub_requests=5" "$said"
}

@test "the token goes to the Hub and to nobody else" {
    "$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --owner acme --rows 50 --requests 1 --votes 1 >/dev/null
    hub_put contents data/train-00000-of-00001.parquet \
        "$STATE_DIR/samples/datasets/acme/contents/data/train-00000-of-00001.parquet"
    export HF_TOKEN=hf_local_server LOG_LEVEL=DEBUG
    fault
    fetch pull
    expect "exit code" 0 "$code"
    expect_line "rows=50" "$said"
    # The parquet file is LFS: the Hub sends the fetcher to another host, which refuses the header.
    [ "$(grep -c 'auth=yes' "$STATE_DIR/proxy.log")" -gt 3 ]
    grep '/cdn/' "$STATE_DIR/proxy.log" | grep -q 'auth=no'
    no grep -q '/cdn/.*auth=yes' "$STATE_DIR/proxy.log"
    no grep -rq hf_local_server "$STATE_DIR/said" "$STATE_DIR/log" "$STATE_DIR/cache.db" "$STATE_DIR/cache.db-wal"
}

@test "a file that is no parquet, is cut, or has no rows" {
    fetch pull
    echo "no parquet at all" >"$STATE_DIR/file"
    hub_put contents data/train.parquet "$STATE_DIR/file"
    refused "data/train.parquet of dataset acme/contents: "
    "$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --owner acme --rows 50 --requests 1 --votes 1 >/dev/null
    head -c 3000 "$STATE_DIR/samples/datasets/acme/contents/data/train-00000-of-00001.parquet" >"$STATE_DIR/file"
    hub_put contents data/train.parquet "$STATE_DIR/file"
    refused "data/train.parquet of dataset acme/contents: "
    hubctl rm datasets/acme/contents data/train.parquet >/dev/null
    : >"$STATE_DIR/file"
    hub_put contents data/train.jsonl "$STATE_DIR/file"
    refused "has no rows at commit"
    hubctl rm datasets/acme/contents data/train.jsonl >/dev/null
    refused "holds no data file"
}

@test "a file without the columns that the leaderboard requires" {
    fetch pull
    sample_row acme/three 'del(.fullname)' | put_rows
    refused 'has no column "fullname", which the leaderboard requires'
    sample_row acme/three '{eval_name, fullname, Precision, "Average ⬆️"}' | put_rows
    refused "has no benchmark's column"
}

@test "a schema that lost a column is refused, until the operator accepts it" {
    fetch pull
    sample_row acme/three 'del(.BBH)' | put_rows
    refused 'lost its column "BBH"'
    expect_line "fetcher pull contents --accept-loss" "$said"
    fetch pull contents --accept-loss
    expect "exit code" 0 "$code"
    expect_line 'the dataset lacks a column dataset=acme/contents column=BBH' "$said"
    fetch pull contents
    expect_line "unchanged" "$said"
}

@test "a providers dataset that makes no sense does not keep contents from being taken" {
    echo '{"CURATED_SET": "acme"}' >"$STATE_DIR/providers.jsonl"
    hub_put official-providers data/train.jsonl "$STATE_DIR/providers.jsonl"
    fetch sync
    expect "exit code" 1 "$code"
    expect_line "the first row has no list CURATED_SET" "$said"
    expect_line "pulled dataset=contents rows=2" "$said"
}

@test "published bodies that somebody deleted are made again" {
    fetch pull
    rm "$STATE_DIR"/public/*formatted.documented.*br
    get /api/leaderboard/formatted -H 'Accept-Encoding: br'
    expect_status 503
    fetch pull
    expect_line "pulled dataset=contents" "$said"
    get /api/leaderboard/formatted -H 'Accept-Encoding: br'
    expect_status 200
}

@test "another leaderboard file renders anew, though the Hub has nothing new" {
    fetch pull
    jq '.benchmarks = [{key: "own", name: "Our own", score: "BBH", raw: "BBH Raw"}]' \
        "$LEADERBOARD_CONFIG" >"$STATE_DIR/own.json"
    export LEADERBOARD_CONFIG=$STATE_DIR/own.json
    fetch pull
    expect_line "pulled dataset=contents" "$said"
    get /api/leaderboard/formatted
    expect "evaluations" '{"own":{"name":"Our own","value":0.36,"normalized_score":10.5}}' \
        "$(jq -c '.models[0].evaluations' "$body")"
}

@test "a leaderboard file with a mistake is named with the place of the mistake" {
    for mistake in '.model[0].kind = "words"' 'del(.benchmarks)' '.benchmarks[1].key = "ifeval"' \
        '.id.space = 7' '.features[0] |= del(.key)' '.model |= map(select(.key != "name"))'; do
        jq "$mistake" "$ROOT/leaderboards/open-llm.json" >"$STATE_DIR/own.json"
        LEADERBOARD_CONFIG=$STATE_DIR/own.json fetch pull
        expect "exit code for $mistake" 100 "$code"
        expect_line "LEADERBOARD_CONFIG $STATE_DIR/own.json: " "$said"
    done
    LEADERBOARD_CONFIG=$STATE_DIR/none.json fetch pull
    expect_line "cannot read $STATE_DIR/none.json" "$said"
}

@test "one at a time: a second fetcher says so, and under cron (--quiet) exits 0 without a word" {
    fault "GET * stall"
    "$PROGRAM_DIR/fetcher" pull >/dev/null 2>&1 3>&- &
    local first=$!
    await "the first fetcher's request" test -s "$STATE_DIR/proxy.log"
    fetch pull
    expect "exit code" 2 "$code"
    expect_line "another fetcher is at work" "$said"
    fetch --quiet pull
    expect "exit code" 0 "$code"
    expect "words" "" "$said"
    kill "$first"
    wait "$first" || true
}

@test "a fetcher that is killed leaves nothing that the next one minds" {
    for i in $(seq 200); do sample_row acme/m$i; done | put_rows
    for step in revision tree resolve; do
        fault "GET */$step/* stall"
        : >"$STATE_DIR/proxy.log"
        "$PROGRAM_DIR/fetcher" pull contents >/dev/null 2>&1 3>&- &
        local first=$!
        await "a request for $step" grep -q "/$step/" "$STATE_DIR/proxy.log"
        kill -9 "$first"
        wait "$first" 2>/dev/null || true
    done
    fault
    fetch pull contents
    expect "exit code" 0 "$code"
    expect_line "rows=200" "$said"
    expect "integrity" ok "$(sqlite3 "$STATE_DIR/cache.db" 'PRAGMA integrity_check')"
}

@test "status tells each dataset's revision, rows, age and last error, as a table and as JSON" {
    fetch pull
    fetch status
    expect_line "contents" "$said"
    local sha
    sha=$(curl -s "$HF_ENDPOINT/api/datasets/acme/contents" | jq -r .sha)
    fetch status --json
    expect "contents" "[\"acme/contents\",\"$sha\",2,\"\"]" \
        "$(jq -c '.datasets[] | select(.dataset == "contents") | [.repo, .revision, .rows, .error]' <<<"$said")"
}

@test "what each pull of contents saw is kept: every score, old and new, and each snapshot as it was" {
    fetch pull
    { sample_row acme/one '."Average ⬆️" = 21.5'; sample_row acme/three; } | put_rows
    fetch pull
    { sample_row acme/three; sample_row acme/one '."Average ⬆️" = 21.5'; } | put_rows
    fetch pull
    fetch pull --force contents
    fetch history --json
    expect "snapshots" '[[3,2,0,0,0],[2,2,1,1,1],[1,2,2,0,0]]' \
        "$(jq -sc 'map([.id, .rows, .added, .removed, .changed])' <<<"$said")"
    local then
    then=$("$PROGRAM_DIR/tests/history" "$STATE_DIR/cache.db" show 1)
    expect "the first" "$(sample_row acme/one; sample_row acme/two)" "$then"
    said=$("$PROGRAM_DIR/tests/history" "$STATE_DIR/cache.db" changes 1 2)
    expect_line '"Average ⬆️":20.5' "$said"
    expect_line '"Average ⬆️":21.5' "$said"
    HISTORY_SNAPSHOTS=1 fetch pull --force contents
    fetch history
    expect "lines" 2 "$(wc -l <<<"$said")"
}

@test "--once tries nothing a second time" {
    export HUB_RETRIES=3
    fault "GET */revision/* status 503 header:Retry-After=0"
    fetch --once pull contents
    expect "exit code" 1 "$code"
    expect "requests" 1 "$(wc -l <"$STATE_DIR/proxy.log")"
}

@test "without a database, status says that there is none yet" {
    fetch status
    expect "exit code" 1 "$code"
    expect_line "there is no database" "$said"
}

@test "bad arguments and bad settings are one line and exit 100" {
    for arguments in "" "frobnicate" "pull nothing" "pull --fast" "status now"; do
        # shellcheck disable=SC2086
        fetch $arguments
        expect "exit code of '$arguments'" 100 "$code"
        expect "lines" 1 "$(wc -l <<<"$said")"
    done
    for setting in PORT=x PORT=70000 LEADERBOARD_PROFILE=wide LOG_LEVEL=LOUD LOG_LEVEL_HUB=x LOG_FORMAT=xml \
        'CORS_ORIGINS=*' 'CORS_ORIGINS=["a", 1]' HF_ENDPOINT=ftp://x CONTENTS_REPO=a/b/c CONTENTS_REPO=../x \
        CACHE_TTL=-1 HUB_TIMEOUT=0 ENVIRONMENT=test; do
        code=0
        said=$(env "$setting" "$PROGRAM_DIR/fetcher" status 2>&1) || code=$?
        expect "exit code of $setting" 100 "$code"
        expect "lines" 1 "$(wc -l <<<"$said")"
        expect_line "${setting%%=*}: " "$said"
    done
}

@test "settings come from the environment, then from the .env file" {
    cat >"$ENV_FILE" <<'END'
# a comment
export HF_ORGANIZATION="filed"
CACHE_TTL=17   # seconds
LOG_FORMAT='json'
HF_TOKEN=hf_secret
END
    unset HF_ORGANIZATION
    fetch settings
    expect_line "HF_ORGANIZATION='filed'" "$said"
    expect_line "CONTENTS_REPO='filed/contents'" "$said"
    expect_line "CACHE_TTL='17'" "$said"
    expect_line "LOG_FORMAT='json'" "$said"
    no grep -q hf_secret <<<"$said"
    HF_ORGANIZATION=environment fetch settings
    expect_line "HF_ORGANIZATION='environment'" "$said"
    echo 'NO VALUE' >"$ENV_FILE"
    fetch settings
    expect "exit code" 100 "$code"
    expect_line "line 1: expected NAME=value" "$said"
}

@test "a database of another program is left alone" {
    rm -f "$STATE_DIR"/cache.db*
    sqlite3 "$STATE_DIR/cache.db" 'CREATE TABLE precious (x)'
    fetch pull
    expect "exit code" 111 "$code"
    expect "tables" precious "$(sqlite3 "$STATE_DIR/cache.db" 'SELECT group_concat(name) FROM sqlite_master')"
}

@test "bodies that are superseded stay for an hour, however old they are" {
    fetch pull
    touch -d '2 hours ago' "$STATE_DIR"/public/*
    local before
    before=$(ls "$STATE_DIR/public" | grep -v '^direct\.') # but for the names that last
    sample_row acme/three | put_rows
    fetch pull
    for file in $before; do test -e "$STATE_DIR/public/$file"; done
    touch -d '2 hours ago' "$STATE_DIR"/public/*
    sample_row acme/four | put_rows
    fetch pull
    for file in $before; do no test -e "$STATE_DIR/public/$file"; done
}

@test "a database of a newer program is left alone" {
    fetch pull
    sqlite3 "$STATE_DIR/cache.db" 'PRAGMA user_version=99'
    fetch pull
    expect "exit code" 111 "$code"
    expect_line "schema 99" "$said"
    get /api/leaderboard
    [ "$status" = 200 ] || [ "$status" = 503 ]
}

@test "--help names the commands, the exit codes and every setting" {
    fetch --help
    expect "exit code" 0 "$code"
    for word in pull push sync status history verify settings --force --retry --once --accept-loss --quiet --json HF_TOKEN STATE_DIR CORS_ORIGINS; do
        expect_line "$word" "$said"
    done
}

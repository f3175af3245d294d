#!/usr/bin/env bats
# Pulling request files: thousands of small ones, of which only those that changed are taken.

load helper

setup() {
    new_state
    start_server
    for name in one two three; do put_request "acme/$name"; done
}

teardown() { stop_all; }

pull() { fetch pull requests "$@"; }

statuses() { query "SELECT group_concat(model || ' ' || status, ', ') FROM (SELECT * FROM requests ORDER BY model)"; }

@test "each request file becomes a row, kept byte for byte" {
    pull
    expect "exit code" 0 "$code"
    expect "rows" "acme/one PENDING, acme/three PENDING, acme/two PENDING" "$(statuses)"
    expect "content" "$(sample_request acme/one)" "$(query "SELECT content FROM requests WHERE model = 'acme/one'")"
    expect "submitted at" 1722853230 "$(query "SELECT submitted_at FROM requests WHERE model = 'acme/one'")"
    local oid
    oid=$(sample_request acme/one | git hash-object --stdin)
    expect "oid" "$oid" "$(query "SELECT oid FROM requests WHERE model = 'acme/one'")"
}

@test "a changed, an added and a deleted file change just their rows, and only they are downloaded" {
    pull
    expect_line "files=3 changed=3 downloaded=3 deleted=0" "$said"
    put_request acme/two '.status = "RUNNING"'
    put_request acme/four
    hubctl rm datasets/acme/requests acme/one_eval_request_False_bfloat16_Original.json >/dev/null
    pull
    expect_line "files=3 changed=2 downloaded=2 deleted=1" "$said"
    expect "rows" "acme/four PENDING, acme/three PENDING, acme/two RUNNING" "$(statuses)"
}

@test "the states that a request was seen in are kept, its end included" {
    pull
    put_request acme/two '.status = "RUNNING"'
    pull
    put_request acme/two '.status = "FINISHED" | .job_id = 7'
    pull
    put_request acme/two '.status = "FINISHED" | .job_id = 8'
    pull
    hubctl rm datasets/acme/requests acme/two_eval_request_False_bfloat16_Original.json >/dev/null
    pull
    expect "states" " FINISHED PENDING RUNNING" "$(query "SELECT status FROM request_states WHERE path LIKE 'acme/two%' ORDER BY status" | paste -sd ' ')"
    sqlite3 "$STATE_DIR/cache.db" "UPDATE request_states SET seen_at = seen_at - 31 * 86400"
    put_request acme/one '.status = "RUNNING"'
    HISTORY_DAYS=30 pull
    expect "states that are kept" "RUNNING" "$(query "SELECT status FROM request_states")"
}

@test "a file that is no valid request is skipped, named with its reason, and not taken again" {
    echo 'no JSON' >"$STATE_DIR/file"
    hub_put requests acme/broken.json "$STATE_DIR/file"
    sample_request acme/x 'del(.precision)' >"$STATE_DIR/file"
    hub_put requests acme/half.json "$STATE_DIR/file"
    sample_request acme/x '.model = 7' >"$STATE_DIR/file"
    hub_put requests acme/number.json "$STATE_DIR/file"
    head -c 300000 /dev/zero | tr '\0' ' ' >"$STATE_DIR/file"
    hub_put requests acme/huge.json "$STATE_DIR/file"
    echo '# words' >"$STATE_DIR/file"
    hub_put requests README.md "$STATE_DIR/file"
    pull
    expect "exit code" 0 "$code"
    expect_line 'path=acme/broken.json reason="not valid JSON' "$said"
    expect_line 'path=acme/half.json reason="it has no "precision""' "$said"
    expect_line 'path=acme/number.json reason="its "model" is no text' "$said"
    expect_line 'path=acme/huge.json reason="it has 300000 bytes' "$said"
    expect_line "files=3 changed=7 downloaded=6 deleted=0 skipped=4" "$said"
    put_request acme/four
    pull
    expect_line "files=4 changed=1 downloaded=1 deleted=0 skipped=4" "$said"
    # Mended, it becomes a row; a request that is spoilt is one no more.
    sample_request acme/half >"$STATE_DIR/file"
    hub_put requests acme/half.json "$STATE_DIR/file"
    echo 'spoilt' >"$STATE_DIR/file"
    hub_put requests acme/four_eval_request_False_bfloat16_Original.json "$STATE_DIR/file"
    pull
    expect "rows" "acme/half PENDING, acme/one PENDING, acme/three PENDING, acme/two PENDING" "$(statuses)"
    expect_line "skipped=4" "$said"
}

@test "a pull that is killed goes on where it was" {
    "$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --owner acme --rows 20 --requests 600 --votes 1 >/dev/null
    hubctl import "$STATE_DIR/samples" >/dev/null
    # After 500 files the Hub stalls: by then two batches of 200 lie in the database.
    fault "GET */resolve/* stall after=500"
    HUB_TIMEOUT=60 "$PROGRAM_DIR/fetcher" pull requests >/dev/null 2>&1 3>&- &
    local first=$!
    await "the stall" grep -q ' -> stall' "$STATE_DIR/proxy.log"
    kill -9 "$first"
    wait "$first" 2>/dev/null || true
    expect "rows before the end" 0 "$(query 'SELECT count(*) FROM requests')"
    expect "staged" 400 "$(query 'SELECT count(*) FROM request_staging')"
    fault
    pull
    expect "exit code" 0 "$code"
    expect_line "changed=600 downloaded=200" "$said"
    expect "rows" 600 "$(query 'SELECT count(*) FROM requests')"
    expect "staged" 0 "$(query 'SELECT count(*) FROM request_staging')"
}

@test "files that the Hub does not give fail the pull, with the rest kept for the next" {
    pull
    put_request acme/four
    put_request acme/five
    fault "GET *five* status 500"
    pull
    expect "exit code" 1 "$code"
    expect_line "of 2 files taken, which are kept for the next pull" "$said"
    expect_line "answered 500" "$said"
    expect "rows" "acme/one PENDING, acme/three PENDING, acme/two PENDING" "$(statuses)"
    # A rate limit is waited for as long as the Hub says.
    fault 'GET *five* status 429 header:RateLimit="api";r=0;t=1 times=1'
    HUB_RETRIES=1 pull
    expect "exit code" 0 "$code"
    expect_line "trying again wait_s=2" "$said"
    expect "rows" 5 "$(query 'SELECT count(*) FROM requests')"
}

@test "a listing without any request is refused, until the operator accepts it" {
    pull
    for name in one two three; do
        hubctl rm datasets/acme/requests "acme/${name}_eval_request_False_bfloat16_Original.json" >/dev/null
    done
    pull
    expect "exit code" 1 "$code"
    expect_line "lists no request file where there were 3: what was there stays" "$said"
    expect "rows" 3 "$(query 'SELECT count(*) FROM requests')"
    pull --accept-loss
    expect "exit code" 0 "$code"
    expect "rows" 0 "$(query 'SELECT count(*) FROM requests')"
}

@test "on a terminal a line tells files, rate and time left; elsewhere there is none" {
    script -qec true /dev/null </dev/null >/dev/null 2>&1 || skip "no pseudo-terminal here"
    for i in $(seq 40); do sample_request "acme/m$i" >"$STATE_DIR/r.json"; mkdir -p "$STATE_DIR/more/datasets/acme/requests/acme"
        cp "$STATE_DIR/r.json" "$STATE_DIR/more/datasets/acme/requests/acme/m${i}_eval_request_False_bfloat16_Original.json"; done
    hubctl import "$STATE_DIR/more" >/dev/null
    said=$(script -qec "$PROGRAM_DIR/fetcher pull requests" /dev/null </dev/null)
    grep -qE '40 of 40 files, [0-9]+/s, 0 s left' <<<"$said"
    pull --force
    no grep -q 'files,' <<<"$said"
    no grep -q $'\r' <<<"$said"
}

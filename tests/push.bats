#!/usr/bin/env bats
# Pushing: what was acknowledged here reaches the Hub exactly once, and costs nobody else's data.

load helper

setup() {
    new_state
    export HF_TOKEN=hf_local_server
    start_server
    { sample_vote acme/one alice; sample_vote acme/one bob; } | put_votes
    put_request acme/one
    fetcher pull requests votes 2>/dev/null
    FILE=acme/new_eval_request_False_bfloat16_Original.json
}

teardown() { stop_all; }

cast() { "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" "$@"; }
vote() { cast vote acme/one 0123456789abcdef0123456789abcdef01234567 "$1" up >/dev/null; }
submit() {
    sample_request acme/new >"$STATE_DIR/new.json"
    cast request "$FILE" "$STATE_DIR/new.json" "${1:-}"
}

# The votes file on the Hub, and who has voted in it.
remote() { curl -sfL "http://127.0.0.1:$HUB_PORT/datasets/acme/votes/resolve/main/votes_data.jsonl"; }
voters() { remote | jq -r .username | paste -sd ' '; }
waiting() { fetcher status --json | jq -c '[.outbox[] | [.waiting, .parked]]'; }

@test "votes are appended to the file, which keeps every byte that it had" {
    remote >"$STATE_DIR/before"
    vote carol
    vote dave
    expect "outbox" '[[2,0],[0,0]]' "$(waiting)"
    fetch push
    expect "exit code" 0 "$code"
    expect_line "written=2 there_already=0 parked=0 commits=1" "$said"
    expect "voters" "alice bob carol dave" "$(voters)"
    remote | head -c "$(stat -c %s "$STATE_DIR/before")" | cmp - "$STATE_DIR/before"
    expect "line" '{"model": "acme/one", "revision": "0123456789abcdef0123456789abcdef01234567", "username": "dave", "timestamp": "2024-08-05T10:20:30Z", "vote_type": "up"}' "$(remote | tail -n 1)"
    expect "outbox" '[[0,0],[0,0]]' "$(waiting)"
    # The new commit is known: nothing is left to pull.
    fetch sync
    expect_line "unchanged dataset=votes rows=4 hub_requests=1" "$said"
    fetch verify votes requests
    expect "exit code of verify" 0 "$code"
}

@test "a second vote of one user on one revision is refused, here and before the Hub" {
    vote carol
    run cast vote acme/one 0123456789abcdef0123456789abcdef01234567 carol down
    expect "exit code" 1 "$status"
    run cast vote acme/one 0123456789abcdef0123456789abcdef01234567 alice down
    expect "exit code" 1 "$status"
    expect "outbox" '[[1,0],[0,0]]' "$(waiting)"
}

@test "malformed, blank and endless lines, CRLF and a missing last newline survive byte for byte" {
    {
        sample_vote acme/one alice
        printf 'no JSON \xff\0\n\n[1,2]\r\n'
        head -c 200000 /dev/zero | tr '\0' x
        echo
        sample_vote acme/one bob | tr -d '\n'
    } | put_votes
    remote >"$STATE_DIR/before"
    vote carol
    fetch push
    expect "exit code" 0 "$code"
    remote | head -c "$(stat -c %s "$STATE_DIR/before")" | cmp - "$STATE_DIR/before"
    expect "last" carol "$(remote | tail -n 1 | jq -r .username)"
    expect "lines" 7 "$(remote | wc -l)"
}

@test "a submission becomes a request file, byte for byte" {
    submit
    fetch push
    expect "exit code" 0 "$code"
    expect_line "pushed dataset=requests written=1" "$said"
    curl -sf "http://127.0.0.1:$HUB_PORT/datasets/acme/requests/resolve/main/$FILE" | cmp - "$STATE_DIR/new.json"
    fetch verify requests
    expect "exit code of verify" 0 "$code"
    fetch sync
    expect_line "unchanged dataset=requests rows=2" "$said"
}

@test "many submissions go in few commits of at most 50 files" {
    for i in $(seq 120); do
        sample_request "acme/m$i" >"$STATE_DIR/r.json"
        cast request "acme/m${i}_eval_request_False_bfloat16_Original.json" "$STATE_DIR/r.json"
    done
    fetch push
    expect "exit code" 0 "$code"
    expect_line "written=120 there_already=0 parked=0 commits=3" "$said"
    expect "files" 121 "$(hubctl ls datasets/acme/requests | grep -c eval_request)"
}

@test "when somebody else commits meanwhile, it reads again and adds to what is there by then" {
    vote carol
    # The first commit arrives late: another one is there by then.
    fault 'POST */commit/* status 412 times=2'
    { remote; sample_vote acme/one erin; } | put_votes
    fetch push
    expect "exit code" 0 "$code"
    expect_line "commits=1 conflicts=2" "$said"
    expect "voters" "alice bob erin carol" "$(voters)"
}

@test "people who go on voting do not keep a push from ending, nor make it fail" {
    "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" votes 1000000 1 >"$STATE_DIR/cast" 2>/dev/null 3>&- &
    local caster=$!
    PIDS+=($caster)
    await "votes" test -s "$STATE_DIR/cast"
    fetch push votes
    expect "exit code" 0 "$code"
    local written
    written=$(sed -n 's/.* pushed .*written=\([0-9]*\).*/\1/p' <<<"$said")
    [ "$written" -gt 0 ]
    kill "$caster"
    wait "$caster" || true
    # It left what came too late to the next one, which takes all of it.
    [ "$(wc -l <"$STATE_DIR/cast")" -gt "$written" ]
    fetcher --quiet push votes
    expect "outbox" '[[0,0],[0,0]]' "$(waiting)"
    # Its last one may be on disk without its having said so.
    local late=$(($(remote | wc -l) - 2 - $(wc -l <"$STATE_DIR/cast")))
    [ "$late" = 0 ] || expect "lines that were not acknowledged" 1 "$late"
}

@test "an answer that is lost after the commit does not make anything twice" {
    vote carol
    submit
    fault 'POST */commit/* lost'
    fetch push
    expect "exit code" 1 "$code"
    expect_line "no complete answer" "$said"
    expect "voters" "alice bob carol" "$(voters)"
    expect "outbox" '[[1,0],[1,0]]' "$(waiting)"
    fault
    fetch push
    expect "exit code" 0 "$code"
    expect_line "dataset=votes written=0 there_already=1" "$said"
    expect_line "dataset=requests written=0 there_already=1" "$said"
    expect "voters" "alice bob carol" "$(voters)"
    expect "outbox" '[[0,0],[0,0]]' "$(waiting)"
    fetch verify votes requests
    expect "exit code of verify" 0 "$code"
}

@test "while the Hub fails in any way the outbox keeps everything, and the file is never overwritten" {
    remote >"$STATE_DIR/before"
    vote carol
    for rule in 'GET * status 500' 'GET */resolve/* status 404' 'GET */resolve/* truncate 10' \
        'GET */resolve/* corrupt' 'POST */preupload/* status 500' 'POST */preupload/* garbage' \
        'POST */commit/* status 503' 'POST */commit/* reset' 'POST */commit/* stall' '* * status 429'; do
        fault "$rule"
        fetch push
        expect "exit code with $rule" 1 "$code"
        remote | cmp - "$STATE_DIR/before"
        expect "outbox with $rule" '[[1,0],[0,0]]' "$(query "SELECT json_array(json_array(sum(NOT parked), sum(parked)), json_array(0,0)) FROM outbox")"
    done
    fault
    fetch push
    expect "exit code" 0 "$code"
    expect "voters" "alice bob carol" "$(voters)"
}

@test "a refusal for good is parked after five tries, shown, and tried again on demand" {
    vote carol
    export HF_TOKEN=hf_local_alice
    for _ in 1 2 3 4 5; do
        expect "outbox" '[[1,0],[0,0]]' "$(waiting)"
        fetch push
        expect "exit code" 1 "$code"
        expect_line "may not write this" "$said"
    done
    expect "outbox" '[[0,1],[0,0]]' "$(waiting)"
    expect_line "may not write this" "$(fetcher status)"
    fetch push
    expect "exit code with nothing waiting" 0 "$code"
    export HF_TOKEN=hf_local_server
    fetch push --retry
    expect "exit code" 0 "$code"
    expect "voters" "alice bob carol" "$(voters)"
}

@test "one file that the Hub refuses does not hold the others up" {
    for i in 1 2 3; do
        sample_request "acme/m$i" >"$STATE_DIR/r.json"
        cast request "acme/m${i}_eval_request_False_bfloat16_Original.json" "$STATE_DIR/r.json"
    done
    # A path that no git can hold.
    cast request "acme/.git/m_eval_request_False_bfloat16_Original.json" "$STATE_DIR/r.json"
    fetch push
    expect "exit code" 1 "$code"
    expect "files" 4 "$(hubctl ls datasets/acme/requests | grep -c eval_request)"
    expect "outbox" '[[0,0],[1,0]]' "$(waiting)"
}

@test "a file that somebody else put in a submission's place is not overwritten" {
    submit
    sample_request acme/new '.sender = "bob"' >"$STATE_DIR/other.json"
    hub_put requests "$FILE" "$STATE_DIR/other.json"
    fetch push
    curl -sf "http://127.0.0.1:$HUB_PORT/datasets/acme/requests/resolve/main/$FILE" | cmp - "$STATE_DIR/other.json"
    expect "outbox" '[[0,0],[0,1]]' "$(waiting)"
    expect_line "the Hub has another file at this path by now" "$(fetcher status)"
}

@test "a submission over an older file replaces just that file, and a pull meanwhile does not undo it" {
    submit
    fetch push
    local old
    old=$(git hash-object "$STATE_DIR/new.json")
    sample_request acme/new '.submitted_time = "2025-01-01T00:00:00Z"' >"$STATE_DIR/newer.json"
    cast request "$FILE" "$STATE_DIR/newer.json" "$old"
    fetch pull requests --force
    expect "row" "2025-01-01T00:00:00Z" "$(query "SELECT submitted_time FROM requests WHERE path = '$FILE'")"
    fetch push
    expect "exit code" 0 "$code"
    curl -sf "http://127.0.0.1:$HUB_PORT/datasets/acme/requests/resolve/main/$FILE" | cmp - "$STATE_DIR/newer.json"
    fetch verify requests
    expect "exit code of verify" 0 "$code"
}

@test "a votes dataset without a file yet gets one; one that was wiped is left alone" {
    hubctl create datasets/acme/empty >/dev/null
    VOTES_REPO=empty STATE_DIR=$STATE_DIR/other sh -c '
        mkdir "$STATE_DIR"; "$1/tests/cast" "$STATE_DIR/cache.db" vote acme/one 01 carol up >/dev/null
        "$1/fetcher" push 2>/dev/null' sh "$PROGRAM_DIR"
    expect "lines" 1 "$(curl -sf "http://127.0.0.1:$HUB_PORT/datasets/acme/empty/resolve/main/votes_data.jsonl" | wc -l)"
    vote carol
    put_votes </dev/null
    fetch push
    expect "exit code" 1 "$code"
    expect_line "has no votes where there were 2" "$said"
    expect "the wiped file" 0 "$(remote | wc -c)"
    expect "outbox" '[[1,0],[0,0]]' "$(waiting)"
}

@test "a votes file that has grown beyond what git takes goes through LFS, whole or in parts" {
    kill "$SERVER"; wait "$SERVER" || true
    export HUB_LFS_PART_BYTES=4000000
    start_server
    # 11 MB, more than a regular file may have.
    awk 'BEGIN { for (i = 0; i < 75000; i++) printf "{\"model\": \"acme/m%d\", \"revision\": \"0123456789abcdef0123456789abcdef01234567\", \"username\": \"u%d\", \"timestamp\": \"2024-08-05T10:20:30Z\", \"vote_type\": \"up\"}\n", i % 100, i }' | put_votes
    remote >"$STATE_DIR/before"
    vote carol
    fault
    HUB_MAX_MB=1 fetch push
    expect "exit code" 0 "$code"
    expect_line "objects/batch" "$(cat "$STATE_DIR/proxy.log")"
    no grep -q 'PUT .*auth=yes' "$STATE_DIR/proxy.log"
    expect "lines" 75001 "$(remote | wc -l)"
    expect "last" carol "$(remote | tail -n 1 | jq -r .username)"
    remote | head -c "$(stat -c %s "$STATE_DIR/before")" | cmp - "$STATE_DIR/before"
    # Parts, and a file in one piece, that do not arrive at first are sent again from their start.
    for bytes in 4000000 0; do
        kill "$SERVER"; wait "$SERVER" || true
        HUB_LFS_PART_BYTES=$bytes start_server
        vote "voter$bytes"
        fault "# $bytes" 'PUT * lost times=1' 'PUT * reset times=1' 'PUT * status 503 times=1'
        HUB_MAX_MB=1 HUB_RETRIES=3 fetch push
        expect "exit code" 0 "$code"
        expect "tries" 3 "$(grep -c 'trying again' <<<"$said")"
    done
    expect "lines" 75003 "$(remote | wc -l)"
    fetch verify votes
    expect "exit code of verify" 0 "$code"
}

@test "a large file that the Hub wants in git all the same is not put together in memory" {
    head -c 17000000 /dev/zero | tr '\0' '\n' >"$STATE_DIR/newlines"
    { cat "$STATE_DIR/newlines"; sample_vote acme/one alice; sample_vote acme/one bob; } | put_votes
    vote carol
    echo '{"files": [{"path": "votes_data.jsonl", "uploadMode": "regular"}]}' >"$STATE_DIR/answer"
    fault "POST */preupload/* replace file:$STATE_DIR/answer"
    fetch push
    expect "exit code" 1 "$code"
    expect_line "in git, where it takes 10 MiB at most" "$said"
    expect "outbox" '[[1,0],[0,0]]' "$(waiting)"
}

@test "a disk that has no room for the votes file: nothing is pushed, nothing is lost" {
    { sample_vote acme/one alice; sample_vote acme/one bob; head -c 299500 /dev/zero | tr '\0' '\n'; } | put_votes
    fetcher pull votes 2>/dev/null
    remote >"$STATE_DIR/before"
    for i in 1 2 3; do vote "u$i"; done
    # Room for the file as it is, and not for what is to be added.
    for blocks in 100 293; do
        code=0
        said=$(trap '' XFSZ; ulimit -f $blocks; "$PROGRAM_DIR/fetcher" push votes 2>&1) || code=$?
        expect "exit code" 1 "$code"
        expect_line "cannot write a temporary file" "$said"
        expect "outbox" '[[3,0],[0,0]]' "$(waiting)"
    done
    remote | cmp - "$STATE_DIR/before"
    fetch push
    expect "exit code" 0 "$code"
    expect "voters" "alice bob u1 u2 u3" "$(voters)"
}

@test "verify prints each difference between cache and Hub, and exits 1" {
    fetch verify votes requests
    expect "exit code" 0 "$code"
    sqlite3 "$STATE_DIR/cache.db" "DELETE FROM votes WHERE username = 'bob';
        INSERT INTO votes VALUES ('acme/x', 'r', 'zoe', 'up', 't', 1);
        DELETE FROM requests;
        INSERT INTO requests (path, oid, model, revision, precision, weight_type, status, sender, submitted_at, submitted_time, content)
            VALUES ('acme/ghost.json', '01', '', '', '', '', '', '', 0, '', '');"
    fetch verify votes requests
    expect "exit code" 1 "$code"
    expect_line "votes: bob on acme/one at 0123456789abcdef0123456789abcdef01234567 is on the Hub alone" "$said"
    expect_line "votes: 1 are in the cache as the Hub's that the Hub does not have so" "$said"
    expect_line "requests: acme/ghost.json is in the cache alone" "$said"
    expect_line "requests: acme/one_eval_request_False_bfloat16_Original.json is on the Hub alone" "$said"
}

#!/usr/bin/env bats
# Nothing that was acknowledged is lost: crashes, two servers, a full disk, a database that is read-only.

load helper

setup() {
    new_state
    export HF_TOKEN=hf_local_server
}

teardown() {
    stop_all
    rm -rf "${OTHER:-/nonexistent}"
}

# The users who voted, on the Hub.
voters() { curl -sfL "http://127.0.0.1:$HUB_PORT/datasets/acme/votes/resolve/main/votes_data.jsonl" | jq -r '.model + " " + .username' | LC_ALL=C sort; }

@test "fetchers that are killed at random lose no vote and write none twice (tests/crash.sh, 25 rounds)" {
    run "$ROOT/tests/crash.sh" 25 "$BATS_TEST_NUMBER"
    echo "$output" >&2
    expect "exit code" 0 "$status"
    expect_line "25 rounds" "$output"
}

@test "two servers that push at once, with voters that both know, converge" {
    start_server
    sample_vote acme/old alice | put_votes
    OTHER=$(mktemp -d "${TMPDIR:-/tmp}/lb.XXXXXX")
    local rounds=8 round
    for round in $(seq $rounds); do
        # Overlapping seeds: every second batch is cast on both.
        "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" votes 10 "$round" >>"$STATE_DIR/here"
        "$PROGRAM_DIR/tests/cast" "$OTHER/cache.db" votes 10 $((round + round % 2 * 1000)) >>"$STATE_DIR/there"
        "$PROGRAM_DIR/fetcher" push votes >>"$STATE_DIR/said" 2>&1 3>&- &
        local first=$!
        STATE_DIR=$OTHER "$PROGRAM_DIR/fetcher" push votes >>"$STATE_DIR/said" 2>&1 3>&- &
        local second=$!
        wait "$first"
        wait "$second"
    done
    for state in "$STATE_DIR" "$OTHER" "$STATE_DIR"; do
        STATE_DIR=$state fetcher sync >/dev/null 2>&1 || true
        STATE_DIR=$state fetcher verify votes
        expect "outbox" 0 "$(sqlite3 "$state/cache.db" 'SELECT count(*) FROM outbox')"
    done
    # Each (model, user) that either server acknowledged is there exactly once.
    { echo acme/old alice; cat "$STATE_DIR/here" "$STATE_DIR/there" | jq -r '.model + " " + .username'; } |
        LC_ALL=C sort -u | diff - <(voters)
}

@test "a disk that is full: a clear error, the old data served, and the next pull puts it right" {
    start_server
    put_providers acme
    sample_row acme/one | put_rows
    fetcher pull contents official-providers 2>/dev/null
    for i in $(seq 400); do sample_row "acme/m$i"; done | put_rows
    # No file may grow beyond 64 kB; writing more fails with an error instead of a signal.
    code=0
    said=$(trap '' XFSZ; ulimit -f 64; "$PROGRAM_DIR/fetcher" pull contents 2>&1) || code=$?
    echo "$said" >&2
    [ "$code" != 0 ]
    grep -qE 'cannot write|disk I/O error|database or disk is full' <<<"$said"
    get /api/leaderboard/formatted
    expect_status 200
    expect "rows" 1 "$(jq '.models | length' "$body")"
    expect "temporary files" "" "$(find "$STATE_DIR/public" -name '*.tmp')"
    fetcher pull contents 2>/dev/null
    get /api/leaderboard/formatted
    expect "rows" 400 "$(jq '.models | length' "$body")"
}

@test "a vote that the disk has no room for is not acknowledged, and leaves nothing behind" {
    "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" votes 5 1 >"$STATE_DIR/acknowledged"
    code=0
    said=$(trap '' XFSZ; ulimit -f 1; "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" votes 50 2 2>&1 >>"$STATE_DIR/acknowledged") || code=$?
    [ -n "$said" ]
    expect "votes" "$(wc -l <"$STATE_DIR/acknowledged")" "$(query 'SELECT count(*) FROM votes')"
    expect "outbox" "$(wc -l <"$STATE_DIR/acknowledged")" "$(query 'SELECT count(*) FROM outbox')"
    "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" votes 50 3 >>"$STATE_DIR/acknowledged"
    expect "outbox" "$(wc -l <"$STATE_DIR/acknowledged")" "$(query 'SELECT count(*) FROM outbox')"
    expect "integrity" ok "$(query 'PRAGMA integrity_check')"
}

@test "a vote is acknowledged when it is synced, for which it waits without the writers' lock" {
    strace -o /dev/null -e trace=none true 2>/dev/null || skip "no strace here, or it may not trace"
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 # it does not work beside strace
    strace -y -o "$STATE_DIR/calls" -e trace=pwrite64,fdatasync,flock,write \
        "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" votes 20 1 >/dev/null
    # (A new log's header is synced under the lock, once.)
    expect "acknowledged, of them unsynced, syncs that held the lock" "20 0 0" "$(awk '
        /^flock/ { locked = /LOCK_EX/ }
        /^pwrite64\(.*cache.db-wal>/ { unsynced = 1 }
        /^fdatasync\(.*cache.db-wal>/ { unsynced = 0; held += locked && votes }
        /^write\(1</ { votes++; early += unsynced }
        END { print votes, early + 0, held + 0 }' "$STATE_DIR/calls")"
}

@test "a database that may only be read: the fetcher says so and changes nothing" {
    start_server
    sample_vote acme/old alice | put_votes
    fetcher pull votes 2>/dev/null
    chmod -R a+rX "$STATE_DIR"
    local as=()
    if [ "$(id -u)" = 0 ]; then
        as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
        "${as[@]}" test -x "$PROGRAM_DIR/fetcher" || skip "an unprivileged user cannot reach $PROGRAM_DIR"
    else
        chmod a-w "$STATE_DIR" "$STATE_DIR"/cache.db*
    fi
    code=0
    said=$("${as[@]}" "$PROGRAM_DIR/fetcher" pull votes 2>&1) || code=$?
    chmod u+w "$STATE_DIR" "$STATE_DIR"/cache.db*
    expect "exit code" 111 "$code"
    expect "lines" 1 "$(wc -l <<<"$said")"
    grep -qE 'Permission denied|readonly|unable to open' <<<"$said"
    expect "votes" 1 "$(query 'SELECT count(*) FROM votes')"
}

#!/usr/bin/env bats
# What a request costs, counted and not timed: bodies that are made, memory that stays, system calls.

load helper
load cost

setup_file() {
    serve_little
    export SERVER API
}

teardown_file() {
    PIDS=("$SERVER")
    stop_all
}

# bodies SOURCE: how many answers had a body that was kept, or made.
bodies() {
    get /metrics
    sed -n "s/^leaderboard_bodies_total{source=\"$1\"} //p" "$body"
}

# vote_of NAME: a vote on acme/m1, by somebody new.
vote_of() {
    hubctl token "$1" >/dev/null
    get /api/votes/acme/m1 -H "Authorization: Bearer hf_local_$1" -H 'Content-Type: application/json' \
        -d '{"vote_type":"up","user_id":"'$1'"}'
    expect_status 200
}

@test "the memory of no program grows with its requests" {
    ! grep -q __asan_init "$PROGRAM_DIR/votes.fcgi" || skip "AddressSanitizer keeps what is freed"
    local program pids before after
    for program in "${PROGRAMS[@]}"; do
        ask 1000 $(asked $program)
        pids=$(workers $program)
        before=$(memory $pids)
        ask 8000 $(asked $program)
        after=$(memory $pids)
        echo "$program: $((after - before)) bytes after 8,000 requests"
        # Less than the smallest allocation, of 32 bytes, at each.
        [ $((after - before)) -lt $((8000 * 24)) ]
    done
}

@test "what is asked for again is not made again" {
    local path made kept
    for path in /api/models/status /api/models/pending "/api/models/pending?sort=votes" \
        "/api/leaderboard?profile=space" "/api/leaderboard?limit=1" /api/leaderboard.csv /api/leaderboard/models/acme/m1 \
        /api/badge/acme/m1.svg /api/leaderboard/snapshots /api/votes/model/acme/m1 /api/votes/user/alice \
        /api/models/acme/m1/status; do
        ask 100 "$API$path"
        made=$(bodies made) kept=$(bodies kept)
        ask 1000 "$API$path"
        kept=$(($(bodies kept) - kept)) made=$(($(bodies made) - made))
        echo "$path: $kept kept, $made made"
        expect "answers" 1000 $((kept + made))
        # The waiting times in the lists are a minute old at most, in each of two processes.
        [ $made -le 2 ]
    done
}

@test "what is kept is what is so: in every process a vote is in the next answer, and no refusal is kept" {
    local voter path=/api/votes/model/acme/m1 old=2
    for voter in vera victor vincent; do
        ask 40 "$API$path" # all processes keep it
        vote_of $voter
        for _ in {1..12}; do
            get $path
            expect "votes" $((old + 1)) "$(jq .total_votes "$body")"
            get $path -H "If-None-Match: $(header etag)"
            expect_status 304
        done
        old=$((old + 1))
    done
    for _ in {1..6}; do
        get '/api/badge/acme/m1.svg?metric=nothing' && expect_status 400
        get /api/models/acme/none/status && expect_status 404
        get /api/votes/user/vera -H 'Accept-Encoding: gzip' && expect_status 200
    done
}

@test "the list of submissions is one for all processes, and no vote makes it, or one submission, anew" {
    local minute made
    # Within one minute: its waiting times are those of the last full one.
    while minute=$(($(date +%s) / 60)); do
        vote_of "walter$minute"
        ask 100 "$API/api/models/status" "$API/api/models/acme/m1/status" # each process has them
        made=$(bodies made)
        vote_of "wendy$minute"
        SHOW='%header{etag}\n' ask 100 "$API/api/models/status" "$API/api/models/acme/m1/status" |
            sort -u >"$BATS_TEST_TMPDIR/etags"
        made=$(($(bodies made) - made))
        [ $minute != $(($(date +%s) / 60)) ] || break
    done
    expect "entity tags" 2 "$(wc -l <"$BATS_TEST_TMPDIR/etags")"
    expect "made anew" 0 $made
}

# answers: of what strace saw, the writes that are an answer's (its record begins with 1, 6).
answers='write\([0-9]+, "\\1\\6'
traced() { [ "$(grep -cE "$answers" "$STATE_DIR/calls")" -ge "$1" ]; }

@test "a request costs few system calls" {
    command -v strace >/dev/null || skip "no strace here"
    ! grep -q __asan_init "$PROGRAM_DIR/votes.fcgi" || skip "AddressSanitizer makes calls of its own"
    local line program path calls pids tracer
    strace -c true 2>/dev/null || skip "strace may not trace here"
    # Five are libfcgi's, one waits, one writes the log. (What strace saw last may be cut off when it is ended.)
    while read -r line; do
        read -r program calls path <<<"$line"
        ask 100 "$API$path"
        pids=$(workers $program | paste -sd,)
        strace -f -qq -o "$STATE_DIR/calls" -p "$pids" 3>&- &
        tracer=$!
        for pid in ${pids//,/ }; do
            await "strace" grep -q TracerPid:.$tracer "/proc/$pid/status"
        done
        ask 400 "$API$path"
        await "the last one's end" traced 400
        kill -INT $tracer
        wait $tracer || true
        awk -v most=$calls -v path="$path" -v answer="${answers//\\/\\\\}" '
            !/ resumed>/ { calls++ }
            $0 ~ answer { requests++ }
            END { printf "%s: %.1f system calls a request, %d requests\n", path, calls / requests, requests
                  exit requests < 390 || calls / requests > most }' "$STATE_DIR/calls"
    done <<'END'
leaderboard 8 /api/nothing
leaderboard 8 /api/leaderboard?profile=space
leaderboard 8 /api/leaderboard?limit=1
entries 8 /api/leaderboard/models/acme/m1
changes 8 /api/leaderboard/snapshots
votes 8 /api/votes/model/acme/m1
votes 8 /api/votes/user/alice
models 8 /api/models/status
models 8 /api/models/acme/m1/status
system 8 /api/health
END
}

@test "the log of the database stays short, however many votes come between two syncs" {
    local db=$BATS_TEST_TMPDIR/cache.db
    "$PROGRAM_DIR/tests/cast" "$db" votes 2000 1 >"$BATS_TEST_TMPDIR/acknowledged"
    # A vote is some seven pages of 4 KB, so all of them would be 50 MB.
    [ "$(stat -c %s "$db-wal")" -le 5000000 ]
    expect "votes" "$(wc -l <"$BATS_TEST_TMPDIR/acknowledged")" "$(sqlite3 "$db" 'SELECT count(*) FROM votes')"
    expect "integrity" ok "$(sqlite3 "$db" 'PRAGMA integrity_check')"
}

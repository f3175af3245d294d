#!/usr/bin/env bats
# Pulling votes: one file of JSON lines.

load helper

setup() {
    new_state
    start_server
    { sample_vote acme/one alice; sample_vote acme/one bob '.vote_type = "down"'; } | put_votes
}

teardown() { stop_all; }

# lines COUNT: so many votes, of about 170 bytes each.
lines() { awk -v count="$1" 'BEGIN { for (i = 0; i < count; i++) printf "{\"model\": \"acme/m%d\", \"revision\": \"0123456789abcdef0123456789abcdef01234567\", \"username\": \"u%d\", \"timestamp\": \"2024-08-05T10:20:30Z\", \"vote_type\": \"up\"}\n", i % 100, i }'; }
votes() { query "SELECT group_concat(username || ' ' || vote_type, ', ') FROM (SELECT * FROM votes ORDER BY model, username)"; }

@test "each line becomes a vote; lines that are gone or changed are so here too" {
    fetch pull votes
    expect "exit code" 0 "$code"
    expect "votes" "alice up, bob down" "$(votes)"
    { sample_vote acme/one alice '.vote_type = "down"'; sample_vote acme/one carol; } | put_votes
    fetch pull votes
    expect "votes" "alice down, carol up" "$(votes)"
}

@test "of several votes of one user on one revision the first counts" {
    {
        sample_vote acme/one alice
        sample_vote acme/one alice '.vote_type = "down"'
        sample_vote acme/one alice '.revision = "another"'
        sample_vote acme/two alice
    } | put_votes
    fetch pull votes
    expect_line "votes=3 duplicates=1 malformed=0" "$said"
    expect "the first" up "$(query "SELECT vote_type FROM votes WHERE model = 'acme/one' AND revision LIKE '01%'")"
}

@test "malformed lines are counted and named, and keep nothing else out" {
    {
        sample_vote acme/one alice
        echo 'no JSON'
        echo
        sample_vote acme/one bob '.vote_type = "banana"'
        sample_vote acme/one carol 'del(.revision)'
        echo '[]'
        printf '{"model": "a\xff", "revision": "r", "username": "u", "timestamp": "t", "vote_type": "up"}\n'
        head -c 100000 /dev/zero | tr '\0' x
        printf '\n'
        printf '{"model": "a", "revision": "r", "username": "u", "timestamp": "t", "vote_type": "up\0"}\n'
        sample_vote acme/one erin | sed 's/$/\r/'
        sample_vote acme/one dave | tr -d '\n'
    } | put_votes
    fetch pull votes
    expect "exit code" 0 "$code"
    expect_line "votes=3 duplicates=0 malformed=7" "$said"
    expect_line 'line=8 reason="it is longer than 64 KiB"' "$said"
    expect_line 'line=9 reason="not valid JSON' "$said"
    expect_line 'line=2 reason="not valid JSON' "$said"
    expect_line 'line=4 reason="its "vote_type" is neither up nor down"' "$said"
    expect_line 'line=5 reason="its "revision" is no text' "$said"
    expect "votes" "alice up, dave up, erin up" "$(votes)"
}

@test "a votes file that was wiped, or is gone, takes no vote away" {
    fetch pull votes
    put_votes </dev/null
    fetch pull votes
    expect "exit code" 1 "$code"
    expect_line "has no votes where there were 2: what was there stays" "$said"
    expect "votes" "alice up, bob down" "$(votes)"
    hubctl rm datasets/acme/votes votes_data.jsonl >/dev/null
    fetch pull votes
    expect "exit code" 1 "$code"
    expect_line "has no file votes_data.jsonl" "$said"
    expect "votes" "alice up, bob down" "$(votes)"
    put_votes </dev/null
    fetch pull votes --accept-loss
    expect "exit code" 0 "$code"
    expect "votes" "" "$(votes)"
}

@test "20,000 votes of the sample data are taken, and equal the file" {
    "$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --owner acme --rows 20 --requests 20 --votes 20000 >/dev/null
    hubctl import "$STATE_DIR/samples" >/dev/null
    fetch pull votes
    expect_line "votes=20000 duplicates=0 malformed=0" "$said"
    diff <(jq -r '[.model, .revision, .username, .vote_type, .timestamp] | join("|")' \
        "$STATE_DIR/samples/datasets/acme/votes/votes_data.jsonl" | LC_ALL=C sort) \
        <(query 'SELECT model, revision, username, vote_type, timestamp FROM votes' | LC_ALL=C sort)
}

@test "lines of any length come out of a spool as out of memory (tests/programs/lines.c)" {
    "$PROGRAM_DIR/tests/lines" "$RANDOM"
}

@test "a votes file may be larger than HUB_MAX_MB" {
    lines 20000 | put_votes
    export HUB_MAX_MB=1
    fetch pull votes
    expect "exit code" 0 "$code"
    expect_line "votes=20000 duplicates=0 malformed=0" "$said"
    fetch verify votes
    expect "exit code of verify" 0 "$code"
}

@test "memory does not grow with the votes file" {
    peak() { lines "$1" | put_votes; fetch pull votes; sed -n 's/.* rows='"$1"' .*peak_kb=//p' <<<"$said"; }
    local few many
    # AddressSanitizer would keep what was freed.
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=1
    few=$(peak 1000)
    many=$(peak 80000) # 13 MB, in LFS
    echo "peak_kb: $few, $many" >&2
    [ "$many" -lt $((few + 4000)) ]
}

@test "a download of votes that breaks, stalls or is another file leaves the votes as they were" {
    fetch pull votes
    lines 5000 | put_votes
    for rule in 'reset' 'stall' 'truncate 300000' 'stallbody 300000' 'slow 100' 'corrupt' 'status 500' 'endless'; do
        fault "GET */resolve/* $rule"
        fetch pull votes
        expect "exit code with $rule" 1 "$code"
        expect_line "votes_data.jsonl of dataset acme/votes: " "$said"
        expect "votes with $rule" "alice up, bob down" "$(votes)"
    done
    expect_line "sends more than the" "$said"
}

@test "a broken download of votes goes on where it ended, or from the start where that is not to be had" {
    export HUB_RETRIES=3
    lines 5000 | put_votes
    fault "GET */resolve/* truncate 300000 times=1" "GET */resolve/* stallbody 200000 times=1"
    fetch pull votes
    expect "exit code" 0 "$code"
    expect_line "votes=5000 duplicates=0 malformed=0" "$said"
    expect_line "range=bytes=300000-" "$(cat "$STATE_DIR/proxy.log")"
    expect_line "range=bytes=500000-" "$(cat "$STATE_DIR/proxy.log")"
    fault "GET */resolve/* truncate 300000 times=1" "GET */resolve/* status 416 times=1"
    fetch pull votes --force
    expect_line "votes=5000 duplicates=0 malformed=0" "$said"
    fault "GET */resolve/* truncate 300000 times=1" "GET */resolve/* norange"
    fetch pull votes --force
    expect_line "votes=5000 duplicates=0 malformed=0" "$said"
    fetch verify votes
    expect "exit code of verify" 0 "$code"
}

@test "a disk that has no room for the votes file: a clear error, and the votes stay" {
    fetch pull votes
    lines 5000 | put_votes
    # No file may grow beyond 256 kB; writing more fails with an error instead of a signal.
    code=0
    said=$(trap '' XFSZ; ulimit -f 256; "$PROGRAM_DIR/fetcher" pull votes 2>&1) || code=$?
    expect "exit code" 1 "$code"
    expect_line "votes_data.jsonl of dataset acme/votes: cannot write a temporary file of " "$said"
    expect_line " bytes in $STATE_DIR: File too large" "$said"
    expect_line "cannot write a temporary file" "$(fetcher status)"
    expect "votes" "alice up, bob down" "$(votes)"
    expect "temporary files" "" "$(find "$STATE_DIR" -name 'spool*')"
    fetch pull votes
    expect_line "votes=5000 duplicates=0 malformed=0" "$said"
}

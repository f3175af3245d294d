#!/usr/bin/env bats
# Pulling votes: one file of JSON lines.

load helper

setup() {
    new_state
    start_server
    { sample_vote acme/one alice; sample_vote acme/one bob '.vote_type = "down"'; } | put_votes
}

teardown() { stop_all; }

fetch() {
    code=0
    said=$(fetcher pull votes "$@" 2>&1) || code=$?
    said=${said//\\\"/\"}
    request="fetcher pull votes $*" body='' headers=''
}

votes() { query "SELECT group_concat(username || ' ' || vote_type, ', ') FROM (SELECT * FROM votes ORDER BY model, username)"; }

@test "each line becomes a vote; lines that are gone or changed are so here too" {
    fetch
    expect "exit code" 0 "$code"
    expect "votes" "alice up, bob down" "$(votes)"
    { sample_vote acme/one alice '.vote_type = "down"'; sample_vote acme/one carol; } | put_votes
    fetch
    expect "votes" "alice down, carol up" "$(votes)"
}

@test "of several votes of one user on one revision the first counts" {
    {
        sample_vote acme/one alice
        sample_vote acme/one alice '.vote_type = "down"'
        sample_vote acme/one alice '.revision = "another"'
        sample_vote acme/two alice
    } | put_votes
    fetch
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
        sample_vote acme/one dave | tr -d '\n'
    } | put_votes
    fetch
    expect "exit code" 0 "$code"
    expect_line "votes=2 duplicates=0 malformed=5" "$said"
    expect_line 'line=2 reason="not valid JSON' "$said"
    expect_line 'line=4 reason="its "vote_type" is neither up nor down"' "$said"
    expect_line 'line=5 reason="its "revision" is no text' "$said"
    expect "votes" "alice up, dave up" "$(votes)"
}

@test "a votes file that was wiped, or is gone, takes no vote away" {
    fetch
    put_votes </dev/null
    fetch
    expect "exit code" 1 "$code"
    expect_line "has no votes where there were 2: what was there stays" "$said"
    expect "votes" "alice up, bob down" "$(votes)"
    hubctl rm datasets/acme/votes votes_data.jsonl >/dev/null
    fetch
    expect "exit code" 1 "$code"
    expect_line "has no file votes_data.jsonl" "$said"
    expect "votes" "alice up, bob down" "$(votes)"
    put_votes </dev/null
    fetch --accept-loss
    expect "exit code" 0 "$code"
    expect "votes" "" "$(votes)"
}

@test "20,000 votes of the sample data are taken, and equal the file" {
    "$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --owner acme --rows 20 --requests 20 --votes 20000 >/dev/null
    hubctl import "$STATE_DIR/samples" >/dev/null
    fetch
    expect_line "votes=20000 duplicates=0 malformed=0" "$said"
    diff <(jq -r '[.model, .revision, .username, .vote_type, .timestamp] | join("|")' \
        "$STATE_DIR/samples/datasets/acme/votes/votes_data.jsonl" | LC_ALL=C sort) \
        <(query 'SELECT model, revision, username, vote_type, timestamp FROM votes' | LC_ALL=C sort)
}

#!/usr/bin/env bats
# The library's small parts, against tables of inputs and expected results (tests/programs/unit.c).

load helper

unit() { "$PROGRAM_DIR/tests/unit" "$1"; }

@test "numbers print in the shortest digits that read back to the same double" { unit reals; }
@test "texts print as JSON strings, whatever their bytes" { unit texts; }
@test "buffers keep to their maximum; base64 goes both ways" { unit buffers; }
@test "Accept-Encoding chooses the coding, q-values honoured" { unit encodings; }
@test "If-None-Match names entity tags" { unit etags; }
@test "paths are matched by whole segments, decoded once" { unit routes; }
@test "model types are cleaned as the leaderboard always did" { unit types; }
@test "hashes are those of git and sha256sum" { unit digests; }
@test "rows come from JSON lines and JSON arrays" { unit rows; }

@test "where SQLite gives a transaction up, what comes after is not committed alone" {
    STATE_DIR=$BATS_TEST_TMPDIR unit transactions
}

@test "no statement that a request runs scans a table; those that read a whole one are the fetcher's" {
    # The fetcher replaces and counts whole tables; datasets and snapshots have a handful of rows.
    local whole='dataset_list provider_list history_[a-z]* model_clear model_count request_known request_count
        request_states_trim request_skipped snapshot_list vote_gone vote_count'
    STATE_DIR=$BATS_TEST_TMPDIR
    "$PROGRAM_DIR/tests/history" "$STATE_DIR/cache.db" plans >"$STATE_DIR/plans"
    no grep -vE "^($(echo $whole | tr ' ' '|'))	|SCAN CONSTANT ROW|SCAN \(subquery" <(grep SCAN "$STATE_DIR/plans")
    [ "$(grep -c SEARCH "$STATE_DIR/plans")" -ge 30 ]
}

@test "only the lists of all submissions go through those in a state; a model's are found by the model" {
    STATE_DIR=$BATS_TEST_TMPDIR
    "$PROGRAM_DIR/tests/history" "$STATE_DIR/cache.db" plans >"$STATE_DIR/plans"
    run awk '/requests_status/ { print $1 }' "$STATE_DIR/plans"
    [ "${lines[*]}" = "request_listed request_pending request_place" ]
}

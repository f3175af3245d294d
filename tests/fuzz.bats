#!/usr/bin/env bats
# What the fuzzers (tests/fuzz) begin with and what they found once, run by programs of the same
# compiler as all others: no promise is broken, and under `make san` nothing worse happens.

load helper

setup() {
    cd "$ROOT"
}

# fuzzer TARGET FILE…: runs its program in a state folder of its own.
fuzzer() {
    STATE_DIR=$(mktemp -d "$BATS_TEST_TMPDIR/state.XXXXXX") "$PROGRAM_DIR/tests/fuzz/$1" "${@:2}"
}

# withstands TARGET: takes all of its seeds, whole and cut off, and what was found.
withstands() {
    local found=("$ROOT/tests/fuzz/found/$1"-*)
    [[ $(fuzzer "$1") =~ ^[1-9][0-9]*' inputs kept all promises'$ ]]
    [ -e "${found[0]}" ] || return 0
    expect "found inputs" "${#found[@]} inputs kept all promises" "$(fuzzer "$1" "${found[@]}")"
}

@test "JSON bodies of votes, submissions and the webhook" { withstands body; }
@test "addresses and queries of the leaderboard" { withstands target; }
@test "lines of the votes dataset" { withstands votes; }
@test "files of the requests dataset" { withstands request_file; }
@test "model cards, configurations and safetensors headers" { withstands card; }
@test "headers of requests and of the Hub's answers" { withstands headers; }
@test "answers of the Hub" { withstands answer; }
@test "commits, LFS batches and uploads of the local Hub" { withstands commit; }
@test "leaderboards' files, and rows that do not fit them" { withstands leaderboard; }
@test "settings in a .env file" { withstands settings; }
@test "boards that were cut off on their disk" { withstands board; }

@test "parquet files of every encoding" {
    "$PROGRAM_DIR/tests/fuzz/seeds" "$BATS_TEST_TMPDIR"
    expect "seeds" "$(ls "$BATS_TEST_TMPDIR"/*.parquet | wc -l) inputs kept all promises" \
        "$(fuzzer parquet "$BATS_TEST_TMPDIR"/*.parquet)"
    withstands parquet
}

@test "every fuzzer is among these tests" {
    for file in tests/fuzz/*.c; do
        name=$(basename "$file" .c)
        [ "$name" = seeds ] || grep -q "withstands $name\b" "$BATS_TEST_FILENAME" || { echo "$name" >&2; return 1; }
    done
}

@test "a promise that is not kept fails, and says which" {
    : >"$BATS_TEST_TMPDIR/file"
    no env STATE_DIR="$BATS_TEST_TMPDIR/file" "$PROGRAM_DIR/tests/fuzz/votes" 2>"$BATS_TEST_TMPDIR/reason"
    grep -q '^fuzz: not kept: ' "$BATS_TEST_TMPDIR/reason"
}

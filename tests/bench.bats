#!/usr/bin/env bats
# The benchmark's own machinery, on so few rows and for so short a time that its figures mean nothing.

load helper

setup_file() {
    command -v wrk >/dev/null || skip "wrk is not installed"
    export OUT=$BATS_FILE_TMPDIR
    cp -a "$PROGRAM_DIR" "$OUT/build" # bench.json goes there
    code=0
    BUILD=$OUT/build SECONDS_EACH=0.02 ROUNDS=1 ROWS=60 MANY=200 IDLE=50 \
        "$ROOT/tests/bench/run.sh" bodies queries connections pull cold memory peer >"$OUT/table" 2>"$OUT/said" 3>&- || code=$?
    [ $code = 0 ] || cat "$OUT/table" "$OUT/said" >&2
    return $code
}

rows() { jq -r "$1" "$OUT/build/bench.json"; }

@test "each part has rows with figures, or tells why it has none" {
    for part in bodies queries connections pull cold memory peer; do
        expect "of $part, rows or a reason" true \
            "$(rows "[.rows + .skipped | .[].part] | any(. == \"$part\")")"
    done
    expect "rows without a figure" "" "$(rows '.rows[] | select(.value < 0 or .value == null) | .row')"
    expect "references without a figure" "" \
        "$(rows '.rows[] | select(.reference != null and .ratio == null) | .row')"
}

@test "the table has the rows of bench.json, and says which miss what is wanted" {
    expect "lines under the heading" "$(rows '.rows + .skipped | length')" "$(tail -n +2 "$OUT/table" | wc -l)"
    expect "missed" "$(rows '[.rows[] | select(.met == false)] | length')" "$(grep -c '(missed)$' "$OUT/table" || true)"
    expect "rows met against their ratio" "" "$(rows '.rows[] | select(.wanted != null and .reference != null)
        | (.wanted / " ") as [$than, $bound] | ($bound | tonumber) as $bound
        | select(.met != (if $than == ">=" then .ratio >= $bound else .ratio <= $bound end)) | .row')"
}

@test "bench.json names the machine, the versions and the settings" {
    expect "machine" "$(nproc)" "$(rows .machine.cores)"
    expect "settings" "0.02 1 60 200 50 1" "$(rows '.settings | "\(.seconds_each) \(.rounds) \(.rows) \(.many) \(.idle) \(.seed)"')"
    expect "unnamed versions" "" "$(rows '.machine | to_entries[] | select(.value == "" or .value == null) | .key')"
}

@test "an error is no answer: the part fails, says so, and so does the run" {
    cat >"$BATS_TEST_TMPDIR/part" <<END
. "$ROOT/tests/bench/lib.bash"
filled 10
ours() { rate "\$API/api/nothing-like-it"; }
alternate ours
END
    code=0
    ROWS=10 ROUNDS=1 SECONDS_EACH=0.02 SEED=1 BENCH_DIR=$BATS_TEST_TMPDIR \
        bash -euo pipefail "$BATS_TEST_TMPDIR/part" >"$OUT/printed" 2>&1 || code=$?
    expect "exit code" 1 $code
    expect_line "/api/nothing-like-it: Non-2xx or 3xx responses" "$(cat "$OUT/printed")"

    code=0
    IDLE=0 ROWS=10 ROUNDS=1 SECONDS_EACH=0.02 BUILD=$OUT/build "$ROOT/tests/bench/run.sh" connections \
        >"$OUT/printed" 2>/dev/null || code=$?
    expect "exit code" 1 $code
    expect_line "connections  skipped: it failed" "$(cat "$OUT/printed")"
}

@test "a part that is not there is wrong usage" {
    code=0
    "$ROOT/tests/bench/run.sh" no-such-part 2>/dev/null || code=$?
    expect "exit code" 100 $code
}

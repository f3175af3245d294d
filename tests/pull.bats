#!/usr/bin/env bats
# What a pull of the contents costs, told by counting; and that no request reads a whole table.

load helper

setup() {
    new_state
    start_server
}

teardown() { stop_all; }

entries() { for name in "$@"; do sample_row "acme/$name"; done; }

# plans: "STATEMENT: STEP" for every statement on the cache.
plans() {
    find "$ROOT/sql" -name '*.sql' ! -name 'hub*' -exec awk '
        /^-- (name|migration): / {
            if (name) print ";"
            name = $2 == "name:" ? $3 : ""
            if (name) print "SELECT \x27@" name "\x27;\nEXPLAIN QUERY PLAN"
            next
        }
        name
        END { print ";" }' {} + | sqlite3 "$STATE_DIR/cache.db" |
        awk '/^@/ { name = substr($0, 2); next } { sub(/^[ |`-]*/, ""); print name ": " $0 }'
}

@test "no statement reads a whole table but those that are for all of it" {
    put_providers acme
    fetcher pull official-providers
    plans >"$STATE_DIR/plans"
    [ "$(wc -l <"$STATE_DIR/plans")" -gt 60 ]
    # A few rows each: dataset_list, snapshot_list, history_oldest, submission_used (one user's own).
    # All that there is, for a list of it: provider_list, history_changes (of what was found).
    # The fetcher's alone: the others.
    local all="dataset_list history_changes history_current history_oldest model_count provider_list
request_count request_known request_skipped request_states_trim snapshot_list submission_used vote_count
vote_gone"
    expect "statements that scan" "$(tr ' ' '\n' <<<"$all")" \
        "$(sed -n 's/: SCAN .*//p' "$STATE_DIR/plans" | grep -v request_fingerprint | sort -u)"
}

@test "an entry that is as it was is not written, and a body that is as it was keeps its files" {
    put_providers acme
    entries one two three | put_rows
    fetcher pull official-providers contents
    sqlite3 "$STATE_DIR/cache.db" 'CREATE TABLE written (position);
        CREATE TRIGGER changed AFTER UPDATE ON models BEGIN INSERT INTO written VALUES (new.position); END;
        CREATE TRIGGER added AFTER INSERT ON models BEGIN INSERT INTO written VALUES (new.position); END;'
    files() { stat -c '%i %n' "$STATE_DIR"/public/*.json*; }
    files >"$STATE_DIR/before"
    fetcher pull contents --force
    expect "files" "$(cat "$STATE_DIR/before")" "$(files)"
    expect "written" '' "$(sqlite3 "$STATE_DIR/cache.db" 'SELECT * FROM written')"
    entries one other three four | put_rows
    fetcher pull contents
    expect "written" 1,3 "$(sqlite3 "$STATE_DIR/cache.db" 'SELECT group_concat(position) FROM written')"
    entries one | put_rows
    fetcher pull contents
    expect "entries and scores" '1|6' "$(sqlite3 "$STATE_DIR/cache.db" \
        'SELECT (SELECT count(*) FROM models), (SELECT count(*) FROM scores)')"
}

@test "a pull says what it spends its time on, and its memory grows no faster than the rows" {
    # AddressSanitizer would keep what was freed.
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=1
    peak() {
        rm -rf "$STATE_DIR/samples"
        "$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --owner acme --rows "$1" >/dev/null
        hubctl import "$STATE_DIR/samples" >/dev/null
        LOG_LEVEL=DEBUG fetch pull contents
        expect_line " read_ms=" "$said"
        for stage in render board br zstd gzip sql history commit; do
            expect_line " ${stage}_ms=" "$said"
        done
        kb=$(sed -n 's/.* rows='"$1"' .*peak_kb=//p' <<<"$said")
    }
    local kb few many
    peak 3000
    few=$kb
    peak 12000
    many=$kb
    echo "peak_kb: $few, $many" >&2
    [ "$many" -lt $((few * 4)) ]
    # Bodies of many windows are whole in every coding.
    for coding in gzip br zstd identity; do
        curl -s --compressed -H "Accept-Encoding: $coding" "$API/api/leaderboard" |
            cmp - "$STATE_DIR/public/$(sqlite3 "$STATE_DIR/cache.db" "SELECT file FROM snapshots
                WHERE name = 'leaderboard' AND profile = 'documented' AND encoding = 'identity'")"
    done
}

#!/usr/bin/env bats
# The history of the contents dataset, through tests/programs/history.c: what is recorded, what is
# written for it, and that every snapshot comes back as it was.

load helper

setup() {
    cd "$BATS_TEST_TMPDIR"
    DB=$BATS_TEST_TMPDIR/history.db
    pulls=0
}

history() { "$PROGRAM_DIR/tests/history" "$DB" "$@"; }
sql() { sqlite3 "$DB" "$1"; }

# rows ID[=SCORE]…: a row for each, as JSON lines.
rows() {
    local row
    for row; do
        printf '{"id":"%s","score":%s}\n' "${row%%=*}" "$([[ $row == *=* ]] && echo "${row#*=}" || echo 0)"
    done
}

# pull_file FILE [OUTCOME]: the file is pulled as revision rN at N00 seconds; the outcome is as given
# (recorded).
pull_file() {
    pulls=$((pulls + 1))
    expect "pull $pulls" "${2:-recorded}" "$(history record r$pulls ${pulls}00 "${KEEP:-100}" <"$1")"
}

# pull ID[=SCORE]…: these rows are pulled and make a snapshot.
pull() {
    rows "$@" >rows.jsonl
    pull_file rows.jsonl
}

# keeps SNAPSHOT ID[=SCORE]…: the snapshot holds exactly these rows in this order.
keeps() {
    local snapshot=$1
    shift
    diff <(rows "$@") <(history show "$snapshot")
}

# sound: the invariants hold.
sound() { expect "history check" "" "$(history check)"; }

# versions: how many versions of entries are stored.
versions() { sql 'SELECT count(*) FROM history_versions'; }

newest() { history list | head -1; }

# What is recorded.

@test "the first pull is a snapshot of which every row is added" {
    pull a b c
    expect "list" "1 r1 100 rows=3 added=3 removed=0 changed=0" "$(history list)"
    keeps 1 a b c
    expect "versions" 3 "$(versions)"
    sound
}

@test "the same rows in the same order record nothing" {
    pull a b c
    pull_file rows.jsonl same
    expect "list" "1 r1 100 rows=3 added=3 removed=0 changed=0" "$(history list)"
}

@test "a row put in the middle is one version, and the others are not touched" {
    pull a b c
    sql 'SELECT * FROM history_versions' >before
    pull a x b c
    expect "versions" 4 "$(versions)"
    diff before <(sql 'SELECT * FROM history_versions WHERE id <= 3')
    keeps 2 a x b c
    keeps 1 a b c
    expect "newest" "2 r2 200 rows=4 added=1 removed=0 changed=0" "$(newest)"
    expect "changes" $'added\tx\t0\t-\t{"id":"x","score":0}' "$(history changes 1 2)"
    sound
}

@test "rows put before the first and behind the last touch no other" {
    pull a b
    pull x y a b z
    expect "versions" 5 "$(versions)"
    keeps 2 x y a b z
}

@test "a removed row ends its version and writes none" {
    pull a b c
    pull a c
    expect "versions" 3 "$(versions)"
    expect "ended" "b|2" "$(sql 'SELECT key, to_snapshot FROM history_versions WHERE to_snapshot NOT NULL')"
    expect "newest" "2 r2 200 rows=2 added=0 removed=1 changed=0" "$(newest)"
    expect "changes" $'removed\tb\t0\t{"id":"b","score":0}\t-' "$(history changes 1 2)"
    keeps 1 a b c
    keeps 2 a c
}

@test "a changed row is told with its old and its new text, and keeps its place" {
    pull a b=1.5 c
    pull a b=2.5 c
    expect "versions" 4 "$(versions)"
    expect "newest" "2 r2 200 rows=3 added=0 removed=0 changed=1" "$(newest)"
    expect "changes" $'changed\tb\t0\t{"id":"b","score":1.5}\t{"id":"b","score":2.5}' "$(history changes 1 2)"
    keeps 1 a b=1.5 c
    keeps 2 a b=2.5 c
    sound
}

@test "a row that moved is a snapshot without a change, and only it is written" {
    pull a b c d e
    pull a c d b e
    expect "newest" "2 r2 200 rows=5 added=0 removed=0 changed=0" "$(newest)"
    expect "versions" 6 "$(versions)"
    expect "changes" "" "$(history changes 1 2)"
    keeps 1 a b c d e
    keeps 2 a c d b e
    sound
}

@test "a row that moved and changed is a change" {
    pull a b c
    pull b c a=1
    expect "changes" $'changed\ta\t0\t{"id":"a","score":0}\t{"id":"a","score":1}' "$(history changes 1 2)"
    keeps 2 b c a=1
}

@test "texts are kept byte for byte" {
    printf '%s\n' '{"id":"é \" \\ 💬","n":0.1}' '{ "id" : "", "n": 1e-05 }' '{"id":"\t|~","\u00e9":[]}' >first
    pull_file first
    pull a
    cmp <(history show 1) first
}

@test "a pull of no rows removes them all" {
    pull a b
    pull_file /dev/null
    expect "newest" "2 r2 200 rows=0 added=0 removed=2 changed=0" "$(newest)"
    keeps 1 a b
    sound
}

# Rows that share a key.

@test "rows of one key are numbered in their order" {
    pull a=3 b a=1 a=2
    expect "occurrences" $'0|{"id":"a","score":3}\n1|{"id":"a","score":1}\n2|{"id":"a","score":2}' \
        "$(sql "SELECT occurrence, raw FROM history_versions WHERE key = 'a' ORDER BY occurrence")"
    keeps 1 a=3 b a=1 a=2
    sound
}

@test "removing one of several rows of a key changes none of the others" {
    pull a=1 a=2 a=3
    pull a=2 a=3
    expect "changes" $'removed\ta\t0\t{"id":"a","score":1}\t-' "$(history changes 1 2)"
    pull a=2 a=3 a=4
    expect "changes" $'added\ta\t3\t-\t{"id":"a","score":4}' "$(history changes 2 3)"
    pull a=2 a=5 a=4
    expect "changes" $'changed\ta\t2\t{"id":"a","score":3}\t{"id":"a","score":5}' "$(history changes 3 4)"
    sound
}

@test "rows that are the same in every byte are counted, not merged" {
    pull a a a b
    pull a a b
    expect "newest" "2 r2 200 rows=3 added=0 removed=1 changed=0" "$(newest)"
    pull a a b a a
    expect "newest" "3 r3 300 rows=5 added=2 removed=0 changed=0" "$(newest)"
    pull a=1 b a a=1 a
    keeps 1 a a a b
    keeps 2 a a b
    keeps 3 a a b a a
    keeps 4 a=1 b a a=1 a
    sound
}

@test "rows of one key that changed places and became the same are the same when pulled again" {
    pull a=1 a=2
    pull a=2 a=1
    pull a=2 a=2
    pull_file rows.jsonl same
    sound
}

# Changes over several snapshots.

@test "changes over several snapshots are those between the two that are asked for" {
    pull a b=1 c d=1 e
    pull a b=2 c d=2 e new   # new comes
    pull b=3 d=1 e             # new goes again, d is as it was
    pull e b=3 d=1 c           # e moves, c comes back as it was
    pull e b=4 d=1 c f
    expect "1 to 3" $'removed\ta\t0\t{"id":"a","score":0}\t-\nchanged\tb\t0\t{"id":"b","score":1}\t{"id":"b","score":3}\nremoved\tc\t0\t{"id":"c","score":0}\t-' \
        "$(history changes 1 3)"
    expect "1 to 5" $'removed\ta\t0\t{"id":"a","score":0}\t-\nchanged\tb\t0\t{"id":"b","score":1}\t{"id":"b","score":4}\nadded\tf\t0\t-\t{"id":"f","score":0}' \
        "$(history changes 1 5)"
    expect "3 to 3" "" "$(history changes 3 3)"
    sound
}

@test "rows of one key that are as they were are no change, whatever lies between" {
    pull a=1 a=2
    pull a=2                   # one goes, and comes back under another number
    pull a=1 a=2
    expect "gone and back" "" "$(history changes 1 3)"
    pull a=2 a=5
    pull a=1 a=5
    pull a=1 a=2
    expect "texts swapped" "" "$(history changes 3 6)"
    pull a=2 a=3
    expect "1 to 7" $'changed\ta\t1\t{"id":"a","score":1}\t{"id":"a","score":3}' "$(history changes 1 7)"
    sound
}

@test "a snapshot that is not there is absent, for each way to ask" {
    pull a
    for words in "show 2" "changes 1 2" "changes 0 1" "revision x" "time 99"; do
        code=0
        answer=$(history $words) || code=$?
        expect "$words" "absent 1" "$answer $code"
    done
}

@test "a snapshot is found by the beginning of its revision and by time" {
    for revision in ab12 ab34 cd56; do
        rows $revision | history record $revision 1${revision#??} 9
    done
    found() { history "$@" | cut -d ' ' -f 2; }
    expect "prefix" ab12 "$(found revision ab1)"
    expect "whole revision" cd56 "$(found revision cd56)"
    expect "newest of two" ab34 "$(found revision ab)"
    expect "at its second" ab34 "$(found time 134)"
    expect "a second before" ab12 "$(found time 133)"
    expect "long after" cd56 "$(found time 99999)"
}

# What bounds it.

@test "only the newest snapshots are kept, with the versions that they need" {
    KEEP=3
    pull a b
    pull a=1 b
    pull a=2 b
    pull a=3 b
    pull a=3 b c
    expect "list" "5 4 3" "$(echo $(history list | cut -d ' ' -f 1))"
    expect "versions" "a|3 a|4 b|1 c|5" "$(echo $(sql 'SELECT key, from_snapshot FROM history_versions ORDER BY 1, 2'))"
    keeps 3 a=2 b
    keeps 5 a=3 b c
    sound
    KEEP=1
    pull_file rows.jsonl same
    expect "list" "5 r5 500 rows=3 added=1 removed=0 changed=0" "$(history list)"
    expect "versions" 3 "$(versions)"
}

@test "keep=0 records nothing, drops what is there, and no id is given again" {
    KEEP=0
    rows a >rows.jsonl
    pull_file rows.jsonl same
    expect "versions" 0 "$(versions)"
    KEEP=9
    pull a
    KEEP=0
    rows b >rows.jsonl
    pull_file rows.jsonl same
    expect "list" "" "$(history list)"
    expect "versions" 0 "$(versions)"
    KEEP=9
    pull b
    expect "list" "2 r4 400 rows=1 added=1 removed=0 changed=0" "$(history list)"
}

@test "a transaction that is rolled back leaves nothing" {
    pull a b
    sql .dump >before
    expect "outcome" recorded "$(rows b=1 c | history undo r2 200 1)"
    diff before <(sql .dump)
}

@test "a write that the database refuses is told and leaves nothing" {
    pull a b
    sql "CREATE TRIGGER refuse BEFORE INSERT ON history_versions WHEN new.key = 'x'
         BEGIN SELECT RAISE(ABORT, 'no more room'); END"
    sql .dump >before
    code=0
    rows b=1 c x | history record r2 200 9 2>reason || code=$?
    expect "exit code" 111 "$code"
    expect_line "database: history_version_insert: no more room" "$(cat reason)"
    diff before <(sql .dump)
}

@test "a hundred rows put at one place one by one use up the gaps, and all stays right" {
    KEEP=200
    seq -f '{"id":"row %g"}' 100 >rows.0
    pull_file rows.0
    for i in {1..100}; do
        sed "50a {\"id\":\"new $i\"}" rows.$((i - 1)) >rows.$i
        pull_file rows.$i
    done
    # 100 rows, 100 new ones, and what was numbered anew: after 32 at one place.
    expect "moved rows" true "$([ "$(versions)" -gt 200 ] && [ "$(versions)" -lt 800 ] && echo true)"
    for i in {0..100}; do
        cmp <(history show $((i + 1))) rows.$i || { echo "snapshot $((i + 1))" >&2; return 1; }
    done
    expect "changes" "81 added" "$(history changes 20 101 | cut -f 1 | uniq -c | sed 's/^ *//')"
    sound
}

@test "thirty random snapshots come back byte for byte, and lead from each to any other" {
    SEED=${SEED:-$RANDOM}
    echo "SEED=$SEED"
    seq -f '{"id":"key %g","score":0}' 80 >rows.0
    KEEP=25
    for i in {1..30}; do
        # Each row may go, change, come twice, be followed by a new one or move to another place.
        awk -v seed=$((SEED * 100 + i)) -v step=$i 'BEGIN { srand(seed); rand(); calm = rand() }
            function put(line, place) { printf "%.6f\t%d\t%s\n", place, NR, line }
            rand() < calm { put($0, NR); next }
            { dice = int(rand() * 12); place = rand() < 0.1 ? rand() * 80 : NR }
            dice == 0 { next }
            dice == 1 { sub(/"score":[0-9]*/, "\"score\":" int(rand() * 4)) }
            dice == 2 { put($0, place) }
            dice == 3 { put(sprintf("{\"id\":\"key %d\",\"score\":%d}", rand() * 200, step), NR) }
            { put($0, place) }' rows.$((i - 1)) | sort -s -n -k 1,1 | cut -f 3- >rows.$i
        history record r$i $i $KEEP <rows.$i >outcome
        [ "$(cat outcome)" = recorded ] || cmp rows.$((i - 1)) rows.$i
    done
    sound
    expect "snapshots" 25 "$(history list | wc -l)"
    history list | while read -r id revision _; do
        cmp <(history show "$id") "rows.${revision#r}" || { echo "snapshot $id" >&2; exit 1; }
    done
    # The rows of one snapshot, less the old sides of the changes and with the new ones, are the
    # rows of the other.
    set -- $(history list | cut -d ' ' -f 1,2 | tr -d r | sort -n | tr ' ' :)
    for pair in "$1 $2" "$1 ${25}" "$5 ${20}" "${24} ${25}"; do
        from=${pair% *} to=${pair#* }
        history changes "${from%:*}" "${to%:*}" >changes
        awk -F '\t' '$1 != "added" { print $4 }' changes | sort >old
        awk -F '\t' '$1 != "removed" { print $5 }' changes | sort >new
        sort "rows.${from#*:}" | comm -23 - old | sort - new | diff - <(sort "rows.${to#*:}")
        sort "rows.${from#*:}" | comm -13 - old | diff /dev/null -
    done
}

# How it is read.

@test "no statement scans a table of the history, but for the current versions once a pull" {
    pull a
    history plans >plans
    expect "scans" $'history_current\tSCAN history_versions USING INDEX history_versions_current' \
        "$(grep 'SCAN history' plans | grep -v '^history_oldest')"
    [ "$(grep -c SEARCH plans)" -ge 10 ]
}

#!/usr/bin/env bats
# What the programs may still do once they serve. tests/programs/confine.c is confined as they are and
# tries what is not theirs; then the real ones are looked at.

load helper

setup() {
    new_state
    # AddressSanitizer's leak check runs in a process of its own, and traces.
    sanitized=nothing
    ! grep -q __asan_init "$PROGRAM_DIR/tests/confine" || sanitized='fork|thread|signal|prctl|ptrace'
    export ELSEWHERE=$BATS_TEST_TMPDIR/elsewhere
}

teardown() { stop_all; }

# try ROLE [COMMAND…]: tries everything, under that command if any; what it printed in $said, without
# what the sanitizer needs.
try() {
    echo published | tee "$STATE_DIR/public/file" >"$STATE_DIR/public/gone"
    mkdir -p "$STATE_DIR/past"
    KEEP=0 "$PROGRAM_DIR/tests/history" "$STATE_DIR/cache.db" record r 1 0 </dev/null >/dev/null
    said=$("${@:2}" "$PROGRAM_DIR/tests/confine" "$1" 2>"$STATE_DIR/errors" | grep -vE "^($sanitized) ")
}

# may ROLE NAME…: these succeed, and every other attempt is refused.
may() {
    try "$1"
    shift
    diff <(printf '%s done\n' "$@" | grep -vE "^($sanitized) " | sort) \
        <(grep -vE ' (EPERM|EACCES|EXDEV)$' <<<"$said" | sort)
    expect "an attempt at each" yes "$([ "$(wc -l <<<"$said")" -ge 33 ] && echo yes)"
}

@test "without confinement nothing of all that is refused" {
    try none
    no grep -E ' (EPERM|EACCES)$' <<<"$said"
    expect "at the end" "execute done" "$(tail -n 1 <<<"$said")"
    expect "left elsewhere" yes "$([ -e "$ELSEWHERE" ] && echo yes)"
}

@test "changes and events read the state folder" {
    may reader query-database read-published read-leaderboard
    expect "the file" published "$(cat "$STATE_DIR/public/file")"
}

@test "leaderboard and entries keep past boards besides" {
    may boards query-database read-published read-leaderboard make-past
}

@test "system makes empty files besides" {
    may system query-database read-published read-leaderboard make-empty
    expect "the file" 0 "$(stat -c %s "$STATE_DIR/empty")"
}

state='query-database write-database write-wal write-index read-published write-published
    rename-published make-file make-folder make-past remove read-leaderboard'

@test "votes and models write the state folder and reach servers" {
    may writer $state read-resolver thread connect
}

@test "the fetcher does the same, and the local Hub reaches nobody" {
    may fetcher $state link-file read-resolver thread connect
    rm -r "$STATE_DIR"/{folder,past,cache.db*}
    may hub $state
}

@test "on the kernel of Debian 12, whose Landlock is older, readers are refused the same" {
    strace -o /dev/null -e trace=none true 2>/dev/null || skip "no strace here, or it may not trace"
    [ $sanitized = nothing ] || skip "the leak check cannot trace what is traced"
    try reader
    local now=$said
    try reader strace -f -qq -o "$STATE_DIR/trace" -e trace=landlock_create_ruleset \
        -e inject=landlock_create_ruleset:retval=2:when=1
    expect_line '(INJECTED)' "$(cat "$STATE_DIR/trace")"
    diff <(echo "$now") <(echo "$said")
    expect "the file" published "$(cat "$STATE_DIR/public/file")"
}

@test "where the kernel has no Landlock the log says so, and seccomp is in force" {
    strace -o /dev/null -e trace=none true 2>/dev/null || skip "no strace here, or it may not trace"
    [ $sanitized = nothing ] || skip "the leak check cannot trace what is traced"
    try reader strace -f -qq -o "$STATE_DIR/trace" -e trace=landlock_create_ruleset \
        -e inject=landlock_create_ruleset:error=ENOSYS
    expect "lines" 1 "$(wc -l <"$STATE_DIR/errors")"
    expect_line 'not confined as it should be landlock="not to be had" seccomp="in force"' "$(cat "$STATE_DIR/errors")"
    expect_line "write-database EPERM" "$said"
    expect_line "connect EPERM" "$said"
    expect_line "read-passwd done" "$said"
}

# confined PID…: the kernel says so of each.
confined() {
    local pid
    for pid in "$@"; do
        expect "$(cat /proc/"$pid"/comm)" "NoNewPrivs: 1 Seccomp: 2" \
            "$(grep -E '^(NoNewPrivs|Seccomp):' /proc/"$pid"/status | xargs)" || return
    done
}

@test "every program that lighttpd starts is confined" {
    start_server
    await "the confinement" confined $(pgrep -P "$SERVER")
    expect "the programs" "$(cd "$ROOT/cgi-bin" && echo *.c | sed 's/\.c//g')" \
        "$(for pid in $(pgrep -P "$SERVER"); do tr '\0' '\n' </proc/"$pid"/cmdline | head -1; done |
            sed 's|.*/||; s|\.fcgi$||' | sort -u | xargs)"
    no grep -r 'not confined' "$STATE_DIR/log"
}

# reading WANTED: the status of an answer of each program that reads the database.
reading() {
    local path
    for path in '/api/leaderboard?limit=1' /api/leaderboard/stats /api/leaderboard/snapshots \
        /api/votes/model/acme/one /api/models/pending '/api/health?ready=1'; do
        get "$path"
        expect "$path" "$1" "$status"
    done
}

@test "the real programs read no database that lies elsewhere, though who is not confined does" {
    sample_row acme/one | put_rows
    start_server
    fetcher --quiet pull contents
    reading 200
    mkdir "$BATS_TEST_TMPDIR/other"
    cp "$STATE_DIR"/cache.db* "$BATS_TEST_TMPDIR/other"
    rm "$STATE_DIR"/cache.db*
    ln -s "$BATS_TEST_TMPDIR/other/cache.db" "$STATE_DIR/cache.db"
    expect "rows" 1 "$(query "SELECT rows FROM datasets WHERE name = 'contents'")"
    await "503" reading 503 # within a second
    expect_line "the server's database cannot be read" "$(jq -r .detail "$body")"
    rm "$STATE_DIR/cache.db"
    cp "$BATS_TEST_TMPDIR/other"/cache.db* "$STATE_DIR"
    await "200" reading 200
}

# Copies of the index's header, of which the second is written after the first.
copy() { od -An -tx1 -j $((($1 - 1) * 48)) -N 48 "$STATE_DIR/cache.db-shm"; }
copies_agree() { [ "$(copy 1)" = "$(copy 2)" ]; }

answers() { get "$2" && [ "$status" = "$1" ]; }

@test "votes.fcgi mends an index that a killed writer left half changed, and makes one that is gone" {
    sample_row acme/one | put_rows
    start_server
    fetcher --quiet pull contents
    reading 200
    printf '\377' | dd of="$STATE_DIR/cache.db-shm" bs=1 seek=20 conv=notrunc status=none
    await "the index" copies_agree
    reading 200
    cp "$STATE_DIR/cache.db" "$STATE_DIR/copy.db"
    sqlite3 "$STATE_DIR/copy.db" 'PRAGMA wal_checkpoint; PRAGMA journal_mode=WAL' >/dev/null
    pkill -STOP -P "$SERVER" votes.fcgi
    rm "$STATE_DIR"/cache.db*
    mv "$STATE_DIR/copy.db" "$STATE_DIR/cache.db"
    await "503" answers 503 '/api/health?ready=1'
    expect_line "cannot read $STATE_DIR/cache.db: unable to open database file" "$(cat "$STATE_DIR/log/system.log")"
    pkill -CONT -P "$SERVER" votes.fcgi
    await "an index" test -s "$STATE_DIR/cache.db-shm"
    await "200" reading 200
}

gone() { local pid; for pid in "$@"; do no kill -0 "$pid" 2>/dev/null || return; done; }

@test "programs that resolve names are started anew once /etc/resolv.conf is another file, the rest goes on" {
    unshare -m true 2>/dev/null || skip "no mounts of one's own here"
    local etc=$BATS_TEST_TMPDIR/etc resolving others
    cp -r /etc "$etc" 2>/dev/null || true
    unshare -m sh -c 'mount --bind "$1" /etc && exec lighttpd -D -f "$2"' - "$etc" "$ROOT/lighttpd.conf" 3>&- &
    SERVER=$!
    PIDS+=($SERVER)
    await "port $PORT" port_open "$PORT"
    await "the confinement" confined $(pgrep -P "$SERVER")
    resolving=$(pgrep -P "$SERVER" '^(votes|models).fcgi$') others=$(pgrep -P "$SERVER" '^(changes|system|events).fcgi$')
    [ -n "$resolving" ] && [ -n "$others" ]
    echo 'nameserver 127.0.0.9' >"$etc/resolv.new"
    mv "$etc/resolv.new" "$etc/resolv.conf"
    await "their end" gone $resolving
    await "all eleven" eval '[ "$(pgrep -cP "$SERVER" "^(votes|models).fcgi\$")" = 11 ]'
    expect "the others" "$others" "$(pgrep -P "$SERVER" '^(changes|system|events).fcgi$')"
    await "the confinement" confined $(pgrep -P "$SERVER")
    get /api/health
    expect_status 200
}

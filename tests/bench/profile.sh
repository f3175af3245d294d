#!/usr/bin/env bash
# Counts the instructions of a request, which no other load on the machine changes: valgrind's callgrind runs one
# program at a time, for REQUESTS=10000 and for twice as many; the difference is theirs. PROFILES=FOLDER keeps what
# callgrind_annotate reads. Not part of a plain `make bench`: make bench PART=profile.
set -euo pipefail
# shellcheck source=tests/bench/lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=tests/cost.bash
. "$ROOT/tests/cost.bash"
command -v valgrind >/dev/null || { skipped "valgrind is not installed"; exit; }
REQUESTS=${REQUESTS:-10000}
PROFILES=${PROFILES:-$BENCH_DIR/profiles}
WATCHED=$PROGRAM_DIR/leaks # seccomp lets valgrind work beside these
make --no-print-directory -C "$ROOT" BUILD="$WATCHED" SANITIZE=-DFOR_VALGRIND programs >&2
WATCHED=$(cd "$WATCHED" && pwd)
mkdir -p "$PROFILES"
cat >"$BENCH_DIR/empty.conf" <<'END'
$HTTP["url"] =~ "^/empty$" {
    fastcgi.server = ("/" => ((
        "bin-path" => env.PROGRAM_DIR + "/tests/empty", "socket" => env.STATE_DIR + "/run/empty", "check-local" => "disable"
    )))
}
END

# instructions COUNT PROGRAM PATH: of all processes of that program, which answered so many requests.
instructions() {
    local count=$1 program=$2 path=$3 PROGRAM_DIR=$BENCH_DIR/watched words=$BENCH_DIR/words state
    rm -rf "$PROGRAM_DIR" "$words"
    mkdir -p "$PROGRAM_DIR/tests" "$words"
    ln -s "$WATCHED"/* "$PROGRAM_DIR" 2>/dev/null || true
    ln -s "$WATCHED"/tests/* "$PROGRAM_DIR/tests"
    rm "$PROGRAM_DIR/$program"
    cat >"$PROGRAM_DIR/$program" <<END
#!/bin/sh
exec valgrind --tool=callgrind --callgrind-out-file="$PROFILES/${program##*/}.$count.%p" --log-file="$words/%p" \
    "$WATCHED/$program" "\$@"
END
    chmod +x "$PROGRAM_DIR/$program"
    export PROGRAM_DIR
    serve_little "$BENCH_DIR/empty.conf" >&2
    state=$STATE_DIR
    ask "$count" "$API$path"
    stop_all
    await "the programs' end" nothing_left "$state"
    awk '/Collected :/ { sum += $NF } END { print sum }' "$words"/*
}

# measure PROGRAM PATH
measure() {
    local few many
    few=$(instructions "$REQUESTS" "$@")
    many=$(instructions $((2 * REQUESTS)) "$@")
    echo $(((many - few) / REQUESTS))
}

empty=$(measure tests/empty /empty)
while read -r program path; do
    row "$path" instructions "$(measure "$program.fcgi" "$path")" "empty handler" "$empty"
done <<'END'
votes /api/votes/model/acme/m1
votes /api/votes/user/alice
models /api/models/acme/m1/status
models /api/models/status
system /api/health
entries /api/leaderboard/models/acme/m1
changes /api/leaderboard/snapshots
leaderboard /api/leaderboard/formatted?profile=space
END

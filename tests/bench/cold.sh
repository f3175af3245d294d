#!/usr/bin/env bash
# How long a start takes: until the first good answer with the data there, and with none at all.
set -euo pipefail
# shellcheck source=tests/bench/lib.bash
. "$(dirname "$0")/lib.bash"

filled "$ROWS"
! peer_found >/dev/null || peer_fill
kill "$SERVER"
wait "$SERVER" || true
await "the end of the programs" nothing_left "$STATE_DIR"

first() { "$PROGRAM_DIR/tests/client" first "$PORT" "$1" lighttpd -D -f "$ROOT/lighttpd.conf" 3>&-; }
submissions() { first /api/models/pending; }
leaderboard() { first '/api/leaderboard/formatted?limit=1'; }
the_peer() {
    local PEER_PORT command
    PEER_PORT=$(free_port)
    peer_command 1
    "$PROGRAM_DIR/tests/client" first "$PEER_PORT" /api/models/pending "${command[@]}" 3>&-
}
reference=()
if [ -n "${PEER:-}" ]; then
    alternate submissions leaderboard the_peer
    reference=("$PEER" "$(median the_peer)")
else
    alternate submissions leaderboard
fi
row "start to the first GET pending" ms "$(median submissions)" "${reference[@]}"
row "start to the first GET formatted?limit=1" ms "$(median leaderboard)"

# From nothing: what `make run` starts, with the Hub elsewhere.
start_server
from_nothing() {
    local empty code=0
    empty=$(mktemp -d "$BENCH_DIR/empty.XXXX")
    (
        export STATE_DIR=$empty PORT
        PORT=$(free_port)
        "$PROGRAM_DIR/tests/client" first "$PORT" '/api/leaderboard/formatted?limit=1' "$ROOT/tools/serve.sh" "$PROGRAM_DIR" 2>"$empty.log"
    ) || code=$?
    [ $code = 0 ] || cat "$empty.log" >&2
    await "the end of the programs" nothing_left "$empty"
    rm -r "$empty"
    return $code
}
row "an empty state to the first data, $(grouped "$ROWS") rows" ms "$(from_nothing)"

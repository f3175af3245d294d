#!/usr/bin/env bash
# What lighttpd and each program hold in memory after requests of every kind.
set -euo pipefail
# shellcheck source=tests/bench/lib.bash
. "$(dirname "$0")/lib.bash"

filled "$ROWS"
! peer_found >/dev/null || peer_fill
model=$(query "SELECT model FROM votes LIMIT 1")
for path in leaderboard/formatted 'leaderboard/formatted?limit=50&search=lumen&sort=-average' leaderboard/stats \
    leaderboard/snapshots models/status models/pending "votes/model/$model" health; do
    load "$API/api/$path" "Accept-Encoding: gzip" >/dev/null
done

row "lighttpd" "kB resident" "$(resident "/proc/$SERVER")"
for program in "$PROGRAM_DIR"/*.fcgi; do
    name=${program##*/}
    mapfile -t found < <(programs "$name")
    [ ${#found[@]} -gt 0 ] || continue
    row "$name, the largest of ${#found[@]}" "kB resident" "$(for one in "${found[@]}"; do resident "$one"; done | sort -n | tail -n 1)"
done

mapfile -t found < <(programs '*.fcgi')
all=$(proportional "/proc/$SERVER" "${found[@]}")
[ -n "${PEER:-}" ] || { row "all of them, what they share once" kB "$all"; exit; }
for workers in "1 worker" "2 workers"; do
    peer "${workers%% *}"
    for path in leaderboard/formatted models/pending; do
        curl -sf --no-progress-meter --parallel --parallel-max 4 -H 'Accept-Encoding: gzip' -o /dev/null "$PEER_API/api/$path?[1-4]"
    done
    mapfile -t found < <(with_descendants "$PEER_PID")
    row "all of them, what they share once" kB "$all" "$PEER, $workers" "$(proportional "${found[@]}")"
    kill "$PEER_PID"
    wait "$PEER_PID" || true
done

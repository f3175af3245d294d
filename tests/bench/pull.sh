#!/usr/bin/env bash
# The first pull of the contents, with all that is published from them, as it logs itself; its growth with
# the rows; and a pull that finds nothing new.
set -euo pipefail
# shellcheck source=tests/bench/lib.bash
. "$(dirname "$0")/lib.bash"

# logged KEY: of the last line about the contents in the log that is standard input.
logged() { grep 'dataset=contents' | tail -n 1 | grep -o " $1=[0-9.]*" | cut -d = -f 2; }

declare -A cpu peak
for rows in "$ROWS" "$MANY"; do
    filled "$rows"
    log=$STATE_DIR/pull.log
    # The log's line tells of the process, whose other dataset is a single row.
    cpu[$rows]=$(jq -n "$(logged cpu_ms <"$log") / 1000") peak[$rows]=$(logged peak_kb <"$log")
    if [ "$rows" = "$ROWS" ]; then
        row "pull $(grouped "$rows") rows" "s of CPU" "${cpu[$rows]}"
        row "pull $(grouped "$rows") rows" "kB at most" "${peak[$rows]}"
        get_unchanged=$(LOG_LEVEL=INFO fetcher pull contents 2>&1 | logged hub_requests)
        row "pull again, nothing new" "Hub requests" "$get_unchanged" "" "" "<= 1"
    else
        factor=$(jq -n "$rows / $ROWS")
        for what in cpu:"s of CPU" peak:"kB at most"; do
            declare -n figure=${what%%:*}
            row "pull $(grouped "$rows") rows" "${what#*:}" "${figure[$rows]}" \
                "$(jq -n "$factor * 10 | round / 10") times $(grouped "$ROWS") rows" "$(jq -n "${figure[$ROWS]} * $factor")" "<= 1.1"
        done
    fi
    # Its parts, where it tells them.
    { grep ' published ' "$log" | grep -oE ' [a-z0-9_]+_ms=[0-9.]+' || true; } | while IFS='=' read -r part ms; do
        row "of $(grouped "$rows") rows:${part%_ms}" s "$(jq -n "$ms / 1000")" "all of it, s of CPU" "${cpu[$rows]}"
    done
    stop_all
    PIDS=()
done

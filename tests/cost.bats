#!/usr/bin/env bats
# What a request costs, counted and not timed: bodies that are made, memory that stays, system calls.

load helper
load cost

setup_file() {
    serve_little
    export SERVER API
}

teardown_file() {
    PIDS=("$SERVER")
    stop_all
}

# bodies SOURCE: how many answers had a body that was kept, or made.
bodies() {
    get /metrics
    sed -n "s/^leaderboard_bodies_total{source=\"$1\"} //p" "$body"
}

@test "the memory of no program grows with its requests" {
    ! grep -q __asan_init "$PROGRAM_DIR/votes.fcgi" || skip "AddressSanitizer keeps what is freed"
    local program pids before after
    for program in "${PROGRAMS[@]}"; do
        ask 1000 $(asked $program)
        pids=$(workers $program)
        before=$(memory $pids)
        ask 8000 $(asked $program)
        after=$(memory $pids)
        echo "$program: $((after - before)) bytes after 8,000 requests"
        # Less than the smallest allocation, of 32 bytes, at each.
        [ $((after - before)) -lt $((8000 * 24)) ]
    done
}

@test "lists that are read again are not made again" {
    local path made kept
    for path in /api/models/status /api/models/pending "/api/models/pending?sort=votes" /api/leaderboard/formatted; do
        ask 100 "$API$path"
        made=$(bodies made) kept=$(bodies kept)
        ask 1000 "$API$path"
        kept=$(($(bodies kept) - kept)) made=$(($(bodies made) - made))
        echo "$path: $kept kept, $made made"
        expect "answers" 1000 $((kept + made))
        # The waiting times in the lists are ten seconds old at most, in each of four processes.
        [ $made -le 4 ]
    done
}

# traced COUNT: strace has seen the end of so many requests, which comes after the answer.
traced() { [ "$(grep -c 'shutdown(' "$STATE_DIR/calls")" -ge "$1" ]; }

@test "a request costs few system calls" {
    command -v strace >/dev/null || skip "no strace here"
    local line program path calls pids tracer
    strace -c true 2>/dev/null || skip "strace may not trace here"
    # Eight are libfcgi's; one writes the log.
    while read -r line; do
        read -r program calls path <<<"$line"
        ask 100 "$API$path"
        pids=$(workers $program | paste -sd,)
        strace -f -qq -o "$STATE_DIR/calls" -p "$pids" 3>&- &
        tracer=$!
        for pid in ${pids//,/ }; do
            await "strace" grep -q TracerPid:.$tracer "/proc/$pid/status"
        done
        ask 400 "$API$path"
        await "the last one's end" traced 400
        kill -INT $tracer
        wait $tracer || true
        awk -v most=$calls -v path="$path" '!/ resumed>/ { calls++ } / shutdown\(/ { requests++ }
            END { printf "%s: %.1f system calls a request, %d requests\n", path, calls / requests, requests
                  exit requests != 400 || calls / requests > most }' "$STATE_DIR/calls"
    done <<'END'
leaderboard 12 /api/nothing
leaderboard 18 /api/leaderboard/formatted
entries 16 /api/leaderboard/models/acme/m1
changes 16 /api/leaderboard/snapshots
votes 16 /api/votes/model/acme/m1
votes 16 /api/votes/user/alice
models 16 /api/models/status
models 16 /api/models/acme/m1/status
system 12 /api/health
END
}

#!/usr/bin/env bats
# What a request costs, counted and not timed: bodies that are made, memory that stays, system calls.

load helper

setup_file() {
    export RATE_LIMIT_REQUESTS=1000000 RATE_LIMIT_WINDOW=1 HF_TOKEN=hf_local_server
    new_state
    start_server
    export SERVER API
    sample_row acme/m1 | put_rows
    put_providers acme
    put_request acme/m1
    for user in alice bob; do sample_vote acme/m1 $user; done | put_votes
    fetcher --quiet pull
}

teardown_file() {
    PIDS=("$SERVER")
    stop_all
}

workers() { pgrep -P "$SERVER" -f "/$1.fcgi"; }

# ask COUNT PATH…: asks for them in turns, so many times in all, over four connections.
ask() {
    local each=$(($1 / ($# - 1)))
    shift
    awk -v each=$each -v api="$API" 'BEGIN {
        for (n = 0; n < each; n++)
            for (i = 1; i < ARGC; i++) printf "url = \"%s%s\"\noutput = /dev/null\n", api, ARGV[i]
    }' "$@" | curl -s --no-progress-meter --parallel --parallel-max 4 -K -
}

# What each program answers again and again.
paths() {
    case $1 in
    leaderboard) echo /api/leaderboard/formatted /api/leaderboard?search=m1 /api/nothing ;;
    entries) echo /api/leaderboard/models/acme/m1 /api/leaderboard/models/acme/none /api/badge/acme/m1.svg ;;
    changes) echo /api/leaderboard/snapshots /api/leaderboard/changes.atom ;;
    votes) echo /api/votes/model/acme/m1 /api/votes/user/alice /api/votes/user/%20 ;;
    models) echo /api/models/status /api/models/pending /api/models/acme/m1/status ;;
    system) echo /api/health /metrics ;;
    esac
}

# The private memory of a program's processes, in bytes.
memory() {
    local pid
    for pid in $(workers "$1"); do cat "/proc/$pid/status"; done | awk '/^RssAnon/ { sum += $2 } END { print sum * 1024 }'
}

# bodies SOURCE: how many answers had a body that was kept, or made.
bodies() {
    get /metrics
    sed -n "s/^leaderboard_bodies_total{source=\"$1\"} //p" "$body"
}

@test "the memory of no program grows with its requests" {
    local program before grown
    for program in leaderboard entries changes votes models system; do
        ask 1000 $(paths $program)
        before=$(memory $program)
        ask 8000 $(paths $program)
        grown=$(($(memory $program) - before))
        echo "$program: $grown bytes after 8,000 requests"
        # Less than the smallest allocation, of 32 bytes, at each.
        [ $grown -lt $((8000 * 24)) ]
    done
}

@test "lists that are read again are not made again" {
    local path made kept
    for path in /api/models/status /api/models/pending "/api/models/pending?sort=votes" /api/leaderboard/formatted; do
        ask 100 "$path"
        made=$(bodies made) kept=$(bodies kept)
        ask 1000 "$path"
        kept=$(($(bodies kept) - kept)) made=$(($(bodies made) - made))
        echo "$path: $kept kept, $made made"
        expect "answers" 1000 $((kept + made))
        # The waiting times in the lists are ten seconds old at most, in each of four processes.
        [ $made -le 4 ]
    done
}

@test "a request costs few system calls" {
    command -v strace >/dev/null || skip "no strace here"
    local line program path calls pids tracer
    strace -c true 2>/dev/null || skip "strace may not trace here"
    # Eight are libfcgi's; one writes the log.
    while read -r line; do
        read -r program calls path <<<"$line"
        ask 100 "$path"
        pids=$(workers $program | paste -sd,)
        strace -f -qq -o "$STATE_DIR/calls" -p "$pids" 3>&- &
        tracer=$!
        for pid in ${pids//,/ }; do
            await "strace" grep -q TracerPid:.$tracer "/proc/$pid/status"
        done
        ask 400 "$path"
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

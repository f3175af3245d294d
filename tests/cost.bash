# What cost.bats, leaks.sh and bench/profile.sh share: a server with a little of everything, requests by the
# thousand, and the memory of the programs that answer them.

PROGRAMS=(leaderboard entries changes events votes models system hub)

# serve_little [CONF…]: starts a server with its Hub, whose programs are asked each time, and takes a row, a request
# and votes. The files are more of lighttpd's configuration.
serve_little() {
    local user
    export RATE_LIMIT_REQUESTS=1000000 RATE_LIMIT_WINDOW=1 LEADERBOARD_DIRECT=off HF_TOKEN=hf_local_server \
        HUB_RATE_API=1000000 HUB_RATE_RESOLVERS=1000000
    new_state
    [ $# = 0 ] || cp "$@" "$STATE_DIR/conf.d"
    start_server
    sample_row acme/m1 | put_rows
    put_providers acme
    put_request acme/m1
    for user in alice bob; do sample_vote acme/m1 $user; done | put_votes
    fetcher --quiet pull
}

# memory PID…: their private memory, in bytes; fails where one is not there.
memory() { awk '/^RssAnon/ { sum += $2 } END { print sum * 1024 }' $(printf '/proc/%s/status\n' "$@"); }

# asked PROGRAM: what it answers again and again.
asked() {
    local at=$API
    case $1 in
    leaderboard) set -- /api/leaderboard?profile=space /api/leaderboard?search=m1 /api/nothing ;;
    entries) set -- /api/leaderboard/models/acme/m1 /api/leaderboard/models/acme/none /api/badge/acme/m1.svg ;;
    changes) set -- /api/leaderboard/snapshots /api/leaderboard/changes.atom ;;
    events) set -- /api/events/nothing ;; # whoever listens stays
    votes) set -- /api/votes/model/acme/m1 /api/votes/user/alice /api/votes/user/%20 ;;
    models) set -- /api/models/status /api/models/pending /api/models/acme/m1/status ;;
    system) set -- /api/health /metrics ;;
    hub)
        at=http://127.0.0.1:$HUB_PORT
        set -- /api/datasets/acme/votes /datasets/acme/votes/resolve/main/votes_data.jsonl /api/nothing
        ;;
    esac
    printf "$at%s\n" "$@"
}

# ask COUNT ADDRESS…: asks for them in turns, so many times in all, over four connections. Prints of each answer
# what SHOW says (curl's --write-out).
ask() {
    local each=$(($1 / ($# - 1)))
    shift
    awk -v each=$each 'BEGIN {
        for (n = 0; n < each; n++)
            for (i = 1; i < ARGC; i++) printf "url = \"%s\"\noutput = /dev/null\n", ARGV[i]
    }' "$@" | curl -s --no-progress-meter --parallel --parallel-max 4 -w "${SHOW:-}" -K -
}

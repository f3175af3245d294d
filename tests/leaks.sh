#!/usr/bin/env bash
# Looks for memory that is used wrongly or lost.
#
#   tests/leaks.sh [valgrind|requests]…      (default: both)
#
# valgrind: tests that ask all there is to ask are run with programs that valgrind watches until SIGTERM ends
# them; each route must have been answered, without an error and without a byte that is definitely or indirectly
# lost. Such programs are built with FOR_VALGRIND (LEAKS names their folder): seccomp lets valgrind work beside
# them. Where it does not know Landlock's system calls, that is missing.
# requests: REQUESTS=100000 to each program as it is installed, and its private memory before, warm, and after.
# A leak of the smallest allocation, 32 bytes, at each hundredth request is found.
set -uo pipefail
# shellcheck source=tests/helper.bash
. "$(dirname "$0")/helper.bash"
# shellcheck source=tests/cost.bash
. "$ROOT/tests/cost.bash"
REQUESTS=${REQUESTS:-100000}
WARM=$((REQUESTS / 10))
GROWTH=$((REQUESTS / 100 * 32))
WATCHED=$(cd "$ROOT" && cd "${LEAKS:-$PROGRAM_DIR/leaks}" && pwd) || exit
KEPT=$(mktemp -d "${TMPDIR:-/tmp}/leaks.XXXXXX")
failed=0

wrong() {
    echo "$*"
    failed=1
}

# ---- valgrind ----

# watch FOLDER PROGRAM…: a folder of programs of which valgrind watches these. Its words, and the programs' log,
# are kept.
watch() {
    local folder=$1 program
    mkdir -p "$folder" "$KEPT/words" "$KEPT/logs"
    ln -s "$WATCHED"/* "$folder"
    ln -sfn "$PROGRAM_DIR/node_modules" "$folder/node_modules"
    shift
    for program in "$@"; do
        rm "$folder/$program"
        cat >"$folder/$program" <<END
#!/bin/sh
if [ -d "\$STATE_DIR/log" ]; then
    : >>"\$STATE_DIR/log/${program%.fcgi}.log"
    ln -f "\$STATE_DIR/log/${program%.fcgi}.log" "$KEPT/logs/${program%.fcgi}.\${STATE_DIR##*/}"
fi
exec valgrind --leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
    --num-callers=30 --vgdb=no --error-exitcode=99 --log-file="$KEPT/words/${program%.fcgi}.%p" "$WATCHED/$program" "\$@"
END
        chmod +x "$folder/$program"
    done
}

# traffic FOLDER TEST…: runs the tests with the folder's programs.
traffic() {
    local folder=$1 test
    shift
    for test in "$@"; do
        TMPDIR=$KEPT BUILD=$folder timeout 900 "$ROOT/tests/run.sh" "tests/$test.bats" >"$KEPT/$test" 2>&1 ||
            wrong "$(grep -v '^ok' "$KEPT/$test")"
        printf '%-12s %s\n' "$test" "$(tail -1 "$KEPT/$test")"
    done
}

# crowd: each program is asked for the same again and again, in every coding, by those who have it already, and by
# voters.
crowd() {
    local PROGRAM_DIR=$KEPT/programs program address coding user again
    serve_little
    for program in "${PROGRAMS[@]}"; do
        # shellcheck disable=SC2046
        ask 200 $(asked "$program") || wrong "$program did not answer"
        for address in $(asked "$program"); do
            for coding in br gzip zstd identity; do
                for again in 200 304; do
                    curl -s --max-time 120 -o /dev/null -H "Accept-Encoding: $coding" --etag-save "$STATE_DIR/etag" \
                        --etag-compare "$STATE_DIR/etag" "$address"
                done
                rm -f "$STATE_DIR/etag"
            done
            curl -s --max-time 120 -o /dev/null -d '{' "$address"
        done
    done
    hubctl token dave erin frank >/dev/null
    for user in dave erin frank; do
        for again in 200 409; do
            get /api/votes/acme/m1 -d '{"vote_type":"up","user_id":"'$user'"}' -H 'Content-Type: application/json' \
                -H "Authorization: Bearer hf_local_$user"
            [ "$status" = $again ] || wrong "$user's vote: $status"
        done
    done
    # What neither the tests of the Hub nor the fetcher ask for.
    for address in /acme/m1.git/info/lfs/objects/batch /acme/m1.git/info/lfs/objects/verify; do
        curl -s --max-time 120 -o /dev/null -d '{"operation":"upload","objects":[]}' "http://127.0.0.1:$HUB_PORT$address"
    done
    curl -s --max-time 120 -o /dev/null "http://127.0.0.1:$HUB_PORT/api/models/m1"
    stop_all
}

# fetchers: what the fetcher does for a server, once everything and twice what it does often.
fetchers() {
    local revision=0123456789abcdef0123456789abcdef01234567 command user
    serve_little
    fetcher() { "$KEPT/fetchers/fetcher" --once "$@" >>"$KEPT/fetcher" 2>&1 || wrong "fetcher $*: $(tail -1 "$KEPT/fetcher")"; }
    cast() { "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" "$@" >/dev/null; }
    for user in carol dave; do
        cast vote acme/m1 $revision $user up
        sample_request "acme/$user" >"$STATE_DIR/request.json"
        cast request "acme/${user}_eval_request_False_bfloat16_Original.json" "$STATE_DIR/request.json"
        sample_row "acme/$user" | put_rows
        for command in push sync sync 'pull --force' verify status history 'status --json' 'history --json' settings \
            "backup $STATE_DIR/$user.db"; do
            # shellcheck disable=SC2086
            fetcher $command
        done
        put_rows <<<'no row'
        "$KEPT/fetchers/fetcher" --once sync >>"$KEPT/fetcher" 2>&1 && wrong "the fetcher took what is no row"
    done
    fetcher restore "$STATE_DIR/dave.db"
    printf '%-12s %s\n' fetcher "$(wc -l <"$KEPT/fetcher") lines"
    stop_all
}

nothing_watched() { [ -z "$(pgrep -f "log-file=$KEPT/")" ]; }

# row PROGRAM: what valgrind has said of all its processes.
row() {
    local words=("$KEPT/words/$1".*) requests=''
    [ ! -e "${words[0]}" ] && { wrong "$1 was not watched"; return; }
    [ "$1" = fetcher ] || requests=$(cat "$KEPT/logs/$1".* | grep -c ' request ')
    awk -v program="$1" -v requests="$requests" '
        / ERROR SUMMARY: /        { ended++; errors += $4 }
        / definitely lost: /      { gsub(",", "", $4); definitely += $4 }
        / indirectly lost: /      { gsub(",", "", $4); indirectly += $4 }
        END {
            printf "%-12s %9d %9s %7d %11d %11d %7d\n", program, ARGC - 1, requests, errors, definitely, indirectly, ARGC - 1 - ended
            exit errors + definitely + indirectly > 0 || ended == 0
        }' "${words[@]}" || failed=1
    grep -hE -A25 'Invalid|uninitialised|definitely lost in|indirectly lost in|Mismatched' "${words[@]}" | head -100
}

# routes: each route of the programs' tables must have been answered, and not with the program's failure alone.
routes() {
    local program method route
    while read -r program method route; do
        cat "$KEPT/logs/$program".* 2>/dev/null | grep -F " method=$method route=$route status=" | grep -qv ' status=5' ||
            wrong "$program has not answered $method $route"
    done < <(echo events GET /api/events
        cd "$ROOT/cgi-bin" && awk -F '"' '/^    \{ METHOD_/ {
            split(FILENAME, name, "."); split($1, word, /METHOD_|,/); print name[1], word[2], $2 }' *.c)
}

valgrind_all() {
    command -v valgrind >/dev/null || { echo "skipped: valgrind is not installed"; return; }
    watch "$KEPT/programs" "${PROGRAMS[@]/%/.fcgi}"
    watch "$KEPT/fetchers" fetcher
    export PATIENCE=120
    traffic "$KEPT/programs" openapi hub
    crowd
    fetchers
    await "the end of all that is watched" nothing_watched || failed=1
    printf '\n%-12s %9s %9s %7s %11s %11s %7s\n' valgrind processes requests errors definitely indirectly killed
    local program
    for program in "${PROGRAMS[@]}" fetcher; do row "$program"; done
    if [ -d "$PROGRAM_DIR/node_modules/ajv" ]; then
        routes
    else
        echo "not every route was asked for: node's ajv is not in $PROGRAM_DIR/node_modules (make js)"
    fi
}

# ---- requests ----

requests_all() {
    local program pids before after
    serve_little
    printf '\n%-12s %9s %9s %9s %9s\n' requests number "KB before" "KB after" growth
    for program in "${PROGRAMS[@]}"; do
        # shellcheck disable=SC2046,SC2086
        ask $WARM $(asked "$program") && pids=$(workers "$program") && before=$(memory $pids) &&
            ask "$REQUESTS" $(asked "$program") && after=$(memory $pids) ||
            { wrong "$program did not answer"; continue; }
        printf '%-12s %9d %9d %9d %9d\n' "$program" "$REQUESTS" $((before / 1024)) $((after / 1024)) $((after - before))
        [ $((after - before)) -lt $GROWTH ] || wrong "$program has grown by more than $GROWTH bytes"
    done
    stop_all
}

PIDS=()
trap '[ -z "${STATE_DIR:-}" ] || [ ! -e "$STATE_DIR" ] || stop_all; rm -rf "$KEPT"' EXIT
[ $# -gt 0 ] || set -- valgrind requests
for part in "$@"; do "${part}_all"; done
exit $failed

#!/bin/sh
# Serves the leaderboard in the foreground until Ctrl-C or SIGTERM, which stop all that it started.
#
#   tools/serve.sh [PROGRAM_DIR]        (default: build)
#
# Settings come from the environment and .env (see `fetcher --help`). Where HF_ENDPOINT is set in
# neither, a local Hub with generated sample data is started on HUB_PORT (default: PORT + 1).
# SYNC_INTERVAL (default 60) is how many seconds lie between two syncs; a webhook of the Hub starts one
# at once.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
PROGRAM_DIR=$(cd "${1:-$here/build}" && pwd)
export PROGRAM_DIR
PATH=$PATH:/usr/sbin

# lighttpd starts the programs in their own folder: they need the whole path.
if [ -e "${ENV_FILE:-.env}" ]; then
    ENV_FILE=$(realpath "${ENV_FILE:-.env}")
    export ENV_FILE
fi

say() { printf '%s\n' "$*" >&2; }

# given NAME: whether the environment or the .env file sets it.
given() {
    eval "[ -n \"\${$1:-}\" ]" || grep -qs "^ *\(export \)\?$1=." "${ENV_FILE:-.env}"
}

# The default of the programs lies in their working folder; here it is found from anywhere.
if ! given LEADERBOARD_CONFIG; then
    LEADERBOARD_CONFIG=$here/leaderboards/open-llm.json
    export LEADERBOARD_CONFIG
fi

settings=$("$PROGRAM_DIR/fetcher" settings) || exit $?
hub=no
given HF_ENDPOINT || hub=yes
eval "$settings"
export HOST PORT STATE_DIR HF_ORGANIZATION

# The sockets lie in the state folder, and an address of a socket has 107 bytes.
if [ ${#STATE_DIR} -gt 80 ]; then
    say "serve: STATE_DIR is too long for sockets: choose a path of at most 80 characters"
    exit 100
fi
case $HOST in
0.0.0.0) address=127.0.0.1 ;;
:: | '[::]') address='[::1]' ;;
*) address=$HOST ;;
esac

# port_free ADDRESS PORT: nothing accepts connections there (curl: 7).
port_free() {
    code=0
    curl -s -o /dev/null --noproxy '*' --max-time 2 "http://$1:$2/" || code=$?
    [ $code = 7 ]
}
need_port() {
    port_free "$1" "$2" && return
    say "serve: port $2 is in use: choose another with $3=…"
    exit 111
}

umask 027
mkdir -p "$STATE_DIR/run" "$STATE_DIR/log" "$STATE_DIR/public" "$STATE_DIR/conf.d"
rm -f "$STATE_DIR/conf.d/hub.conf"

need_port "$address" "$PORT" PORT
if [ $hub = yes ]; then
    HUB_PORT=${HUB_PORT:-$((PORT + 1))}
    HF_ENDPOINT=http://127.0.0.1:$HUB_PORT
    # Real tokens have no business with the local Hub, nor has a proxy.
    case ${HF_TOKEN:-} in
    hf_local_*) ;;
    *) HF_TOKEN=hf_local_server ;;
    esac
    case ${HF_READ_TOKEN:-} in
    hf_local_*) ;;
    *) HF_READ_TOKEN= ;;
    esac
    no_proxy=127.0.0.1,localhost
    export HUB_PORT HF_ENDPOINT HF_TOKEN HF_READ_TOKEN no_proxy
    need_port 127.0.0.1 "$HUB_PORT" HUB_PORT
    if [ ! -e "$STATE_DIR/hub.filled" ]; then
        say "serve: filling the local Hub with sample data"
        rm -rf "$STATE_DIR/samples" "$STATE_DIR"/hub.db*
        "$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --owner "$HF_ORGANIZATION" >&2
        # A leaderboard that brings rows of its own, in a file beside its settings, is shown with these.
        rows=${LEADERBOARD_CONFIG%.json}.jsonl
        if [ -e "$rows" ]; then
            rm -f "$STATE_DIR/samples/datasets/$HF_ORGANIZATION"/contents/data/*
            cp "$rows" "$STATE_DIR/samples/datasets/$HF_ORGANIZATION/contents/data/train.jsonl"
        fi
        "$PROGRAM_DIR/hubctl" --db "$STATE_DIR/hub.db" import "$STATE_DIR/samples" >/dev/null
        rm -rf "$STATE_DIR/samples"
        : >"$STATE_DIR/hub.filled"
    fi
    cp "$here/tools/hub.conf" "$STATE_DIR/conf.d/hub.conf"
fi

server=
job=

stop() {
    trap '' INT TERM
    for pid in $job $server; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    exit "$1"
}
trap 'say "serve: stopping"; stop 0' INT TERM

# attend COMMAND…: runs it so that a signal ends both it and us at once, not after it.
attend() {
    "$@" &
    job=$!
    code=0
    wait "$job" || code=$?
    job=
    return $code
}

# The programs that lighttpd starts have no business with the token. A session of its own keeps Ctrl-C
# from them: lighttpd would start those anew that it ends, in the midst of ending itself.
(unset HF_TOKEN; exec setsid lighttpd -D -f "$here/lighttpd.conf") &
server=$!

tries=0
until curl -s -o /dev/null --noproxy '*' "http://$address:$PORT/api/leaderboard?limit=1"; do
    if ! kill -0 "$server" 2>/dev/null; then
        say "serve: lighttpd did not start:"
        tail -n 3 "$STATE_DIR/log/lighttpd.log" >&2 || true
        exit 111
    fi
    tries=$((tries + 1))
    [ $tries -lt 200 ] || { say "serve: no answer on port $PORT"; stop 111; }
    sleep 0.05
done

rm -f "$STATE_DIR/sync-requested"
attend "$PROGRAM_DIR/fetcher" sync || say "serve: the first sync failed; trying again every ${SYNC_INTERVAL:-60} s"

cat <<TEXT

The leaderboard is served on http://localhost:$PORT, its API is shown at http://localhost:$PORT/docs. Try:
  curl http://localhost:$PORT/api/leaderboard/formatted?limit=1
  curl 'http://localhost:$PORT/api/leaderboard/formatted?search=marble&sort=-average&limit=3&fields=model.name'
  curl -I http://localhost:$PORT/api/leaderboard/formatted
TEXT
[ $hub = no ] || printf 'The local Hub (sample data, development only): %s\n' "$HF_ENDPOINT"
printf 'State and logs: %s\nStop with Ctrl-C.\n' "$STATE_DIR"

halves=0
while kill -0 "$server" 2>/dev/null; do
    attend sleep 0.5 || true
    halves=$((halves + 1))
    [ -e "$STATE_DIR/sync-requested" ] || [ $halves -ge $((2 * ${SYNC_INTERVAL:-60})) ] || continue
    kill -0 "$server" 2>/dev/null || break
    # A request that comes while this sync runs is about what it may have missed: it starts another.
    halves=0
    rm -f "$STATE_DIR/sync-requested"
    attend "$PROGRAM_DIR/fetcher" --quiet sync || true
done
say "serve: lighttpd ended; see $STATE_DIR/log/lighttpd.log"
exit 111

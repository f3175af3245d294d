#!/usr/bin/env bash
# Kills fetchers at random moments while votes are cast, and then counts.
#
#   tests/crash.sh [ROUNDS] [SEED]      (default: 200 rounds, seed 1)
#
# Afterwards every acknowledged vote is on the Hub exactly once, no other line of the file has changed,
# and `fetcher verify` finds no difference. Prints what it found; exits 1 when that is not so.
set -uo pipefail
# shellcheck source=tests/helper.bash
. "$(dirname "$0")/helper.bash"
rounds=${1:-200} seed=${2:-1}
[[ $rounds$seed =~ ^[0-9]+$ ]] || usage
RANDOM=$seed

new_state
trap stop_all EXIT
export HF_TOKEN=hf_local_server HUB_RATE_API=1000000 HUB_RATE_RESOLVERS=1000000 LOG_LEVEL=ERROR
start_server
{ sample_vote acme/old alice; echo 'a line that is no vote'; sample_vote acme/old bob; } | put_votes
cp "$STATE_DIR/votes.jsonl" "$STATE_DIR/before"
for dataset in contents requests official-providers; do
    hubctl create "datasets/acme/$dataset" >/dev/null
done
fetcher pull votes

: >"$STATE_DIR/acknowledged"
killed=0
for round in $(seq "$rounds"); do
    "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" votes 12 $((seed * 100000 + round)) >>"$STATE_DIR/acknowledged" 2>>"$STATE_DIR/said" &
    caster=$!
    "$PROGRAM_DIR/fetcher" push votes >>"$STATE_DIR/said" 2>&1 &
    fetcher=$!
    # A moment between none and the whole of a push.
    sleep "0.0$(printf %02d $((RANDOM % 25)))"
    kill -9 "$fetcher" 2>/dev/null && killed=$((killed + 1))
    wait "$fetcher" 2>/dev/null
    wait "$caster"
done

code=0
fail() { echo "FAILED: $*"; code=1; }
fetcher push votes || fail "the last push"
curl -sfL "$HF_ENDPOINT/datasets/acme/votes/resolve/main/votes_data.jsonl" >"$STATE_DIR/after"
head -c "$(stat -c %s "$STATE_DIR/before")" "$STATE_DIR/after" | cmp - "$STATE_DIR/before" || fail "old lines have changed"
tail -c +$(($(stat -c %s "$STATE_DIR/before") + 1)) "$STATE_DIR/after" | LC_ALL=C sort >"$STATE_DIR/new"
LC_ALL=C sort "$STATE_DIR/acknowledged" | cmp - "$STATE_DIR/new" || fail "what the Hub has is not what was acknowledged"
fetcher verify votes >"$STATE_DIR/verify" || { cat "$STATE_DIR/verify"; fail "verify"; }
[ "$(sqlite3 "$STATE_DIR/cache.db" 'PRAGMA integrity_check')" = ok ] || fail "the database"
[ "$(sqlite3 "$STATE_DIR/cache.db" 'SELECT count(*) FROM outbox')" = 0 ] || fail "the outbox is not empty"
echo "seed $seed: $rounds rounds, $killed fetchers killed, $(wc -l <"$STATE_DIR/acknowledged") votes acknowledged," \
    "$(wc -l <"$STATE_DIR/new") new lines on the Hub in $(hubctl log datasets/acme/votes | wc -l) commits"
exit $code

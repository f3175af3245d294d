#!/usr/bin/env bash
# Fails each allocation, read, write, sync… of the programs in turn, or kills them there, and looks at
# what becomes of it: no crash, no hang, a reason for each error, no acknowledged write lost or doubled,
# nothing half published, and the next run puts everything right.
#
#   tests/sweep.sh [--seed N] [--each N] [--mode MODE[,MODE…]] [--call N] [SCENE|PROGRAM…]
#
# `tests/sweep.sh --help` lists modes and scenes. A failure prints the arguments that repeat it. Ends
# with a line for each scene and mode: how many calls the scene reaches, how many of them were made to
# fail, and what came of it. Exits 1 when anything was wrong.
set -euo pipefail
# shellcheck source=tests/helper.bash
. "$(dirname "$0")/helper.bash"

new_state
# What differed last stays to be looked at.
trap 'cp "$SWEEP_WORK"/{state,expected} "${SWEEP_KEEP:-/nonexistent}" 2>/dev/null || true; stop_all' EXIT
export HF_TOKEN=hf_local_server HUB_RATE_API=1000000 HUB_RATE_RESOLVERS=1000000 RATE_LIMIT_REQUESTS=0
export LOG_LEVEL=ERROR HUB_WEBHOOK_SECRET=sweep AUTH_CACHE_TTL=86400 RATE_LIMIT_QUOTA=100000
# Freed and fresh memory is not what it was: use of either shows.
export MALLOC_PERTURB_=165
export SWEEP_TEMPLATE=$STATE_DIR/template SWEEP_WORK=$STATE_DIR/work
mkdir "$SWEEP_TEMPLATE" "$SWEEP_WORK"
start_server

# A cache some revisions old, with votes and a request in its outbox, and a Hub that has gone on since.
"$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --owner acme --rows 40 >/dev/null
rm -rf "$STATE_DIR"/samples/datasets/acme/{contents,requests,votes}
hubctl import "$STATE_DIR/samples" >/dev/null
many() { sample_row acme/m | jq -c 'range(30) as $i | .fullname += "\($i)" | .eval_name += "\($i)" | .MUSR = $i'; }
{ many; sample_row acme/one; sample_row acme/two '.BBH = 30'; } | put_rows
put_request acme/waits
put_request acme/runs '.status = "RUNNING"'
{ sample_vote acme/waits bob; echo 'a line that is no vote'; sample_vote acme/one bob; } | put_votes
fetcher sync
"$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" votes 4 1 >/dev/null
sample_request acme/mine >"$STATE_DIR/mine.json"
"$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" request \
    acme/mine_eval_request_False_bfloat16_Original.json "$STATE_DIR/mine.json"
{ many; sample_row acme/one '.BBH = 11'; sample_row acme/two; sample_row acme/three; } | put_rows
put_providers acme
put_request acme/runs '.status = "FINISHED"'
put_request acme/next
{ cat "$STATE_DIR/votes.jsonl"; sample_vote acme/two bob; } >"$STATE_DIR/more.jsonl"
hub_put votes votes_data.jsonl "$STATE_DIR/more.jsonl"

for database in cache hub; do
    sqlite3 "$STATE_DIR/$database.db" ".backup $SWEEP_TEMPLATE/$database.db"
done
cp -r "$STATE_DIR/public" "$SWEEP_TEMPLATE"

# What is made to fail has a state of its own, which no other program opens.
mkdir -p "$STATE_DIR"/sweep/{run,log,public}
SWEEP_HUB=$STATE_DIR STATE_DIR=$STATE_DIR/sweep ${SWEEP_WITH:-} "$PROGRAM_DIR/tests/sweep" "$@"

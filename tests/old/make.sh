#!/usr/bin/env bash
# Makes cache-N.sql and hub-N.sql, which tests/migrate.bats begins with: databases as the programs of an
# earlier version leave them, with something in each table that they fill.
#
#   tests/old/make.sh TREE [FOLDER]      (TREE: a checkout of that version, built in TREE/build)
#
# A new migration needs one more pair, made from the last commit before it: where a table is new, its
# rows are asked for below.
set -euo pipefail
out=$(cd "${2:-$(dirname "$0")}" && pwd)
cd "$1"
BUILD=build
# shellcheck source=tests/helper.bash
. tests/helper.bash
new_state
trap stop_all EXIT
export HF_TOKEN=hf_local_server
start_server

has() { [ -e "$PROGRAM_DIR/$1" ]; }
post() { curl -sf -o /dev/null "$API$1" -H 'Content-Type: application/json' -H "Authorization: Bearer hf_local_$2" -d "$3"; }

sample_row acme/one | put_rows
put_providers acme
fetcher pull official-providers contents
{ sample_row acme/one '."Average ⬆️" = 30.25'; sample_row other/two; } | put_rows
if has tests/cast; then
    put_request acme/one
    put_request acme/two '.status = "RUNNING"'
    echo '{"model": 1}' >"$STATE_DIR/broken"
    hub_put requests acme/broken_eval_request_False_bfloat16_Original.json "$STATE_DIR/broken"
    { sample_vote acme/one alice; sample_vote acme/one bob '.vote_type = "down"'; } | put_votes
fi
fetcher sync 2>/dev/null || fetcher pull
if has tests/cast; then
    put_request acme/two '.status = "FINISHED"'
    fetcher pull requests
    # Acknowledged, and not on the Hub yet: a vote, a submission, and a vote that was given up.
    "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" vote acme/one 0123456789abcdef0123456789abcdef01234567 carol up
    sample_request acme/three >"$STATE_DIR/three"
    "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" request acme/three_eval_request_False_bfloat16_Original.json "$STATE_DIR/three"
    "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" vote acme/two 0123456789abcdef0123456789abcdef01234567 carol down
    sqlite3 "$STATE_DIR/cache.db" "UPDATE outbox SET parked = 1, tries = 5, error = 'the Hub refused it' WHERE username = 'carol' AND model = 'acme/two'"
fi
if has votes.fcgi; then
    # The programs' own: what the Hub said of a token and of a model, and a quota that is used.
    post /api/votes/acme/one alice '{"vote_type": "up", "user_id": "alice"}' || true
    sqlite3 "$STATE_DIR/cache.db" "INSERT INTO submissions SELECT 'alice', submitted_at, path FROM requests WHERE model = 'acme/three';
        INSERT INTO model_facts VALUES ('acme/one', 'main', '{}', 4102444800)"
fi

# dump DATABASE: its statements, with what .dump leaves out.
dump() {
    sqlite3 "$1" .dump
    sqlite3 "$1" "SELECT 'PRAGMA ' || 'application_id=' || application_id || ';' FROM pragma_application_id;
        SELECT 'PRAGMA ' || 'user_version=' || user_version || ';' FROM pragma_user_version"
}
sqlite3 "$STATE_DIR/hub.db" 'DELETE FROM blobs WHERE length(bytes) > 100000' # none that are needed
dump "$STATE_DIR/cache.db" >"$out/cache-$(sqlite3 "$STATE_DIR/cache.db" 'PRAGMA user_version').sql"
dump "$STATE_DIR/hub.db" >"$out/hub-$(sqlite3 "$STATE_DIR/hub.db" 'PRAGMA user_version').sql"

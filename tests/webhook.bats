#!/usr/bin/env bats
# The Hub's webhook: who may send it, which events start a sync, and that they do.

load helper

SECRET='correct horse; battery'

setup() {
    new_state
    export HUB_WEBHOOK_SECRET=$SECRET
}

teardown() { stop_all; }

# event [JQ FILTER]: what the Hub sends when a commit has moved main, changed by the filter.
event() {
    jq -nc '{
        event: {action: "update", scope: "repo.content"},
        repo: {type: "dataset", name: "acme/contents", id: "65", private: false, headSha: "dd"},
        updatedRefs: [{ref: "refs/heads/main", oldSha: "cc", newSha: "dd"}],
        webhook: {id: "66", version: 3}
    } | '"${1:-.}"
}

# post BODY: with the secret that GIVEN, and the type that TYPE names, instead of the right ones.
post() {
    get /api/webhooks/hub --data-binary "$1" -H "Content-Type: ${TYPE-application/json}" \
        -H "X-Webhook-Secret: ${GIVEN-$SECRET}"
}

expect_no_request() {
    [ ! -e "$STATE_DIR/sync-requested" ] || { echo "a sync was requested" >&2; false; }
}

# ignored FILTER REASON: such an event is taken with 200 and starts nothing.
ignored() {
    post "$(event "$1")"
    expect_status 200
    expect "status of $1" ignored "$(jq -r .status "$body")"
    expect_line "$2" "$(jq -r .reason "$body")"
    expect_no_request
}

# refused FILTER: such an event is none.
refused() {
    post "$(event "$1")"
    expect_status 400
    expect_line "expected the texts event.scope" "$(jq -r .detail "$body")"
    expect_no_request
}

@test "an event about main of one of the four datasets requests a sync" {
    start_server alone
    local repo
    for repo in contents official-providers requests votes; do
        rm -f "$STATE_DIR/sync-requested"
        post "$(event ".repo.name = \"acme/$repo\"")"
        expect_status 202
        expect "the answer" "{\"status\":\"accepted\",\"dataset\":\"acme/$repo\"}" "$(cat "$body")"
        expect "type" application/json "$(header Content-Type)"
        expect "caching" no-store "$(header Cache-Control)"
        local age=$(($(date +%s) - $(stat -c %Y "$STATE_DIR/sync-requested")))
        [ $age -ge 0 ] && [ $age -le 5 ]
    done
    # Scopes are whole or in parts, refs may be missing, and types have parameters.
    local filter
    for filter in '.event.scope = "repo"' '.event.scope = "repo.yet.narrower"' 'del(.updatedRefs)' \
        '.updatedRefs = null' '.updatedRefs |= [{ref: "refs/pr/1"}] + .'; do
        rm -f "$STATE_DIR/sync-requested"
        TYPE='Application/JSON; charset=utf-8' post "$(event "$filter")"
        expect_status 202
        [ -f "$STATE_DIR/sync-requested" ]
    done
}

@test "the datasets are those of the settings" {
    export VOTES_REPO=other/our-votes
    start_server alone
    post "$(event '.repo.name = "other/our-votes"')"
    expect_status 202
    rm "$STATE_DIR/sync-requested"
    ignored '.repo.name = "acme/votes"' "none of this leaderboard's datasets"
}

@test "other events are taken and start nothing" {
    start_server alone
    ignored '.repo.name = "acme/other"' "none of this leaderboard's datasets"
    ignored '.repo.type = "model"' "none of this leaderboard's datasets"
    ignored '.event.scope = "discussion.comment"' "not about the repo itself"
    ignored '.event.scope = "repository"' "not about the repo itself"
    ignored '.updatedRefs = [{ref: "refs/pr/7"}, {ref: "refs/heads/main2"}]' "main has not moved"
    ignored '.updatedRefs = []' "main has not moved"
}

@test "what is no event is 400, another type 415, and too long 413" {
    start_server alone
    refused '.event.scope = 1'
    refused 'del(.event)'
    refused '.repo = "acme/contents"'
    refused 'del(.repo.type)'
    refused '.repo.name = null'
    refused '.updatedRefs = {}'
    refused '.updatedRefs = ["refs/heads/main"]'
    refused '[.]'
    local text
    for text in '' '{' 'null' '{"a":1,"a":2}' "$(event) x" $'\xff'; do
        post "$text"
        expect_status 400
        expect_line "the body is not JSON" "$(jq -r .detail "$body")"
    done
    local type
    for type in text/plain application/jsonp application ''; do
        TYPE=$type post "$(event)"
        expect_status 415
        expect_line "application/json" "$(jq -r .detail "$body")"
    done
    event '.x = ("x" * 65536)' >"$STATE_DIR/long"
    post "@$STATE_DIR/long"
    expect_status 413
    # One that just fits.
    event '.x = ("x" * 65000)' >"$STATE_DIR/long"
    expect_no_request
    post "@$STATE_DIR/long"
    expect_status 202
}

@test "only the whole secret is the secret, and no log holds it" {
    start_server alone
    local given
    for given in wrong '' "${SECRET%?}" "${SECRET}x" "$SECRET$SECRET" "${SECRET^^}"; do
        GIVEN=$given post "$(event)"
        expect_status 401
        expect_line "X-Webhook-Secret" "$(jq -r .detail "$body")"
        expect_no_request
    done
    get /api/webhooks/hub --data-binary "$(event)" -H 'Content-Type: application/json'
    expect_status 401
    post "$(event)"
    expect_status 202
    await "a line in the log" grep -q 'sync requested dataset=acme/contents' "$STATE_DIR/log/system.log"
    no grep -rF "$SECRET" "$STATE_DIR/log"
    no grep -rF "$SECRET" <(fetcher settings)
}

@test "without a secret of its own the server has no webhook" {
    export HUB_WEBHOOK_SECRET=
    start_server alone
    for GIVEN in '' x; do
        post "$(event)"
        expect_status 404
        expect_line "nothing at this path" "$(jq -r .detail "$body")"
    done
    expect_no_request
}

@test "the secret may lie in the file of settings" {
    unset HUB_WEBHOOK_SECRET
    echo "HUB_WEBHOOK_SECRET='$SECRET'" >"$ENV_FILE"
    start_server alone
    post "$(event)"
    expect_status 202
}

@test "other methods are 405, neighbours 404, and the leaderboard's paths stay where they were" {
    start_server alone
    get /api/webhooks/hub
    expect_status 405
    expect "Allow" "POST, OPTIONS" "$(header Allow)"
    get /api/webhooks/other -d ''
    expect_status 404
    get /api/webhooks
    expect_status 404
    get /api/leaderboard
    expect_status 503
}

@test "where the request cannot be kept the answer is 503" {
    start_server alone
    post "$(event)"
    rm "$STATE_DIR/sync-requested"
    mkdir -p "$STATE_DIR/sync-requested/in-the-way"
    post "$(event)"
    expect_status 503
    expect "Retry-After" 60 "$(header Retry-After)"
    expect_line "cannot request a sync" "$(cat "$STATE_DIR/log/system.log")"
}

served_name() { curl -sf "$API/api/leaderboard/formatted" | grep -qF "\"$1\""; }

@test "a commit is served right after its webhook, long before SYNC_INTERVAL" {
    unset HUB_WEBHOOK_SECRET HF_ENDPOINT
    sample_row lab/before | put_rows
    put_providers lab
    : >"$STATE_DIR/hub.filled"
    # The settings lie in the working folder, which is not the programs' own.
    mkdir "$STATE_DIR/home"
    echo "HUB_WEBHOOK_SECRET='$SECRET'" >"$STATE_DIR/home/.env"
    unset ENV_FILE
    (cd "$STATE_DIR/home" && SYNC_INTERVAL=600 exec setsid "$ROOT/tools/serve.sh" "$PROGRAM_DIR") \
        >"$STATE_DIR/said" 2>&1 3>&- &
    PIDS+=($!)
    await "the first sync" served_name lab/before || { cat "$STATE_DIR/said" >&2; false; }
    await "its end" grep -q 'Stop with Ctrl-C' "$STATE_DIR/said"
    sample_row lab/after | put_rows
    sleep 1.2 # nothing asks the Hub in the meantime
    no served_name lab/after
    post "$(event)"
    expect_status 202
    await "the new commit" served_name lab/after || { cat "$STATE_DIR/said" >&2; false; }
    expect_no_request
}

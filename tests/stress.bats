#!/usr/bin/env bats
# Many voters at once, while processes are killed: every acknowledged vote is there, once.

load helper

CLIENTS=64 USERS=2000 MODELS=50 REQUESTS=125 # requests of each client

setup() {
    new_state
    # Each user comes from an address of their own, through a proxy.
    export TRUSTED_PROXIES='["127.0.0.1"]' LOG_LEVEL_HTTP=INFO
    start_server
    local m
    hubctl create datasets/acme/requests >/dev/null
    hubctl create datasets/acme/votes >/dev/null
    mkdir -p "$STATE_DIR/import/datasets/acme/requests/acme"
    for ((m = 0; m < MODELS; m++)); do
        sample_request "acme/m$m" >"$STATE_DIR/import/datasets/acme/requests/acme/m${m}_eval_request_False_bfloat16_Original.json"
    done
    hubctl import "$STATE_DIR/import" >/dev/null
    eval "hubctl token u{1..$USERS}" >/dev/null
    fetcher --quiet pull requests votes
}

teardown() { stop_all; }

# client NUMBER: a file of votes for curl: users and models by chance, one in ten of them twice.
client() {
    awk -v seed="$1" -v n=$REQUESTS -v users=$USERS -v models=$MODELS -v api="$API" 'BEGIN {
        srand(seed)
        for (i = 0; i < n; i++) {
            if (i == 0 || rand() > 0.1) { user = 1 + int(rand() * users); model = int(rand() * models) }
            if (i > 0) print "next"
            printf "url = \"%s/api/votes/acme/m%d\"\n", api, model
            printf "data = \"{\\\"vote_type\\\":\\\"up\\\",\\\"user_id\\\":\\\"u%d\\\"}\"\n", user
            printf "header = \"Authorization: Bearer hf_local_u%d\"\n", user
            printf "header = \"Content-Type: application/json\"\n"
            printf "header = \"X-Forwarded-For: 10.%d.%d.%d\"\n", user / 65536, user / 256 % 256, user % 256
            printf "write-out = \"%%{http_code} u%d acme/m%d\\n\"\noutput = /dev/null\nsilent\n", user, model
        }
    }'
}

all_workers() { [ "$(workers votes | wc -l)" = 5 ]; }
handled() { [ "$(grep -c ' http: request' "$STATE_DIR/log/votes.log")" -ge "$1" ]; }

@test "64 clients, 2,000 users, 50 models, and kill -9 in between" {
    local i kills=0 pids=() total=$((CLIENTS * REQUESTS))
    for ((i = 0; i < CLIENTS; i++)); do
        client $i >"$STATE_DIR/client.$i"
    done
    for ((i = 0; i < CLIENTS; i++)); do
        curl -K "$STATE_DIR/client.$i" >"$STATE_DIR/answers.$i" 3>&- &
        pids+=($!)
    done
    for i in 1 2 3 4 5 6; do
        await "requests" handled $((i * total / 8))
        await "all workers" all_workers
        kill -9 "$(workers votes | shuf -n 1)" # two of the five are there for reads
        kills=$((kills + 1))
    done
    wait "${pids[@]}"
    cat "$STATE_DIR"/answers.* >"$STATE_DIR/answers"
    request="$total votes" headers='' body=''
    expect "answers" "$total" "$(wc -l <"$STATE_DIR/answers")"
    echo "answers: $(cut -d' ' -f1 "$STATE_DIR/answers" | sort | uniq -c | xargs)"

    # Nothing but 200 and 409, but for what a killed process had before it, as lighttpd says of each.
    expect "other answers" "" "$(awk '$1 != 200 && $1 != 409 && $1 != 500' "$STATE_DIR/answers")"
    expect "broken off" "$(grep -c 'response not received' "$STATE_DIR/log/lighttpd.log")" "$(grep -c '^500' "$STATE_DIR/answers")"
    expect "errors of the programs" "" "$(grep -h ' status=5' "$STATE_DIR"/log/*.log)"
    [ "$(grep -c '^500' "$STATE_DIR/answers")" -le $((kills * CLIENTS / 2)) ]

    # Each 200 is one row, and each pair was acknowledged once.
    awk '$1 == 200 {print $2, $3}' "$STATE_DIR/answers" | LC_ALL=C sort >"$STATE_DIR/acknowledged"
    expect "acknowledged twice" "" "$(uniq -d "$STATE_DIR/acknowledged")"
    query "SELECT username || ' ' || model FROM votes" | LC_ALL=C sort >"$STATE_DIR/rows"
    expect "acknowledged and not there" "" "$(LC_ALL=C comm -23 "$STATE_DIR/acknowledged" "$STATE_DIR/rows")"
    # A 409 says that the vote is there; a row that nobody was told of belongs to a 50x.
    expect "409 without a row" "" "$(awk '$1 == 409 {print $2, $3}' "$STATE_DIR/answers" | LC_ALL=C sort -u | LC_ALL=C comm -23 - "$STATE_DIR/rows")"
    awk '$1 ~ /^50/ {print $2, $3}' "$STATE_DIR/answers" | LC_ALL=C sort -u >"$STATE_DIR/broken"
    expect "rows that nobody asked for" "" "$(LC_ALL=C comm -13 "$STATE_DIR/acknowledged" "$STATE_DIR/rows" | LC_ALL=C comm -23 - "$STATE_DIR/broken")"
    expect "outbox" "$(wc -l <"$STATE_DIR/rows")" "$(query 'SELECT count(*) FROM outbox')"
    expect "integrity" ok "$(query 'PRAGMA integrity_check')"

    # And on the Hub once, after a push.
    HF_TOKEN=hf_local_server fetcher --quiet push
    curl -s "http://127.0.0.1:$HUB_PORT/datasets/acme/votes/resolve/main/votes_data.jsonl" -L |
        jq -r '"\(.username) \(.model)"' | LC_ALL=C sort | cmp - "$STATE_DIR/rows"
}

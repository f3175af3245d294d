#!/usr/bin/env bats
# An upgrade under load: the programs are replaced, lighttpd is told to reload, and no request fails.

load helper

CLIENTS=6 UPGRADES=2

setup() {
    new_state
    export TRUSTED_PROXIES='["127.0.0.1"]' HF_TOKEN=hf_local_server LOG_LEVEL_HTTP=WARNING RATE_LIMIT_REQUESTS=0
    BUILT=$PROGRAM_DIR
    # Programs that can be replaced.
    export PROGRAM_DIR=$STATE_DIR/programs
    mkdir "$PROGRAM_DIR"
    cp -r "$BUILT/www" "$PROGRAM_DIR"
    install_version 1
    # The Hub is another server's, which stays up.
    mkdir -p "$STATE_DIR"/hub/{run,log,public,conf.d}
    cp "$ROOT/tools/hub.conf" "$STATE_DIR/hub/conf.d"
    (STATE_DIR=$STATE_DIR/hub PORT=$(free_port) PROGRAM_DIR=$BUILT exec lighttpd -D -f "$ROOT/lighttpd.conf") 3>&- &
    PIDS+=($!)
    await "the Hub" port_open "$HUB_PORT"
    start_server alone
    sample_row acme/one | put_rows
    put_providers acme
    local m
    mkdir -p "$STATE_DIR/import/datasets/acme/requests/acme"
    for m in $(seq 40); do
        sample_request "acme/m$m" >"$STATE_DIR/import/datasets/acme/requests/acme/m${m}_eval_request_False_bfloat16_Original.json"
    done
    hubctl import "$STATE_DIR/import" >/dev/null
    hubctl create datasets/acme/votes >/dev/null
    eval "hubctl token u{1..$CLIENTS}" >/dev/null
    fetcher --quiet sync
}

teardown() { stop_all; }

hubctl() { "$BUILT/hubctl" --db "$STATE_DIR/hub/hub.db" "$@"; }

# install_version N: puts the programs of version N in place, as install(1) does: each is another file. The
# layout of boards is the version's own, so that no version can read what another one published.
install_version() {
    local program
    for program in "$BUILT"/*.fcgi "$BUILT/fetcher"; do
        LC_ALL=C sed "s/Lbard[\x01-\x09]/Lbard\x0$1/g" "$program" >"$STATE_DIR/program"
        install -m 0755 "$STATE_DIR/program" "$PROGRAM_DIR/.new"
        mv "$PROGRAM_DIR/.new" "$PROGRAM_DIR/${program##*/}"
    done
    LC_ALL=C grep -qP "Lbard\x0$1" "$PROGRAM_DIR/fetcher"
}

# client NUMBER: reads and votes until STATE_DIR/stop is there; "STATUS METHOD PATH" of each, 000 when there was
# no answer. Each request has a connection of its own.
client() {
    local reads=(/api/leaderboard /api/leaderboard/formatted '/api/leaderboard/formatted?search=one' /api/leaderboard.csv
        /api/leaderboard/about /api/leaderboard/stats /api/leaderboard/snapshots /api/models/status /api/health
        '/api/health?ready=1' /api/votes/user/u1 /openapi.json /)
    local m path
    for m in $(seq 40); do
        [ ! -e "$STATE_DIR/stop" ] || break
        curl -s -o "$STATE_DIR/vote.$1" -w "%{http_code} POST m$m u$1\n" --max-time 30 "$API/api/votes/acme/m$m" \
            -H "Authorization: Bearer hf_local_u$1" -H 'Content-Type: application/json' \
            -H "X-Forwarded-For: 10.0.0.$1" -d "{\"vote_type\":\"up\",\"user_id\":\"u$1\"}" || true
        for path in "${reads[@]}"; do
            curl -s --compressed -o /dev/null -w "%{http_code} GET $path\n" --max-time 30 "$API$path" || true
        done
    done
}

# As `systemctl reload leaderboard` does it.
reload() { sed -n 's/^ExecReload=-\?//p' "$ROOT/cron/leaderboard.service" | MAINPID=$SERVER sh; }

answers() { cat "$STATE_DIR"/answers.* | wc -l; }
more_answers() { [ "$(answers)" -ge "$1" ]; }
generation() { pgrep -P "$SERVER" -x votes.fcgi | sort; }
replaced() { [ -n "$(generation)" ] && [ -z "$(comm -12 <(echo "$1") <(generation))" ]; }

@test "programs replaced and lighttpd reloaded, twice, under reads, votes, a listener and syncs" {
    local i pids=() before
    for i in $(seq $CLIENTS); do
        client "$i" >"$STATE_DIR/answers.$i" 2>/dev/null 3>&- &
        pids+=($!)
    done
    for i in $(seq $UPGRADES); do
        await "answers" more_answers $(($(answers) + CLIENTS * 10))
        # Who listens to events would hold a reload up.
        curl -sN "$API/api/events" >"$STATE_DIR/heard.$i" 3>&- &
        PIDS+=($!)
        await "a greeting" grep -q retry "$STATE_DIR/heard.$i"
        before=$(generation)
        install_version $((i + 1))
        # The new fetcher publishes what the old programs cannot read.
        [ "$i" != 1 ] || { sample_row acme/one '."Average ⬆️" = 21' | put_rows; fetcher --quiet sync; }
        await "answers" more_answers $(($(answers) + CLIENTS * 10))
        reload
        await "new programs" replaced "$before"
        await "answers" more_answers $(($(answers) + CLIENTS * 10))
    done
    : >"$STATE_DIR/stop"
    wait "${pids[@]}"
    cat "$STATE_DIR"/answers.* | sort | uniq -c | sort -rn >"$STATE_DIR/summary"
    expect "failed" "" "$(grep -v ' 200 ' "$STATE_DIR/summary")"
    expect "votes" "$(cat "$STATE_DIR"/answers.* | grep -c '^200 POST')" "$(query 'SELECT count(*) FROM votes')"
    fetcher --quiet sync
    expect "votes on the Hub" "$(query 'SELECT count(*) FROM votes')" \
        "$(curl -sfL "http://127.0.0.1:$HUB_PORT/datasets/acme/votes/resolve/main/votes_data.jsonl" | sort -u | wc -l)"
}

started() { [ -e "$STATE_DIR/started" ]; }
restarted() { [ "$(grep -c 'server started' "$STATE_DIR/log/lighttpd.log")" -ge "$1" ]; }

@test "a program that was only just started, and does not hear that it is to end, holds no reload up" {
    local program
    # Between fork() and exec() a program has lighttpd's own signal handlers, which take the signal away.
    for program in events changes; do
        kill "$SERVER"; wait "$SERVER" || true
        rm -f "$STATE_DIR/log/lighttpd.log" "$STATE_DIR/started"
        mv "$PROGRAM_DIR/$program.fcgi" "$PROGRAM_DIR/real"
        printf '%s\n' '#!/bin/sh' 'trap : TERM' ': >"$STATE_DIR/started"' \
            'until [ -e "$STATE_DIR/go" ]; do sleep 0.02; done' 'exec "$PROGRAM_DIR/real"' >"$PROGRAM_DIR/$program.fcgi"
        chmod +x "$PROGRAM_DIR/$program.fcgi"
        start_server alone
        await "the program" started
        kill -USR1 "$SERVER"
        await "its socket's removal" test ! -e "$STATE_DIR/run/$program.sock-0"
        mv "$PROGRAM_DIR/real" "$PROGRAM_DIR/$program.fcgi.new"
        ln "$PROGRAM_DIR/$program.fcgi.new" "$PROGRAM_DIR/real"
        mv "$PROGRAM_DIR/$program.fcgi.new" "$PROGRAM_DIR/$program.fcgi"
        : >"$STATE_DIR/go"
        await "the reload" restarted 2
        get /api/leaderboard/snapshots
        expect_status 200
        rm "$STATE_DIR/go" "$PROGRAM_DIR/real"
    done
}

#!/usr/bin/env bats
# `fetcher backup FILE` and `fetcher restore FILE`: what is in a backup, and that a restored server goes on
# as if nothing had been.

load helper

setup() {
    new_state
    export HF_TOKEN=hf_local_server
    BACKUP=$STATE_DIR/backup/now.db
    mkdir "$STATE_DIR/backup"
}

teardown() { stop_all; }

cast() { "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" "$@"; }

# of DATABASE SQL
of() { sqlite3 -readonly "$1" "$2"; }

# votes_in DATABASE: "model username" of each.
votes_in() { of "$1" "SELECT model || ' ' || username FROM votes" | LC_ALL=C sort; }

# pairs: the same of lines of votes.
pairs() { jq -r '.model + " " + .username' | LC_ALL=C sort; }

# The Hub's votes.
hub_votes() { curl -sfL "http://127.0.0.1:$HUB_PORT/datasets/acme/votes/resolve/main/votes_data.jsonl" | pairs; }

# Starts a server with a Hub that holds all datasets, and takes them.
populated() {
    start_server
    sample_row acme/one | put_rows
    put_providers acme
    put_request acme/one
    sample_vote acme/old alice | put_votes
    fetcher --quiet sync
}

@test "every vote acknowledged before a backup began is in it, while others are being cast" {
    populated
    local i pids=() before after
    for i in 1 2 3; do
        cast votes 3000 "$i" >"$STATE_DIR/cast.$i" 2>"$STATE_DIR/refused.$i" 3>&- &
        pids+=($!)
    done
    await "votes" test -s "$STATE_DIR/cast.3"
    for i in 1 2 3 4 5; do
        cat "$STATE_DIR"/cast.* | grep '}$' | pairs >"$STATE_DIR/before"
        fetch backup "$BACKUP"
        expect "exit code" 0 "$code"
        [[ $said =~ ^$BACKUP:\ [0-9.]+\ MB\ in\ [0-9.]+\ s,\ checked$ ]]
        expect "acknowledged and not in the backup" "" "$(LC_ALL=C comm -23 "$STATE_DIR/before" <(votes_in "$BACKUP"))"
        # Each vote with its entry in the outbox, as one transaction made both.
        expect "outbox" "$(of "$BACKUP" 'SELECT count(*) FROM votes WHERE pull = 0')" \
            "$(of "$BACKUP" 'SELECT count(*) FROM outbox')"
        expect "integrity" ok "$(of "$BACKUP" 'PRAGMA integrity_check')"
    done
    wait "${pids[@]}"
    # It was not over before the last backup.
    [ "$(query 'SELECT count(*) FROM votes')" -gt "$(of "$BACKUP" 'SELECT count(*) FROM votes')" ]
    expect "votes that were refused" 0 "$(cat "$STATE_DIR"/refused.* | wc -l)"
    # One file, for its owner alone, that is no WAL database.
    expect "files" now.db "$(ls "$STATE_DIR/backup")"
    expect "mode" 600 "$(stat -c %a "$BACKUP")"
    expect "journal" delete "$(of "$BACKUP" 'PRAGMA journal_mode')"
}

@test "restored, a server serves, notices by itself, and the outbox is on the Hub once" {
    populated
    sample_request acme/two >"$STATE_DIR/two.json"
    cast votes 40 1 | pairs >"$STATE_DIR/first"
    cast request acme/two_eval_request_False_bfloat16_Original.json "$STATE_DIR/two.json"
    fetcher --quiet backup "$BACKUP"
    get /api/votes/model/acme/old
    # After the backup: more votes, and all of it goes to the Hub.
    cast votes 40 2 | pairs >"$STATE_DIR/second"
    fetcher --quiet sync
    local commits
    commits=$(hubctl log datasets/acme/requests | wc -l)

    fetch restore "$BACKUP"
    expect "exit code" 0 "$code"
    local aside
    aside=$(ls "$STATE_DIR"/cache.db.before-*[0-9])
    expect_line "what was there is $aside" "$said"
    LC_ALL=C sort -u - "$STATE_DIR/first" <<<"acme/old alice" | diff - <(votes_in "$STATE_DIR/cache.db")
    # The old one is whole.
    LC_ALL=C sort -u - "$STATE_DIR/first" "$STATE_DIR/second" <<<"acme/old alice" >"$STATE_DIR/all"
    diff "$STATE_DIR/all" <(votes_in "$aside")
    # The programs that run read the new one at once, without waiting for one that may write it, and vote into it.
    pkill -STOP -P "$SERVER" votes.fcgi
    get '/api/leaderboard?limit=1'
    expect "status while no voting program runs" 200 "$status"
    get /api/leaderboard/snapshots
    expect "status while no voting program runs" 200 "$status"
    pkill -CONT -P "$SERVER" votes.fcgi
    local user
    user=$(LC_ALL=C comm -13 "$STATE_DIR/first" "$STATE_DIR/second" | sed -n '1s/.* //p')
    get /api/leaderboard/formatted
    expect_status 200
    get "/api/votes/model/acme/one"
    expect_status 200
    get /api/votes/acme/one -d '{"vote_type":"up","user_id":"bob"}' -H 'Content-Type: application/json' \
        -H 'Authorization: Bearer hf_local_bob'
    expect_status 200
    expect "bob's vote" 1 "$(query "SELECT count(*) FROM votes WHERE username = 'bob'")"

    fetcher --quiet sync
    echo "acme/one bob" | LC_ALL=C sort - "$STATE_DIR/all" >"$STATE_DIR/wanted"
    diff "$STATE_DIR/wanted" <(hub_votes)
    diff "$STATE_DIR/wanted" <(votes_in "$STATE_DIR/cache.db")
    expect "outbox" 0 "$(query 'SELECT count(*) FROM outbox')"
    expect "commits of requests" "$commits" "$(hubctl log datasets/acme/requests | wc -l)"
    fetcher verify
    expect "history" 1 "$(query 'SELECT count(*) FROM history_snapshots')"
}

@test "on another machine: a backup and a sync are all that is needed" {
    populated
    cast votes 20 1 | pairs >"$STATE_DIR/first"
    fetcher --quiet backup "$BACKUP"
    OLD=$STATE_DIR
    STATE_DIR=$STATE_DIR/elsewhere
    fetch restore "$BACKUP"
    expect "exit code" 0 "$code"
    no grep before- <<<"$said"
    fetcher --quiet sync
    mkdir -p "$STATE_DIR"/{run,log,conf.d}
    PORT=$(free_port) API=http://127.0.0.1:$PORT
    start_server alone
    get /api/leaderboard/formatted
    STATE_DIR=$OLD
    expect_status 200
    expect "rows" 1 "$(jq '.models | length' "$body")"
    LC_ALL=C sort -u - "$STATE_DIR/first" <<<"acme/old alice" | diff - <(hub_votes)
}

@test "who votes while a backup is restored is told, and no acknowledged vote is in neither database" {
    cast votes 10 1 >/dev/null
    fetcher --quiet backup "$BACKUP"
    "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" votes 100000 2 >"$STATE_DIR/cast" 2>"$STATE_DIR/refused" 3>&- &
    local caster=$!
    PIDS+=($caster)
    await "votes" test -s "$STATE_DIR/cast"
    fetcher --quiet restore "$BACKUP"
    await "a refusal" grep -q 'another file has taken its place' "$STATE_DIR/refused"
    kill "$caster"
    wait "$caster" || true
    # All that it was told are in the database that it had open; none went there after the swap.
    expect "acknowledged and lost" "" \
        "$(LC_ALL=C comm -23 <(pairs <"$STATE_DIR/cast") <(votes_in "$STATE_DIR"/cache.db.before-*[0-9]))"
    expect "votes" "$(of "$BACKUP" 'SELECT count(*) FROM votes')" "$(query 'SELECT count(*) FROM votes')"
    cast votes 10 3 >"$STATE_DIR/cast"
    [ -s "$STATE_DIR/cast" ]
}

@test "a restore that is killed leaves the old database or the new one, whole" {
    cast votes 400 1 >/dev/null
    fetcher --quiet backup "$BACKUP"
    cast votes 400 2 >/dev/null
    local old new round
    new=$(of "$BACKUP" 'SELECT count(*) FROM votes') old=$(query 'SELECT count(*) FROM votes')
    fetcher --quiet backup "$STATE_DIR/backup/old.db"
    for round in $(seq 30); do
        "$PROGRAM_DIR/fetcher" --quiet restore "$BACKUP" 3>&- &
        local pid=$!
        sleep "0.0$(printf %02d $((round * 2)))"
        kill -9 "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
        case $(query "SELECT count(*) FROM votes WHERE (SELECT 'ok' = integrity_check FROM pragma_integrity_check)") in
        "$new") fetcher --quiet restore "$STATE_DIR/backup/old.db" ;;
        "$old") ;;
        *) false ;;
        esac
        rm -f "$STATE_DIR"/cache.db.before-*
    done
    # What the killed ones left is no obstacle, and is cleared away.
    fetcher --quiet restore "$BACKUP"
    expect "votes" "$new" "$(query 'SELECT count(*) FROM votes')"
    expect "left over" "" "$(find "$STATE_DIR" -name '*.restored*')"
}

@test "what is refused, and that it changes nothing" {
    cast votes 200 1 >/dev/null
    fetcher --quiet backup "$BACKUP"
    local before
    before=$(votes_in "$STATE_DIR/cache.db")

    # refuses CODE WORDS COMMAND…
    refuses() {
        fetch "${@:3}"
        expect "exit code" "$1" "$code"
        expect_line "$2" "$said"
        expect "lines" 1 "$(wc -l <<<"$said")"
        expect "votes" "$before" "$(votes_in "$STATE_DIR/cache.db")"
        expect "left over" "" "$(find "$STATE_DIR" -name '*.tmp' -o -name '*.restored*' -o -name '*.before-*')"
    }
    echo "a letter" >"$STATE_DIR/letter"
    refuses 111 "is no backup of a leaderboard; it stays" backup "$STATE_DIR/letter"
    expect "the letter" "a letter" "$(cat "$STATE_DIR/letter")"
    refuses 111 "is no backup of a leaderboard; it stays" backup "$STATE_DIR/cache.db"
    refuses 111 "is no backup of a leaderboard; it stays" backup "$STATE_DIR/backup"
    sqlite3 "$STATE_DIR/other.db" 'CREATE TABLE mine (x); INSERT INTO mine VALUES (1)'
    refuses 111 "is no backup of a leaderboard; it stays" backup "$STATE_DIR/other.db"
    refuses 111 "No such file" backup "$STATE_DIR/nowhere/now.db"
    refuses 100 "which FILE?" backup
    refuses 111 "is no backup of a leaderboard" restore "$STATE_DIR/letter"
    refuses 111 "is no backup of a leaderboard" restore "$STATE_DIR/other.db"
    refuses 111 "is no backup of a leaderboard" restore "$STATE_DIR/cache.db"
    refuses 111 "No such file" restore "$STATE_DIR/nowhere"
    refuses 100 "which FILE?" restore
    : >"$STATE_DIR/empty"
    refuses 111 "is no backup of a leaderboard" restore "$STATE_DIR/empty"
    # Damaged: a page in the midst of it is overwritten, or the end is missing.
    cp "$BACKUP" "$STATE_DIR/damaged"
    local pages
    pages=$(of "$BACKUP" "SELECT pageno FROM dbstat WHERE name = 'votes' AND pagetype = 'leaf' LIMIT 1")
    dd if=/dev/urandom of="$STATE_DIR/damaged" bs=4096 seek=$((pages - 1)) count=1 conv=notrunc status=none
    refuses 111 "damaged" restore "$STATE_DIR/damaged"
    cp "$BACKUP" "$STATE_DIR/short"
    truncate -s -8192 "$STATE_DIR/short"
    refuses 111 "short" restore "$STATE_DIR/short"
    # From a later version.
    cp "$BACKUP" "$STATE_DIR/later"
    sqlite3 "$STATE_DIR/later" 'PRAGMA user_version=99'
    refuses 111 "has schema 99" restore "$STATE_DIR/later"
    # While a fetcher works.
    (
        flock 9
        refuses 2 "another fetcher is at work" restore "$BACKUP"
        fetcher --quiet backup "$BACKUP"
    ) 9>"$STATE_DIR/fetcher.lock"
    # A backup over a backup is what a backup is for.
    fetcher --quiet backup "$BACKUP"
}

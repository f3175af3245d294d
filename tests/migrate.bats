#!/usr/bin/env bats
# Databases of every earlier version, as its programs left them (tests/old), in the hands of this one.

load helper

setup() {
    new_state
    export HF_TOKEN=hf_local_server
    NEWEST=$(awk '/^-- migration:/ && $3 > newest { newest = $3 } END { print newest }' $(ls "$ROOT"/sql/*.sql | grep -v /hub))
    mkdir "$STATE_DIR/old"
}

teardown() { stop_all; }

# versions KIND: of which there is a database in tests/old.
versions() { ls "$ROOT/tests/old" | sed -n "s/^$1-\([0-9]*\)\.sql$/\1/p" | sort -n; }

# old KIND VERSION PATH: makes that database.
old() {
    rm -f "$3"*
    sqlite3 "$3" <"$ROOT/tests/old/$1-$2.sql"
    sqlite3 "$3" 'PRAGMA journal_mode=WAL' >/dev/null
    expect "version" "$2" "$(sqlite3 "$3" 'PRAGMA user_version')"
}

# kept DATABASE OLD: every row of every table that OLD has and that cannot be fetched anew, in the columns
# that OLD has. A table or a column that is gone from DATABASE is an error.
kept() {
    local table columns
    for table in $(sqlite3 -readonly "$2" "SELECT name FROM sqlite_master WHERE type = 'table'
        AND name NOT IN ('models', 'scores', 'snapshots', 'sqlite_sequence') ORDER BY name"); do
        columns=$(sqlite3 -readonly "$2" "SELECT group_concat(name) FROM pragma_table_info('$table')")
        echo "$table $columns"
        sqlite3 -readonly "$1" "SELECT $columns FROM $table ORDER BY $columns" || return 1
    done
}

# migrated: the database is of this version, whole, and has what the old one had.
migrated() {
    expect "version" "$NEWEST" "$(query 'PRAGMA user_version')"
    expect "integrity" ok "$(query 'PRAGMA integrity_check')"
    kept "$STATE_DIR/old/cache.db" "$STATE_DIR/old/cache.db" >"$STATE_DIR/had"
    kept "$STATE_DIR/cache.db" "$STATE_DIR/old/cache.db" | diff "$STATE_DIR/had" -
    # Made anew, it has the same tables and columns.
    "$PROGRAM_DIR/tests/cast" "$STATE_DIR/new.db" votes 0 1
    local tables="SELECT m.name, p.name, p.type, p.\"notnull\", p.dflt_value, p.pk FROM sqlite_master m, pragma_table_info(m.name) p
        WHERE m.type = 'table' ORDER BY 1, 2; SELECT type, name, tbl_name FROM sqlite_master WHERE type <> 'table' ORDER BY 1, 2"
    diff <(sqlite3 "$STATE_DIR/new.db" "$tables") <(query "$tables")
}

@test "each earlier version's cache: the programs take it as it is, and nothing is lost" {
    expect "versions" "1 2 3 5" "$(versions cache | head -n 4 | xargs)"
    old hub "$(versions hub | tail -n 1)" "$STATE_DIR/hub.db"
    for version in $(versions cache); do
        echo "from version $version" >&2
        old cache "$version" "$STATE_DIR/old/cache.db"
        rm -f "$STATE_DIR"/cache.db-*
        cp "$STATE_DIR/old/cache.db" "$STATE_DIR/cache.db"
        start_server
        get /api/votes/model/acme/one
        expect_status 200
        expect "votes" "$([ "$version" = 1 ] || sqlite3 "$STATE_DIR/old/cache.db" "SELECT count(*) FROM votes WHERE model = 'acme/one'")" \
            "$(jq 'if .total_votes == 0 then "" else .total_votes end | tostring' -r "$body")"
        migrated
        fetcher --quiet sync
        get /api/leaderboard/formatted?sort=-average
        expect_status 200
        expect "rows" "acme/one other/two" "$(jq -r '[.models[].model.name] | join(" ")' "$body")"
        [ "$version" = 1 ] || expect "history" 2 "$(query 'SELECT count(*) FROM history_snapshots')"
        # What waited is on the Hub now; what was given up is kept.
        expect "outbox" "$([ "$version" = 1 ] || echo 1:acme/two)" "$(query 'SELECT parked || ":" || model FROM outbox')"
        fetcher verify >/dev/null || [ "$version" != 1 ]
        kill "$SERVER"
        wait "$SERVER" || true
        await "the end of its programs" nothing_left "$STATE_DIR"
    done
}

@test "each earlier version's cache: the fetcher takes it as it is" {
    for version in $(versions cache); do
        old cache "$version" "$STATE_DIR/old/cache.db"
        old cache "$version" "$STATE_DIR/cache.db"
        # It reaches no Hub, which is no reason not to bring the database up to date.
        fetch --once push
        sqlite3 "$STATE_DIR/cache.db" "UPDATE datasets SET failed_at = 0, error = '' WHERE error LIKE '%connect to server%'"
        migrated
    done
}

@test "a backup by an earlier version is restored as a database of this one" {
    for version in $(versions cache); do
        old cache "$version" "$STATE_DIR/old/cache.db"
        rm -f "$STATE_DIR"/cache.db*
        fetcher --quiet restore "$STATE_DIR/old/cache.db"
        migrated
    done
}

@test "each earlier version's Hub keeps its repositories" {
    for version in $(versions hub); do
        old hub "$version" "$STATE_DIR/hub.db"
        hubctl ls datasets/acme/votes | grep -q votes_data.jsonl
        hubctl log datasets/acme/contents | grep -q .
        expect "integrity" ok "$(sqlite3 "$STATE_DIR/hub.db" 'PRAGMA integrity_check')"
    done
}

@test "a migration that is killed at any write leaves the old version or the new one" {
    local version limit killed=0 done=0
    for version in $(versions cache); do
        [ "$version" != "$NEWEST" ] || continue
        old cache "$version" "$STATE_DIR/old/cache.db"
        # The first write that makes a file longer than so many kilobytes kills the program.
        for limit in 0 $(seq 4 16 400); do
            rm -f "$STATE_DIR"/cache.db*
            cp "$STATE_DIR/old/cache.db" "$STATE_DIR/cache.db"
            if (ulimit -c 0 -f "$limit" && "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" votes 0 1) 2>/dev/null; then
                done=$((done + 1))
                migrated
                break
            fi
            killed=$((killed + 1))
            case $(query 'PRAGMA user_version') in
            "$version" | "$NEWEST") ;;
            *) false ;;
            esac
            "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" votes 0 1
            migrated
        done
    done
    [ "$done" -ge 3 ] && [ "$killed" -ge $((done * 2)) ]
}

@test "a later version's database: refused by all, in words, and not touched" {
    "$PROGRAM_DIR/tests/cast" "$STATE_DIR/cache.db" votes 20 1 >/dev/null
    sqlite3 "$STATE_DIR/cache.db" 'PRAGMA wal_checkpoint(TRUNCATE); PRAGMA user_version=99; PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
    start_server
    local before path command
    before=$(sha256sum <"$STATE_DIR/cache.db")
    for command in sync "pull contents" push status history; do
        # shellcheck disable=SC2086
        fetch $command
        expect "exit code" 111 "$code"
        expect_line "has schema 99, this program knows schema $NEWEST: it is a later version's and stays as it is" "$said"
        expect "lines" 1 "$(wc -l <<<"$said")"
    done
    for path in /api/leaderboard /api/leaderboard/about /api/leaderboard/snapshots /api/models/status /api/votes/user/alice '/api/health?ready=1'; do
        get "$path"
        expect_status 503
    done
    get /api/votes/acme/one -d '{"vote_type":"up","user_id":"alice"}' -H 'Content-Type: application/json' -H 'Authorization: Bearer hf_local_alice'
    expect_status 503
    expect_line "of another version than the server" "$(cat "$body")"
    expect_line "has schema 99, this program knows schema $NEWEST" "$(cat "$STATE_DIR/log/votes.log")"
    expect "the database" "$before" "$(sha256sum <"$STATE_DIR/cache.db")"
    [ ! -s "$STATE_DIR/cache.db-wal" ]
}

#!/usr/bin/env bats
# `make install` and `make uninstall`: what lies where, that it runs from there, and that settings and
# state survive.

load helper

setup() {
    new_state
    DEST=$STATE_DIR/dest
}

teardown() { stop_all; }

# to TARGET [VARIABLE=VALUE…]: make install or uninstall, under $DEST.
to() { make -C "$ROOT" -s "$1" BUILD="$PROGRAM_DIR" DESTDIR="$DEST" "${@:2}"; }

# laid_out: every file and folder under $DEST with its mode, but those that lead there.
laid_out() { (cd "$DEST" && find . -mindepth 1 \( -type f -o -name '*leaderboard*' \) -printf '%m %P\n' | sort -k 2); }

# The files that install makes under a prefix (given without its first slash).
wanted() {
    sort -k 2 <<TEXT
755 etc/leaderboard
640 etc/leaderboard/env
644 etc/logrotate.d/leaderboard
644 lib/systemd/system/leaderboard-fetcher.path
644 lib/systemd/system/leaderboard-fetcher.service
644 lib/systemd/system/leaderboard-fetcher.timer
644 lib/systemd/system/leaderboard.service
755 $1/lib/leaderboard
755 $1/lib/leaderboard/fetcher
$(cd "$ROOT/cgi-bin" && for file in *.c; do
        [ "$file" = hub.c ] || echo "755 $1/lib/leaderboard/${file%.c}.fcgi"
    done)
$(cd "$PROGRAM_DIR" && find www -type f -printf "644 $1/lib/leaderboard/%p\\n")
755 $1/sbin/leaderboard-fetcher
755 $1/share/leaderboard
644 $1/share/leaderboard/crontab
755 $1/share/leaderboard/leaderboards
$(cd "$ROOT/leaderboards" && for file in *.json; do
        echo "644 $1/share/leaderboard/leaderboards/$file"
    done)
644 $1/share/leaderboard/leaderboard.nft
644 $1/share/leaderboard/lighttpd.conf
644 $1/share/leaderboard/manifest
750 var/lib/leaderboard
TEXT
}

@test "install lays out these files, with these modes, whatever the umask" {
    (umask 077 && to install)
    diff <(wanted usr/local) <(laid_out)
    # No path is left to fill in, and all that are named lie in the prefix.
    no grep -rnE '@[A-Z]+@' "$DEST" --include='*leaderboard*' --include=crontab -I
    expect_line "ExecStart=/usr/local/lib/leaderboard/fetcher --quiet sync" \
        "$(cat "$DEST/lib/systemd/system/leaderboard-fetcher.service")"
    # The timer does it; cron is left alone.
    [ ! -e "$DEST/etc/cron.d" ]
}

@test "another PREFIX is everywhere" {
    to install PREFIX=/opt/board
    diff <(wanted opt/board) <(laid_out)
    no grep -rnI /usr/local "$DEST"
    expect_line " /opt/board/sbin/leaderboard-fetcher --quiet" "$(cat "$DEST/opt/board/share/leaderboard/crontab")"
    to uninstall PREFIX=/opt/board
    [ ! -e "$DEST/opt/board/lib/leaderboard" ]
}

@test "a second install changes nothing, keeps the settings, and drops what is no longer shipped" {
    to install
    local before
    before=$(laid_out)
    echo HF_TOKEN=hf_mine >>"$DEST/etc/leaderboard/env"
    chmod 0600 "$DEST/etc/leaderboard/env"
    touch "$DEST/usr/local/lib/leaderboard/"{old.fcgi,mine}
    echo /usr/local/lib/leaderboard/old.fcgi >>"$DEST/usr/local/share/leaderboard/manifest"
    to install
    expect "the last setting" HF_TOKEN=hf_mine "$(tail -n 1 "$DEST/etc/leaderboard/env")"
    expect "its mode" 600 "$(stat -c %a "$DEST/etc/leaderboard/env")"
    [ ! -e "$DEST/usr/local/lib/leaderboard/old.fcgi" ]
    rm "$DEST/usr/local/lib/leaderboard/mine"
    chmod 0640 "$DEST/etc/leaderboard/env"
    diff <(echo "$before") <(laid_out)
}

@test "uninstall leaves settings, state and what it did not bring, and says so" {
    to install
    echo data >"$DEST/var/lib/leaderboard/cache.db"
    echo '{}' >"$DEST/usr/local/share/leaderboard/leaderboards/mine.json"
    run to uninstall
    expect "exit code" 0 "$status"
    expect_line "Kept: $DEST/etc/leaderboard/env, $DEST/var/lib/leaderboard" "$output"
    expect "what is left" "etc/leaderboard/env usr/local/share/leaderboard/leaderboards/mine.json var/lib/leaderboard/cache.db" \
        "$(cd "$DEST" && find . -type f -printf '%P\n' | sort | xargs)"
    run to uninstall
    expect "exit code" 0 "$status"
    expect_line "Nothing is installed" "$output"
}

@test "wrong usage is said and changes nothing" {
    local script=$ROOT/tools/install.sh
    run "$script" --help
    expect "exit code" 0 "$status"
    expect_line "usage: tools/install.sh install" "$output"
    run "$script" purge
    expect "exit code" 100 "$status"
    PREFIX=usr DESTDIR=$DEST run "$script" install
    expect "exit code" 100 "$status"
    PREFIX='/usr/a b' DESTDIR=$DEST run "$script" install
    expect "exit code" 100 "$status"
    DESTDIR=$DEST run "$script" install "$STATE_DIR"
    expect "exit code" 111 "$status"
    expect_line "run make first" "$output"
    [ ! -e "$DEST" ]
}

@test "the installed settings are good ones, and those of a production server" {
    to install
    run env -i PATH="$PATH" ENV_FILE="$DEST/etc/leaderboard/env" "$DEST/usr/local/lib/leaderboard/fetcher" settings
    expect "exit code" 0 "$status"
    local line
    for line in "ENVIRONMENT='production'" "HOST='127.0.0.1'" "STATE_DIR='/var/lib/leaderboard'" \
        "LEADERBOARD_CONFIG='/usr/local/share/leaderboard/leaderboards/open-llm.json'" \
        "HF_ENDPOINT='https://huggingface.co'"; do
        expect_line "$line" "$output"
    done
    no grep -nE '^(export |.* #)' <(grep -v '^#' "$DEST/etc/leaderboard/env")
    # Each setting is there once.
    expect "settings given twice" "" "$(sed -nE 's/^#?([A-Z_]+)=.*/\1/p' "$DEST/etc/leaderboard/env" | sort | uniq -d)"
}

@test "the installed programs serve and sync" {
    to install
    local lib=$DEST/usr/local/lib/leaderboard share=$DEST/usr/local/share/leaderboard
    sample_row lab/installed | put_rows
    put_providers lab
    # The Hub is another server's: it is not installed.
    start_server
    export HOST=127.0.0.1 PORT PROGRAM_DIR=$lib LEADERBOARD_CONFIG=$share/leaderboards/open-llm.json
    export HUB_WEBHOOK_SECRET=s STATE_DIR=$STATE_DIR/installed
    PORT=$(free_port)
    mkdir -p "$STATE_DIR"/{run,log,public,conf.d}
    lighttpd -tt -f "$share/lighttpd.conf"
    lighttpd -D -f "$share/lighttpd.conf" 3>&- &
    PIDS+=($!)
    await "port $PORT" port_open "$PORT"
    API=http://127.0.0.1:$PORT
    "$lib/fetcher" --quiet pull official-providers contents
    get /api/leaderboard/formatted
    STATE_DIR=${STATE_DIR%/installed} PROGRAM_DIR=${BUILD:-build}
    expect_status 200
    expect "the model" lab/installed "$(jq -r '.models[0].model.name' "$body")"
    get /api/webhooks/hub -d x
    expect_status 401
    get /api/webhooks/hub -X UNHEARD-OF
    expect_status 501
    expect "type" application/json "$(header Content-Type)"
}

@test "systemd accepts the units" {
    command -v systemd-analyze >/dev/null || skip "systemd-analyze is not there"
    to install
    local units=$STATE_DIR/units
    mkdir "$units"
    cp "$DEST"/lib/systemd/system/* "$units"
    sed -i "s|/usr/local|$DEST/usr/local|g" "$units"/*
    run systemd-analyze verify "$units"/*
    expect "complaints" "" "$(grep -F leaderboard <<<"$output")"
    expect "exit code" 0 "$status"
    run systemd-analyze security --offline=true --threshold=12 "$units"/*.service
    expect "exit code" 0 "$status" || { echo "$output" >&2; false; }
    # The server gets neither the fetcher's token nor the file that holds it, the fetcher none of the
    # server's secrets.
    grep -q '^UnsetEnvironment=.*HF_TOKEN' "$units/leaderboard.service"
    no grep '^UnsetEnvironment=.*\(HF_READ_TOKEN\|HUB_WEBHOOK_SECRET\)' "$units/leaderboard.service"
    grep -q '^UnsetEnvironment=HUB_WEBHOOK_SECRET HF_READ_TOKEN ' "$units/leaderboard-fetcher.service"
    grep -q '^InaccessiblePaths=/etc/leaderboard/env' "$units/leaderboard.service"
    # The path unit watches the file that the webhook leaves behind, and the service takes it away.
    grep -q '^PathExists=/var/lib/leaderboard/sync-requested$' "$units/leaderboard-fetcher.path"
    grep -q '^ExecStartPre=/bin/rm -f /var/lib/leaderboard/sync-requested$' "$units/leaderboard-fetcher.service"
}

@test "nft takes the installed bounds, once and again" {
    command -v nft >/dev/null || skip "no nft here (Debian's package nftables)"
    unshare -rn true 2>/dev/null || skip "no network of its own can be had here"
    to install
    local file=$DEST/usr/local/share/leaderboard/leaderboard.nft
    expect_line "nft -f /usr/local/share/leaderboard/leaderboard.nft" "$(<"$file")"
    unshare -rn sh -ec 'nft -f "$1" && nft list ruleset >"$2" && nft -f "$1" && nft list ruleset' sh "$file" "$STATE_DIR/once" >"$STATE_DIR/again"
    expect_line "tcp dport 7860 jump from_client" "$(<"$STATE_DIR/once")"
    diff "$STATE_DIR/once" "$STATE_DIR/again"
}

@test "logrotate keeps the lines, and the programs go on writing" {
    PATH=$PATH:/usr/sbin
    command -v logrotate >/dev/null || skip "logrotate is not there"
    to install
    mkdir -p "$STATE_DIR/log"
    sed "s|/var/lib/leaderboard|$STATE_DIR|; /su /d" "$DEST/etc/logrotate.d/leaderboard" >"$STATE_DIR/rotate.conf"
    start_server alone
    get /api/leaderboard
    await "a line" grep -q 'status=503' "$STATE_DIR/log/leaderboard.log"
    chmod go-w "$STATE_DIR" "$STATE_DIR/log"
    logrotate --force --state "$STATE_DIR/rotate.state" "$STATE_DIR/rotate.conf"
    [ ! -s "$STATE_DIR/log/leaderboard.log" ]
    zgrep -q 'status=503' "$STATE_DIR/log/leaderboard.log.1.gz"
    get /api/leaderboard
    await "another line" grep -q 'status=503' "$STATE_DIR/log/leaderboard.log"
}

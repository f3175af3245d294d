#!/usr/bin/env bats
# The units under systemd itself: a machine in namespaces (its own processes, mounts, network and control
# groups), which has this one's files, and to which what it writes is lost. The leaderboard is installed there
# as README.md says, and its Hub runs there.

load helper

setup() {
    [ "$(id -u)" = 0 ] || skip "only root can start a machine in namespaces"
    [ -x /lib/systemd/systemd ] || skip "no systemd here"
    ! grep -q __asan_init "$PROGRAM_DIR/votes.fcgi" || skip "what is installed has no sanitizers"
    new_state
    groups=$(findmnt -nro TARGET -t cgroup2 | head -n 1)
    GROUP=$groups/${STATE_DIR##*/}
    [ -n "$groups" ] && mkdir "$GROUP" 2>/dev/null || skip "no control groups (version 2) can be had here"
    mkdir "$STATE_DIR/machine"
    export ROOT GROUP
    unshare -mpuinf --kill-child=KILL --mount-proc "$BASH" -c "$(declare -f machine); machine" \
        >"$STATE_DIR/boot" 2>&1 3>&- </dev/null &
    PIDS+=($!)
    await "the machine" eval "booted || no kill -0 $!" && kill -0 $! ||
        skip "no machine in namespaces can be had here: $(tail -n 1 "$STATE_DIR/boot")"
    install_it
}

teardown() {
    [ -z "${PIDS[*]:-}" ] || pkill -KILL -P "${PIDS[0]}" || true # its first process: all of the others go with it
    [ -z "${STATE_DIR:-}" ] || stop_all
    [ ! -d "${GROUP:-}" ] || await "the end of its control groups" find "$GROUP" -depth -type d -exec rmdir {} +
}

booted() { inside systemctl is-system-running --wait | grep -qE 'running|degraded'; }

# The first process of the machine, until systemd takes its place.
machine() {
    set -e
    local root=$STATE_DIR/machine folder device
    echo 1 >"$GROUP/cgroup.procs"
    mount -t tmpfs tmpfs "$root"
    mkdir "$root"/{new,work,root}
    mount -t overlay overlay -o "lowerdir=/,upperdir=$root/new,workdir=$root/work" "$root/root"
    cd "$root/root"
    mount -t proc proc proc
    mount -t sysfs -o ro sysfs sys
    for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs $folder; done
    mkdir dev/pts dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    for device in null zero full random urandom tty; do
        : >dev/$device
        mount --bind /dev/$device dev/$device
    done
    for folder in "$ROOT" "$PROGRAM_DIR" "$STATE_DIR"; do
        mkdir -p ".$folder"
        mount --bind "$folder" ".$folder"
    done
    mkdir old
    pivot_root . old
    cd /
    exec unshare -C "$BASH" -c 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && umount -l /old &&
        exec env -i container=other PATH="$PATH" /lib/systemd/systemd --unit=basic.target --log-target=journal --show-status=no'
}

# inside COMMAND…: runs it in the machine.
inside() { nsenter -t "$(pgrep -P "${PIDS[0]}")" -m -p -u -i -n -C env -i PATH="$PATH:/usr/local/sbin" "$@"; }

# What README.md says, and a Hub of the machine's own with a little in it.
install_it() {
    "$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --owner acme --rows 50 --requests 5 --votes 20 >/dev/null
    hubctl import "$STATE_DIR/samples" >/dev/null
    cp "$ROOT/tools/hub.conf" "$STATE_DIR/conf.d"
    inside systemd-run -q --unit=hub --working-directory="$ROOT" \
        env STATE_DIR="$STATE_DIR" PROGRAM_DIR="$PROGRAM_DIR" LEADERBOARD_CONFIG="$LEADERBOARD_CONFIG" HOST=127.0.0.1 \
        PORT="$PORT" HUB_PORT="$HUB_PORT" lighttpd -D -f "$ROOT/lighttpd.conf"
    inside "$ROOT/tools/install.sh" install "$PROGRAM_DIR" >/dev/null
    inside sed -i "
        s|^HF_ENDPOINT=.*|HF_ENDPOINT=http://127.0.0.1:$HUB_PORT|
        s|^HF_ORGANIZATION=.*|HF_ORGANIZATION=acme|
        s|^#HF_TOKEN=.*|HF_TOKEN=hf_local_server|; s|^#HUB_WEBHOOK_SECRET=.*|HUB_WEBHOOK_SECRET=hook|" /etc/leaderboard/env
    inside systemctl -q enable --now leaderboard.service leaderboard-fetcher.timer leaderboard-fetcher.path
    await "the Hub" inside curl -sf "$HF_ENDPOINT/api/datasets/acme/votes" -H 'Authorization: Bearer hf_local_server'
    await "the first answer" inside curl -sf localhost:7860/api/health
    await "the fetcher" inside systemctl start leaderboard-fetcher
}

# ask PATH [curl options…]: like get, in the machine.
ask() { inside curl -s --max-time 20 "${@:2}" "localhost:7860$1"; }
programs() { inside pgrep -P "$(inside systemctl show -p MainPID --value leaderboard)" "$@"; }
fetches() { inside journalctl -u leaderboard-fetcher --no-pager -o cat | grep -c '^Finished' || true; }

@test "installed, enabled and synced, it serves, shut off from the rest of the machine" {
    expect "rows" 50 "$(ask /api/leaderboard/formatted | jq '.models | length')"
    expect "units" "active active active" \
        "$(inside systemctl is-active leaderboard.service leaderboard-fetcher.timer leaderboard-fetcher.path | xargs)"
    expect "users" leaderboard "$(inside ps -o user= -p "$(programs | paste -sd,)" | sort -u)"
    # (lighttpd.conf gives some of them an empty HF_TOKEN.)
    for pid in $(programs); do
        expect_line "NoNewPrivs:	1" "$(inside cat "/proc/$pid/status")"
        expect_line "CapEff:	0000000000000000" "$(inside cat "/proc/$pid/status")"
        no inside grep -qz '^HF_TOKEN=.' "/proc/$pid/environ"
    done
    expect "said of the confinement" "" "$(inside sh -c 'grep -h -e WARNING -e ERROR /var/lib/leaderboard/log/*.log')"
}

@test "a vote is taken and pushed to the Hub, and a webhook starts the fetcher" {
    model=$(ask /api/models/pending | jq -r '.[0].name')
    expect "vote" success "$(ask "/api/votes/$model?vote_type=up&user_id=alice" -d '' \
        -H 'Authorization: Bearer hf_local_alice' | jq -r .status)"
    before=$(fetches)
    expect "webhook" 202 "$(ask /api/webhooks/hub -o /dev/null -w '%{http_code}' \
        -H 'X-Webhook-Secret: hook' -H 'Content-Type: application/json' \
        -d '{"event":{"action":"update","scope":"repo.content"},"repo":{"type":"dataset","name":"acme/votes"}}')"
    await "a fetcher" eval '[ "$(fetches)" -gt "$before" ]'
    await "the push" eval 'inside leaderboard-fetcher status | grep -qE "^votes +0 +0"'
    expect_line '"username": "alice"' "$(inside curl -sL -H 'Authorization: Bearer hf_local_server' \
        "$HF_ENDPOINT/datasets/acme/votes/resolve/main/votes_data.jsonl")"
}

@test "a reload starts the programs anew and fails no request; lighttpd killed is back by itself" {
    old=$(programs votes.fcgi | head -n 1)
    seq 400 | inside xargs -P 4 -I{} curl -s -o /dev/null -w '%{http_code}\n' localhost:7860/api/votes/user/alice \
        >"$STATE_DIR/codes" 3>&- &
    asking=$!
    await "requests" test -s "$STATE_DIR/codes"
    inside systemctl reload leaderboard
    wait $asking
    expect "answers" "400 200" "$(sort "$STATE_DIR/codes" | uniq -c | xargs)"
    await "the end of the old programs" no inside kill -0 "$old"
    inside systemctl kill -s KILL --kill-whom=main leaderboard
    await "another lighttpd" eval '[ "$(inside systemctl show -p NRestarts --value leaderboard)" = 1 ]'
    await "an answer" ask /api/health -f
    inside systemctl stop leaderboard
    no inside pgrep -u leaderboard
}

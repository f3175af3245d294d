#!/usr/bin/env bash
# Runs a server for MINUTES under everything that happens to one in a year, and then counts.
#
#   tests/soak.sh [MINUTES] [SEED]      (default: 5 minutes, seed 1)
#
# Readers, voters, submitters, webhooks and listeners to events, while, in an order that SEED decides,
# fetchers sync and are killed, programs are killed, lighttpd is reloaded, logs are rotated, the Hub is out
# of reach, the contents change, backups are taken and, where faketime(1) is, the fetcher's clock is days off.
# In the last third nobody is killed or reloaded: that is when memory is compared. Prints a table; exits 1 when
# something in it is not as it must be.
set -uo pipefail
# shellcheck source=tests/helper.bash
. "$(dirname "$0")/helper.bash"
minutes=${1:-5} seed=${2:-1}
[[ $minutes$seed =~ ^[0-9]+$ ]] || usage
RANDOM=$seed
MODELS=60 USERS=20000
GROWTH_KB=512     # of a program's own memory in the last third, noise included
WAL_MB=64         # the longest that the WAL may ever be

new_state
export TRUSTED_PROXIES='["127.0.0.1"]' RATE_LIMIT_REQUESTS=0 RATE_LIMIT_QUOTA=100000 HUB_WEBHOOK_SECRET=soak \
    LOG_LEVEL_HTTP=INFO HF_TOKEN=hf_local_server HUB_RATE_API=1000000 HUB_RATE_RESOLVERS=1000000 HUB_DEADLINE=5
W=$STATE_DIR/work
mkdir -p "$W" "$STATE_DIR"/hub/{run,log,public,conf.d}
trap 'touch "$W/stop"; stop_all' EXIT
hubctl() { "$PROGRAM_DIR/hubctl" --db "$STATE_DIR/hub/hub.db" "$@"; }

# ---- the two servers ----

"$PROGRAM_DIR/tests/samples" "$W/samples" --owner acme --rows 800 --requests 100 --votes 500 >/dev/null
for m in $(seq $MODELS); do
    sample_request "acme/m$m" >"$W/request"
    mkdir -p "$W/samples/datasets/acme/requests/acme"
    cp "$W/request" "$W/samples/datasets/acme/requests/acme/m${m}_eval_request_False_bfloat16_Original.json"
done
hubctl import "$W/samples" >/dev/null
seq -f 'u%g' $USERS | while mapfile -t -n 2000 users && [ ${#users[@]} -gt 0 ]; do hubctl token "${users[@]}"; done >/dev/null
cp "$ROOT/tools/hub.conf" "$STATE_DIR/hub/conf.d"
(STATE_DIR=$STATE_DIR/hub PORT=$(free_port) exec lighttpd -D -f "$ROOT/lighttpd.conf") &
PIDS+=($!)
await "the Hub" port_open "$HUB_PORT"
fault '* * pass'
start_server alone
fetcher --quiet sync || exit 111

# ---- the load: lines of "BEGIN END STATUS PROGRAM WHAT", where times are those of the batch ----

now() { date +%s.%N; }

# batch FILE NAME: runs curl with that file of settings and appends its answers to answers.NAME.
batch() {
    local begin
    begin=$(now)
    curl -s --max-time 60 -K "$1" >"$1.said" 2>/dev/null
    awk -v begin="$begin" -v end="$(now)" '{ print begin, end, $0 }' "$1.said" >>"$W/answers.$2"
}

reader() {
    local paths='leaderboard /api/leaderboard
leaderboard /api/leaderboard/formatted
leaderboard /api/leaderboard/formatted?search=marble&sort=-average&limit=5&rank=true
leaderboard /api/leaderboard/formatted?weights=ifeval:2&limit=20
leaderboard /api/leaderboard.csv?limit=50
leaderboard /api/leaderboard.parquet
leaderboard /api/leaderboard/formatted?limit=3&at='"$first"'
entries /api/leaderboard/about
entries /api/leaderboard/stats
entries /api/leaderboard/pareto?x=params_billions&y=average
changes /api/leaderboard/snapshots
changes /api/leaderboard/changes.atom
models /api/models/status
models /api/models/pending?sort=votes
votes /api/votes/user/u1
system /api/health
system /metrics
lighttpd /openapi.json
lighttpd /'
    while [ ! -e "$W/stop" ]; do
        shuf --random-source=<(yes "$1$seed") <<<"$paths" | awk -v api="$API" '{
            if (NR > 1) print "next"
            printf "url = \"%s%s\"\noutput = /dev/null\ncompressed\nsilent\nwrite-out = \"%%{http_code} %s %s\\n\"\n", api, $2, $1, $2
        }' >"$W/reader.$1"
        batch "$W/reader.$1" "reader.$1"
    done
}

# voter NUMBER OF: its share of the users, model by model.
voter() {
    local user=$1 round=0
    while [ ! -e "$W/stop" ] && [ "$user" -le $USERS ]; do
        round=$((round + 1))
        awk -v api="$API" -v user="$user" -v models=$MODELS 'BEGIN {
            for (m = 1; m <= models; m += 6) {
                if (m > 1) print "next"
                printf "url = \"%s/api/votes/acme/m%d\"\ndata = \"{\\\"vote_type\\\":\\\"up\\\",\\\"user_id\\\":\\\"u%d\\\"}\"\n", api, m + user % 6, user
                printf "header = \"Authorization: Bearer hf_local_u%d\"\nheader = \"Content-Type: application/json\"\n", user
                printf "header = \"X-Request-Id: v-u%d-acme-m%d\"\n", user, m + user % 6
                printf "output = /dev/null\nsilent\nwrite-out = \"%%{http_code} votes acme/m%d u%d\\n\"\n", m + user % 6, user
            }
        }' >"$W/voter.$1"
        batch "$W/voter.$1" "voter.$1"
        user=$((user + $2))
    done
}

submitter() {
    local user=1 models=(chat base million-parameters named-license) precisions=(float16 bfloat16 float32 8bit 4bit GPTQ)
    while [ ! -e "$W/stop" ] && [ "$user" -lt $USERS ]; do
        user=$((user + 1))
        cat >"$W/submitter" <<TEXT
url = "$API/api/models/submit"
data = "{\"user_id\":\"u$user\",\"model_id\":\"sample-fit/${models[user % 4]}\",\"model_type\":\"chat\",\"precision\":\"${precisions[user % 6]}\"}"
header = "Authorization: Bearer hf_local_u$user"
header = "Content-Type: application/json"
output = "/dev/null"
header = "X-Request-Id: s-u$user"
write-out = "%{http_code} models submit u$user\n"
next
url = "$API/api/webhooks/hub"
data = "{\"event\": {\"scope\": \"repo.content\"}, \"repo\": {\"type\": \"dataset\", \"name\": \"acme/contents\"}}"
header = "X-Webhook-Secret: soak"
header = "Content-Type: application/json"
output = "/dev/null"
write-out = "%{http_code} system webhook\n"
TEXT
        batch "$W/submitter" submitter
        sleep 0.3
    done
}

listener() {
    while [ ! -e "$W/stop" ]; do
        curl -sN "$API/api/events" >>"$W/heard.$1" 2>/dev/null
        sleep 0.5
    done
}

# ---- what is watched ----

# Lines of "TIME PID PROGRAM ANONYMOUS_KB DESCRIPTORS".
watch_processes() {
    local pid time
    while [ ! -e "$W/stop" ]; do
        time=$(now)
        for pid in "$SERVER" $(pgrep -P "$SERVER"); do
            echo "$time $pid $(cat "/proc/$pid/comm" 2>/dev/null) $(awk '/^Anonymous:/ { print $2 }' "/proc/$pid/smaps_rollup" 2>/dev/null) $(ls "/proc/$pid/fd" 2>/dev/null | wc -l)"
        done | awk 'NF == 5 && $4 > 0' >>"$W/processes"
        stat -c %s "$STATE_DIR/cache.db-wal" >>"$W/wal" 2>/dev/null
        sleep 2
    done
}

# ---- what happens ----

syncs=0 killed_syncs=0 kills=0 reloads=0 rotations=0 outages=0 changes=0 backups=0 jumps=0 failed_backups=0
: >"$W/kills"

sync_start() { "$@" "$PROGRAM_DIR/fetcher" --quiet sync >>"$W/sync.said" 2>&1 & }
program_kill() {
    local pid
    pid=$(pgrep -P "$SERVER" | shuf -n 1 --random-source=<(yes $RANDOM)) || return
    echo "$(now) $(sed 's/\..*//' "/proc/$pid/comm")" >>"$W/kills"
    kill -9 "$pid" 2>/dev/null && kills=$((kills + 1))
}
reload() {
    sed -n 's/^ExecReload=-\?//p' "$ROOT/cron/leaderboard.service" | MAINPID=$SERVER sh
    reloads=$((reloads + 1))
}
rotate() {
    local log
    for log in "$STATE_DIR"/log/*.log; do cat "$log" >>"$W/rotated" && : >"$log"; done
    rotations=$((rotations + 1))
}
outage() {
    fault '* * reset'
    sleep 3
    fault '* * pass'
    outages=$((outages + 1))
}
change() {
    changes=$((changes + 1))
    "$PROGRAM_DIR/tests/samples" "$W/changed" --force --owner acme --rows $((800 + changes)) --requests 1 --votes 1 --seed 1 >/dev/null
    rm -rf "$W"/changed/datasets/acme/{requests,votes,official-providers} "$W/changed/models"
    hubctl import "$W/changed" >/dev/null
}
backup() {
    "$PROGRAM_DIR/fetcher" --quiet backup "$W/backup.db" >>"$W/sync.said" 2>&1 || failed_backups=$((failed_backups + 1))
    backups=$((backups + 1))
}

# happen LIST…: one of these by chance.
happen() {
    local pid clock=(faketime -f "+3d")
    case ${*:RANDOM%$#+1:1} in
    kill) program_kill ;;
    reload) reload ;;
    rotate) rotate ;;
    outage) outage ;;
    change) change ;;
    backup) backup ;;
    jump)
        [ $((RANDOM % 2)) = 0 ] || clock=(faketime -f "-3d")
        command -v faketime >/dev/null || return
        sync_start "${clock[@]}"
        wait $!
        jumps=$((jumps + 1))
        ;;
    killed-sync)
        sync_start env
        pid=$!
        sleep "0.$(printf %02d $((RANDOM % 60)))"
        kill -9 "$pid" 2>/dev/null && killed_syncs=$((killed_syncs + 1))
        wait "$pid" 2>/dev/null
        ;;
    esac
}

first=$(query 'SELECT revision FROM history_snapshots ORDER BY id LIMIT 1')
load=()
for i in 1 2 3; do reader $i & load+=($!); done
for i in 1 2 3 4; do voter $i 4 & load+=($!); done
submitter & load+=($!)
for i in 1 2 3; do listener $i & PIDS+=($!); done
watch_processes & load+=($!)
start=$(date +%s) end=$(($(date +%s) + minutes * 60)) calm=$(($(date +%s) + minutes * 40))
while [ "$(date +%s)" -lt $end ]; do
    sync_start env
    wait $!
    syncs=$((syncs + 1))
    if [ "$(date +%s)" -lt $calm ]; then
        happen kill kill kill kill reload rotate outage change backup jump killed-sync
    else
        happen rotate outage change backup killed-sync
    fi
    sleep 2
done
touch "$W/stop"
wait "${load[@]}"

# ---- and then counts ----

failed=0
row() { # WHAT FIGURE WANTED-TEST
    local verdict=ok
    [ -z "${3:-}" ] || eval "[ $2 $3 ]" || { verdict="FAILED: must be $3"; failed=1; }
    printf '%-62s %12s  %s\n' "$1" "$2" "${3:+$verdict}"
}
for i in 1 2 3 4 5; do
    fetcher --quiet sync
    [ "$(query 'SELECT count(*) FROM outbox')" != 0 ] || break
done
cat "$W"/answers.* >"$W/answers"
# An error belongs to a kill when a process of its program was killed while it was under way, and lighttpd
# takes a second to start another. It belongs to the Hub when the log says so of that very request.
cat "$STATE_DIR"/log/*.log >>"$W/rotated"
grep -E '(WARNING|ERROR) (auth|hub):' "$W/rotated" | sed -n 's/.* id=\([^ ]*\).*/\1/p' >"$W/unanswered"
awk -v kills="$W/kills" -v unanswered="$W/unanswered" '
    BEGIN {
        while ((getline line < kills) > 0) { split(line, f, " "); killed[++k] = f[1]; program[k] = f[2] }
        while ((getline line < unanswered) > 0) hub[line] = 1
    }
    $3 ~ /^(200|202|304|409)$/ { next }
    {
        why = "unexplained"
        for (i = 1; i <= k; i++) if (program[i] == $4 && killed[i] <= $2 && killed[i] >= $1 - 2) why = "killed"
        id = $5 == "submit" ? "s-" $6 : "v-" $6 "-" $5
        sub(/\//, "-", id)
        if ($3 == 503 && id in hub) why = "hub"
        print why, $0
    }' "$W/answers" >"$W/errors"
awk '$3 == 200 && $4 == "votes" && NF == 6 { print $6, $5 }' "$W/answers" | LC_ALL=C sort >"$W/acknowledged"
votes="SELECT username || ' ' || model FROM votes"
query "$votes" | LC_ALL=C sort >"$W/rows"
curl -sfL "http://127.0.0.1:$HUB_PORT/datasets/acme/votes/resolve/main/votes_data.jsonl" >"$W/hub.jsonl"
jq -r '.username + " " + .model' "$W/hub.jsonl" | LC_ALL=C sort >"$W/hub"
# The most that the largest process of a program grew by in the calm, from its second third to its last: in the first
# many are new, and each takes its 7 MB when its turn comes. Runs of less than five minutes are too short to tell.
grown() { # COLUMN
    awk -v calm="$calm" -v end="$end" -v column="$1" '
        $1 < calm { next }
        { third = int(($1 - calm) * 3 / (end - calm)); if (third > 2) third = 2
          if (third != 0) { sum[third, $2] += $column; n[third, $2]++; name[$2] = $3 } }
        END { for (pid in name) if (n[1, pid] && n[2, pid])
                  for (third = 1; third <= 2; third++) {
                      mean = sum[third, pid] / n[third, pid]
                      if (mean > most[third, name[pid]]) most[third, name[pid]] = mean
                      programs[name[pid]]
                  }
              for (program in programs) printf "%s %.0f\n", program, most[2, program] - most[1, program] }' "$W/processes" | sort -k2 -n
}
grown 4 >"$W/grown.memory"
grown 5 >"$W/grown.fds"

printf '\nsoak: %s s, seed %s\n\n' "$(($(date +%s) - start))" "$seed"
row "requests" "$(wc -l <"$W/answers")" "-gt 0"
row "  votes acknowledged" "$(wc -l <"$W/acknowledged")" "-gt 0"
row "  submissions taken" "$(awk '$3 == 200 && $5 == "submit"' "$W/answers" | wc -l)" "-gt 0"
row "  events heard" "$(cat "$W"/heard.* | grep -c '^event:')"
row "syncs" "$syncs" "-gt 0"
row "  fetchers killed" "$killed_syncs"
row "  with the clock three days off" "$jumps"
row "programs killed" "$kills"
row "reloads" "$reloads"
row "log rotations" "$rotations"
row "outages of the Hub" "$outages"
row "changes of the contents" "$changes"
row "backups" "$backups"
row "  that failed" "$failed_backups" "= 0"
row "errors: in flight in a killed process" "$(grep -c ^killed "$W/errors")"
row "errors: the Hub did not say who it is, or was slow" "$(grep -c ^hub "$W/errors")"
row "errors: others" "$(grep -c ^unexplained "$W/errors")" "= 0"
row "votes acknowledged that the database has not" "$(LC_ALL=C comm -23 "$W/acknowledged" "$W/rows" | wc -l)" "= 0"
row "votes acknowledged that the Hub has not" "$(LC_ALL=C comm -23 "$W/acknowledged" "$W/hub" | wc -l)" "= 0"
row "votes that the Hub has twice" "$(jq -c '[.username, .model, .revision]' "$W/hub.jsonl" | sort | uniq -d | wc -l)" "= 0"
row "left in the outbox" "$(query 'SELECT count(*) FROM outbox')" "= 0"
row "differences that fetcher verify finds" "$(fetcher verify | grep -vc 'as on the Hub')" "= 0"
row "integrity" "$(query 'PRAGMA integrity_check')" "= ok"
row "largest WAL, MB" "$(awk '$1 > max { max = $1 } END { printf "%.1f", max / 1e6 }' "$W/wal" | cut -d. -f1)" "-le $WAL_MB"
row "programs compared" "$(wc -l <"$W/grown.memory")" "-ge 7"
row "largest growth of memory, KB ($(tail -n 1 "$W/grown.memory" | cut -d' ' -f1))" "$(tail -n 1 "$W/grown.memory" | cut -d' ' -f2)" "-le $GROWTH_KB"
row "largest growth of descriptors ($(tail -n 1 "$W/grown.fds" | cut -d' ' -f1))" "$(tail -n 1 "$W/grown.fds" | cut -d' ' -f2)" "-le 2"
row "lines of the log with an error that nothing explains" \
    "$(grep -c 'ERROR db:' "$W/rotated")" "= 0"
grep ^unexplained "$W/errors" | awk '{ print $4, $5, $6 }' | sort | uniq -c | sort -rn | head -20
[ $failed = 0 ] || { KEEP=${TMPDIR:-/tmp}/soak.$$ && cp -r "$STATE_DIR" "$KEEP" && echo "what it was is in $KEEP"; }
exit $failed

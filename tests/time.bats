#!/usr/bin/env bats
# The leaderboard's past: which snapshots there are, how one is named, what differs between two of
# them, and the feed that tells it.

load helper

setup() { new_state; }
teardown() { stop_all; }

ONE=aaaaaaa1b2c3d4e5f60718293a4b5c6d7e8f9012
TWO=bbbbbbb1b2c3d4e5f60718293a4b5c6d7e8f9012
THREE=ccccccc1b2c3d4e5f60718293a4b5c6d7e8f9012

# row NAME [JQ FILTER]: a row whose entry is named after the model.
row() { sample_row "$1" "{id: .eval_name} + . | ${2:-.}"; }

# snapshot REVISION TIME: standard input, rows, is pulled then.
snapshot() {
    "$PROGRAM_DIR/tests/history" "$STATE_DIR/cache.db" record "$1" "$(date -ud "$2" +%s)" "${KEEP:-100}" >/dev/null
}

# Three snapshots: `two` falls and `four` comes; then `three` goes and `one` gains a heart.
three_snapshots() {
    { row acme/one '."Average ⬆️" = 30.5'; row acme/two '."Average ⬆️" = 20'; row acme/three '."Average ⬆️" = 10'; } |
        snapshot $ONE 2024-06-01T08:00:00Z
    { row acme/one '."Average ⬆️" = 30.5'; row acme/four '."Average ⬆️" = 25'
        row acme/two '."Average ⬆️" = 5.25 | .IFEval = 1.5 | ."IFEval Raw" = 0.015'; row acme/three '."Average ⬆️" = 10'; } |
        snapshot $TWO 2024-06-10T12:00:00Z
    { row acme/one '."Average ⬆️" = 30.5 | ."Hub ❤️" = 4'; row acme/four '."Average ⬆️" = 25'
        row acme/two '."Average ⬆️" = 5.25 | .IFEval = 1.5 | ."IFEval Raw" = 0.015'; } |
        snapshot $THREE 2024-06-20T12:00:00Z
}

# changes QUERY: asks what changed, and expects to be told.
changes() {
    get "/api/leaderboard/changes?$1"
    expect_status 200
}

# told JQ FILTER: what the last answer says there.
told() { jq -c "$1" "$body"; }

# ---- snapshots ----

@test "GET /api/leaderboard/snapshots: what is kept, the newest first, page by page" {
    three_snapshots
    start_server alone
    get '/api/leaderboard/snapshots?limit=2'
    expect_status 200
    expect "type" application/json "$(header content-type)"
    expect "newest" "{\"id\":3,\"revision\":\"$THREE\",\"pulled_at\":\"2024-06-20T12:00:00Z\",\"rows\":3,\"added\":0,\"removed\":1,\"changed\":1}" \
        "$(told '.snapshots[0]')"
    expect "page" '[3,2]' "$(told '[.snapshots[].id]')"
    expect "link" '</api/leaderboard/snapshots?limit=2&before=2>; rel="next"' "$(header link)"
    get '/api/leaderboard/snapshots?limit=2&before=2'
    expect "last page" '[1]' "$(told '[.snapshots[].id]')"
    expect "no further page" "" "$(header link)"
    local etag
    etag=$(header etag)
    get '/api/leaderboard/snapshots?limit=2&before=2' -H "If-None-Match: $etag"
    expect_status 304
    for query in limit=0 limit=1001 before=x; do
        get "/api/leaderboard/snapshots?$query"
        expect_status 400
    done
}

@test "before the first pull there is nothing, and 503 before there is a database" {
    start_server alone
    get /api/leaderboard/snapshots
    expect_status 503
    row acme/one | KEEP=0 snapshot $ONE 2024-06-01
    get /api/leaderboard/snapshots
    expect "none" '{"snapshots":[]}' "$(cat "$body")"
    get '/api/leaderboard/changes?since=2024-06-01'
    expect_status 404
    expect_line "no snapshot of the leaderboard is kept yet" "$(told .detail)"
}

# ---- naming one ----

@test "a snapshot is named by a day, a time, the beginning of its revision or its id" {
    three_snapshots
    start_server alone
    local named
    for named in 2024-06-01=1 2024-06-09=1 2024-06-10=2 2024-06-10T11:59:59Z=1 2024-06-10T12:00:00Z=2 \
        2024-06-10T13:30:00%2B02:00=1 2030-01-01=3 bbbbbbb=2 $ONE=1 3=3; do
        changes "since=${named%=*}"
        expect "${named%=*}" "${named#*=}" "$(told .from.id)"
    done
    changes "since=1&until=2024-06-15"
    expect "until" '[1,2]' "$(told '[.from.id, .to.id]')"
}

@test "a snapshot is named by the ETag of an answer that showed it" {
    start_server
    sample_row acme/one | put_rows
    put_providers acme
    fetcher --quiet pull official-providers contents
    local plain coded query old
    get /api/leaderboard
    plain=$(header etag)
    get /api/leaderboard/formatted -H 'Accept-Encoding: br'
    coded=$(header etag)
    get '/api/leaderboard?limit=10'
    query=$(header etag)
    { sample_row acme/one; sample_row acme/two; } | put_rows
    fetcher --quiet pull contents
    for old in "$plain" "W/$coded" "$query" "W/$query" "${query//\"/}" "\"${query//\"/}-gzip\""; do
        changes "since=$(jq -rn --arg etag "$old" '$etag | @uri')"
        expect "since $old" '[1,2,["acme/two"]]' "$(told '[.from.id, .to.id, [.new[].name]]')"
    done
    get /api/leaderboard
    changes "since=$(jq -rn --arg etag "$(header etag)" '$etag | @uri')"
    expect "since now" '[2,2,0]' "$(told '[.from.id, .to.id, .total]')"
    get '/api/leaderboard/changes?since=%2200000000000000000000000000000000%22'
    expect_status 404
}

@test "an ETag is forgotten with the snapshot that it showed" {
    start_server
    sample_row acme/one | put_rows
    put_providers acme
    fetcher --quiet pull official-providers contents
    local known
    known=$(query 'SELECT count(*) FROM history_etags')
    sample_row acme/two | put_rows
    HISTORY_SNAPSHOTS=1 fetcher --quiet pull contents
    expect "of one snapshot" "$known 2" "$(query 'SELECT count(*), max(snapshot) FROM history_etags' | tr '|' ' ')"
}

@test "what lies before the oldest snapshot is 404, which tells the oldest" {
    three_snapshots
    start_server alone
    get '/api/leaderboard/changes?since=2024-05-31'
    expect_status 404
    expect "detail" "since: no snapshot that is kept is as old as 2024-05-31; the oldest is of 2024-06-01T08:00:00Z, with id 1 and revision $ONE" \
        "$(jq -r .detail "$body")"
    for query in since=4 since=abcdef0 "since=1&until=abcdef0"; do
        get "/api/leaderboard/changes?$query"
        expect_status 404
    done
}

@test "what names nothing, or goes back in time, is 400" {
    three_snapshots
    start_server alone
    local query
    for query in "" since= since=yesterday since=2024-13-01 since=2024-06 since=-1 "since=1&until=x" \
        "since=3&until=1" "since=1&limit=0"; do
        get "/api/leaderboard/changes?$query"
        expect_status 400
    done
}

# ---- what changed ----

@test "GET /api/leaderboard/changes: what came, went, was scored anew, moved, and all other columns" {
    three_snapshots
    start_server alone
    changes since=2024-06-01
    expect "snapshots" '[1,3]' "$(told '[.from.id, .to.id]')"
    expect "total" 4 "$(told .total)"
    expect "counts" '{"new":1,"gone":1,"rescored":1,"ranks":1,"fields":1}' "$(told .counts)"
    expect "new" '[{"id":"acme_four_bfloat16","name":"acme/four","precision":"bfloat16","revision":"0123456789abcdef0123456789abcdef01234567","average":25,"rank":2}]' \
        "$(told .new)"
    expect "gone" '[["acme/three",10,3]]' "$(told '[.gone[] | [.name, .average, .rank]]')"
    expect "rescored" '[{"id":"acme_two_bfloat16","name":"acme/two","precision":"bfloat16","revision":"0123456789abcdef0123456789abcdef01234567","average":{"before":20,"after":5.25},"scores":{"ifeval":{"before":33.25,"after":1.5},"ifeval.value":{"before":0.33,"after":0.015}}}]' \
        "$(told .rescored)"
    expect "ranks" '[["acme/two",2,3]]' "$(told '[.ranks[] | [.name, .before, .after]]')"
    expect "fields" '[["acme/one",{"Hub ❤️":{"before":3,"after":4}}]]' "$(told '[.fields[] | [.name, .fields]]')"
}

@test "nothing differs in a snapshot from itself" {
    three_snapshots
    start_server alone
    changes since=3
    expect "total" '[0,[],[],[],[],[]]' "$(told '[.total, .new, .gone, .rescored, .ranks, .fields]')"
}

@test "limit bounds each list, and the counts tell how many there are" {
    seq 9 | while read -r i; do row "acme/m$i" ".[\"Average ⬆️\"] = $i"; done |
        snapshot $ONE 2024-06-01
    seq 9 | while read -r i; do row "acme/m$i" ".[\"Average ⬆️\"] = $((10 - i))"; done | snapshot $TWO 2024-06-02
    start_server alone
    changes 'since=1&limit=2'
    expect "bounded" '[2,2,8,8]' "$(told '[(.rescored | length), (.ranks | length), .counts.rescored, .counts.ranks]')"
    expect "largest moves first" '[["acme/m1",9,1],["acme/m9",1,9]]' "$(told '[.ranks[] | [.name, .before, .after]]')"
}

@test "entries of the same average share a rank, and one without has none" {
    { row acme/a '."Average ⬆️" = 9'; row acme/b '."Average ⬆️" = 7'; row acme/c '."Average ⬆️" = 7'
        row acme/d '."Average ⬆️" = 5'; row acme/e '."Average ⬆️" = null'; } | snapshot $ONE 2024-06-01
    { row acme/a '."Average ⬆️" = 1'; row acme/b '."Average ⬆️" = 7'; row acme/c '."Average ⬆️" = 7'
        row acme/d '."Average ⬆️" = 5'; row acme/e '."Average ⬆️" = 8'; } | snapshot $TWO 2024-06-02
    start_server alone
    changes since=1
    expect "ranks" '[["acme/a",1,5]]' "$(told '[.ranks[] | [.name, .before, .after]]')"
    expect "the one that had none" '[[null,8]]' "$(told '[.rescored[] | select(.name == "acme/e") | .average | [.before, .after]]')"
}

@test "what a benchmark is comes from the leaderboard's file" {
    cat >"$STATE_DIR/finance.json" <<'JSON'
{"title": "Finance", "required": ["model"], "id": {"documented": ["model"], "space": ["model"]},
 "model": [{"key": "name", "column": "model", "kind": "text"},
           {"key": "average_score", "column": ["mean", "avg"], "kind": "score"}],
 "benchmarks": [{"key": "multifin", "name": "MultiFin", "score": "Multi \"Fin\"", "raw": "MF raw"}],
 "features": [], "metadata": []}
JSON
    export LEADERBOARD_CONFIG=$STATE_DIR/finance.json
    echo '{"id":"a","model":"x/a","mean":2.5,"Multi \"Fin\"":1,"nested":{"a":[1,"}"]},"old":1}' | snapshot $ONE 2024-06-01
    echo '{"id":"a","model":"x/a","avg":2.5,"Multi \"Fin\"":4,"nested":{"a":[1,"{"]},"new":[]}' | snapshot $TWO 2024-06-02
    start_server alone
    changes since=1
    expect "scores" '[{"average":{"before":2.5,"after":2.5},"scores":{"multifin":{"before":1,"after":4}}}]' \
        "$(told '[.rescored[] | {average, scores}]')"
    expect "fields" '{"nested":{"before":{"a":[1,"}"]},"after":{"a":[1,"{"]}},"new":{"before":null,"after":[]},"old":{"before":1,"after":null}}' \
        "$(told '.fields[0].fields')"
}

@test "the total is that of the history, also where rows share an id" {
    SEED=${SEED:-$RANDOM}
    echo "SEED=$SEED"
    local i
    for i in 1 2 3; do
        awk -v seed=$((SEED + i)) 'BEGIN { srand(seed); for (n = 0; n < 60; n++)
            printf "{\"id\":\"k%d\",\"fullname\":\"x/y\",\"Average ⬆️\":%d,\"IFEval\":%d}\n", rand() * 30, rand() * 3, rand() * 2 }' |
            snapshot "${i}000000000" 2024-06-0$i
    done
    start_server alone
    for pair in "1 2" "1 3" "2 3"; do
        set -- $pair
        changes "since=$1&until=$2&limit=1000"
        expect "changes $pair" "$("$PROGRAM_DIR/tests/history" "$STATE_DIR/cache.db" changes "$1" "$2" | cut -f 1 | sort | uniq -c | tr -s ' \n' ' ')" \
            "$(jq -r '(.new[] | "added"), (.gone[] | "removed"), (.rescored[] | "changed")' "$body" | sort | uniq -c | tr -s ' \n' ' ')"
    done
}

@test "an answer is kept, encoded and validated" {
    three_snapshots
    start_server alone
    changes 'since=1'
    local etag
    etag=$(header etag)
    expect "caching" "public, max-age=300" "$(header cache-control)"
    get '/api/leaderboard/changes?since=2024-06-01&until=3' -H "If-None-Match: $etag"
    expect_status 304
    get '/api/leaderboard/changes?since=1' -H 'Accept-Encoding: gzip'
    expect "coding" gzip "$(header content-encoding)"
    row acme/one | snapshot $ONE 2024-06-21
    changes 'since=1'
    expect "a new snapshot is seen at once" 4 "$(told .to.id)"
}

@test "comparisons cost an address more than answers that are kept" {
    three_snapshots
    export RATE_LIMIT_REQUESTS=100
    start_server alone
    local i made=0
    for i in $(seq 40); do
        get "/api/leaderboard/changes?since=1&limit=$i"
        [ "$status" = 200 ] || break
        made=$i
    done
    expect_status 429
    expect "comparisons, at three requests each" true "$([ $made -ge 33 ] && [ $made -le 35 ] && echo true)"
    expect "Retry-After" true "$([ "$(header retry-after)" -gt 0 ] && echo true)"
}

# ---- a board of the past ----

@test "the board of a snapshot shows what was published then, byte for byte" {
    start_server
    { sample_row acme/one; sample_row 'x/"é" \\ 💬' '."#Params (B)" = null | .extra = [1, {"a": "\n"}]'; sample_row acme/three '."Average ⬆️" = 1e-7'; } | put_rows
    put_providers acme
    fetcher --quiet pull official-providers contents
    local file
    for file in leaderboard formatted; do
        get "/api/$([ $file = leaderboard ] || echo leaderboard/)$file?profile=documented"
        cp "$body" "$STATE_DIR/$file.documented"
        get "/api/$([ $file = leaderboard ] || echo leaderboard/)$file?profile=space"
        cp "$body" "$STATE_DIR/$file.space"
    done
    sample_row acme/four | put_rows
    fetcher --quiet pull contents
    for file in leaderboard formatted; do
        for profile in documented space; do
            "$PROGRAM_DIR/tests/past" "$STATE_DIR/cache.db" "$LEADERBOARD_CONFIG" $file $profile 1 | cmp - "$STATE_DIR/$file.$profile"
        done
    done
}

@test "a snapshot that lacks what the leaderboard's file requires today makes no board, and says why" {
    echo '{"id":"a","fullname":"x/a"}' | snapshot $ONE 2024-06-01
    run "$PROGRAM_DIR/tests/past" "$STATE_DIR/cache.db" "$LEADERBOARD_CONFIG" formatted space 2024-06-02
    expect "exit code" 1 "$status"
    expect_line 'the file has no column "eval_name", which the leaderboard requires' "$output"
}

# ---- the feed ----

# feed XPATH: what the feed says there; its elements have no prefix.
feed() { sed 's/ xmlns="[^"]*"//' "$body" | xmllint --xpath "$1" -; }

@test "GET /api/leaderboard/changes.atom: an entry a snapshot that changed something" {
    command -v xmllint >/dev/null || skip "no xmllint"
    three_snapshots
    start_server alone
    get /api/leaderboard/changes.atom -H 'Host: evil.example'
    expect_status 200
    expect "type" "application/atom+xml; charset=utf-8" "$(header content-type)"
    expect "Last-Modified" "Thu, 20 Jun 2024 12:00:00 GMT" "$(header last-modified)"
    expect "feed" "Open LLM Leaderboard: changes|2024-06-20T12:00:00Z|acme/contents|changes.atom" \
        "$(feed 'concat(/feed/title, "|", /feed/updated, "|", /feed/author/name, "|", /feed/link[@rel="self"]/@href)')"
    expect "titles" "1 gone, 1 updated|1 new, 1 re-scored|3 new" \
        "$(feed 'concat(//entry[1]/title, "|", //entry[2]/title, "|", //entry[3]/title)')"
    expect "times" "2024-06-20T12:00:00Z|2024-06-10T12:00:00Z" "$(feed 'concat(//entry[1]/updated, "|", //entry[2]/updated)')"
    expect "links" "changes?since=2&until=3|changes?since=1&until=2|snapshots?limit=1&before=2" \
        "$(feed 'concat(//entry[1]/link/@href, "|", //entry[2]/link/@href, "|", //entry[3]/link/@href)')"
    expect "summary" "New: acme/four. Re-scored: acme/two (20.00 to 5.25). 4 entries at revision $TWO." \
        "$(feed 'normalize-space(//entry[2]/summary)')"
    no grep -q evil "$body"
    local ids
    ids=$(feed '//id')
    expect "ids" 4 "$(grep -oE '<id>urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}</id>' <<<"$ids" | sort -u | wc -l)"
    # The oldest is dropped: what stays keeps its id, and the oldest now has nothing to be compared with.
    KEEP=3
    row acme/one | snapshot $ONE 2024-06-21
    get /api/leaderboard/changes.atom
    expect "titles" "2 gone, 1 re-scored|1 gone, 1 updated|1 new, 1 updated" \
        "$(feed 'concat(//entry[1]/title, "|", //entry[2]/title, "|", //entry[3]/title)')"
    expect "ids that stay" "$(head -3 <<<"$ids" | tail -2)" "$(feed '//id' | sed -n '3,4p')"
}

@test "the feed is well-formed whatever the names hold, and names a dozen" {
    command -v xmllint >/dev/null || skip "no xmllint"
    row acme/one | snapshot $ONE 2024-06-01
    {
        row acme/one
        row 'a/<b>&"c"' '.fullname += "\u0007\uffff]]>é💬"'
        seq 20 | while read -r i; do row "b/$i"; done
    } | snapshot $TWO 2024-06-02
    start_server alone
    get /api/leaderboard/changes.atom
    xmllint --noout "$body"
    expect "summary" 'New: a/<b>&"c"��]]>é💬, b/10, b/11, b/12, b/13, b/14, b/15, b/16, b/17, b/18, b/19, b/1 and 9 more.' \
        "$(feed '//entry[1]/summary/text()' | sed -n '1s/&lt;/</g; 1s/&gt;/>/g; 1s/&amp;/\&/gp')"
}

@test "a snapshot in which rows only moved is no entry, and no snapshot makes an empty feed" {
    row acme/one | KEEP=0 snapshot $ONE 2024-06-01
    start_server alone
    get /api/leaderboard/changes.atom
    expect_status 200
    expect "entries" 0 "$(grep -c '<entry>' "$body" || true)"
    { row acme/one; row acme/two; } | snapshot $ONE 2024-06-01
    { row acme/two; row acme/one; } | snapshot $TWO 2024-06-02
    get /api/leaderboard/changes.atom
    expect "entries" 1 "$(grep -c '<entry>' "$body")"
    local since
    since=$(header last-modified)
    get /api/leaderboard/changes.atom -H "If-Modified-Since: $since"
    expect_status 304
}

# ---- the leaderboard as it was ----

# two_snapshots: acme/one with 20.5, and then with 30 beside acme/two; their revisions in OLD and NEW.
two_snapshots() {
    start_server
    sample_row acme/one | put_rows
    put_providers acme
    fetcher --quiet pull official-providers contents
    OLD=$(query "SELECT revision FROM datasets WHERE name = 'contents'")
    { sample_row acme/one '."Average ⬆️" = 30'; sample_row acme/two; } | put_rows
    fetcher --quiet pull contents
    NEW=$(query "SELECT revision FROM datasets WHERE name = 'contents'")
}

@test "?at= shows every answer of the leaderboard as it was, and for good" {
    two_snapshots
    get "/api/leaderboard/formatted?at=$OLD"
    expect_status 200
    expect "then" '["acme/one",20.5,1]' "$(jq -c '[.models[0].model.name, .models[0].model.average_score, .total]' "$body")"
    expect "as of" "$OLD" "$(jq -r .as_of.revision "$body")"
    expect "kept" "public, max-age=86400, immutable" "$(header cache-control)"
    local etag
    etag=$(header etag)
    get "/api/leaderboard/formatted?at=${OLD:0:8}&limit=1" -H "If-None-Match: $etag"
    expect_status 200
    get "/api/leaderboard/formatted?at=$OLD" -H "If-None-Match: $etag"
    expect_status 304
    get "/api/leaderboard?at=$OLD&profile=space"
    expect "rows" 1 "$(jq length "$body")"
    get "/api/leaderboard.csv?at=$OLD"
    expect "lines" 2 "$(wc -l <"$body")"
    get "/api/leaderboard/models/acme/one?at=$OLD"
    expect "rank" '[20.5,1]' "$(jq -c '[.entries[0].model.average_score, .entries[0].rank.of]' "$body")"
    get "/api/leaderboard/models/acme/two?at=$OLD"
    expect_status 404
    get "/api/leaderboard/stats?at=$OLD"
    expect_status 200
    get "/api/leaderboard/formatted?at=$NEW"
    expect "now" '[30,20.5]' "$(jq -c '[.models[].model.average_score]' "$body")"
    # The built boards are files that all programs share; a few of them.
    expect "files" 2 "$(find "$STATE_DIR/past" -name '*.board' | wc -l)"
}

@test "?at= takes a day and a time; what is before all that is kept is 404, nonsense 400" {
    two_snapshots
    get "/api/leaderboard/formatted?at=$(date -u +%F)"
    expect "the day's last" 2 "$(jq .total "$body")"
    expect "not for good: the newest may still be followed" "" "$(header cache-control | grep immutable)"
    get '/api/leaderboard/formatted?at=2020-01-01'
    expect_status 404
    expect_line "at: " "$(jq -r .detail "$body")"
    get '/api/leaderboard/formatted?at=yesterday'
    expect_status 400
    expect_line "at: " "$(jq -r .detail "$body")"
}

@test "unknown parameters are named" {
    two_snapshots
    local path
    for path in '/api/leaderboard/changes?since=1&limt=3' '/api/leaderboard/snapshots?bogus=3' '/api/leaderboard/stats?att=1'; do
        get "$path"
        expect_status 400
        expect_line "there is no such parameter here" "$(jq -r .detail "$body")"
    done
}

first_has() { get '/api/leaderboard/formatted?at=1' && grep -q "$1" "$body"; }

# changed NEW_AND_GONE: what changed since snapshot 1.
changed() {
    get '/api/leaderboard/changes?since=1'
    [ "$(jq -r '"\([.new[].name] | tojson) \([.gone[].name] | tojson)"' "$body")" = "$1" ]
}

@test "after the database was lost, its numbers mean what the new one has" {
    two_snapshots
    get '/api/leaderboard/formatted?at=1'
    expect "then" '["acme/one"]' "$(jq -c '[.models[].model.name]' "$body")"
    get '/api/leaderboard/changes?since=1'
    rm -f "$STATE_DIR"/cache.db*
    { sample_row acme/three; sample_row acme/four; } | put_rows
    fetcher --quiet pull official-providers contents
    await "the new database" first_has acme/three # within a second
    get '/api/leaderboard/formatted?at=1'
    expect "now" '["acme/three","acme/four"]' "$(jq -c '[.models[].model.name]' "$body")"
    { sample_row acme/three; sample_row acme/five; } | put_rows
    fetcher --quiet pull contents
    await "the new one's changes" changed '["acme/five"] ["acme/four"]' # within a second
}

@test "a past that today's leaderboard cannot show is 404, and says why" {
    two_snapshots
    echo '{"id":"x","foo":1}' | snapshot cccccccccccccccccccccccccccccccccccccccc 2027-01-01T00:00:00Z
    get /api/leaderboard/formatted?at=ccccccc
    expect_status 404
    expect_line "cannot be shown by today's settings" "$(jq -r .detail "$body")"
}

@test "an address may have so many past leaderboards put together" {
    local i
    start_server
    put_providers acme
    for i in {1..24}; do
        sample_row "acme/m$i" '{id: .eval_name} + .' | snapshot "$(printf '%040x' $((i + 160000000)))" "2024-01-$(printf %02d $i)T00:00:00Z"
    done
    for ((i = 1; i <= 24; i++)); do
        get "/api/leaderboard/stats?at=2024-01-$(printf %02d $i)"
        [ "$status" = 200 ] || break
    done
    expect_status 429
    [ "$i" -gt 20 ]
    [ "$(header retry-after)" -gt 0 ]
    get /api/leaderboard/stats?at=2024-01-20
    expect "what is built already" 200 "$status"
}

@test "past boards take bounded room: the one that was made first goes" {
    local i
    start_server
    put_providers acme
    for i in {1..10}; do
        sample_row acme/one "."'"Average ⬆️"'" = $i" | put_rows
        fetcher --quiet pull official-providers contents
        get "/api/leaderboard/formatted?at=$(query "SELECT revision FROM datasets WHERE name = 'contents'")"
        expect "then" "$i" "$(jq '.models[0].model.average_score' "$body")"
    done
    expect "files" 8 "$(find "$STATE_DIR/past" -name '*.board' | wc -l)"
}

#!/usr/bin/env bats
# A server on the open internet: clients that never finish, that hold what they can get, that want two
# readings of one request, and what caches in between may be made to keep. tests/abuse.sh measures.

load helper

setup() { new_state; }
teardown() { stop_all; }

load_from() { "$PROGRAM_DIR/tests/load" "$@"; }

# holding SECONDS CONNECTIONS TEXT: in the background, that many clients that begin with TEXT and go on
# byte by byte. $HOLDER is the pid; what came of it is in $STATE_DIR/held.
holding() {
    printf '%b' "$3" >"$STATE_DIR/begin"
    rm -f "$STATE_DIR/held"
    load_from hold --port "$PORT" --connections "$2" --every 200 --seconds "$1" --file "$STATE_DIR/begin" \
        >"$STATE_DIR/held" 3>&- &
    HOLDER=$!
    PIDS+=($HOLDER)
    await "the connections" test -s "$STATE_DIR/held"
}

# field NAME TEXT: the value of NAME=VALUE.
field() { sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" <<<"$2"; }

# exchange TEXT: sends it and prints the status lines of all that is answered until the server closes, or
# a second after it was idle.
exchange() {
    exec 9<>"/dev/tcp/127.0.0.1/$PORT"
    printf '%b' "$1" >&9
    timeout 10 cat <&9 | tee "$STATE_DIR/exchange" | grep -ao 'HTTP/1\.[01] [0-9][0-9]*' | cut -d ' ' -f 2 | xargs
    exec 9>&-
}

log_of() { cat "$STATE_DIR/log/$1.log" 2>/dev/null || true; }

# bounds [SED]: the kernel's bounds on the server's port, changed like that, in a network of the test's own.
bounds() {
    sed "s/= 7860/= $PORT/; ${1:-}" "$ROOT/cron/leaderboard.nft" | nft -f -
}

# kept SET: how many addresses the kernel keeps there; dropped SET: how many packets that bound has dropped.
kept() { nft list set inet leaderboard "$1" | grep -o '127\.' | wc -l; }
dropped() { nft list table inet leaderboard | sed -n "s/.*@$1 .*counter packets \([0-9]*\) .*/\1/p"; }

# between LEAST MOST NUMBER: says "LEAST to MOST" where it is, else the number.
between() { if [ "$3" -ge "$1" ] && [ "$3" -le "$2" ]; then echo "$1 to $2"; else echo "$3"; fi; }

# apart FUNCTION: runs it where there is a network of its own, with a server.
apart() {
    command -v nft >/dev/null || skip "no nft here (Debian's package nftables)"
    unshare -rn true 2>/dev/null || skip "no network of its own can be had here"
    unshare -rn "$BASH" -euc ". '$ROOT/tests/helper.bash'
        $(declare -f load_from holding field bounds kept dropped between "$1")
        ip link set lo up; new_state; trap stop_all EXIT; bounds; $1"
}

held_apart() {
    start_server alone
    holding 60 400 'GET /nothing HTTP/1.1\r\nHost: x\r\nX-Slow: '
    local open
    open=$(field open "$(<"$STATE_DIR/held")")
    # (The one that found the server there may still be counted.)
    expect "open" "252 to 256" "$(between 252 256 "$open")"
    expect "not made" $((400 - open)) "$(field unreached "$(<"$STATE_DIR/held")")"
    get /nothing --interface 127.0.0.2
    expect_status 404
}

@test "an address holds no more connections than the kernel is told to let it; others do not notice" {
    apart held_apart
}

flooded_apart() {
    start_server alone
    # asking FROM ARGUMENTS…: a second of asking as fast as it goes, from that address; what came of it in $said.
    asking() { said=$(load_from ask --port "$PORT" --seconds 1 --from "$@"); }
    local size
    size=$(wc -c <"$PROGRAM_DIR/www/openapi.json")
    # Bounds that are not filled up again within the test, so that what passes can be counted.
    bounds 's|50/second burst 500|1/hour burst 20|; s|64 kbytes/second burst 512|1 kbytes/hour burst 7|
        s|8 mbytes/second burst 64 mbytes|1 kbytes/hour burst 1000 kbytes|'
    asking 127.0.0.3 --path /nothing --connections 5 --anew
    expect "connections" 20 "$(field connected "$said")"
    expect "dropped" 1 $(($(dropped made4) > 0))
    # Some 100 bytes each.
    asking 127.0.0.4 --path /nothing --connections 5
    expect "answers" "50 to 100" "$(between 50 100 "$(field answers "$said")")"
    # Many in a packet are no less.
    for _ in $(seq 50); do printf 'GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n'; done >"$STATE_DIR/many"
    asking 127.0.0.5 --file "$STATE_DIR/many" --connections 5
    expect "requests in packets of 1,700 bytes" "150 to 250" "$(between 150 250 "$(grep -c 'client=127.0.0.5 ' "$STATE_DIR/log/leaderboard.log")")"
    expect "dropped" 1 $(($(dropped asked4) > 0))
    asking 127.0.0.6 --path /openapi.json --connections 5
    expect "answers of $size bytes" "1 to $((1001 * 1024 / size))" "$(between 1 $((1001 * 1024 / size)) "$(field good "$said")")"
    expect "dropped" 1 $(($(dropped sent4) > 0))
    asking 127.0.0.7 --path /openapi.json --addresses 40 --connections 40 --rate 40
    expect "others' answers" 40 "$(field good "$said")"
}

@test "an address gets no more connections, requests and bytes than the kernel is told; others do not notice" {
    apart flooded_apart
}

shared_apart() {
    start_server alone
    local said bound
    # Six connections and twenty requests of 600 bytes each.
    printf 'GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: %0500d\r\n\r\n' 0 >"$STATE_DIR/page"
    said=$(load_from ask --port "$PORT" --file "$STATE_DIR/page" --from 127.0.0.3 --connections 180 --rate 600 --seconds 1)
    expect "answers" 600 "$(field good "$said")"
    for bound in made4 held4 asked4 sent4; do
        expect "dropped by $bound" 0 "$(dropped $bound)"
    done
}

@test "thirty browsers behind one address load the page at once, and no bound is reached" {
    apart shared_apart
}

crowded_apart() {
    start_server alone
    bounds 's/size 65536/size 100/'
    local said
    said=$(load_from ask --port "$PORT" --path / --from 127.1.0.1 --addresses 1000 --anew --connections 50 --rate 500 --seconds 2)
    expect "answers to 1,000 addresses" 1000 "$(field good "$said")"
    for set in made4 asked4 sent4; do
        expect "addresses in $set" 100 "$(kept $set)"
    done
    expect "addresses in held4" "0 to 100" "$(between 0 100 "$(kept held4)")"
}

@test "addresses for which the kernel has no room are answered, and take none" {
    apart crowded_apart
}

networks_apart() {
    local address
    for address in 1::1 1::2 2::1; do ip address add fd00:0:0:$address/128 dev lo nodad; done
    echo "\$SERVER[\"socket\"] == \"[::]:$PORT\" { }" >"$STATE_DIR/conf.d/ipv6.conf"
    start_server alone
    bounds 's/ct count over 256/ct count over 3/'
    exec 5<>"/dev/tcp/fd00:0:0:1::1/$PORT" 6<>"/dev/tcp/fd00:0:0:1::1/$PORT" 7<>"/dev/tcp/fd00:0:0:1::1/$PORT"
    API="http://[fd00:0:0:1::1]:$PORT"
    get /nothing --interface fd00:0:0:1::2 --connect-timeout 1
    expect "the same /64" 000 "$status"
    get /nothing --interface fd00:0:0:2::1
    expect "another" 404 "$status"
}

@test "an IPv6 network of /64 is one address to the kernel" {
    apart networks_apart
}

@test "300 clients that trickle headers or bodies keep nobody from being answered, and reach no program" {
    start_server alone
    local text
    for text in 'GET /nothing HTTP/1.1\r\nHost: x\r\nX-Slow: ' \
        'POST /api/webhooks/hub HTTP/1.1\r\nHost: x\r\nContent-Length: 65000\r\n\r\n'; do
        holding 60 300 "$text"
        expect "open" 300 "$(field open "$(<"$STATE_DIR/held")")"
        get /nothing
        expect_status 404
        kill $HOLDER
        wait $HOLDER || true
    done
    expect "requests in the log" 2 "$(log_of leaderboard | grep -c 'msg=request\|"request"\| request ' || true)"
}

# ---- one request, one reading ----

@test "what follows a request whose length is in doubt is not answered; what follows a plain one is" {
    start_server alone
    local fields next='0\r\n\r\nGET /api/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    while IFS='|' read -r wanted fields; do
        request=$fields
        expect "answers" "$wanted" "$(exchange "POST /nothing HTTP/1.1\r\nHost: x\r\n$fields\r\n\r\n$next")"
    done <<'TEXT'
400|Transfer-Encoding : chunked
400|Transfer-Encoding:\x0bchunked
501|Transfer-Encoding: xchunked
501|Transfer-Encoding: identity
501|Transfer-Encoding: chunked, identity
501|Transfer-Encoding: gzip, chunked
501|Transfer-Encoding: chunked\r\nTransfer-Encoding: x
400|Content-Length: 5\r\nContent-Length: 5
400|Content-Length: 5, 5
400|Content-Length: +5
400|Content-Length: 99999999999999999999
400|Content-Length: 5\r\nTransfer-Encoding:\tchunked
411|X: y\r\n Transfer-Encoding: chunked
404 200|Transfer-Encoding: chunked
404 200|Content-Length: 5
404 200|Content_Length: 50\r\nContent-Length: 5
404 200|Transfer_Encoding: chunked\r\nContent-Length: 5
TEXT
    # Chunks: bare line feeds, what is no number, an end that hides a field.
    local chunks
    for chunks in '5\nhello\n0\n\n' '-5\r\nhello\r\n0\r\n\r\n' 'ffffffffffffffff\r\nhello'; do
        request=$chunks
        expect "answers" 400 "$(exchange "POST /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n$chunks")"
    done
}

@test "chunks without end and 64 KB are refused in the midst, and a length that lies reaches no program" {
    start_server alone
    expect "chunks" 413 "$(exchange "POST /api/webhooks/hub HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n$(for _ in $(seq 20); do printf '1000\\r\\n%04096d\\r\\n' 0; done)")"
    # Less than was said, and the end of it: the client is gone.
    exec 8<>"/dev/tcp/127.0.0.1/$PORT"
    printf 'POST /api/webhooks/hub HTTP/1.1\r\nHost: x\r\nX-Request-Id: half\r\nContent-Length: 60000\r\n\r\nhalf' >&8
    exec 8>&-
    get /api/health
    expect_status 200
    expect "half a body in the log" "" "$(log_of system | grep -o 'id=half' || true)"
    # Compressed bodies are not unpacked: what they hold is no JSON.
    get /api/webhooks/hub -H 'Content-Encoding: gzip' -H 'Content-Type: application/json' --data-binary "@$PROGRAM_DIR/www/index.html.gz"
    expect "no secret, no webhook" 404 "$status"
    # As many fields as fit are taken, one more byte is not.
    expect "4,000 fields" 431 "$(exchange "GET /nothing HTTP/1.1\r\nHost: x\r\n$(for i in $(seq 4000); do printf 'a: b\\r\\n'; done)\r\n")"
}

@test "an encoded slash, a dot or a backslash leads to no other program's address" {
    start_server alone
    local path
    for path in /api%2fhealth /api/leaderboard/..%2fhealth /api/votes/..%2f..%2fmetrics '/api\\\\health' /api%5chealth \
        /x/..%2fapi%2fhealth /api/leaderboard%2f..%2f..%2fmetrics /metrics%2f..%2fx '/metrics;x' '/metrics#x' /METRICS \
        /api/events%2f..%2fhealth /docs/..%2f..%2fcache.db /..%2f..%2fcache.db /app.js/..%2ferrors%2f404.html; do
        request=$path
        expect "status" 404 "$(exchange "GET $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")"
    done
    for path in /api//health /api/./health /api/x/../health http://other.example/api/health /api/%2e%2e/metrics /metrics%00 /metrics%0a; do
        request=$path
        expect "status" 400 "$(exchange "GET $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")"
    done
}

# ---- who is asked by caches ----

@test "no answer holds what a client wrote into Host, Origin or X-Forwarded-*, and all vary by what decides" {
    export CORS_ORIGINS='["https://page.example"]'
    start_server
    put_providers acme
    sample_row acme/one | put_rows
    put_request acme/one
    fetch pull official-providers contents requests
    local path
    for path in /api/leaderboard '/api/leaderboard/formatted?limit=1' /api/leaderboard.csv /api/leaderboard/changes.atom \
        /api/leaderboard/snapshots /api/leaderboard/stats /api/leaderboard/about /api/leaderboard/models/acme/one \
        /api/badge/acme/one.svg /api/votes/user/x /api/models/status /api/health /metrics /nothing / /docs /openapi.json; do
        get "$path" -H 'Host: evil.example' -H 'Origin: https://evil.example' -H 'X-Forwarded-Host: evil.example' \
            -H 'X-Forwarded-Proto: evil' -H 'X-Forwarded-Prefix: /evil' -H 'X-Forwarded-For: evil' -H 'Forwarded: host=evil' \
            -H 'X-Original-URL: /evil' -H 'X-Rewrite-URL: /evil' -H 'X-Sendfile: /etc/evil' -H 'X-HTTP-Method-Override: evil' \
            -H 'Referer: evil' -H 'User-Agent: evil'
        expect "evil in the answer" "" "$(grep -aio evil "$headers" "$body" || true)"
        case $path in
        / | /docs | /openapi.json) expect "Vary" Accept-Encoding "$(header Vary)" ;;
        *) expect "Vary" "Accept-Encoding, Origin" "$(header Vary)" ;;
        esac
    done
    local origin
    for origin in https://page.example.evil http://page.example https://page.example:8443 https://xpage.example null; do
        get /api/leaderboard -H "Origin: $origin"
        expect "allowed" "" "$(header Access-Control-Allow-Origin)"
        expect "Vary" "Accept-Encoding, Origin" "$(header Vary)"
    done
    get /api/leaderboard -H 'Origin: https://page.example'
    expect "allowed" https://page.example "$(header Access-Control-Allow-Origin)"
}

# ---- a hostile Hub ----

# refused WORDS: a pull ends with one line that says so, what is served stays, memory is bounded.
refused() {
    local before after
    get /api/leaderboard/formatted
    before="$status $(header ETag)"
    code=0
    said=$(command time -f 'peak %M' "$PROGRAM_DIR/fetcher" pull contents 2>&1) || code=$?
    said=${said//\\\"/\"}
    request="fetcher pull contents" body='' headers=''
    expect "exit code" 1 "$code"
    expect_line "$1" "$said"
    PEAK_KB=$(sed -n 's/^peak //p' <<<"$said")
    local most=512
    ! grep -q __asan_init "$PROGRAM_DIR/fetcher" || most=1024 # AddressSanitizer keeps what is freed
    expect "peak of $PEAK_KB KB" "at most $most MB" "$([ "$PEAK_KB" -le $((most * 1024)) ] && echo at most $most MB)"
    get /api/leaderboard/formatted
    after="$status $(header ETag)"
    expect "what is served" "$before" "$after"
    expect "rows" 1 "$(query 'SELECT count(*) FROM leaderboard' 2>/dev/null || jq '.models | length' "$body")"
}

@test "a Hub of bombs: compressed, nested, long, without end, leading elsewhere; the old data is served" {
    command -v time >/dev/null || [ -x /usr/bin/time ] || skip "no time here (Debian's package time)"
    start_server
    sample_row acme/one | put_rows
    fetch pull contents
    expect "exit code" 0 "$code"
    sample_row acme/two | put_rows
    local file=$STATE_DIR/answer
    # 64 MB of nothing, compressed: nobody asked for that, and nobody unpacks it.
    head -c 67108864 /dev/zero | gzip -1 >"$file"
    fault "GET */revision/* status 200 header:Content-Encoding=gzip bodyfile:$file"
    refused "not valid JSON"
    head -c 1000000 /dev/zero | tr '\0' '[' >"$file"
    fault "GET */revision/* status 200 bodyfile:$file"
    refused "more than 200000 values"
    head -c 5000 /dev/zero | tr '\0' '[' >"$file"
    fault "GET */revision/* status 200 bodyfile:$file"
    refused "not valid JSON"
    { printf '{"sha":"'; head -c 60000000 /dev/zero | tr '\0' 'a'; printf '"}'; } >"$file"
    fault "GET */revision/* status 200 bodyfile:$file"
    refused "names no commit"
    seq 1000000 | sed '1s/.*/{"0":0/; 2,$s/.*/,"&":0/' >"$file"
    fault "GET */revision/* status 200 bodyfile:$file"
    refused "more than 200000 values"
    fault "GET */revision/* endless"
    refused "larger than 64 MiB"
    fault "GET */revision/* status 200 header:X-Long=$(printf '%03000d' 0) body:{}"
    refused "names no commit"
    # A file list without end: its own next page.
    jq -nc '[range(30000) | {type: "file", path: ("a" * 900 + "/\(.)"), size: 1, oid: "0123456789abcdef0123456789abcdef01234567"}]' >"$file"
    fault "GET */tree/* status 200 header:Link=<http://127.0.0.1:$PROXY_PORT/tree/x>;rel=\"next\" bodyfile:$file"
    refused "128 MiB of their paths"
    # Where it leads elsewhere, the token stays.
    export HF_TOKEN=hf_local_server
    local target
    for target in file:///etc/passwd gopher://127.0.0.1/; do
        fault "GET */revision/* redirect $target"
        refused "redirects to where we do not follow"
    done
    for target in http://169.254.169.254/latest/meta-data/ 'http://[fe80::1]/' 'http://[::ffff:169.254.169.254]/'; do
        fault "GET */revision/* redirect $target"
        refused "leads to a link-local address"
    done
    : >"$STATE_DIR/proxy.log"
    fault "GET /api/*/revision/* redirect http://localhost:$PROXY_PORT/other" "GET /other status 200 body:{}"
    refused "names no commit"
    expect_line "GET /other -> status auth=no" "$(cat "$STATE_DIR/proxy.log")"
    : >"$STATE_DIR/proxy.log"
    fault "GET */tree/* status 200 header:Link=<http://localhost:$PROXY_PORT/other>;rel=\"next\" body:[]" "GET /other status 200 body:{}"
    refused "did not answer with a list"
    expect_line "GET /other -> status auth=no" "$(cat "$STATE_DIR/proxy.log")"
    # And when it is well again all is taken.
    fault '* * pass'
    fetch pull contents
    expect "exit code" 0 "$code"
}

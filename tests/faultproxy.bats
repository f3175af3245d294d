#!/usr/bin/env bats
# The fault proxy that the other tests put between a client and the Hub: each fault is what it says.

bats_require_minimum_version 1.5.0
load helper

# The upstream server: files, and a program that shows the request that reached it.
setup_file() {
    local root=$BATS_FILE_TMPDIR/root
    mkdir -p "$root"
    printf 'a short text\n' >"$root/short.txt"
    seq 100000 >"$root/long.txt"
    cat >"$root/show.cgi" <<'SH'
#!/bin/sh
cat >body.$$
printf 'Content-Type: text/plain\r\nX-Linked-Size: 5\r\nX-Linked-Etag: "e"\r\nETag: "e"\r\nX-Kept: kept\r\n\r\n'
echo "$REQUEST_METHOD $REQUEST_URI host=$HTTP_HOST range=$HTTP_RANGE mark=$HTTP_X_MARK"
echo "proxy-mark=$HTTP_PROXY_MARK authorization=$HTTP_AUTHORIZATION"
echo "body $(wc -c <body.$$) $(sha256sum <body.$$)"
rm body.$$
echo done >>commits
SH
    printf '#!/bin/sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n"\nexec cat long.txt\n' >"$root/long.cgi"
    chmod +x "$root"/*.cgi
    for _ in 1 2 3 4 5; do
        UPSTREAM=$(free_port)
        cat >"$BATS_FILE_TMPDIR/lighttpd.conf" <<CONF
server.port = $UPSTREAM
server.bind = "127.0.0.1"
server.document-root = "$root"
server.upload-dirs = ( "$BATS_FILE_TMPDIR" )
server.stream-response-body = 1
server.modules = ( "mod_cgi" )
cgi.assign = ( ".cgi" => "" )
mimetype.assign = ( ".txt" => "text/plain" )
CONF
        lighttpd -D -f "$BATS_FILE_TMPDIR/lighttpd.conf" 2>"$BATS_FILE_TMPDIR/lighttpd.log" 3>&- &
        UPSTREAM_PID=$!
        # Somebody else may have taken the port in between: then ours ends, and we try another.
        while kill -0 "$UPSTREAM_PID" 2>/dev/null; do
            if curl -s --max-time 5 "http://127.0.0.1:$UPSTREAM/short.txt" | grep -q 'a short text'; then
                export UPSTREAM UPSTREAM_PID ROOT_DIR=$root
                return
            fi
        done
    done
    cat "$BATS_FILE_TMPDIR/lighttpd.log" >&2
    return 1
}

teardown_file() { kill "$UPSTREAM_PID"; }

setup() {
    cd "$BATS_TEST_TMPDIR"
    PIDS=()
    start "$UPSTREAM"
    rm -f "$ROOT_DIR/commits"
}

teardown() {
    for pid in "${PIDS[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    run ! grep -E 'Sanitizer|runtime error' said
}

# start UPSTREAM_PORT: a proxy before that port; PROXY is its address.
start() {
    rm -f port
    "$PROGRAM_DIR/tests/faultproxy" --listen 0 --upstream "127.0.0.1:$1" --rules rules \
        --port-file port --log log 2>>said 3>&- &
    PROXY_PID=$!
    PIDS+=($PROXY_PID)
    await "the proxy" test -e port
    PROXY=http://127.0.0.1:$(cat port)
}

rules() { printf '%s\n' "$@" >rules; }

# ask PATH [curl's arguments…]: the answer is in head and body; its status in $status, or 000; what
# curl said of the connection in $code.
ask() {
    request=$*
    headers=head body=body
    rm -f head body
    code=0
    status=$(curl -s --max-time 10 -D head -o body -w '%{http_code}' "${@:2}" "$PROXY$1") || code=$?
    touch head body
}

# is WHAT WANTED: one of status, code, body, log or a header.
is() {
    local got
    case $1 in
    status) got=$status ;;
    code) got=$code ;;
    body) got=$(cat body) ;;
    log) got=$(cat log) ;;
    *) got=$(header "$1") ;;
    esac
    expect "$1" "$2" "$got"
}

# nobody: no process holds a connection.
nobody() { ! pgrep -P "$PROXY_PID"; }

codes() { for _ in $(seq "$2"); do ask "$1"; printf '%s ' "$status"; done; }

# ---- what is passed on ----

@test "without rules, with none in the file, and by 'pass', an answer comes as it is" {
    local text
    for text in '' '# * * reset' 'GET * pass'; do
        [ -z "$text" ] || rules "$text"
        ask /long.txt
        is status 200
        is Content-Type text/plain
        is Content-Length 588895
        cmp body "$ROOT_DIR/long.txt"
        ask /nothing
        is status 404
    done
}

@test "HEAD gets the head alone" {
    ask /long.txt -I
    is status 200
    is code 0
    is Content-Length 588895
    ask /show.cgi -I
    is X-Kept kept
    is code 0
}

@test "ranges and conditions reach upstream" {
    ask /short.txt -r 2-6
    is status 206
    is body short
    ask /short.txt -H "If-None-Match: $(curl -sI "$PROXY/short.txt" | sed -n 's/^ETag: \(.*\)\r$/\1/p')"
    is status 304
    is code 0
}

@test "the Host and other headers are passed on, those of one connection are not" {
    ask '/show.cgi?a=b%20c' -H 'Host: hub.example:99' -H 'X-Mark: 7' -H 'Authorization: Bearer x' \
        -H 'Proxy-Mark: 7' -H 'Connection: keep-alive'
    is status 200
    expect_line 'GET /show.cgi?a=b%20c host=hub.example:99 range= mark=7' "$(cat body)"
    expect_line 'proxy-mark= authorization=Bearer x' "$(cat body)"
    is Connection close
}

@test "answers in chunks are passed on, and their faults are in the body" {
    ask /long.cgi
    is Transfer-Encoding chunked
    is code 0
    cmp body "$ROOT_DIR/long.txt"
    rules 'GET * truncate 100000'
    ask /long.cgi
    is code 18
    cmp body <(head -c 100000 "$ROOT_DIR/long.txt")
    rules 'GET * corrupt'
    ask /long.cgi
    is code 0
    expect "bytes that differ" 1 "$(cmp -l body "$ROOT_DIR/long.txt" | wc -l)"
    rules "GET * replace file:$ROOT_DIR/short.txt"
    ask /long.cgi
    is Transfer-Encoding ''
    is body 'a short text'
    is code 0
}

@test "request bodies are passed on, with a length or in chunks" {
    local sum
    head -c 20000000 /dev/urandom >upload
    sum="body 20000000 $(sha256sum <upload)"
    ask /show.cgi --data-binary @upload
    expect_line "HTTP/1.1 100 Continue" "$(cat head)" # curl asks before it sends so much
    expect_line "$sum" "$(cat body)"
    ask /show.cgi -T upload -H 'Transfer-Encoding: chunked'
    expect_line "PUT /show.cgi" "$(cat body)"
    expect_line "$sum" "$(cat body)"
    ask /show.cgi -H 'Transfer-Encoding: chunked' -d ''
    expect_line "body 0 " "$(cat body)"
}

@test "an upstream that is gone is 502" {
    start 1
    ask /
    is status 502
    expect_line "upstream cannot be reached" "$(cat body)"
}

@test "what is no HTTP request is 400, and a connection without one is closed" {
    exec 5<>"/dev/tcp/127.0.0.1/$(cat port)"
    printf 'nonsense\r\n\r\n' >&5
    expect_line "HTTP/1.1 400" "$(cat <&5)"
    exec 5>&-
    port_open "$(cat port)"
    run ! test -e log
}

# ---- faults ----

@test "status: answers without asking upstream" {
    rules '* * status 503'
    ask /show.cgi
    is status 503
    is body '{"error":"fault"}'
    is Content-Type application/json
    run ! test -e "$ROOT_DIR/commits"
    ask /show.cgi -I
    is status 503
    is code 0
    head -c 20000000 /dev/zero >upload
    ask /show.cgi --data-binary @upload -H 'Expect:'
    is status 503
    is code 0
}

@test "status: takes headers, a type and a body, which may hold blanks in quotes" {
    rules "* /a status 429 header:RateLimit=\"api\";r=0;t=55 'header:Retry-After=Wed, 21 Oct 2026 07:28:00 GMT'" \
        "* /b status 200 'body:two words' type:text/plain" \
        "* /c status 200 bodyfile:$ROOT_DIR/long.txt" \
        "* /d status 204" \
        "* /e status 200 bodyfile:/nothing/here"
    ask /a
    is status 429
    is RateLimit '"api";r=0;t=55'
    is Retry-After 'Wed, 21 Oct 2026 07:28:00 GMT'
    ask /b
    is body 'two words'
    is Content-Type text/plain
    ask /c
    cmp body "$ROOT_DIR/long.txt"
    ask /d
    is status 204
    is code 0
    ask /e
    is status 500
    expect_line "/nothing/here" "$(cat body)"
}

@test "redirect: puts the target into the URL" {
    rules "GET /first* redirect http://127.0.0.1:$UPSTREAM/short.txt?from=%p"
    ask '/first?x'
    is status 302
    is Location "http://127.0.0.1:$UPSTREAM/short.txt?from=/first?x"
    ask /first -L
    is status 200
    is body 'a short text'
}

@test "stall: no answer comes" {
    rules 'GET * stall'
    ask /short.txt --max-time 1
    is status 000
    is code 28
    is log 'GET /short.txt -> stall auth=no'
}

@test "stall: the process that held the connection ends when the client goes away" {
    rules 'GET * stall'
    curl -s --max-time 10 "$PROXY/" 3>&- &
    local client=$!
    await "the request" test -s log
    pgrep -P "$PROXY_PID" >/dev/null
    kill "$client"
    wait "$client" || true
    await "its end" nobody
}

@test "stallbody: so much of the body, then nothing" {
    rules 'GET * stallbody 100'
    ask /long.txt --max-time 1
    is status 200
    is code 28
    is Content-Length 588895
    cmp body <(head -c 100 "$ROOT_DIR/long.txt")
}

@test "reset: the connection breaks" {
    rules '* * reset'
    ask /short.txt
    is code 56
    ask /show.cgi -d x
    is code 56
    run ! test -e "$ROOT_DIR/commits"
}

@test "truncate: the whole head, a part of the body" {
    rules 'GET * truncate 70000'
    ask /long.txt
    is status 200
    is code 18
    is Content-Length 588895
    cmp body <(head -c 70000 "$ROOT_DIR/long.txt")
    rules 'GET * truncate 0'
    ask /long.txt
    is code 18
    is body ''
    ask /show.cgi
    is code 18
}

@test "replace: another body in upstream's answer" {
    printf '<html>' >page
    rules "* * replace file:$PWD/page type:text/html"
    ask /show.cgi
    is status 200
    is body '<html>'
    is Content-Type text/html
    is Content-Length 6
    is X-Kept kept
    is ETag ''
    is X-Linked-Size ''
    is X-Linked-Etag ''
    is code 0
    expect "upstream was asked" done "$(cat "$ROOT_DIR/commits")"
    ask /show.cgi -I
    is Content-Length 6
    is code 0
    ask /nothing
    is status 404
    is body '<html>'
}

@test "corrupt: one bit differs, in the middle" {
    rules 'GET * corrupt'
    ask /long.txt
    is status 200
    is code 0
    expect "difference" "294448" "$(cmp -l body "$ROOT_DIR/long.txt" | awk '{ print $1 }')"
    ask /show.cgi
    is code 0
}

@test "lost: upstream has done its work, the client does not learn of it" {
    rules 'POST * lost'
    ask /show.cgi -d x
    is status 000
    is code 52
    expect "commits" done "$(cat "$ROOT_DIR/commits")"
}

@test "slow: so many bytes a second" {
    local start=${EPOCHREALTIME/./}
    rules 'GET * slow 40'
    ask /short.txt
    local took=$((${EPOCHREALTIME/./} - start))
    is body 'a short text'
    [ $took -gt 200000 ]
    is code 0
}

@test "norange: a Range header does not reach upstream, but the log" {
    rules 'GET * norange'
    ask /short.txt -r 2-6
    is status 200
    is body 'a short text'
    is log 'GET /short.txt -> norange auth=no range=bytes=2-6'
}

@test "endless: a body that goes on for as long as one reads" {
    rules 'GET * endless'
    curl -s -D head "$PROXY/" | head -c 5000000 >body || true
    expect_line 'HTTP/1.1 200' "$(cat head)"
    expect "size" 5000000 "$(stat -c %s body)"
    expect "what is no x" '' "$(tr -d x <body)"
    await "its end" nobody
}

@test "garbage: what is no HTTP" {
    rules 'GET * garbage'
    ask /short.txt
    is status 000
    is code 1
}

# ---- rules ----

@test "the first rule that matches method and target counts" {
    rules 'POST /short* status 201' 'GET /[st]hort.txt?x=1 status 202' '* /s* status 203'
    ask /short.txt
    is status 203
    ask '/short.txt?x=1'
    is status 202
    ask /short.txt -d x
    is status 201
    ask /long.txt
    is status 200
}

@test "the rules are read for each request" {
    rules '* * status 418'
    ask /short.txt
    is status 418
    rules ''
    ask /short.txt
    is status 200
    rm rules
    ask /short.txt
    is status 200
}

@test "times, after and every say which matches count; the others go to the next rule" {
    rules 'GET * status 500 times=2'
    expect "times" "500 500 200 200 " "$(codes /short.txt 4)"
    rules 'GET * status 500 after=2'
    expect "after" "200 200 500 500 " "$(codes /short.txt 4)"
    rules 'GET * status 500 every=3'
    expect "every" "200 200 500 200 200 500 " "$(codes /short.txt 6)"
    rules 'GET * status 500 after=1 every=2 times=1'
    expect "all" "200 200 500 200 200 " "$(codes /short.txt 5)"
    rules 'GET * status 500 times=1' 'GET * status 501 times=1'
    expect "two rules" "500 501 200 " "$(codes /short.txt 3)"
}

@test "the counts start anew when the text of the rules changes" {
    rules 'GET * status 500 times=1'
    expect "before" "500 200 " "$(codes /short.txt 2)"
    rules 'GET * status 500 times=1' # the same text
    expect "unchanged" "200 " "$(codes /short.txt 1)"
    rules 'GET * status 500 times=1' '#'
    expect "changed" "500 200 " "$(codes /short.txt 2)"
}

@test "requests at the same time are counted once each" {
    rules 'GET * status 500 times=7'
    curl -s -Z --parallel-max 20 -o /dev/null -w '%{http_code}\n' "$PROXY/short.txt?[1-40]" >codes
    expect "faults" 7 "$(grep -c 500 codes)"
    expect "the rest" 33 "$(grep -c 200 codes)"
    expect "logged" 40 "$(grep -c '^GET /short.txt?[0-9]* -> [a-z]* auth=no$' log)"
}

@test "a mistake in the rules is an answer of 500 that says it" {
    local rule
    for rule in 'GET *' 'GET * explode' 'GET * status' 'GET * status abc' 'GET * status 99' \
        'GET * truncate -1' 'GET * truncate times=1' 'GET * slow 0' 'GET * redirect' 'GET * replace' \
        'GET * status 200 file:x' 'GET * pass 5' 'GET * stall times=x' 'GET * stall every=0' \
        "GET /$(printf 'x%.0s' {1..5000}) pass"; do
        rules "$rule"
        ask /short.txt
        is status 500
        expect_line "faultproxy: " "$(cat body)"
    done
    expect_line "GET /short.txt -> mistake" "$(cat log)"
    expect_line "faultproxy: rules: " "$(cat said)"
}

# ---- the log, start and end ----

@test "the log says what was asked and done, but no token" {
    rules '* /a* status 200'
    ask '/a?b=c' -H 'Authorization: Bearer hf_secret' -r 5-
    ask /short.txt -I
    is log 'GET /a?b=c -> status auth=yes range=bytes=5-
HEAD /short.txt -> pass auth=no'
    run ! grep -r hf_secret log said
}

@test "wrong arguments are 100, what the machine refuses is 111, --help is 0" {
    local proxy=$PROGRAM_DIR/tests/faultproxy taken
    taken=$(cat port)
    run -0 "$proxy" --help
    expect_line "usage: faultproxy" "$output"
    run -100 "$proxy"
    run -100 "$proxy" --rules r --port-file p --upstream
    run -100 "$proxy" --rules r --port-file p --upstream nowhere
    run -100 "$proxy" --rules r --port-file p --upstream 127.0.0.1:99999
    run -100 "$proxy" --rules r --port-file p --upstream 127.0.0.1:1 --listen x
    run -100 "$proxy" --rules r --port-file p --upstream 127.0.0.1:1 --what x
    run -111 "$proxy" --rules r --port-file p --upstream 127.0.0.1:1 --listen "$taken"
    run -111 "$proxy" --rules r --port-file no/where --upstream 127.0.0.1:1
}

@test "SIGTERM and SIGINT end it, and whoever stalls, with 0" {
    local signal
    for signal in TERM INT; do
        [ "$signal" = TERM ] || start "$UPSTREAM"
        rules 'GET * stall'
        rm -f log
        curl -s --max-time 10 "$PROXY/" 3>&- &
        local client=$!
        await "the request" test -s log
        kill -s "$signal" "$PROXY_PID"
        code=0
        wait "$PROXY_PID" || code=$?
        is code 0
        code=0
        wait "$client" || code=$?
        [ "$code" != 0 ]
        [ "$code" != 28 ]
    done
}

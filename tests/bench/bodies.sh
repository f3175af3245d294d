#!/usr/bin/env bash
# The published bodies, against lighttpd with the same bytes as a plain file; and their 304.
set -euo pipefail
# shellcheck source=tests/bench/lib.bash
. "$(dirname "$0")/lib.bash"

filled "$ROWS"
published=$API/api/leaderboard/formatted
mkdir "$STATE_DIR/plain"
plain "$STATE_DIR/plain"

# compare NAME PROFILE CODING: one published body.
compare() {
    local url="$published?profile=$2"
    [ "$2" != documented ] || url=$published # without parameters, as most clients ask
    ours() { rate "$url" "Accept-Encoding: $coding"; }
    file() { rate "$PLAIN/body"; }
    local coding=$3 bytes
    curl -sf -H "Accept-Encoding: $coding" "$url" >"$STATE_DIR/plain/body"
    bytes=$(stat -c %s "$STATE_DIR/plain/body")
    alternate ours file
    row "GET formatted, $1" requests/s "$(median ours)" "lighttpd, a file of $(grouped "$bytes") bytes" "$(median file)" "${4:-}"
}
compare "gzip" documented gzip ">= 0.90"
compare "brotli" documented br ">= 0.90"
compare "identity" documented identity ">= 0.90"
compare "profile space, gzip" space gzip # a parameter: the program has lighttpd send the file

etag=$(curl -sfI -H 'Accept-Encoding: gzip' "$published" | sed -n 's/^etag: \(.*\)\r/\1/Ip')
head -c 300 /dev/zero | tr '\0' x >"$STATE_DIR/plain/small"
not_modified() { rate "$published" 'Accept-Encoding: gzip' "If-None-Match: $etag"; }
empty() { rate "$API/empty"; }
small() { rate "$PLAIN/small"; }
[ "$(curl -s -o /dev/null -w '%{http_code}' -H 'Accept-Encoding: gzip' -H "If-None-Match: $etag" "$published")" = 304 ]
alternate not_modified empty small
row "GET formatted, 304" requests/s "$(median not_modified)" "an empty FastCGI program" "$(median empty)" ">= 0.90"
row "GET formatted, 304" requests/s "$(median not_modified)" "lighttpd, a file of 300 bytes" "$(median small)"

#!/usr/bin/env bash
# Requests a second, against what a Python backend does for the same answers (peer.py), with one and with
# two workers.
set -euo pipefail
# shellcheck source=tests/bench/lib.bash
. "$(dirname "$0")/lib.bash"

peer_found || exit 0
filled "$ROWS"
peer_fill
peer 1
one=$PEER_API
peer 2
two=$PEER_API
for path in leaderboard/formatted "votes/model/$MODEL"; do
    cmp <(curl -sf "$API/api/$path" | jq -S .) <(curl -sf "$one/api/$path" | jq -S .) # it is the same work
done

# few URL HEADER: requests a second where one takes long. wrk would leave some behind, which the server went
# on with while the next is measured.
few() {
    local begin=$EPOCHREALTIME end count=4
    curl -sf --no-progress-meter --parallel --parallel-immediate --parallel-max 4 -H "$2" -o /dev/null "$1?[1-$count]"
    end=$EPOCHREALTIME
    jq -n "$count / ($end - $begin)"
}
ours() { rate "$API/api/$path" "Accept-Encoding: $coding"; }
peer_one() { "$how" "$one/api/$path" "Accept-Encoding: $coding"; }
peer_two() { "$how" "$two/api/$path" "Accept-Encoding: $coding"; }
while read -r how coding path name; do
    alternate ours peer_one peer_two
    row "$name, $coding" requests/s "$(median ours)" "$PEER, 1 worker" "$(median peer_one)"
    row "$name, $coding" requests/s "$(median ours)" "$PEER, 2 workers" "$(median peer_two)"
done <<END
few gzip leaderboard/formatted GET formatted
few identity leaderboard/formatted GET formatted
rate identity models/pending GET pending
rate identity votes/model/$MODEL GET votes of a model
END

#!/usr/bin/env bash
# What queries cost, against a program that answers with a constant body of the same size.
set -euo pipefail
# shellcheck source=tests/bench/lib.bash
. "$(dirname "$0")/lib.bash"

constant() { rate "$API/constant?bytes=$bytes"; }
ours() { rate "$API/api/leaderboard/formatted?limit=50&$query"; }

# queries ROWS WANTED
queries() {
    local name query bytes
    filled "$1"
    while read -r name query; do
        get "/api/leaderboard/formatted?limit=50&$query"
        expect_status 200
        bytes=$(stat -c %s "$body")
        alternate ours constant
        row "$(grouped "$1") rows, ${name//_/ }: $query" requests/s "$(median ours)" "a constant, $(grouped "$bytes") bytes" "$(median constant)" "$2"
    done <<'END'
a_page offset=100
frequent_term search=lumen
rare_term search=fjord-70b-chat
hexadecimal_term search=beef
no_match search=nothing-like-it
several_terms search=cobalt;quill;@license:gemma
filter_and_sort precision=float16&sort=-average
hide hide=merged,moe,flagged,unavailable
range_and_sort min_params=7&max_params=20&sort=-ifeval,params
all_by_name sort=name
weights_and_rank weights=ifeval:2,math:1&rank=true
fields search=lumen&sort=-average&fields=model.name,metadata
END
    stop_all
    PIDS=()
}

queries "$ROWS" ">= 0.25"
queries "$MANY" ">= 0.10"

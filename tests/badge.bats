#!/usr/bin/env bats
# /api/badge/{provider}/{model}.svg: where a model stands, as a picture for its README.

load helper

setup() {
    new_state
    start_server
    put_providers acme
}

teardown() { stop_all; }

# rows: four models, of which acme/one is second.
rows() {
    {
        sample_row acme/one '."Average ⬆️" = 40 | .IFEval = 33.256'
        sample_row acme/one '."Average ⬆️" = 10 | .Precision = "float16"'
        sample_row top/top '."Average ⬆️" = 90'
        sample_row last/last '."Average ⬆️" = 0.0123 | .IFEval = null | .BBH = 12345.6'
        sample_row un/scored '."Average ⬆️" = null'
    } | put_rows
    fetcher --quiet pull official-providers contents
}

# texts: what the badge says, label and value.
texts() { grep -o '<text [^>]*>[^<]*' "$body" | sed 's/.*>//' | paste -sd '|'; }
colour() { grep -o 'fill="#[0-9a-f]*"' "$body" | sed -n 2p; }

@test "a badge is an SVG picture of the rank, to be kept for CACHE_TTL" {
    rows
    get /api/badge/acme/one.svg
    expect_status 200
    expect "Content-Type" image/svg+xml "$(header Content-Type)"
    expect "Cache-Control" "public, max-age=300" "$(header Cache-Control)"
    expect "policy" "default-src 'none'; frame-ancestors 'none'" "$(header Content-Security-Policy)"
    expect "texts" "leaderboard|#2 of 4" "$(texts)"
    local etag
    etag=$(header ETag)
    get /api/badge/acme/one.svg -H "If-None-Match: $etag"
    expect_status 304
}

@test "who cannot see it is told" {
    rows
    get /api/badge/acme/one.svg
    grep -qF 'role="img" aria-label="acme/one: leaderboard #2 of 4"><title>acme/one: leaderboard #2 of 4</title>' "$body"
}

@test "it shows the average or a benchmark's score instead, under a label of one's own" {
    rows
    get '/api/badge/acme/one.svg?metric=average'
    expect "texts" "average score|40" "$(texts)"
    get '/api/badge/last/last.svg?metric=average'
    expect "texts" "average score|0.0123" "$(texts)"
    get '/api/badge/last/last.svg?metric=bbh'
    expect "texts" "BBH|12346" "$(texts)"
    get '/api/badge/acme/one.svg?metric=mmlu_pro'
    expect "texts" "MMLU-PRO|1.85" "$(texts)"
    get '/api/badge/acme%2Fone.svg?metric=ifeval&label=follows%20instructions'
    expect "texts" "follows instructions|33.26" "$(texts)"
    get '/api/badge/acme/one.svg?label='
    expect "texts" "leaderboard|#2 of 4" "$(texts)"
}

@test "it is about the best entry, unless a precision is asked for" {
    rows
    get '/api/badge/acme/one.svg?precision=float16'
    expect "texts" "leaderboard|#3 of 4" "$(texts)"
    get '/api/badge/acme/one.svg?precision=4bit'
    expect "texts" "leaderboard|not ranked" "$(texts)"
}

@test "its colour goes by the percentile: 100, 75, 50 and 25" {
    rows
    local colours=
    for path in top/top.svg acme/one.svg acme/one.svg?precision=float16 last/last.svg; do
        get "/api/badge/$path"
        colours="$colours $(colour)"
    done
    expect "colours" ' fill="#1a7f37" fill="#4d7c0f" fill="#7a6a00" fill="#9a6700"' "$colours"
}

@test "a model that is not there, or has no such number, has a grey badge that is soon asked for again" {
    # With an error a README would show a broken image.
    rows
    for path in no/body.svg un/scored.svg last/last.svg?metric=ifeval nameless.svg; do
        get "/api/badge/$path"
        expect_status 200
        expect "value" "not ranked" "$(texts | cut -d '|' -f 2)"
        expect "colour" 'fill="#6a737d"' "$(colour)"
        expect "Cache-Control" "public, max-age=60" "$(header Cache-Control)"
    done
}

@test "what makes no sense is refused, for its author to see" {
    rows
    get '/api/badge/acme/one.svg?metric=banana'
    expect_status 400
    expect_line 'metric: expected rank, average or the key of a benchmark; there is no "banana"' "$(jq -r .detail "$body")"
    get '/api/badge/acme/one.svg?metric=params_billions'
    expect_status 400
    get '/api/badge/acme/one.svg?style=plastic'
    expect_status 400
    expect_line 'style' "$(jq -r .detail "$body")"
    for path in acme/one acme/one.png .svg; do
        get "/api/badge/$path"
        expect_status 404
    done
}

@test "texts of strangers stay texts" {
    rows
    get '/api/badge/acme/one.svg?label=%3C%2Ftext%3E%3Cscript%3Ealert(1)%3C/script%3E%22%27%26'
    expect "texts" "&lt;/text&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&amp;|#2 of 4" "$(texts)"
    expect "elements" "g path svg text title" "$(grep -o '<[a-z][a-z]*' "$body" | tr -d '<' | sort -u | paste -sd ' ')"
    get '/api/badge/%22%20onload%3D%22alert(1)/%3Cx%3E.svg'
    expect_line 'aria-label="&quot; onload=&quot;alert(1)/&lt;x&gt;: leaderboard not ranked"' "$(cat "$body")"
    # XML has no such character, not even escaped.
    get '/api/badge/acme/one.svg?label=a%EF%BF%BEb'
    expect "texts" 'a�b|#2 of 4' "$(texts)"
    get "/api/badge/acme/one.svg?label=$(printf '%%F0%%9F%%A4%%97%.0s' $(seq 400))"
    expect "label" "$(printf '🤗%.0s' $(seq 63))…" "$(texts | cut -d '|' -f 1)"
    get "/api/badge/$(printf 'x%.0s' $(seq 3000)).svg"
    [ "$(stat -c %s "$body")" -lt 2000 ]
}

@test "its width is that of its texts" {
    rows
    width() { get "/api/badge/acme/one.svg?label=$1"; grep -o '^<svg [^>]* width="[0-9]*"' "$body" | grep -o '[0-9]*"$' | tr -d '"'; }
    local narrow wide
    narrow=$(width iiiiii)
    wide=$(width mmmmmm)
    get '/api/badge/acme/one.svg?label=mmmmmm'
    expect "six i and six m in Verdana of 11 pixels, and what is beside them" "19 65" "$((narrow - 66)) $((wide - 66))"
    grep -q 'textLength="65">mmmmmm' "$body"
}

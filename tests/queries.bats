#!/usr/bin/env bats
# What can be asked of GET /api/leaderboard and GET /api/leaderboard/formatted, parameter by
# parameter. Six models are enough for most of it; one test asks random queries of generated rows and
# compares with what jq finds in the whole body.

load helper

setup_file() {
    new_state
    start_server
    put_providers acme
    models | put_rows
    fetcher pull official-providers contents 2>"$STATE_DIR/pull.log"
    export API SERVER
}

teardown_file() {
    PIDS=($SERVER)
    stop_all
}

# A server of the test's own, with other data.
teardown() { [ -z "${OWN:-}" ] || stop_all; }
own_server() {
    OWN=1
    new_state
    start_server
    put_providers acme
}

# name                precision  type         license     params  average ifeval bbh  submitted
models() {
    model acme/Alpha-7B   bfloat16 '🟢 pretrained'        apache-2.0 7.2  30.5 40 20 2024-06-01
    model acme/beta-13B   float16  '💬 chat models (RLHF)' mit        13.0 25.5 10 50 2024-07-15 '."Base Model" = "acme/Alpha-7B" | .Merged = true'
    model zeta/Gamma-70B  bfloat16 '🔶 ft'                 llama3     70.6 41.0 60 30 2024-08-01 '.Flagged = true | .Architecture = "Qwen2ForCausalLM"'
    model zeta/delta-MoE  4bit     '🤝 base merges'        apache-2.0 null 12.0 null 10 2024-08-01 '.MoE = true | ."Official Providers" = true'
    model Ünïcode/x-Строка  GPTQ     '🟢 pretrained'         null       1.5  null 5 5 null '."Available on the hub" = false | ."Weight type" = "Adapter"'
    model epsilon         bfloat16 '🟢 pretrained'         mit        7.2  30.5 40 15 2024-12-31 '."Model sha" = "feedbeeffeedbeeffeedbeeffeedbeeffeedbeef"'
}

model() {
    sample_row "$1" ".Precision = \"$2\" | .Type = \"$3\" | .\"Hub License\" = (\"$4\" | if . == \"null\" then null else . end)
        | .\"#Params (B)\" = $5 | .\"Average ⬆️\" = $6 | .IFEval = $7 | .BBH = $8
        | .\"Submission Date\" = (\"$9\" | if . == \"null\" then null else . end) | ${10:-.}"
}

# names QUERY: the names of the rows that it gives, by their first letters, in their order.
names() {
    get "/api/leaderboard/formatted?$1" -g
    expect_status 200
    got=$(jq -r '[.models[].model.name | split("/") | last | .[0:1] | ascii_downcase] | join("")' "$body")
}

# gives QUERY LETTERS: so does `names`, and in the other body and profile the rows are the same.
gives() {
    names "$1"
    expect "rows of $1" "$2" "$got"
    expect "total" "$(jq .total "$body")" "$(header X-Total-Count)"
    get "/api/leaderboard?profile=space&$1" -g
    expect "rows of the dataset" "$2" \
        "$(jq -r '[.[].fullname | split("/") | last | .[0:1] | ascii_downcase] | join("")' "$body")"
}

# refused QUERY TEXT…: 400, and the detail holds each text.
refused() {
    local query=$1 text
    shift
    get "/api/leaderboard/formatted?$query" -g
    expect_status 400
    for text; do expect_line "$text" "$(jq -r .detail "$body")"; done
}

@test "a query too long for a Link header is answered without it" {
    get "/api/leaderboard/formatted?search=$(printf '*%.0s' {1..3000});a&limit=1"
    expect_status 200
    expect "Link" "" "$(header link)"
}

@test "search finds what is in the name, the base model, the licence or the commit, in any case" {
    gives search=alpha ab
    gives search=BETA b
    gives search=LLAMA g
    gives search=feedbeef e
    gives search=eedb e
    gives search=acme/ ab
    gives search=nothing-like-it ''
}

@test "search takes several terms between semicolons: a row that has any of them matches" {
    gives 'search=gamma;epsilon' ge
    gives 'search=%20gamma%20;;%20EPSILON;' ge
    gives 'search=;' abgdxe
    gives search= abgdxe
}

@test "search knows the capital letters of other scripts" {
    gives "search=$(jq -rn '"СТРОКА" | @uri')" x
    gives "search=$(jq -rn '"ünÏ" | @uri')" x
}

@test "a term can ask one column: @architecture: @license: @provider: @precision: @type:" {
    gives search=@architecture:qwen g
    gives search=@license:apache ad
    gives search=@provider:zeta gd
    gives search=@precision:16 abge
    gives search=@type:chat b
    gives 'search=@license:mit;gamma' bge
    gives search=@provider:alpha ''
    refused search=@colour:red 'search: this leaderboard has no text "colour"' architecture
    refused search=@params:7 'no text "params"'
}

@test "precision, type, weight_type, architecture, license and provider take lists, in any case" {
    gives precision=float16 b
    gives precision=float16,4BIT bd
    gives 'precision=float16&precision=4bit' bd
    gives type=PRETRAINED axe
    gives type=chatmodels b
    gives type=fined-tuned-on-domain-specific-dataset g
    gives weight_type=adapter x
    gives architecture=qwen2forcausallm g
    gives license=MIT be
    gives hub_license=MIT be
    gives provider=acme ab
    gives provider=ACME,zeta abgd
    gives provider=epsilon ''
    gives precision=int1 ''
    refused precision= 'precision: expected texts between commas'
}

@test "any other column of texts can be asked likewise, and any flag" {
    gives name=acme/alpha-7b a
    gives base_model=acme/Alpha-7B ab
    gives has_chat_template=true abgdxe
    gives is_moe=true d
    gives is_moe=false abgxe
}

@test "min_params, max_params and min_average bound numbers; rows without one do not pass" {
    gives min_params=7.2 abge
    gives max_params=7.2 axe
    gives 'min_params=7&max_params=20' abe
    gives min_average=30.5 age
    gives max_average=25.5 bd
    gives min_ifeval=40 age
    gives min_ifeval.value=0.34 ''
    refused min_params=seven 'min_params: expected a number'
    refused max_params=inf 'max_params: expected a number'
    refused min_colour=1 'min_colour: this leaderboard has no number "colour"' average_score
    refused params=7 'params: a number; use min_params and max_params'
}

@test "hide leaves out merged, moe, flagged and unavailable models" {
    gives hide=merged agdxe
    gives hide=moe,flagged abxe
    gives hide=unavailable abgde
    gives hide=merged,moe,flagged,unavailable ae
    gives 'hide=merged&hide=moe' agxe
    gives 'hide=merged&is_merged=true' ''
    refused hide=merged,good 'hide: this leaderboard has no flag "good"' is_merged
}

@test "official is true or false" {
    gives official=true d
    gives official=false abgxe
    refused official=yes 'official: expected true or false'
}

@test "submitted_after and submitted_before are days that are included" {
    gives submitted_after=2024-08-01 gde
    gives submitted_before=2024-07-15 ab
    gives 'submitted_after=2024-07-01&submitted_before=2024-08-01' bgd
    for bad in 2024 2024-7-1 2024-13-01 2024-01-32 2024-01-01T00:00:00Z ''; do
        refused "submitted_after=$bad" 'submitted_after: expected a day, YYYY-MM-DD'
    done
}

@test "filters are all to be met" {
    gives 'precision=bfloat16&license=mit,llama3&min_average=20&search=zeta;eps' ge
}

@test "sort orders by numbers, texts and flags; missing ones go last, equal ones stay in order" {
    gives sort=average dbaegx
    gives sort=-average gaebdx
    gives sort=-params gbaexd
    gives sort=params xaebgd
    gives sort=name abegdx
    gives sort=-name xdgeba
    gives sort=-license,params ebgadx
    gives sort=-official,average dbaegx
    gives sort=-bbh bgaedx
    gives sort=-likes,-average_score gaebdx
    refused sort=colour 'sort: this leaderboard has no column "colour"' average_score
    refused sort= 'sort: this leaderboard has no column ""'
    refused 'sort=-weighted_average' 'sort: weighted_average is there with weights= only'
}

@test "limit and offset page through the result, with total, limit, offset and as_of beside it" {
    gives 'sort=-average&limit=2' ga
    gives 'sort=-average&limit=2&offset=4' dx
    gives 'sort=-average&limit=2&offset=6' ''
    gives 'limit=3' abg
    gives 'offset=4' xe
    get '/api/leaderboard/formatted?license=mit&limit=1&offset=1'
    expect "beside" '[2,1,1]' "$(jq -c '[.total, .limit, .offset]' "$body")"
    expect "revision" "$(query "SELECT revision FROM datasets WHERE name = 'contents'")" "$(jq -r .as_of.revision "$body")"
    [[ $(jq -r .as_of.published_at "$body") =~ ^20[0-9-]{8}T[0-9:]{8}Z$ ]]
    get '/api/leaderboard/formatted?license=mit'
    expect "limit" '[null,0]' "$(jq -c '[.limit, .offset]' "$body")"
    refused limit=0 'limit: expected a whole number'
    refused offset=-1 'offset: expected a whole number'
}

@test "Link leads to the first, previous, next and last page, and keeps the rest of the query" {
    links() { header Link | tr ',' '\n' | sed -E 's/.*offset=([0-9]+)>; rel="(.*)"/\2=\1/' | tr '\n' ' '; }
    get '/api/leaderboard/formatted?sort=-average&limit=2&offset=2'
    expect "links" 'first=0 prev=0 next=4 last=4 ' "$(links)"
    expect_line '</api/leaderboard/formatted?sort=-average&limit=2&offset=4>; rel="next"' "$(header Link)"
    get '/api/leaderboard?limit=4'
    expect "links" 'first=0 next=4 last=4 ' "$(links)"
    get '/api/leaderboard?limit=2&offset=1'
    expect "links" 'first=0 prev=0 next=3 last=5 ' "$(links)"
    get '/api/leaderboard?limit=2&offset=100'
    expect "links" 'first=0 prev=98 last=4 ' "$(links)"
    get '/api/leaderboard?limit=2&search=nothing-like-it'
    expect "links" 'first=0 last=0 ' "$(links)"
    get "/api/leaderboard?limit=1&search=a%26b%3B%3E$(jq -rn '"é" | @uri')"
    expect_line '?limit=1&search=a%26b%3B%3E%C3%A9&offset=0>' "$(header Link)"
    get '/api/leaderboard?sort=name'
    expect "without limit" '' "$(header Link)"
    # Following next until it ends gives each row once.
    local path='/api/leaderboard/formatted?limit=4' all=
    while [ -n "$path" ]; do
        get "$path"
        all+=$(jq -r '.models[].model.name[0:3]' "$body" | tr -d '\n')
        path=$(header Link | grep -oE '<[^>]*>; rel="next"' | sed 's/<\(.*\)>.*/\1/') || true
    done
    expect "all" acmacmzetzetÜnïeps "$all"
}

@test "fields names what an entry shows, in the entry's order" {
    get '/api/leaderboard/formatted?fields=evaluations.ifeval,model.name,id,evaluations.bbh.value&limit=1'
    expect "entry" '{"id":"acme_Alpha-7B_bfloat16","model":{"name":"acme/Alpha-7B"},"evaluations":{"ifeval":{"name":"IFEval","value":0.33,"normalized_score":40},"bbh":{"value":0.36}}}' \
        "$(jq -c '.models[0]' "$body")"
    get '/api/leaderboard/formatted?fields=metadata&fields=features.is_moe&limit=1'
    expect "keys" '["features","metadata"]' "$(jq -c '.models[0] | keys_unsorted' "$body")"
    get "/api/leaderboard?fields=fullname,%23Params%20(B),$(jq -rn '"Average ⬆️" | @uri')&limit=1"
    expect "columns" '{"fullname":"acme/Alpha-7B","Average ⬆️":30.5,"#Params (B)":7.2}' \
        "$(jq -c '.models[0]' "$body" | sed 's/{.*fullname/{"fullname/')"
    refused fields=model.name,model.nam 'fields: an entry has no "model.nam"'
    refused fields= 'fields: an entry has no ""'
    refused fields=model.name.x 'fields: an entry has no "model.name.x"'
    get '/api/leaderboard?fields=model.name'
    expect_status 400
}

@test "rank tells where an entry stands in the result and among all, by the first number of sort" {
    rank() {
        get "/api/leaderboard/formatted?rank=true&$1" -g
        expect "ranks of $1" "$2" "$(jq -c '[.models[] | [.model.name[0:3], (.rank | if . then .result, .overall, .tied, .percentile else . end)]]' "$body" | tr -d '"')"
    }
    rank 'license=mit' '[[acm,2,4,1,40],[eps,1,2,2,80]]'
    rank 'sort=-average&limit=3' '[[zet,1,1,1,100],[acm,2,2,2,80],[eps,2,2,2,80]]'
    rank 'sort=params&provider=acme' '[[acm,1,2,2,80],[acm,2,4,1,40]]'
    rank 'sort=name,-bbh&offset=5' '[[Ünï,6,6,1,16.67]]'
    rank 'sort=params&offset=5' '[[zet,null]]'
    get '/api/leaderboard/formatted?rank=false&limit=1'
    expect "without" false "$(jq '.models[0] | has("rank")' "$body")"
    get '/api/leaderboard?rank=true&sort=-average&limit=1&profile=space'
    expect "dataset's row" '{"result":1,"overall":1,"tied":1,"percentile":100}' "$(jq -c '.[0].rank' "$body" | sed 's/100.0/100/')"
    refused rank=1 'rank: expected true or false'
}

@test "weights make an average of one's own, by which the rows are ordered" {
    averages() {
        get "/api/leaderboard/formatted?$1" -g
        expect "averages of $1" "$2" "$(jq -c '[.models[] | [.model.name[0:3], .weighted_average]]' "$body" | tr -d '"')"
    }
    averages 'weights=ifeval:2,bbh:1' '[[zet,50],[acm,33.333333333333336],[eps,31.666666666666668],[acm,23.333333333333332],[Ünï,5],[zet,null]]'
    averages 'weights=bbh:0.5' '[[acm,50],[zet,30],[acm,20],[eps,15],[zet,10],[Ünï,5]]'
    averages 'weights=ifeval:1,bbh:3&sort=weighted_average&limit=2' '[[Ünï,5],[eps,21.25]]'
    averages 'weights=ifeval:1&sort=name&limit=1' '[[acm,40]]'
    averages 'weights=ifeval:1&license=mit' '[[eps,40],[acm,10]]'
    get '/api/leaderboard/formatted?weights=ifeval:2,bbh:1&rank=true&license=mit'
    expect "rank" '[[1,3],[2,4]]' "$(jq -c '[.models[].rank | [.result, .overall]]' "$body")"
    get '/api/leaderboard/formatted?weights=bbh:1&fields=model.name&limit=1'
    expect "with fields" '{"model":{"name":"acme/beta-13B"},"weighted_average":50}' "$(jq -c '.models[0]' "$body")"
    refused weights=colour:1 'weights: this leaderboard has no benchmark "colour"'
    refused weights=average_score:1 'no benchmark "average_score"'
    for bad in ifeval ifeval: ifeval:x ifeval:0 ifeval:-1 ifeval:1,ifeval:2; do
        refused "weights=$bad" 'weights: expected each benchmark once, with a weight above 0'
    done
}

@test "a parameter that nobody knows is refused with those that are known" {
    refused colour=red 'colour: no such parameter' search hide sort weights fields precision is_moe
    refused 'precision=float16&Limit=3' 'Limit: no such parameter'
}

@test "what is given twice and makes sense once counts as given last" {
    gives 'sort=name&sort=-average&limit=1' g
    gives 'limit=5&limit=1' a
    gives 'search=alpha&search=gamma' g
    gives 'min_params=70&min_params=10' bg
    gives 'official=true&official=false&limit=1' a
}

@test "too much of one thing is refused" {
    refused "search=$(printf 'x;%.0s' $(seq 17))" 'search: at most 16 terms are taken'
    refused "sort=$(printf 'name,%.0s' $(seq 9))" 'sort: at most 8 keys are taken'
    refused "precision=$(printf 'x,%.0s' $(seq 65))x" 'precision: at most 64 texts are taken'
    refused "fields=$(printf 'id,%.0s' $(seq 65))" 'fields: at most 64 are taken'
}

@test "without parameters the published body comes, with as little as a profile too" {
    get /api/leaderboard/formatted
    cmp "$body" "$STATE_DIR"/public/formatted.documented.*.json
    get '/api/leaderboard?profile=space'
    cmp "$body" "$STATE_DIR"/public/leaderboard.space.*.json
    expect "X-Total-Count" '' "$(header X-Total-Count)"
}

@test "a page holds the very bytes that the whole body has" {
    get '/api/leaderboard/formatted?profile=space'
    local whole
    whole=$(cat "$body")
    for query in offset=0 sort=generation limit=100; do
        get "/api/leaderboard/formatted?profile=space&$query"
        expect "$query" "$whole" "$(cat "$body")"
    done
}

@test "an answer has an ETag of its query, whatever the order of the parameters, and gives 304" {
    local etag
    get '/api/leaderboard?search=alpha&limit=2'
    etag=$(header ETag)
    get '/api/leaderboard?limit=2&search=alpha' -H "If-None-Match: $etag"
    expect_status 304
    expect "ETag" "$etag" "$(header ETag)"
    expect "Cache-Control" "public, max-age=300" "$(header Cache-Control)"
    [ -n "$(header Last-Modified)" ]
    expect "body's length" 0 "$(stat -c %s "$body")"
    for other in '?search=alpha&limit=3' '?search=Beta&limit=2' '/formatted?search=alpha&limit=2' \
        '?search=alpha&limit=2&profile=space'; do
        get "/api/leaderboard$other" -H "If-None-Match: $etag"
        expect_status 200
    done
    get '/api/leaderboard?sort=name&sort=params'
    etag=$(header ETag)
    get '/api/leaderboard?sort=params&sort=name' -H "If-None-Match: $etag"
    expect_status 200
}

@test "an answer comes in the coding that is asked for, each with its own ETag" {
    get '/api/leaderboard?sort=name'
    cp "$body" "$BATS_TEST_TMPDIR/plain"
    for coding in gzip br zstd; do
        get '/api/leaderboard?sort=name' --compressed -H "Accept-Encoding: $coding"
        expect "Content-Encoding" "$coding" "$(header Content-Encoding)"
        cmp "$body" "$BATS_TEST_TMPDIR/plain"
        local etag
        etag=$(header ETag)
        get '/api/leaderboard?sort=name' -H "Accept-Encoding: $coding" -H "If-None-Match: $etag"
        expect_status 304
        expect "ETag" "$etag" "$(header ETag)"
    done
}

@test "HEAD gives the headers of GET" {
    get '/api/leaderboard?search=alpha&limit=1'
    local length link
    length=$(stat -c %s "$body") link=$(header Link)
    get '/api/leaderboard?search=alpha&limit=1' -I
    expect_status 200
    expect "Content-Length" "$length" "$(header Content-Length)"
    expect "Link" "$link" "$(header Link)"
    expect "X-Total-Count" 2 "$(header X-Total-Count)"
}

@test "a leaderboard of one's own is queried by its own keys, and by those alone" {
    own_server
    export LEADERBOARD_CONFIG=$STATE_DIR/finance.json
    jq -n '{title: "Finance", id: {documented: ["id"], space: ["id"]},
        model: [{key: "name", column: "model", kind: "text"}, {key: "average_score", column: "mean", kind: "score"},
            {key: "country", column: "country", kind: "text"}],
        benchmarks: [{key: "tax_law", name: "Tax law", score: "Tax", raw: "Tax raw"},
            {key: "audit", name: "Audit", score: "Audit", raw: "Audit raw"}],
        features: [{key: "is_open", column: "open", kind: "flag"}], metadata: []}' >"$LEADERBOARD_CONFIG"
    jq -nc '["a", 1, 10, "Greece", true], ["b", 2, 5, "Italy", false], ["c", 3, 7, "greece", true]
        | {id: .[0], model: ("bank/" + .[0]), mean: (.[1] * 1.5), country: .[3], Tax: .[1], "Tax raw": 0.5,
           Audit: .[2], "Audit raw": 0.25, open: .[4]}' | put_rows
    fetcher pull official-providers contents 2>"$STATE_DIR/pull.log"
    names country=greece && expect "country" ac "$got"
    names 'sort=-tax_law&min_audit=6' && expect "benchmarks" ca "$got"
    names 'search=@country:ital;bank/c' && expect "search" bc "$got"
    names 'hide=open' && expect "hide" b "$got"
    names 'provider=bank&min_average=2' && expect "derived and average" bc "$got"
    get '/api/leaderboard/formatted?weights=tax_law:1,audit:1&rank=true&fields=id,evaluations.audit.normalized_score'
    expect "entries" '["a",10,5.5,1],["c",7,5.0,2],["b",5,3.5,3]' \
        "$(jq -c '.models[] | [.id, .evaluations.audit.normalized_score, .weighted_average, .rank.overall]' "$body" |
            sed 's/,5,2]/,5.0,2]/' | paste -sd,)"
    refused precision=4bit 'precision: no such parameter, and this leaderboard has no such column' country
    refused min_params=1 'min_params: this leaderboard has no number "params"'
    refused hide=merged 'hide: this leaderboard has no flag "merged"; it has is_open'
    refused submitted_after=2024-01-01 'submitted_after: this leaderboard has no text "submission_date"'
    refused sort=ifeval 'sort: this leaderboard has no column "ifeval"; it has name, average_score, country, tax_law'
    expect "columns" "model text name name
model number average_score average_score
model text country country
value number tax_law.value Tax law
evaluation number tax_law Tax law
value number audit.value Audit
evaluation number audit Audit
feature flag is_open is_open
derived text provider provider" "$("$PROGRAM_DIR/tests/board" columns "$STATE_DIR"/public/board.*.bin)"
}

@test "a new snapshot is in the answer to the next query, and its ETag is another" {
    own_server
    sample_row acme/one | put_rows
    fetcher pull official-providers contents
    local etag
    get '/api/leaderboard/formatted?sort=name'
    etag=$(header ETag)
    { sample_row acme/two; sample_row acme/three; } | put_rows
    fetcher pull contents
    for _ in 1 2 3 4; do
        get '/api/leaderboard/formatted?sort=name' -H "If-None-Match: $etag"
        expect_status 200
        expect "names" acme/three,acme/two "$(jq -r '[.models[].model.name] | join(",")' "$body")"
    done
}

@test "for a board that is damaged or gone the newest snapshot serves, and a line in the log says why" {
    own_server
    sample_row acme/one | put_rows
    fetcher pull official-providers contents
    local board
    board=$(echo "$STATE_DIR"/public/board.*.bin)
    cp "$board" "$STATE_DIR/good"
    dd if=/dev/zero of="$board" bs=1 seek=8 count=8 conv=notrunc status=none
    get '/api/leaderboard?limit=1'
    expect_status 200
    expect "model" acme/one "$(jq -r '.models[0].fullname' "$body")"
    grep -q 'its length is wrong' "$STATE_DIR/log/leaderboard.log"
    rm "$board"
    get '/api/leaderboard?limit=1'
    expect_status 200
    grep -q 'No such file' "$STATE_DIR/log/leaderboard.log"
    # The next pull finds that it is not there as it was recorded.
    fetcher pull contents
    get '/api/leaderboard?limit=1'
    expect_status 200
    cmp <(tail -c +4096 "$STATE_DIR/good" | head -c 100) <(tail -c +4096 "$STATE_DIR"/public/board.*.bin | head -c 100)
}

@test "for a board whose body is gone or of another length the same, until the next pull" {
    own_server
    sample_row acme/one | put_rows
    fetcher pull official-providers contents
    local file
    file=$(echo "$STATE_DIR"/public/formatted.space.*.json)
    mv "$file" "$STATE_DIR/good"
    get '/api/leaderboard?limit=1'
    expect_status 200
    grep -q 'one of its bodies is missing or damaged' "$STATE_DIR/log/leaderboard.log"
    head -c 50 "$STATE_DIR/good" >"$file"
    get '/api/leaderboard?limit=1'
    expect_status 200
    fetcher pull contents
    get '/api/leaderboard?limit=1'
    expect_status 200
    cmp "$file" "$STATE_DIR/good"
}

@test "no damage to a board's file makes a program crash" {
    own_server
    { sample_row acme/one '{eval_name, fullname, Precision, IFEval, "Average ⬆️", "Submission Date"}'
      sample_row two '{eval_name, fullname, Precision, IFEval, "Average ⬆️", "Submission Date"}'; } | put_rows
    fetcher pull official-providers contents
    # The board of a past has its bodies within.
    get "/api/leaderboard?limit=1&at=$(date -u +%F)"
    expect_status 200
    run "$PROGRAM_DIR/tests/board" damage "$STATE_DIR"/past/*.board
    [ "$status" = 0 ] || { echo "$output" >&2; return 1; }
    [[ $output =~ ^refused\ [0-9]{4,}\ used\ [0-9]{4,}$ ]]
}

@test "letters of the Latin, Greek and Cyrillic scripts have a small form, and no text changes its length" {
    fold() { expect "$1" "$2" "$("$PROGRAM_DIR/tests/board" fold "$1")"; }
    fold 'AZaz[@`{ 09' 'azaz[@`{ 09'
    fold 'ÀÖØÞ×ß÷ÿ' 'àöøþ×ß÷ÿ'
    fold 'ĀāŁłŽžŊĹĸ' 'āāłłžžŋĺĸ'
    fold 'ΆΈΌΏΑΣςΩΫ' 'άέόώασσωϋ'
    fold 'ЀЏАЯяѠҊӐ' 'ѐџаяяѡҋӑ'
    fold '漢字🤗İ' '漢字🤗İ'
}

@test "random queries of generated rows give what jq finds in the whole body" {
    own_server
    "$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --owner acme --rows 600 >/dev/null
    hubctl import "$STATE_DIR/samples" >/dev/null
    fetcher pull official-providers contents 2>"$STATE_DIR/pull.log"
    get /api/leaderboard/formatted
    jq -c '.models' "$body" >"$STATE_DIR/all"
    RANDOM=20241 # the same queries each time
    pick() { local choices=("$@"); echo "${choices[RANDOM % $#]}"; }
    # Sorting in jq: missing ones last, descending ones negated, in the dataset's order otherwise.
    local last='def last_null(f): [(f == null), f]; def down(f): [(f == null), (f | if . then -. else . end)];'
    for _ in $(seq 40); do
        local query='' filter='.'
        add() { query+="&$1"; filter+=" | map(select($2))"; }
        local word low day
        word=$(pick lumen cobalt-7b 1 8b tuned apache sample-lab-3 zzz ff0 MERGE)
        low=$(pick 0.5 1.236 3 7.616 20 80)
        day=$(pick 2024-07-01 2024-10-15 2025-02-28)
        local text='[.model.name, .metadata.base_model, .metadata.hub_license, .model.sha] | map((. // "") | ascii_downcase)'
        case $((RANDOM % 4)) in 0) ;;
            1) add "search=$word" "$text | any(contains(\"$word\" | ascii_downcase))" ;;
            2) add "search=$word;@architecture:qwen" "(.model.architecture | ascii_downcase | contains(\"qwen\")) or ($text | any(contains(\"$word\" | ascii_downcase)))" ;;
            3) add "search=@license:llama" '.metadata.hub_license // "" | contains("llama")' ;;
        esac
        case $((RANDOM % 3)) in 0) ;;
            1) add precision=bfloat16,4bit '.model.precision | IN("bfloat16", "4bit")' ;;
            2) add license=MIT,gemma '.metadata.hub_license | IN("mit", "gemma")' ;;
        esac
        case $((RANDOM % 4)) in 0) ;;
            1) add "min_params=$low" ".metadata.params_billions | . != null and . >= $low" ;;
            2) add "max_params=$low&min_average=20" ".metadata.params_billions != null and .metadata.params_billions <= $low and .model.average_score >= 20" ;;
            3) add hide=merged,moe,unavailable '.features | .is_merged or .is_moe or .is_not_available_on_hub | not' ;;
        esac
        case $((RANDOM % 3)) in 0) ;;
            1) add "submitted_after=$day" ".metadata.submission_date | . != null and .[0:10] >= \"$day\"" ;;
            2) add "submitted_before=$day" ".metadata.submission_date | . != null and .[0:10] <= \"$day\"" ;;
        esac
        case $((RANDOM % 6)) in 0) ;;
            1) query+='&sort=-average' filter+=' | sort_by(down(.model.average_score))' ;;
            2) query+='&sort=params,-ifeval' filter+=' | sort_by(last_null(.metadata.params_billions), down(.evaluations.ifeval.normalized_score))' ;;
            3) query+='&sort=license,-likes' filter+=' | sort_by(last_null(.metadata.hub_license), down(.metadata.hub_hearts))' ;;
            4) query+='&sort=-precision,name' filter+=' | sort_by(.model.name) | sort_by(.model.precision | explode | map(-.))' ;;
            5) query+='&weights=math:1,bbh:3'
                filter+=' | sort_by(-((.evaluations.math.normalized_score + 3 * .evaluations.bbh.normalized_score) / 4))' ;;
        esac
        local offset=$((RANDOM % 30)) limit=$((RANDOM % 50 + 1))
        get "/api/leaderboard/formatted?limit=$limit&offset=$offset$query"
        expect_status 200
        expect "total" "$(jq "$last $filter | length" "$STATE_DIR/all")" "$(jq .total "$body")"
        expect "rows" "$(jq -c "$last $filter | .[$offset:$((offset + limit))] | map(.id)" "$STATE_DIR/all")" \
            "$(jq -c '[.models[].id]' "$body")"
    done
}

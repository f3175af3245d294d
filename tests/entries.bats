#!/usr/bin/env bats
# One entry and where it stands, several side by side, the best for their size, and all in numbers.

load helper

setup() {
    new_state
    start_server
    put_providers acme
}

teardown() { stop_all; }

pull() { fetcher --quiet pull official-providers contents 2>"$STATE_DIR/pull.log" || { cat "$STATE_DIR/pull.log" >&2; return 1; }; }

# scored NAME AVERAGE [JQ FILTER]: one row.
scored() { sample_row "$1" ".\"Average ⬆️\" = $2 | ${3:-.}"; }

# says FILTER: what jq makes of the last answer, on one line.
says() { jq -c "$1" "$body"; }

# refused STATUS TEXT: the last answer has that status, and a detail with that text.
refused() {
    expect_status "$1"
    expect_line "$2" "$(jq -r .detail "$body")"
}

# close EXPECTED ACTUAL: two JSON files are the same but for the last digits of numbers.
close() {
    jq -n --slurpfile a "$1" --slurpfile b "$2" -e 'def near($a; $b):
        if ($a | type) == "number" and ($b | type) == "number"
        then (($a - $b) | fabs) <= 1e-9 * ([1, ($a | fabs)] | max)
        elif ($a | type) == "array" and ($b | type) == "array" and ($a | length) == ($b | length)
        then all(range($a | length); near($a[.]; $b[.]))
        elif ($a | type) == "object" and ($b | type) == "object"
        then ($a | keys) == ($b | keys) and all($a | keys[]; . as $key | near($a[$key]; $b[$key]))
        else $a == $b end; near($a[0]; $b[0])' >/dev/null || { diff <(jq -S . "$1") <(jq -S . "$2") >&2; return 1; }
}

# ---- what holds for all ----

@test "GET /api/leaderboard/about: the title, and the columns that queries take" {
    sample_row acme/one | put_rows
    pull
    get /api/leaderboard/about
    expect_status 200
    expect "title" "Open LLM Leaderboard" "$(jq -r .title "$body")"
    expect "benchmarks" "ifeval bbh math gpqa musr mmlu_pro" "$(jq -r '[.columns[] | select(.group == "evaluations") | .key] | join(" ")' "$body")"
    expect "a flag" '{"key":"is_moe","name":"is_moe","group":"features","kind":"flag"}' "$(jq -c '.columns[] | select(.key == "is_moe")' "$body")"
    # Each is one that queries take.
    local key
    for key in $(jq -r '.columns[] | select(.group != "derived") | .key' "$body"); do
        get "/api/leaderboard/formatted?sort=$key&limit=1"
        expect "sort=$key" 200 "$status"
    done
}

@test "before the first sync each answers 503 with Retry-After" {
    for path in leaderboard/models/acme/one leaderboard/compare?models=a,b leaderboard/pareto leaderboard/stats badge/acme/one.svg; do
        get "/api/$path"
        expect_status 503
        [ -n "$(header Retry-After)" ]
    done
}

@test "answers are kept for CACHE_TTL, and asked for again by ETag until something is published" {
    sample_row acme/one | put_rows
    pull
    local etag path
    for path in leaderboard/models/acme/one leaderboard/compare?models=acme/one,acme/one leaderboard/pareto leaderboard/stats; do
        get "/api/$path"
        expect_status 200
        expect "Content-Type" application/json "$(header Content-Type)"
        expect "Cache-Control" "public, max-age=300" "$(header Cache-Control)"
        expect "as_of" "$(query "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', published_at, 'unixepoch') FROM snapshots WHERE name = 'board'")" "$(jq -r .as_of.published_at "$body")"
        etag=$(header ETag)
        get "/api/$path" -H "If-None-Match: $etag"
        expect_status 304
    done
    get '/api/leaderboard/pareto?x=co2_cost' -H "If-None-Match: $etag"
    expect_status 200
    { sample_row acme/one; sample_row acme/two; } | put_rows
    pull
    for _ in 1 2 3 4; do # every process
        get /api/leaderboard/stats -H "If-None-Match: $etag"
        expect_status 200
        expect "entries" 2 "$(says .totals.entries)"
    done
}

@test "while the published board is damaged or gone, the newest snapshot answers, and the log says why" {
    sample_row acme/one | put_rows
    pull
    local board
    board=$(echo "$STATE_DIR"/public/board.*)
    mv "$board" "$STATE_DIR/kept"
    get /api/leaderboard/stats
    expect_status 200
    expect "entries" 1 "$(says .totals.entries)"
    head -c 5000 "$STATE_DIR/kept" >"$board"
    for _ in 1 2 3 4; do # every process
        get /api/leaderboard/stats
        expect_status 200
    done
    grep -q "the published board cannot be read.*its length is wrong" "$STATE_DIR/log/entries.log"
    mv "$STATE_DIR/kept" "$board"
    for _ in 1 2 3 4; do
        get /api/leaderboard/stats
        expect_status 200
    done
}

@test "a parameter that is not known is refused by name" {
    sample_row acme/one | put_rows
    pull
    for path in leaderboard/models/acme/one leaderboard/compare leaderboard/pareto leaderboard/stats badge/acme/one.svg; do
        get "/api/$path?banana=1"
        refused 400 banana
    done
    for name in sort limit offset fields rank weights; do
        get "/api/leaderboard/pareto?$name=1"
        refused 400 "$name: there is no such parameter here"
    done
}

@test "only GET and HEAD are answered, and pages of any origin may read" {
    sample_row acme/one | put_rows
    pull
    get /api/leaderboard/stats -d ''
    expect_status 405
    expect "Allow" "GET, HEAD, OPTIONS" "$(header Allow)"
    get /api/leaderboard/stats -H 'Origin: https://page.example'
    expect "allowed" '*' "$(header Access-Control-Allow-Origin)"
}

# ---- one model ----

@test "a model has each of its entries as the list has it, with rank, benchmarks and what it lacks" {
    {
        scored acme/one 20 '.IFEval = 10'
        scored acme/one 30 '.Precision = "float16" | .IFEval = null'
        scored b/two 25 '.IFEval = 50'
        scored c/three null '.IFEval = 10'
    } | put_rows
    pull
    get /api/leaderboard/models/acme/one
    expect_status 200
    expect "name" '"acme/one"' "$(says .name)"
    cp "$body" "$STATE_DIR/model"
    get /api/leaderboard/formatted
    expect "entries" "$(says '[.models[] | select(.model.name == "acme/one")]')" \
        "$(jq -c '[.entries[] | del(.rank, .benchmarks, .missing)]' "$STATE_DIR/model")"
    body=$STATE_DIR/model
    # Three entries have an average: two of them, 67 %, do not stand above 25.
    expect "ranks" '[{"overall":3,"of":3,"tied":1,"percentile":33},{"overall":1,"of":3,"tied":1,"percentile":100}]' \
        "$(says '[.entries[].rank | .percentile |= floor]')"
    expect "a benchmark" '{"rank":2,"of":3,"tied":2,"percentile":66,"best":false}' \
        "$(says '.entries[0].benchmarks.ifeval | .percentile |= floor')"
    expect "what it lacks" '[[],["ifeval"]]' "$(says '[.entries[].missing]')"
    expect "other benchmarks of the second" '["bbh","gpqa","math","mmlu_pro","musr"]' "$(says '.entries[1].benchmarks | keys')"
    expect "the best of all in bbh, as all are" '{"rank":1,"of":4,"tied":4,"percentile":100,"best":true}' \
        "$(says '.entries[0].benchmarks.bbh | .percentile |= floor')"
}

@test "ranks are those of competitions: 1, 2, 2, 4" {
    { scored a/a 40; scored b/b 30; scored c/c 30; scored d/d 20; scored e/e null; } | put_rows
    pull
    local got=
    for name in a/a b/b c/c d/d e/e; do
        get /api/leaderboard/models/$name
        got="$got $(says '.entries[0].rank | if . == null then null else [.overall, .tied, .percentile] end')"
    done
    expect "rank, tied and percentile" ' [1,1,100] [2,2,75] [2,2,75] [4,1,25] null' "${got//.0/}"
}

@test "neighbours are the three above and below its best entry" {
    for i in 1 2 3 4 5 6 7 8 9; do scored "a/m$i" $((100 - i)); done >"$STATE_DIR/nine"
    { cat "$STATE_DIR/nine"; scored a/m5 1 '.Precision = "float16"'; } | put_rows
    pull
    get /api/leaderboard/models/a/m5
    expect "above" '["a/m2","a/m3","a/m4"]' "$(says '[.neighbours.above[].name]')"
    expect "below" '["a/m6","a/m7","a/m8"]' "$(says '[.neighbours.below[].name]')"
    expect "one" '{"name":"a/m4","precision":"bfloat16","average_score":96,"rank":4}' "$(says '.neighbours.above[2]')"
    get /api/leaderboard/models/a/m1
    expect "above the first" '[]' "$(says .neighbours.above)"
    get /api/leaderboard/models/a/m9
    expect "below the ninth" '["float16"]' "$(says '[.neighbours.below[].precision]')"
}

@test "a name goes raw, with %2F, or without a slash at all" {
    { sample_row acme/one; sample_row solo; sample_row 'odd/a b'; } | put_rows
    pull
    for path in acme/one acme%2Fone acme/one/ solo odd/a%20b; do
        get "/api/leaderboard/models/$path"
        expect_status 200
    done
    expect "name" '"odd/a b"' "$(says .name)"
}

@test "a name that is not there is 404, with up to three that are like it" {
    for name in acme/Falcon-7B other/falcon-7b other/falcon-7b-instruct other/unlike third/zebra; do
        sample_row $name
    done | put_rows
    pull
    get /api/leaderboard/models/acme/falcon-7b
    refused 404 'no entry is called "acme/falcon-7b"; similar names: acme/Falcon-7B, other/falcon-7b, other/falcon-7b-instruct'
    get /api/leaderboard/models/third/zebrra
    refused 404 'no entry is called "third/zebrra"; similar names: third/zebra'
    get /api/leaderboard/models/nobody/nothing
    expect "detail" 'no entry is called "nobody/nothing"' "$(jq -r .detail "$body")"
}

# ---- side by side ----

@test "models are compared: scores, differences from the first, and which is best" {
    {
        scored a/one 20 '.IFEval = 30 | .BBH = null | ."#Params (B)" = 7'
        scored b/two 25 '.IFEval = 40.5 | .BBH = 3 | .MoE = true'
        scored c/three 15 '.IFEval = null | .BBH = null'
    } | put_rows
    pull
    get '/api/leaderboard/compare?models=a/one,b/two,c/three'
    expect_status 200
    expect "first" '{"name":"a/one","precision":"bfloat16","sha":"0123456789abcdef0123456789abcdef01234567","average_score":20,"params_billions":7,"rank":2}' "$(says '.models[0]')"
    expect "ifeval" '{"name":"IFEval","scores":[30,40.5,null],"differences":[0,10.5,null],"best":1}' "$(says .benchmarks.ifeval)"
    expect "bbh" '{"name":"BBH","scores":[null,3,null],"differences":[null,null,null],"best":1}' "$(says .benchmarks.bbh)"
    expect "average" '{"scores":[20,25,15],"differences":[0,5,-5],"best":1}' "$(says .average)"
    expect "equal ones" 0 "$(says .benchmarks.gpqa.best)"
    expect "flags" '[false,true,false]' "$(says .features.is_moe)"
    cp "$body" "$STATE_DIR/compared"
    get /api/leaderboard/formatted
    expect "metadata" "$(says '[.models[].metadata] | . as $all | .[0] | with_entries(.key as $key | .value = [$all[][$key]])')" \
        "$(jq -c .metadata "$STATE_DIR/compared")"
}

@test "of several entries the best is compared, unless a precision or a revision is asked for" {
    {
        scored a/one 20 '.Precision = "float16"'
        scored a/one 30 '."Model sha" = "abcdef7890123456"'
        scored a/one 10
        scored odd/at@sign:colon 5
    } | put_rows
    pull
    averages() { says '[.models[].average_score]'; }
    get '/api/leaderboard/compare?models=a/one,a/one:float16,a/one:bfloat16,a/one@0123456789,a/one:bfloat16@0123456,odd/at@sign:colon'
    expect "averages" '[30,20,30,20,10,5]' "$(averages)"
    get '/api/leaderboard/compare?models=a/one,odd/at@sign:colon:bfloat16'
    expect "averages" '[30,5]' "$(averages)"
    get '/api/leaderboard/compare?models=a/one,a/one:4bit'
    refused 404 'models: a/one has no entry in precision 4bit'
    get '/api/leaderboard/compare?models=a/one,a/one@ffff'
    refused 404 'models: a/one has no entry at revision ffff'
    get '/api/leaderboard/compare?models=a/one,b/one:float16'
    refused 404 'models: no entry is called "b/one"; similar names: a/one'
}

@test "two to ten models are compared" {
    sample_row a/one | put_rows
    pull
    for query in '' '?models=' '?models=a/one' '?models=a/one,' '?models=,a/one' "?models=a/one$(printf ',a/one%.0s' 1 2 3 4 5 6 7 8 9 10)"; do
        get "/api/leaderboard/compare$query"
        refused 400 'models: '
    done
    get "/api/leaderboard/compare?models=a/one$(printf ',a/one%.0s' 1 2 3 4 5 6 7 8 9)"
    expect_status 200
}

# ---- the frontier ----

# sized NAME PARAMS AVERAGE [FILTER]: one row.
sized() { scored "$1" "$3" ".\"#Params (B)\" = $2 | ${4:-.}"; }

@test "the frontier has those that no other beats in both, by x" {
    {
        sized big/best 70 50
        sized big/worse 70 49
        sized mid/good 7 30
        sized mid/beaten 8 30
        sized small/same 1 10
        sized small/twin 1 10
        sized un/known -1 90
        sized un/sized null 90
        sized un/scored 3 null
    } | put_rows
    pull
    get /api/leaderboard/pareto
    expect_status 200
    expect "axes" '["params_billions","average_score"]' "$(says '[.x, .y]')"
    expect "frontier" '[["small/same",1,10],["small/twin",1,10],["mid/good",7,30],["big/best",70,50]]' "$(says '[.frontier[] | [.name, .x, .y]]')"
    expect "members" '["name","precision","x","y"]' "$(says '.frontier[0] | keys')"
    expect "counts" '[6,3,null]' "$(says '[.points, .left_out, .all]')"
    get '/api/leaderboard/pareto?all=true'
    expect "all" '{"x":[1,1,7,8,70,70],"y":[10,10,30,30,50,49],"name":["small/same","small/twin","mid/good","mid/beaten","big/best","big/worse"]}' "$(says .all)"
}

@test "any two numbers make a frontier, over the entries that filters leave" {
    {
        sized a/one 7 30 '.IFEval = 5 | ."CO₂ cost (kg)" = 2'
        sized b/two 8 20 '.IFEval = 9 | ."CO₂ cost (kg)" = 3 | .Precision = "float16"'
        sized c/three 9 25 '.IFEval = 1 | ."CO₂ cost (kg)" = 1 | ."Official Providers" = true'
        sized d/four 1 90 '.Flagged = true'
    } | put_rows
    pull
    names() { says '[.frontier[].name]'; }
    get '/api/leaderboard/pareto?x=co2_cost&y=ifeval&hide=flagged'
    expect "frontier" '["c/three","a/one","b/two"]' "$(names)"
    get '/api/leaderboard/pareto?x=params&y=average&precision=float16'
    expect "in float16" '["b/two"]' "$(names)"
    expect "left out of those" '[1,0]' "$(says '[.points, .left_out]')"
    get '/api/leaderboard/pareto?official=true'
    expect "official" '["c/three"]' "$(names)"
    get '/api/leaderboard/pareto?search=nothing'
    expect "none" '[[],0,0]' "$(says '[.frontier, .points, .left_out]')"
    get '/api/leaderboard/pareto?x=banana'
    refused 400 'x: this leaderboard has no number "banana"; it has average_score, ifeval,'
    get '/api/leaderboard/pareto?y=type'
    refused 400 'y: this leaderboard has no number "type"'
    get '/api/leaderboard/pareto?all=perhaps'
    refused 400 'all: expected true or false'
}

# ---- numbers of all ----

@test "a distribution: quantiles, mean, deviation, and a histogram with round edges" {
    for n in 1 2 3 4 5 6 7 8 9 100; do scored "a/m$n" $n '.BBH = null'; done | put_rows
    pull
    get /api/leaderboard/stats
    expect_status 200
    expect "average" '{"name":"average_score","count":10,"missing":0,"min":1,"q1":3.25,"median":5.5,"q3":7.75,"p90":18.1,"max":100,"mean":14.5}' \
        "$(says '.average | del(.standard_deviation, .histogram) | .p90 |= (. * 1000 | round / 1000)')"
    expect "deviation" 28.6051 "$(says '.average.standard_deviation * 10000 | round / 10000')"
    expect "edges" "[$(seq -s, 0 5 100)]" "$(says .average.histogram.edges)"
    expect "counts" '[4,5,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1]' "$(says .average.histogram.counts)"
    expect "of equal numbers" '[1.4,0]' "$(says '.benchmarks.math | [.mean, .standard_deviation]')"
    expect "a benchmark that nobody has" '{"name":"BBH","count":0,"missing":10,"min":null,"q1":null,"median":null,"q3":null,"p90":null,"max":null,"mean":null,"standard_deviation":null,"histogram":null}' "$(says .benchmarks.bbh)"
    expect "totals" '{"entries":10,"models":10,"providers":1,"with_missing_scores":10}' "$(says .totals)"
}

@test "histograms of any numbers have 21 rising edges and lose none" {
    for numbers in '0,0,0' '5,5' '-3,-2.5,-1' '0.1,0.2,0.3' '99.9,100.1' '1e-9,3e-9' '1e15,2e15' '-1e300,1e300' '1,1.0000000000000002'; do
        for n in ${numbers//,/ }; do scored "a/m$n" "$n"; done | put_rows
        pull
        get /api/leaderboard/stats
        expect "histogram of $numbers" true "$(says '.average | .count as $count | .min as $min | .max as $max | .histogram |
            . == null or (.edges | length == 21 and . == (unique) and .[0] <= $min and .[20] >= $max) and (.counts | length == 20 and add == $count)')"
    done
}

@test "values are counted: the most frequent first, beyond fifty together" {
    {
        for i in $(seq 60); do sample_row "p$i/m" ".Architecture = \"A$i\""; done
        sample_row p1/n '.Architecture = "Z" | ."Hub License" = null | .MoE = true'
        sample_row solo '.Architecture = "Z" | ."Submission Date" = "2024-09-01"'
        sample_row p1/o '.Architecture = "Z" | ."Submission Date" = "soon"'
    } | put_rows
    pull
    get /api/leaderboard/stats
    expect "counted" '["architecture","hub_license","precision","provider","type","weight_type"]' "$(says '.counts | keys')"
    expect "architectures" '[61,50,{"value":"Z","count":3},{"value":"A1","count":1},11]' \
        "$(says '.counts.architecture | [.distinct, (.values | length), .values[0], .values[1], .other]')"
    expect "licenses" '{"distinct":1,"values":[{"value":"apache-2.0","count":62}],"other":0,"missing":1}' "$(says .counts.hub_license)"
    expect "providers" '[60,{"value":"p1","count":3},1]' "$(says '.counts.provider | [.distinct, .values[0], .missing]')"
    expect "months" '{"months":{"2024-08":61,"2024-09":1},"missing":1}' "$(says .months.submission_date)"
    expect "columns of dates" '["submission_date","upload_date"]' "$(says '.months | keys')"
    expect "flags" '[1,0,63]' "$(says '.flags | [.is_moe, .is_flagged, .has_chat_template]')"
}

# ---- other leaderboards, and other people's texts ----

@test "a leaderboard of one's own: its keys, and neither an average nor a precision" {
    kill "$SERVER"; wait "$SERVER" || true
    jq '{title: "Own", required: ["who"], id: {documented: ["who"], space: ["who"]},
        model: [{key: "name", column: "who", kind: "text"}],
        benchmarks: [{key: "grammar", name: "La grammaire", score: "G", raw: "G raw"}],
        features: [], metadata: [{key: "language", column: "lang", kind: "text"}, {key: "price", column: "price", kind: "number"}]}' \
        -n >"$STATE_DIR/own.json"
    LEADERBOARD_CONFIG=$STATE_DIR/own.json
    start_server
    {
        echo '{"who": "un", "G": 3.5, "G raw": 0.35, "lang": "fr", "price": 2}'
        echo '{"who": "deux", "G": 4.5, "G raw": 0.45, "lang": "fr", "price": 1}'
    } | put_rows
    pull
    get /api/leaderboard/models/un
    expect "entry" '[null,{"grammar":{"rank":2,"of":2,"tied":1,"percentile":50,"best":false}}]' "$(says '.entries[0] | [.rank, .benchmarks]' | sed 's/50.0/50/')"
    expect "neighbours" '{"above":[],"below":[]}' "$(says .neighbours)"
    get '/api/leaderboard/compare?models=un,deux'
    expect "compared" '[{"name":"un","precision":null,"sha":null,"average_score":null,"params_billions":null,"rank":null},null,{"language":["fr","fr"],"price":[2,1]},{}]' \
        "$(says '[.models[0], .average, .metadata, .features]')"
    get /api/leaderboard/pareto
    refused 400 'x: this leaderboard has no number "params_billions"; it has grammar, price'
    get '/api/leaderboard/pareto?x=price&y=grammar'
    expect "frontier" '[{"name":"deux","precision":null,"x":1,"y":4.5}]' "$(says .frontier)"
    get /api/leaderboard/stats
    expect "stats" '[null,["grammar"],["language","provider"],{},{}]' "$(says '[.average, (.benchmarks | keys), (.counts | keys), .months, .flags]')"
    get /api/badge/deux.svg
    expect_line 'not ranked' "$(cat "$body")"
    get '/api/badge/deux.svg?metric=grammar'
    expect_line 'La grammaire 4.5' "$(cat "$body")"
}

@test "hostile names and texts come back as JSON, and find themselves" {
    local hostile='a"b\c/<script>&é😀]}{'
    {
        sample_row "$hostile" '.Architecture = "\u0001\u007f\"," | .Precision = .fullname'
        sample_row y '.fullname = "" | .Architecture = null'
        sample_row z '.fullname = "%2F..%2F" | ."Submission Date" = "2024-06-01T00:00:00"'
    } | put_rows
    pull
    local name
    name=$(jq -rn --arg name "$hostile" '$name | @uri')
    get "/api/leaderboard/models/$name"
    expect_status 200
    expect "name" "$hostile" "$(jq -r .name "$body")"
    get "/api/leaderboard/compare?models=$name,$name:$name"
    expect_status 200
    expect "compared" "$hostile" "$(jq -r '.models[1].precision' "$body")"
    get "/api/leaderboard/models/%252F..%252F"
    expect_status 200
    for path in leaderboard/stats 'leaderboard/pareto?all=true'; do
        get "/api/$path"
        expect "JSON" object "$(jq -r type "$body")"
    done
    get "/api/leaderboard/models/$(printf 'x%.0s' $(seq 3000))"
    refused 404 'no entry is called "xxx'
    get "/api/leaderboard/models/a%00b"
    expect_status 400
}

# ---- against another computation ----

# The rows' own computation, in jq: rows.jsonl is the dataset.
oracle_pareto='def points: map({name: .fullname, x: ."#Params (B)", y: ."Average ⬆️"} | select(.x != null and .x > 0 and .y != null));
    points as $points | {
        points: ($points | length), left_out: (length - ($points | length)),
        frontier: ($points | group_by(.x) | reduce .[] as $group ({best: -1e300, on: []};
            ($group | map(.y) | max) as $top | if $top > .best
            then {best: $top, on: (.on + ($group | map(select(.y == $top))))} else . end) | .on) }'
oracle_stats='def quantile($share): ((length - 1) * $share) as $at | ($at | floor) as $low |
        .[$low] as $a | (.[$low + 1] // $a) as $b | $a + ($at - $low) * ($b - $a);
    def distribution($rows): map(select(. != null)) | sort | . as $all | (add / length) as $mean | {
        count: length, missing: ($rows - length), min: .[0], q1: quantile(0.25), median: quantile(0.5),
        q3: quantile(0.75), p90: quantile(0.9), max: .[-1], mean: $mean,
        standard_deviation: (map((. - $mean) * (. - $mean)) | add / length | sqrt)};
    def counts: map(select(. != null and . != "")) | group_by(.) | map({value: .[0], count: length});
    {
        entries: length, models: (map(.fullname) | unique | length),
        average: (length as $rows | map(."Average ⬆️") | distribution($rows)),
        benchmarks: (length as $rows | . as $all | {ifeval: "IFEval", bbh: "BBH", math: "MATH Lvl 5", gpqa: "GPQA", musr: "MUSR", mmlu_pro: "MMLU-PRO"}
            | map_values(. as $column | $all | map(.[$column]) | distribution($rows))),
        precision: (map(.Precision) | counts | sort_by(-.count, .value)),
        months: (map(."Submission Date" | select(. != null and . != "") | .[:7]) | counts | map({(.value): .count}) | add),
        moe: (map(select(.MoE == true)) | length)
    }'

# agree: what is served agrees with rows.jsonl.
agree() {
    jq -s "$oracle_pareto" "$STATE_DIR/rows.jsonl" >"$STATE_DIR/expected"
    get /api/leaderboard/pareto
    jq '{points, left_out, frontier: [.frontier[] | {name, x, y}]}' "$body" >"$STATE_DIR/got"
    close "$STATE_DIR/expected" "$STATE_DIR/got"
    [ "$(jq '.frontier | length' "$STATE_DIR/got")" -gt 3 ]
    jq -s "$oracle_stats" "$STATE_DIR/rows.jsonl" >"$STATE_DIR/expected"
    get /api/leaderboard/stats
    jq '{entries: .totals.entries, models: .totals.models, average: (.average | del(.name, .histogram)),
        benchmarks: (.benchmarks | map_values(del(.name, .histogram))), precision: .counts.precision.values,
        months: .months.submission_date.months, moe: .flags.is_moe}' "$body" >"$STATE_DIR/got"
    close "$STATE_DIR/expected" "$STATE_DIR/got"
    # Each bin has the numbers that lie between its edges.
    jq -n --slurpfile rows "$STATE_DIR/rows.jsonl" --slurpfile stats "$body" -e '
        $stats[0].average.histogram | .edges as $edges | .counts == [range(20) as $i | [$rows[]."Average ⬆️" |
            select(. != null and . >= $edges[$i] and (. < $edges[$i + 1] or ($i == 19 and . == $edges[20])))] | length]' >/dev/null
    # The rank of every 97th row, by counting those above it.
    jq -sc '[.[] | select(."Average ⬆️" != null)] as $rows | [range(0; $rows | length; 97)][] | $rows[.] as $row |
        {name: $row.fullname, average: $row."Average ⬆️", rank: (1 + ([$rows[] | select(."Average ⬆️" > $row."Average ⬆️")] | length)), of: ($rows | length)}' \
        "$STATE_DIR/rows.jsonl" >"$STATE_DIR/ranks"
    local row
    while read -r row; do
        get "/api/leaderboard/models/$(jq -r '.name | @uri' <<<"$row")"
        expect "rank" "$(jq -c '[.rank, .of]' <<<"$row")" \
            "$(jq -c --argjson row "$row" 'first(.entries[] | select(.model.average_score == $row.average)) | [.rank.overall, .rank.of]' "$body")"
    done <"$STATE_DIR/ranks"
}

@test "frontier, distributions and ranks of the sample data agree with jq" {
    "$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --owner acme --requests 1 --votes 1 >/dev/null
    hubctl import "$STATE_DIR/samples" >/dev/null
    pull
    "$PROGRAM_DIR/parquet-cat" "$STATE_DIR"/samples/datasets/acme/contents/data/*.parquet >"$STATE_DIR/rows.jsonl"
    agree
}

@test "and so do those of the real rows" {
    [ -e "$SHARED_DATA/contents.parquet" ] || skip "no ../shared/data here"
    hub_put contents data/train-00000-of-00001.parquet "$SHARED_DATA/contents.parquet"
    pull
    "$PROGRAM_DIR/parquet-cat" "$SHARED_DATA/contents.parquet" >"$STATE_DIR/rows.jsonl"
    agree
}

#!/usr/bin/env bats
# The dataset's rows as files: GET /api/leaderboard.csv, .jsonl and .parquet.

load helper

setup() {
    new_state
    start_server
    put_providers acme
}

teardown() { stop_all; }

pull() { fetcher pull official-providers contents 2>"$STATE_DIR/pull.log" || { cat "$STATE_DIR/pull.log" >&2; return 1; }; }

# Three models of different makers, and one more whose texts are trouble.
put_models() {
    {
        sample_row acme/one '."Average ⬆️" = 30.5'
        sample_row zeta/two '.Precision = "float16" | ."Average ⬆️" = 41.25 | ."Hub License" = null | ."#Params (B)" = null'
        sample_row acme/three '."Average ⬆️" = -2.5 | .Merged = true'
    } | put_rows
    pull
}

# The last answer's parquet as JSON lines.
parquet() { "$PROGRAM_DIR/parquet-cat" "$body"; }

@test "without parameters, parquet is the dataset's own file, where that is one" {
    "$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --owner acme --rows 40 >/dev/null
    hubctl import "$STATE_DIR/samples" >/dev/null
    fetcher --quiet pull official-providers contents
    get /api/leaderboard.parquet
    expect_status 200
    cmp "$body" "$STATE_DIR"/samples/datasets/acme/contents/data/*.parquet
    expect "type" application/vnd.apache.parquet "$(header content-type)"
    grep -q "leaderboard-$(query "SELECT substr(revision, 1, 8) FROM datasets WHERE name = 'contents'").parquet" <<<"$(header content-disposition)"
    get /api/leaderboard.parquet -H "If-None-Match: $(header etag)"
    expect_status 304
    # With a filter it is written anew; without such a file always.
    get '/api/leaderboard.parquet?limit=3'
    expect "rows" 3 "$("$PROGRAM_DIR/parquet-cat" "$body" | wc -l)"
    hubctl rm datasets/acme/contents data >/dev/null
    sample_row acme/one | put_rows
    fetcher --quiet pull contents --accept-loss
    get /api/leaderboard.parquet
    expect "rows" 1 "$("$PROGRAM_DIR/parquet-cat" "$body" | wc -l)"
}

@test "before the first sync a file is 503, as everything is" {
    get /api/leaderboard.csv
    expect_status 503
}

@test "JSON lines are the dataset's rows, in its order, as they are" {
    put_models
    get /api/leaderboard.jsonl
    expect_status 200
    expect "Content-Type" application/x-ndjson "$(header Content-Type)"
    diff "$STATE_DIR/rows.jsonl" "$body"
}

@test "parquet holds the same rows under the same names, with columns of their kinds" {
    put_models
    get /api/leaderboard.parquet
    expect_status 200
    expect "Content-Type" application/vnd.apache.parquet "$(header Content-Type)"
    diff <(jq -c . "$STATE_DIR/rows.jsonl") <(parquet | jq -c .)
}

@test "CSV has a header, CR LF, and quotes where they are needed (RFC 4180)" {
    sample_row acme/one '{eval_name, fullname, Precision, "Average ⬆️": 30.5, "IFEval": null, Note: "a, \"b\"\nc", Empty: "", None: null,
        Merged: false, "Hub ❤️": 3, Tags: ["x", "y"], "Odd, name": "é"}' | put_rows
    pull
    get /api/leaderboard.csv
    expect_status 200
    expect "Content-Type" 'text/csv; charset=utf-8; header=present' "$(header Content-Type)"
    printf '%s\r\n' 'eval_name,fullname,Precision,Average ⬆️,IFEval,Note,Empty,None,Merged,Hub ❤️,Tags,"Odd, name"' \
        $'acme_one_bfloat16,acme/one,bfloat16,30.5,,"a, ""b""\nc","",,false,3,"[""x"",""y""]",é' |
        diff - "$body"
    get '/api/leaderboard.csv?fields=None'
    expect "a lone missing value is no empty line" '4e6f6e650d0a22220d0a' "$(od -An -tx1 "$body" | tr -d " \n")"
}

@test "a text that a spreadsheet would take for a formula gets an apostrophe in CSV, and in CSV alone" {
    sample_row acme/one '{eval_name, fullname, Precision, "Average ⬆️": -2.5, IFEval: 1, a: "=1+1", b: "+1", c: "-1", d: "@x",
        e: "\t=1", f: "\r=1", g: "a=1", h: "\"=1"}' | put_rows
    pull
    get '/api/leaderboard.csv?fields=Average%20%E2%AC%86%EF%B8%8F,a,b,c,d,e,f,g,h'
    expect "cells" $'-2.5,"\'=1+1","\'+1","\'-1","\'@x","\'\t=1","\'\r=1",a=1,"""=1"' "$(tail -n +2 "$body" | sed 's/\r$//')"
    get /api/leaderboard.jsonl
    diff "$STATE_DIR/rows.jsonl" "$body"
    get /api/leaderboard.parquet
    diff <(jq -c . "$STATE_DIR/rows.jsonl") <(parquet | jq -c .)
}

@test "a file holds the rows that a query asks for, in its order" {
    put_models
    for format in csv jsonl parquet; do
        get "/api/leaderboard.$format?provider=acme&sort=average&fields=fullname,Average%20%E2%AC%86%EF%B8%8F"
        expect_status 200
        expect "X-Total-Count" 2 "$(header X-Total-Count)"
        case $format in
        csv) expect "csv" $'fullname,Average ⬆️\nacme/three,-2.5\nacme/one,30.5' "$(tr -d '\r' <"$body")" ;;
        jsonl) expect "jsonl" '[["acme/three",-2.5],["acme/one",30.5]]' "$(jq -sc 'map([.[]])' "$body")" ;;
        parquet) expect "parquet" '[["acme/three",-2.5],["acme/one",30.5]]' "$(parquet | jq -sc 'map([.[]])')" ;;
        esac
        get "/api/leaderboard.$format?search=nothing-like-it"
        expect_status 200
        get "/api/leaderboard.$format?limit=1&offset=1&weights=ifeval:1"
        expect_line "/api/leaderboard.$format?limit=1&weights=ifeval%3A1&offset=2>; rel=\"next\"" "$(header Link)"
        for bad in colour=red fields=model.name profile=space rank=true sort=x; do
            get "/api/leaderboard.$format?$bad"
            expect_status 400
            expect_line "${bad%%=*}: " "$(jq -r .detail "$body")"
        done
    done
}

@test "no rows make a CSV of a header, no JSON line, and a parquet with the columns" {
    put_models
    get '/api/leaderboard.csv?search=nothing-like-it&fields=fullname,IFEval'
    expect "csv" 'IFEval,fullname' "$(tr -d '\r' <"$body" | tr , '\n' | sort | paste -sd,)"
    get '/api/leaderboard.jsonl?search=nothing-like-it'
    expect "jsonl" 0 "$(stat -c %s "$body")"
    get '/api/leaderboard.parquet?search=nothing-like-it'
    expect "parquet" '' "$(parquet)"
}

@test "a file is named after the dataset's revision" {
    put_models
    local revision
    revision=$(query "SELECT substr(revision, 1, 8) FROM datasets WHERE name = 'contents'")
    for format in csv jsonl parquet; do
        get "/api/leaderboard.$format"
        expect "name" "attachment; filename=\"leaderboard-$revision.$format\"" "$(header Content-Disposition)"
    done
}

@test "a file has an ETag, is encoded as asked for, and HEAD and 304 work" {
    put_models
    get /api/leaderboard.csv
    cp "$body" "$STATE_DIR/plain.csv"
    local etags=
    for format in csv jsonl parquet; do
        get "/api/leaderboard.$format" --compressed -H 'Accept-Encoding: gzip'
        expect "Content-Encoding" gzip "$(header Content-Encoding)"
        [ $format != csv ] || cmp "$body" "$STATE_DIR/plain.csv"
        local etag
        etag=$(header ETag)
        etags="$etags $etag"
        get "/api/leaderboard.$format" -H 'Accept-Encoding: gzip' -H "If-None-Match: $etag"
        expect_status 304
        get "/api/leaderboard.$format" -I
        expect_status 200
    done
    expect "different ETags" 3 "$(tr ' ' '\n' <<<"$etags" | grep . | sort -u | wc -l)"
}

@test "columns of mixed kinds: whole numbers among others are numbers, the rest are texts in parquet" {
    {
        sample_row acme/one '{eval_name, fullname, Precision, "Average ⬆️", IFEval, n: 1, m: 1, l: [1, 2], s: ["a", null]}'
        sample_row acme/two '{eval_name, fullname, Precision, "Average ⬆️", IFEval, n: 2.5, m: "x", l: [], s: []}'
    } | put_rows
    pull
    get '/api/leaderboard.parquet?fields=n,m,l,s'
    expect "rows" '{"n":1.0,"m":"1","l":"[1,2]","s":"[\"a\",null]"}
{"n":2.5,"m":"x","l":"[]","s":"[]"}' "$(parquet)"
    get '/api/leaderboard.parquet?fields=s'
    expect "lists of texts" '{"s":["a",null]}
{"s":[]}' "$(parquet)"
}

@test "the real rows come back in each format" {
    [ -e "$SHARED_DATA/contents.parquet" ] || skip "no ../shared/data here"
    hub_put contents data/train-00000-of-00001.parquet "$SHARED_DATA/contents.parquet"
    pull
    "$PROGRAM_DIR/parquet-cat" "$SHARED_DATA/contents.parquet" >"$STATE_DIR/rows"
    get /api/leaderboard.jsonl
    cmp "$STATE_DIR/rows" "$body"
    get /api/leaderboard.parquet
    cmp "$STATE_DIR/rows" <(parquet)
    get /api/leaderboard.csv
    python3 - "$STATE_DIR/rows" "$body" <<'END'
import csv, json, sys
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
cells = list(csv.reader(open(sys.argv[2], encoding="utf-8", newline="")))
assert cells[0] == list(rows[0]), cells[0]
assert len(cells) == len(rows) + 1, len(cells)
def text(value):
    if value is None: return ""
    if isinstance(value, bool): return "true" if value else "false"
    if isinstance(value, str): return ("'" if value[:1] in tuple("=+-@\t\r") else "") + value
    return value
for row, line in zip(rows, cells[1:]):
    for value, cell in zip(row.values(), line):
        wanted = text(value)
        assert (float(cell) == wanted) if isinstance(wanted, (int, float)) else cell == wanted, (value, cell)
END
}

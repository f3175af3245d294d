#!/usr/bin/env bats
# The sample data of the local Hub: the same for the same options, of the right shape, and marked as
# what it is. The folder is made once for all tests of this file.

setup_file() {
    BUILD=$(cd "${BUILD:-build}" && pwd)
    FOLDER=$(mktemp -d "${TMPDIR:-/tmp}/samples.XXXXXX")
    DATASETS=$FOLDER/one/datasets/open-llm-leaderboard
    export BUILD FOLDER DATASETS
    samples "$FOLDER/one" >"$FOLDER/said"
    "$BUILD/parquet-cat" "$DATASETS"/contents/data/*.parquet >"$FOLDER/rows.jsonl"
    find "$DATASETS/requests" -name '*.json' -print0 | sort -z | xargs -0 jq -c . >"$FOLDER/requests.jsonl"
}

teardown_file() { rm -rf "$FOLDER"; }

samples() { "$BUILD/tests/samples" "$@"; }

# Prints one line that depends on every name and every byte below a folder.
fingerprint() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum); }

# count FILE FILTER: how many JSON values of the file the filter selects; nothing when it is wrong.
count() { jq -s "map(select($2)) | length" "$1"; }

equal() { [ "$1" = "$2" ] || { echo "expected: $1" >&2; echo "got:      $2" >&2; return 1; }; }

@test "the same options give the same bytes" {
    samples "$FOLDER/again" >"$FOLDER/said.again"
    equal "$(fingerprint "$FOLDER/one")" "$(fingerprint "$FOLDER/again")"
    equal "$(cat "$FOLDER/said")" "$(cat "$FOLDER/said.again")"
}

@test "another seed gives other data of the same size" {
    samples "$FOLDER/other" --seed 2 --rows 50 --requests 20 --votes 30
    samples "$FOLDER/first" --seed 1 --rows 50 --requests 20 --votes 30
    [ "$(fingerprint "$FOLDER/other")" != "$(fingerprint "$FOLDER/first")" ]
    equal 50 "$("$BUILD/parquet-cat" "$FOLDER"/other/datasets/*/contents/data/*.parquet | wc -l)"
}

@test "more votes leave the models and requests as they are" {
    samples "$FOLDER/few" --rows 50 --requests 20 --votes 30
    samples "$FOLDER/many" --rows 50 --requests 20 --votes 300
    for dataset in contents requests; do
        equal "$(fingerprint "$FOLDER/few/datasets/open-llm-leaderboard/$dataset")" \
            "$(fingerprint "$FOLDER/many/datasets/open-llm-leaderboard/$dataset")"
    done
}

@test "as many rows, requests and votes are made as by default or as asked for" {
    equal 4576 "$(wc -l <"$FOLDER/rows.jsonl")"
    equal 2000 "$(wc -l <"$FOLDER/requests.jsonl")"
    equal 20000 "$(wc -l <"$DATASETS/votes/votes_data.jsonl")"
    samples "$FOLDER/asked" --owner acme --rows 123 --requests 45 --votes 67
    equal 123 "$("$BUILD/parquet-cat" "$FOLDER"/asked/datasets/acme/contents/data/*.parquet | wc -l)"
    equal 45 "$(find "$FOLDER/asked/datasets/acme/requests" -name '*.json' | wc -l)"
    equal 67 "$(wc -l <"$FOLDER/asked/datasets/acme/votes/votes_data.jsonl")"
}

@test "one row, one request and one vote can be had" {
    samples "$FOLDER/least" --rows 1 --requests 1 --votes 1
    equal 1 "$(find "$FOLDER/least/datasets" -name '*_eval_request_*.json' | wc -l)"
}

@test "one line a dataset says what was made" {
    equal 5 "$(wc -l <"$FOLDER/said")"
    grep -qx 'datasets/open-llm-leaderboard/contents: 4576 rows' "$FOLDER/said"
}

@test "every provider and user is called sample-, and every dataset's card says so" {
    equal 0 "$(count "$FOLDER/rows.jsonl" '.fullname | startswith("sample-") | not')"
    equal 0 "$(count "$FOLDER/requests.jsonl" '(.model | startswith("sample-")) and (.sender | startswith("sample-")) | not')"
    equal 0 "$(count "$DATASETS/votes/votes_data.jsonl" '(.model | startswith("sample-")) and (.username | startswith("sample-")) | not')"
    equal "" "$(find "$FOLDER/one/models" -mindepth 1 -maxdepth 1 ! -name 'sample-*')"
    for dataset in contents requests votes official-providers; do
        grep -q '^Generated sample data' "$DATASETS/$dataset/README.md"
    done
}

@test "rows have the 36 columns, and eval_name is unique and made of fullname and precision" {
    equal 36 "$(head -n 1 "$FOLDER/rows.jsonl" | jq length)"
    equal 4576 "$(jq -r .eval_name "$FOLDER/rows.jsonl" | sort -u | wc -l)"
    equal 0 "$(count "$FOLDER/rows.jsonl" '.eval_name != (.fullname | sub("/"; "_")) + "_" + .Precision')"
    equal 0 "$(count "$FOLDER/rows.jsonl" '.fullname as $name | .Model | contains(">" + $name + "</a>") | not')"
}

@test "the average is the mean of the six scores, and scores are in their ranges" {
    equal 0 "$(count "$FOLDER/rows.jsonl" '
        [.IFEval, .BBH, ."MATH Lvl 5", .GPQA, .MUSR, ."MMLU-PRO"] as $scores
        | [."IFEval Raw", ."BBH Raw", ."MATH Lvl 5 Raw", ."GPQA Raw", ."MUSR Raw", ."MMLU-PRO Raw"] as $raw
        | ($scores | add / 6) - ."Average ⬆️" | fabs > 1e-9
            or any($scores[]; . < 0 or . > 100) or any($raw[]; . < 0 or . > 1)')"
}

@test "all types, precisions and kinds of absence occur, and models in two precisions" {
    equal 7 "$(jq -r .Type "$FOLDER/rows.jsonl" | sort -u | wc -l)"
    equal "4bit bfloat16 float16" "$(jq -r .Precision "$FOLDER/rows.jsonl" | sort -u | xargs)"
    for absent in '."Hub License" == null' '."Base Model" == null' '."CO₂ cost (kg)" == null' \
        '."Upload To Hub Date" == null' '."#Params (B)" == -1'; do
        [ "$(count "$FOLDER/rows.jsonl" "$absent")" -gt 0 ]
    done
    [ "$(jq -r .fullname "$FOLDER/rows.jsonl" | sort | uniq -d | wc -l)" -gt 10 ]
}

@test "official rows are those of the curated providers" {
    "$BUILD/parquet-cat" "$DATASETS"/official-providers/data/*.parquet >"$FOLDER/official.jsonl"
    equal 1 "$(wc -l <"$FOLDER/official.jsonl")"
    equal 0 "$(jq -s --slurpfile official "$FOLDER/official.jsonl" '
        map(select((.fullname | split("/")[0] | IN($official[0].CURATED_SET[])) != ."Official Providers"))
        | length' "$FOLDER/rows.jsonl")"
    [ "$(count "$FOLDER/rows.jsonl" '."Official Providers"')" -gt 0 ]
}

@test "request files have their keys in order, the path that they name, and are in every state" {
    equal '["model","base_model","revision","precision","params","architectures","weight_type","status","submitted_time","model_type","job_id","job_start_time","use_chat_template","sender"]' \
        "$(jq -c keys_unsorted "$FOLDER/requests.jsonl" | sort -u)"
    equal "CANCELLED FAILED FINISHED PENDING PENDING_NEW_EVAL RERUN RUNNING" \
        "$(jq -r .status "$FOLDER/requests.jsonl" | sort -u | xargs)"
    equal "$(jq -r '"\(.model)_eval_request_False_\(.precision)_\(.weight_type).json"' "$FOLDER/requests.jsonl" | sort)" \
        "$(cd "$DATASETS/requests" && find . -name '*.json' -printf '%P\n' | sort)"
}

@test "most finished requests are those of rows" {
    equal true "$(jq -s --slurpfile rows "$FOLDER/rows.jsonl" '
        ($rows | map({key: (.fullname + " " + .Precision + " " + ."Model sha"), value: true}) | from_entries) as $known
        | map(select(.status == "FINISHED")) as $finished
        | ($finished | map(select($known[.model + " " + .precision + " " + .revision])) | length) > 0.9 * ($finished | length)' \
        "$FOLDER/requests.jsonl")"
}

@test "no user votes twice on a revision, some vote often, and votes are in order of time" {
    local votes=$DATASETS/votes/votes_data.jsonl
    equal "" "$(jq -r '"\(.model) \(.revision) \(.username)"' "$votes" | sort | uniq -d)"
    [ "$(jq -r .username "$votes" | sort | uniq -c | sort -rn | awk 'NR == 1 { print $1 }')" -gt 100 ]
    jq -r .timestamp "$votes" | sort -c
    equal "down up" "$(jq -r .vote_type "$votes" | sort -u | xargs)"
    equal '["FINISHED","PENDING","RUNNING"]' "$(jq -sc --slurpfile requests "$FOLDER/requests.jsonl" '
        ($requests | map({key: .model, value: .status}) | from_entries) as $status
        | map($status[.model]) | unique' "$votes")"
}

@test "a model's weights have a valid header, whose shapes are its parameters" {
    local file=$FOLDER/one/models/sample-fit/million-parameters/model.safetensors length
    length=$(od -An -tu8 -N8 "$file" | tr -d ' ')
    dd if="$file" bs=1 skip=8 count="$length" status=none >"$FOLDER/header.json"
    equal 1000000 "$(jq 'del(.__metadata__) | [.[].shape | reduce .[] as $n (1; . * $n)] | add' "$FOLDER/header.json")"
    equal "$(stat -c %s "$file")" \
        "$((8 + length + $(jq 'del(.__metadata__) | [.[].data_offsets[1]] | max' "$FOLDER/header.json")))"
}

@test "the unfit models lack what their names say" {
    local unfit=$FOLDER/one/models/sample-unfit fit=$FOLDER/one/models/sample-fit
    equal 1 "$(grep -c '^license:' "$fit/base/README.md")"
    equal 0 "$(grep -c '^license' "$unfit/no-license/README.md" || true)"
    [ "$(sed '1d;1,/^---$/d' "$fit/base/README.md" | wc -m)" -gt 250 ]
    [ "$(sed '1d;1,/^---$/d' "$unfit/short-card/README.md" | wc -m)" -lt 200 ]
    equal "README.md config.json model.safetensors tokenizer.json tokenizer_config.json" "$(ls "$fit/base" | xargs)"
    equal "README.md model.safetensors tokenizer.json tokenizer_config.json" "$(ls "$unfit/no-config" | xargs)"
    equal "README.md config.json model.safetensors" "$(ls "$unfit/no-tokenizer" | xargs)"
    equal "README.md config.json tokenizer.json tokenizer_config.json" "$(ls "$unfit/no-weights" | xargs)"
    equal true "$(jq 'has("auto_map")' "$unfit/remote-code/config.json")"
    equal false "$(jq 'has("auto_map")' "$fit/base/config.json")"
    equal false "$(jq 'has("architectures")' "$unfit/no-architecture/config.json")"
    equal true "$(jq 'has("chat_template")' "$fit/chat/tokenizer_config.json")"
}

@test "every JSON file of the models is JSON" {
    equal "$(find "$FOLDER/one/models" -name '*.json' | wc -l)" \
        "$(find "$FOLDER/one/models" -name '*.json' -print0 | xargs -0 jq -s length)"
}

@test "a folder that is not empty is refused in one line, unless --force" {
    local code=0
    mkdir "$FOLDER/full"
    touch "$FOLDER/full/something"
    samples "$FOLDER/full" --rows 1 2>"$FOLDER/refused" || code=$?
    equal 100 "$code"
    equal 1 "$(wc -l <"$FOLDER/refused")"
    equal something "$(ls "$FOLDER/full")"
    samples "$FOLDER/full" --rows 1 --requests 1 --votes 0 --force
    [ -e "$FOLDER/full/datasets" ]
}

@test "wrong usage is one line and 100, and --help is 0" {
    local wrong code
    for wrong in "" "a b" "a --rows 0" "a --rows x" "a --rows -1" "a --votes 1e3" "a --owner a/b" "a --what"; do
        code=0
        # shellcheck disable=SC2086  # words on purpose
        (cd "$FOLDER" && samples $wrong 2>wrong.err) || code=$?
        equal "$wrong: 100" "$wrong: $code"
        equal "$wrong: 1" "$wrong: $(wc -l <"$FOLDER/wrong.err")"
        [ ! -e "$FOLDER/a" ]
    done
    samples --help | grep -q '^usage: samples'
}

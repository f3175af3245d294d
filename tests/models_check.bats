#!/usr/bin/env bats
# What a model must be like to be submitted: lib/model.c and its parts, as tests/programs/model.c shows
# them, with models in the local Hub.

load helper

setup() {
    new_state
    start_server
    REPOS=$STATE_DIR/repos
}

teardown() { stop_all; }

# ---- models ----

CONFIG='{"architectures":["LlamaForCausalLM"],"model_type":"llama"}'
TEXT='This model is made for a test, which wants at least two hundred characters of text, so here they
are: one sentence that says little, and another one that says even less, until there are enough.'

# make_model NAME: the files of a model that satisfies every check, in $M, to be changed before they are
# published.
make_model() {
    M=$REPOS/models/$1
    mkdir -p "$M"
    printf -- '---\nlicense: apache-2.0\n---\n# Model\n\n%s\n%s\n' "$TEXT" "Übrigens: ümläüte." >"$M/README.md"
    echo "$CONFIG" >"$M/config.json"
    echo '{}' >"$M/tokenizer.json"
    echo '{"model_max_length":1000000000000000019884624838656}' >"$M/tokenizer_config.json"
    safetensors "$M/model.safetensors" 7241732096
}

# safetensors FILE COUNT: weights that claim to have so many parameters.
safetensors() { probe safetensors "$1" "$(factors "$2")"; }

# factors COUNT: the same as dimensions that a tensor can have.
factors() { if [ "$1" -gt 4294967296 ]; then echo "$(($1 / 64)),64"; else echo "$1"; fi; }

publish() { hubctl import "$REPOS" >/dev/null; }

# ---- questions ----

probe() { "$PROGRAM_DIR/tests/model" "$STATE_DIR/cache.db" "$@"; }

# find ID [REVISION]; check ID [PRECISION [WEIGHT_TYPE [BASE [CHAT]]]]: the answer is in $said, what was
# logged in the file lines.
find() { said=$(probe find "$1" "${2:-main}" 2>>"$STATE_DIR/lines") || true; }
check() { said=$(probe check "$1" main "${2:-bfloat16}" "${3:-Original}" "${4:-}" "${5:-no}" 2>>"$STATE_DIR/lines") || true; }
says() { expect "answer" "$1" "$said"; }

# tell FILTER: the Hub says of models what it does, changed by a jq filter; the files are as they were.
tell() {
    curl -sf "http://127.0.0.1:$HUB_PORT/api/models/$1" | jq -c "$2" >"$STATE_DIR/info.json"
    fault "GET /api/models/* status 200 bodyfile:$STATE_DIR/info.json type:application/json"
}

# asked GLOB: how many requests of that kind the Hub was asked by way of the fault proxy.
asked() { cat "$STATE_DIR/proxy.log" 2>/dev/null | grep -c -- "$1" || true; }

# ---- finding ----

@test "a model is found at a branch or a commit, and what matters of it is known" {
    make_model acme/good
    publish
    find acme/good
    local sha
    sha=$(hubctl log models/acme/good | head -n 1 | cut -d ' ' -f 1)
    says "OK {\"id\":\"acme/good\",\"sha\":\"$sha\",\"files\":{\"README.md\":true,\"config.json\":true,\"model.safetensors\":true,\"tokenizer_config.json\":true},\"licensed\":true,\"total\":7241732096,\"tokenizer\":true}"
    find acme/good "$sha"
    expect_line "\"sha\":\"$sha\"" "$said"
}

@test "a model that is not there, not at that revision, or not for everyone is missing" {
    make_model acme/good
    hubctl create models/acme/secret --private
    publish
    find acme/good nope
    says "MISSING acme/good is not on the Hub at revision 'nope': check the name and the revision, and that the model is public"
    # Without a token the Hub tells neither of the two apart.
    for model in acme/nope acme/secret; do
        find $model
        says "MISSING $model is not on the Hub at revision 'main', or it is not open to everyone: check the name, and that the model is neither private nor disabled"
    done
    export HF_READ_TOKEN=hf_local_bob
    find acme/secret
    says "MISSING acme/secret is not on the Hub at revision 'main': check the name and the revision, and that the model is public"
}

@test "names and revisions that cannot be are not asked for" {
    fault 'GET * pass'
    for id in '' / a/ /a a/b/c -a/b a/b- .a/b a/b. a--b/c a/b..c a/b.git 'a b' 'a/b?c' 'a/ü' \
        "$(printf 'a%.0s' {1..97})" "a/$(printf 'a%.0s' {1..97})"; do
        find "$id"
        says "MISSING '$id' at revision 'main' is no name that a model of the Hub can have: expected provider/name, and a branch, tag or commit"
    done
    for revision in .. a..b /a a/ .a a. -a 'a b' 'a%2f' "$(printf 'a%.0s' {1..129})"; do
        find a/b "$revision"
        expect_line "MISSING 'a/b' at revision '$revision' is no name" "$said"
    done
    expect "requests" 0 "$(asked .)"
    for id in gpt2 a/b "$(printf 'a%.0s' {1..96})/$(printf 'b%.0s' {1..96})" A_1.b-c/D.e_f-2; do
        find "$id" refs/pr/1
        expect_line "MISSING $id is not on the Hub at revision 'refs/pr/1'" "$said"
    done
}

@test "a disabled model is refused; a renamed one is known by its new name" {
    make_model acme/good
    publish
    tell acme/good '.disabled = true'
    find acme/good
    says "REFUSED acme/good is disabled on the Hub: its owners must settle that with the Hub before it can be used here"
    tell acme/good '.id = "acme/better"'
    find acme/good
    expect_line 'OK {"id":"acme/better"' "$said"
}

@test "what the Hub said is kept: the next question needs no Hub" {
    make_model acme/good
    publish
    find acme/good
    local first=$said
    kill "$SERVER"; wait "$SERVER" || true
    find acme/good
    says "$first"
    # Another revision is another question.
    find acme/good dev
    expect_line "UNAVAILABLE model acme/good at dev: no complete answer from $HF_ENDPOINT" "$said"
    # And with MODEL_CACHE_TTL=0 each is asked anew.
    export MODEL_CACHE_TTL=0
    find acme/good
    expect_line "UNAVAILABLE model acme/good at main" "$said"
}

@test "what has expired is asked again and makes room for what is kept" {
    make_model acme/good
    publish
    fault 'GET * pass'
    find acme/good
    find acme/good
    expect "requests" 1 "$(asked .)"
    sqlite3 "$STATE_DIR/cache.db" "UPDATE model_facts SET expires_at = 1;
        INSERT INTO model_facts VALUES ('acme/old', 'main', '{}', 2);"
    find acme/good
    expect "requests" 2 "$(asked .)"
    expect "kept" "acme/good|main|1" "$(query 'SELECT model, revision, expires_at > 2 FROM model_facts')"
    MODEL_CACHE_TTL=0 find acme/good
    expect "requests" 3 "$(asked .)"
    # What is missing is not kept.
    find acme/nope
    expect "kept" 1 "$(query 'SELECT count(*) FROM model_facts')"
}

@test "what is kept is small, however many files a model has, and damage to it does no harm" {
    make_model acme/good
    publish
    tell acme/good '.siblings += [range(20000) | {rfilename: "data/file-\(.).bin"}] | .siblings += .siblings | .description = ("x" * 100000)'
    find acme/good
    expect_line "OK " "$said"
    [ ${#said} -lt 400 ]
    for text in 'no JSON' '{}' '[]' '{"id":1,"sha":2}'; do
        sqlite3 "$STATE_DIR/cache.db" "UPDATE model_facts SET facts = '$text'"
        find acme/good
        expect_line 'OK {"id":"acme/good"' "$said"
    done
}

@test "when what the Hub said cannot be kept, it is used all the same" {
    make_model acme/good
    publish
    find acme/good
    sqlite3 "$STATE_DIR/cache.db" "CREATE TRIGGER no BEFORE INSERT ON model_facts BEGIN SELECT raise(ABORT, 'no room'); END"
    sqlite3 "$STATE_DIR/cache.db" "DELETE FROM model_facts"
    find acme/good
    expect_line "OK " "$said"
    expect_line "cannot keep what the Hub says of a model model=acme/good error=" "$(cat "$STATE_DIR/lines")"
    expect_line "no room" "$(cat "$STATE_DIR/lines")"
}

# ---- a Hub that fails ----

@test "a Hub that is down, stalls, limits or fails is unavailable, and nothing is tried twice" {
    make_model acme/good
    publish
    export HUB_DEADLINE=1 HUB_RETRIES=4 HUB_TIMEOUT=30 MODEL_CACHE_TTL=0
    for rule in 'stall' 'stallbody 10' 'slow 20' 'reset' 'garbage' 'status 429 header:Retry-After=60' 'status 500' 'status 503' \
        'status 200 body:{' 'status 200 body:[]' 'status 200 body:{}' 'status 200 body:no' 'truncate 20' 'redirect http://127.0.0.1:9/'; do
        fault "GET /api/models/* $rule"
        find acme/good
        expect_line "UNAVAILABLE " "$said"
        fault "GET /acme/good/resolve/* $rule"
        check acme/good
        # These two are a file as any other.
        case $rule in
        *body:{}) expect_line "REFUSED config.json of acme/good names no architecture" "$said" ;;
        *body:*) expect_line "REFUSED config.json of acme/good " "$said" ;;
        *) expect_line "UNAVAILABLE config.json of model acme/good: " "$said" ;;
        esac
    done
    expect "requests for seven rules, twice" 14 "$(asked '-> status')"
    HF_ENDPOINT=http://127.0.0.1:9
    find acme/good
    expect_line "UNAVAILABLE model acme/good at main: no complete answer" "$said"
}

@test "a token of ours that the Hub does not take is nobody else's fault" {
    make_model acme/good
    publish
    HF_READ_TOKEN=hf_expired find acme/good
    expect_line "UNAVAILABLE model acme/good at main" "$said"
    expect_line "Invalid credentials" "$said"
    find acme/good
    HF_READ_TOKEN=hf_expired check acme/good
    expect_line "UNAVAILABLE config.json of model acme/good" "$said"
}

@test "answers that make no sense are unavailable, and wrong types count as absent" {
    make_model acme/good
    publish
    local filter
    for filter in '.sha = "main"' 'del(.sha)' '.sha = 7' '.sha |= ascii_upcase' '.id = "../../etc"' '.id = "a\nb"' 'del(.id)' \
        '.id = ["acme/good"]' '.siblings = null' '.siblings = {"rfilename": "config.json"}' '[.]' '.sha += "00"'; do
        tell acme/good "$filter"
        find acme/good
        expect_line "UNAVAILABLE model acme/good at main" "$said"
    done
    tell acme/good '.siblings += [1, null, {}, {rfilename: 7}, [], {rfilename: "../config.json"}]
        | .cardData = [1] | .config = "x" | .safetensors = [] | .gated = {} | .disabled = "no"'
    find acme/good
    expect_line 'OK {"id":"acme/good"' "$said"
    no grep -q 'licensed\|total\|gated' <<<"$said"
    # The text and the size are in the files.
    check acme/good
    says "OK LlamaForCausalLM 7.242"
    # Deeper than JSON is read, and NUL in a name.
    sqlite3 "$STATE_DIR/cache.db" 'DELETE FROM model_facts'
    { printf '{"a":'; printf '[%.0s' {1..100000}; } >"$STATE_DIR/info.json"
    find acme/good
    expect_line "UNAVAILABLE model acme/good at main" "$said"
    printf '{"id":"acme/good\\u0000","sha":"%s","siblings":[]}' "$(printf '0%.0s' {1..40})" >"$STATE_DIR/info.json"
    find acme/good
    expect_line "UNAVAILABLE model acme/good at main" "$said"
}

@test "a Hub without end is cut off" {
    make_model acme/good
    publish
    fault 'GET * endless'
    find acme/good
    expect_line "UNAVAILABLE model acme/good at main" "$said"
    fault 'GET /acme/good/resolve/* endless'
    check acme/good
    says "REFUSED config.json of acme/good is larger than 16 MiB: put a smaller one in its place"
}

# ---- what is checked, in its order ----

@test "a good model: its architecture and its size in billions" {
    make_model acme/good
    publish
    check acme/good
    says "OK LlamaForCausalLM 7.242"
    check acme/good GPTQ
    says "OK LlamaForCausalLM 57.936"
}

@test "the sample models are what their names say" {
    "$PROGRAM_DIR/tests/samples" "$STATE_DIR/samples" --rows 20 --requests 20 --votes 20
    hubctl import "$STATE_DIR/samples" >/dev/null
    for model in base chat chat-template-file named-license million-parameters; do
        check sample-fit/$model
        expect_line "OK LlamaForCausalLM 0.0" "$said"
    done
    check sample-fit/adapter bfloat16 Adapter sample-fit/base
    says "OK LlamaForCausalLM 0.0"
    for model in chat chat-template-file; do
        check sample-fit/$model bfloat16 Original "" yes
        expect_line "OK " "$said"
    done
    for model in no-license short-card no-config no-architecture no-tokenizer no-weights remote-code; do
        check sample-unfit/$model
        expect_line "REFUSED " "$said"
    done
}

@test "its files can be read: a gated model is refused, until we may read it" {
    hubctl create models/acme/gated --gated
    make_model acme/gated
    publish
    find acme/gated
    expect_line '"gated":true' "$said"
    check acme/gated
    says "REFUSED acme/gated is gated, so its config.json cannot be read: open the model's files to everyone on the Hub, then submit it again"
    HF_READ_TOKEN=hf_local_bob check acme/gated
    expect_line "REFUSED acme/gated is gated" "$said"
    HF_READ_TOKEN=hf_local_acme check acme/gated
    says "OK LlamaForCausalLM 7.242"
}

@test "config.json is there, is JSON, and names an architecture" {
    make_model acme/x
    rm "$M/config.json"
    publish
    check acme/x
    says "REFUSED acme/x has no config.json: add it, as save_pretrained() writes it"
    local config
    for config in '{}' '[]' '{"architectures":[]}' '{"architectures":"Llama"}' '{"architectures":[7]}' '{"architectures":[""]}' \
        '{"architectures":["a;b"]}' '{"architectures":null}' "{\"architectures\":[\"$(printf 'a%.0s' {1..129})\"]}"; do
        echo "$config" >"$M/config.json"
        publish
        MODEL_CACHE_TTL=0 check acme/x
        says "REFUSED config.json of acme/x names no architecture: add \"architectures\" with the name of its class, as save_pretrained() does"
    done
    for config in '{' '' '{"a":"\u0000"}' "$(printf '[%.0s' {1..5000})" "{\"a\":$(printf '9%.0s' {1..400})}"; do
        printf '%s' "$config" >"$M/config.json"
        publish
        MODEL_CACHE_TTL=0 check acme/x
        expect_line "REFUSED config.json of acme/x is not valid JSON (" "$said"
        expect_line "): correct it" "$said"
    done
    { printf '['; yes '0,' | head -n 600000; printf '0]'; } | tr -d '\n' >"$M/config.json"
    publish
    MODEL_CACHE_TTL=0 check acme/x
    says "REFUSED config.json of acme/x holds more than 500000 values: put a smaller one in its place"
}

@test "config.json may be what Python writes: NaN, infinities, large integers; several architectures" {
    make_model acme/x
    echo '{"time_step_limit":[0.0,Infinity],"a":-Infinity,"b":NaN,"max":1000000000000000019884624838656,
        "note":"NaN, \"Infinity","architectures":["A_1","B.C"]}' >"$M/config.json"
    publish
    check acme/x
    says "OK A_1;B.C 7.242"
}

@test "a model that needs its own code is refused" {
    make_model acme/x
    echo '{"architectures":["X"],"auto_map":{"AutoModel":"modeling.X"}}' >"$M/config.json"
    publish
    check acme/x
    says "REFUSED acme/x needs trust_remote_code (auto_map in its config.json), and no code of a model is run here: wait until a release of transformers has its classes, then take auto_map out"
    echo '{"architectures":["X"],"auto_map":null}' >"$M/config.json"
    echo '{"auto_map":{"AutoTokenizer":["tokenization.X",null]}}' >"$M/tokenizer_config.json"
    publish
    MODEL_CACHE_TTL=0 check acme/x bfloat16 Original "" yes
    expect_line "REFUSED acme/x needs trust_remote_code (auto_map in its tokenizer_config.json)" "$said"
}

@test "there is a tokenizer: a vocabulary, not its settings alone" {
    make_model acme/x
    rm "$M/tokenizer.json"
    mkdir "$M/original"
    echo x >"$M/original/tokenizer.model"
    publish
    check acme/x
    says "REFUSED acme/x has no tokenizer (tokenizer.json, tokenizer.model, vocab.json…): add its files, as tokenizer.save_pretrained() writes them"
    for file in tokenizer.model spiece.model sentencepiece.bpe.model vocab.json vocab.txt tekken.json tokenizer.json; do
        echo x >"$M/$file"
        publish
        MODEL_CACHE_TTL=0 check acme/x
        says "OK LlamaForCausalLM 7.242"
        rm "$M/$file"
    done
}

@test "the model card names a license" {
    make_model acme/x
    rm "$M/README.md"
    publish
    export MODEL_CACHE_TTL=0
    check acme/x
    says "REFUSED acme/x has no model card: add a README.md with a license and a text of at least 200 characters"
    local front
    for front in '' $'---\n---\n' $'---\nlicense:\n---\n' $'---\nlicense: ""\n---\n' $'---\nlicense: []\n---\n' \
        $'---\nlicense_name: acme\n---\n' $'---\nlicense_link: https://example.org\n---\n' $'---\nlicense: mit\n' $'---\nx:\n  license: mit\n---\n'; do
        printf '%s%s' "$front" "$TEXT$TEXT" >"$M/README.md"
        publish
        check acme/x
        says "REFUSED README.md of acme/x names no license: put \"license:\", or \"license_name:\" and \"license_link:\", between the --- lines at its top"
    done
    for front in $'---\nlicense: mit\n---\n' $'\n---\r\nlicense: mit\r\n---\r\n' $'---\nlicense:\n- mit\n- gpl-3.0\n---\n' \
        $'---\nlicense: [mit, other]\n---\n' $'---\nlicense_name: acme\nlicense_link: LICENSE\n---\n'; do
        printf '%s%s' "$front" "$TEXT$TEXT" >"$M/README.md"
        publish
        check acme/x
        says "OK LlamaForCausalLM 7.242"
    done
    # Where the Hub did not read the card out, the file tells.
    tell acme/x 'del(.cardData)'
    check acme/x
    says "OK LlamaForCausalLM 7.242"
}

@test "the model card has 200 characters of text below its front matter, white space aside" {
    make_model acme/x
    export MODEL_CACHE_TTL=0
    card() { printf -- '---\nlicense: mit\nnote: %s\n---\n\n  %s \n\n' "$(printf 'x%.0s' {1..300})" "$1" >"$M/README.md"; publish; check acme/x; }
    card "$(printf 'ü%.0s' {1..199})"
    says "REFUSED README.md of acme/x has 199 characters of text: describe the model in at least 200"
    card "$(printf 'ü%.0s' {1..200})"
    says "OK LlamaForCausalLM 7.242"
    : >"$M/README.md"
    publish
    tell acme/x '.cardData = {license: "mit"}'
    check acme/x
    says "REFUSED README.md of acme/x has 0 characters of text: describe the model in at least 200"
    { printf -- '---\nlicense: mit\n---\n'; head -c 5000000 /dev/zero | tr '\0' x; } >"$M/README.md"
    publish
    fault 'GET * pass'
    check acme/x
    says "REFUSED README.md of acme/x is larger than 4 MiB: put a smaller one in its place"
}

# ---- size ----

@test "more than 100 billion parameters are not evaluated in 16 bits" {
    make_model acme/x
    safetensors "$M/model.safetensors" 100000640000
    publish
    for precision in float16 bfloat16; do
        check acme/x $precision
        says "REFUSED acme/x has 100.001 billion parameters, and at most 100 are evaluated in $precision: choose 8bit or 4bit, or a smaller model"
    done
    for precision in float32 8bit 4bit; do
        check acme/x $precision
        says "OK LlamaForCausalLM 100.001"
    done
    safetensors "$M/model.safetensors" 100000000000
    publish
    MODEL_CACHE_TTL=0 check acme/x
    says "OK LlamaForCausalLM 100.0"
}

@test "a quantised model counts eight times, by its precision or by its name" {
    make_model acme/m-GptQ-4bit
    safetensors "$M/model.safetensors" 12500064000
    publish
    check acme/m-GptQ-4bit
    says "OK LlamaForCausalLM 100.0"
    check acme/m-GptQ-4bit GPTQ
    says "OK LlamaForCausalLM 100.0"
}

@test "without weights as safetensors it has no size" {
    make_model acme/x
    rm "$M/model.safetensors"
    echo x >"$M/pytorch_model.bin"
    publish
    check acme/x
    says "REFUSED acme/x has no safetensors weights (model.safetensors, or the shards of model.safetensors.index.json), which its size is told by: save the weights again with save_pretrained(), which writes safetensors"
}

@test "where the Hub has not counted, the header tells: two ranges, by way of LFS" {
    make_model acme/x
    # Weights behind the header, which are not to be fetched.
    head -c 30000000 /dev/zero >>"$M/model.safetensors"
    publish
    tell acme/x 'del(.safetensors)'
    check acme/x
    says "OK LlamaForCausalLM 7.242"
    expect "parts" 2 "$(asked 'GET /acme/x/resolve/.*/model.safetensors .*range=')"
    # A Hub that sends the whole is not listened to.
    fault "GET /api/models/* status 200 bodyfile:$STATE_DIR/info.json type:application/json" 'GET /*.safetensors status 200 body:1234567890'
    check acme/x
    says "UNAVAILABLE model.safetensors of model acme/x: the Hub sends more than the part that was asked for"
}

@test "a header that makes no sense is refused" {
    make_model acme/x
    export MODEL_CACHE_TTL=0
    # header LENGTH TEXT REASON: LENGTH is eight bytes, as printf takes them.
    header() {
        { printf "$1"; printf '%s' "$2"; } >"$M/model.safetensors"
        publish
        tell acme/x 'del(.safetensors)'
        check acme/x
        says "REFUSED model.safetensors of acme/x is no safetensors file ($3): save the weights again with save_pretrained(), which writes safetensors"
    }
    header '\0\0\0\0\0\0\0\0' '{}' "it does not begin with the length of a header"
    header '\377\377\377\377\377\377\377\377' '{}' "it does not begin with the length of a header"
    header '\100\170\175\001\0\0\0\0' '{}' "it ends within its header" # 25,000,000
    header '\101\170\175\001\0\0\0\0' '{}' "it does not begin with the length of a header"
    header 'abc' '' "it does not begin with the length of a header"
    header '\07\0\0\0\0\0\0\0' '{"w":{}' "its header tells no shapes"
    header '\02\0\0\0\0\0\0\0' '{}' "its header tells no shapes"
    header '\055\0\0\0\0\0\0\0' '{"w":{"dtype":"F32","shape":[4294967297,1]}}  ' "its header tells no shapes"
    header '\064\0\0\0\0\0\0\0' '{"w":{"dtype":"F32","shape":[4294967296,4294967296]}}' "its header tells no shapes"
    header '\045\0\0\0\0\0\0\0' '{"w":{"dtype":"F32","shape":[-1,-5]}} ' "its header tells no shapes"
}

@test "a sharded model: the index tells the count, or its shards' headers do" {
    make_model acme/x
    rm "$M/model.safetensors"
    safetensors "$M/model-00001-of-00002.safetensors" 4000000000
    safetensors "$M/model-00002-of-00002.safetensors" 3000000000
    export MODEL_CACHE_TTL=0
    index() { echo "$1" >"$M/model.safetensors.index.json"; publish; check acme/x; }
    local map='"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors","c":"model-00001-of-00002.safetensors"}'
    index "{\"metadata\":{\"total_size\":14000000000},$map}"
    says "OK LlamaForCausalLM 7.0"
    index "{\"metadata\":{\"total_size\":14000000000,\"total_parameters\":6500000000},$map}"
    says "OK LlamaForCausalLM 6.5"
    index "{\"metadata\":{\"total_parameters\":\"6600000000\"},$map}"
    says "OK LlamaForCausalLM 6.6"
    index "{\"metadata\":{\"total_parameters\":-1},$map}"
    says "OK LlamaForCausalLM 7.0"
    local bad many
    many=$(jq -nc '[range(201) | {key: "\(.)", value: "m\(.).safetensors"}] | from_entries')
    for bad in '{}' '[]' '{"weight_map":{}}' '{"weight_map":[1]}' '{"weight_map":{"a":1}}' '{"weight_map":{"a":"../x.safetensors"}}' \
        '{"weight_map":{"a":"..\\x.safetensors"}}' '{"weight_map":{"a":"x.bin"}}' '{"weight_map":{"a":".safetensors"}}' "{\"weight_map\":$many}"; do
        index "$bad"
        says "REFUSED model.safetensors.index.json of acme/x does not name 1 to 32 safetensors files beside it in its weight_map: save the weights again with save_pretrained(), which writes safetensors"
    done
    index '{"weight_map":{"a":"gone.safetensors"}}'
    says "REFUSED acme/x has no gone.safetensors at commit $(hubctl log models/acme/x | head -n 1 | cut -d ' ' -f 1): add it, or upload it again"
}

# ---- deltas and adapters ----

@test "a delta's base model must be on the Hub" {
    make_model acme/delta
    make_model acme/base
    publish
    check acme/delta bfloat16 Delta acme/nope
    says "MISSING base_model: acme/nope is not on the Hub at revision 'main', or it is not open to everyone: check the name, and that the model is neither private nor disabled"
    check acme/delta bfloat16 Delta acme/base
    says "OK LlamaForCausalLM 7.242"
}

@test "an adapter: its own card and weights, its base model's architecture, tokenizer and size" {
    make_model acme/base
    make_model acme/adapter
    rm "$M"/{config,tokenizer,tokenizer_config}.json "$M/model.safetensors"
    publish
    export MODEL_CACHE_TTL=0
    check acme/adapter bfloat16 Adapter acme/base
    says "REFUSED acme/adapter has no adapter_config.json: add it, as save_pretrained() writes it"
    echo '{"peft_type":"LORA","base_model_name_or_path":"acme/base"}' >"$M/adapter_config.json"
    publish
    check acme/adapter bfloat16 Adapter acme/nope
    expect_line "MISSING base_model: acme/nope is not on the Hub" "$said"
    check acme/adapter bfloat16 Adapter acme/base
    says "REFUSED acme/adapter has no safetensors weights (adapter_model.safetensors), which its size is told by: save the weights again with save_pretrained(), which writes safetensors"
    safetensors "$M/adapter_model.safetensors" 10000000
    publish
    check acme/adapter bfloat16 Adapter acme/base
    says "OK LlamaForCausalLM 7.252"
    # Its base may bring the chat template.
    check acme/adapter bfloat16 Adapter acme/base yes
    expect_line "REFUSED acme/adapter has no chat template" "$said"
    echo '{"chat_template":"x"}' >"$REPOS/models/acme/base/tokenizer_config.json"
    publish
    check acme/adapter bfloat16 Adapter acme/base yes
    says "OK LlamaForCausalLM 7.252"
    # What is wrong with the base model is said of the base model.
    rm "$REPOS/models/acme/base/tokenizer.json"
    publish
    check acme/adapter bfloat16 Adapter acme/base
    expect_line "REFUSED acme/base has no tokenizer" "$said"
}

# ---- chat templates ----

@test "a chat template is needed where one is to be used, and may be in any of its places" {
    make_model acme/x
    publish
    export MODEL_CACHE_TTL=0
    check acme/x bfloat16 Original "" yes
    says "REFUSED acme/x has no chat template: add chat_template.jinja, or chat_template to its tokenizer_config.json, or submit it without use_chat_template"
    chat() { publish; check acme/x bfloat16 Original "" yes; }
    local file settings
    for file in chat_template.jinja chat_template.json additional_chat_templates/tool_use.jinja; do
        mkdir -p "$M/additional_chat_templates"
        echo x >"$M/$file"
        chat
        says "OK LlamaForCausalLM 7.242"
        rm -r "${M:?}/$file" "$M/additional_chat_templates"
    done
    # The Hub's extract has none of a file with such a number: the file itself is read.
    for settings in '"x"' '[{"name":"default","template":"x"}]'; do
        echo "{\"model_max_length\":1000000000000000019884624838656,\"chat_template\":$settings}" >"$M/tokenizer_config.json"
        chat
        says "OK LlamaForCausalLM 7.242"
        echo "{\"chat_template\":$settings}" >"$M/tokenizer_config.json"
        chat
        says "OK LlamaForCausalLM 7.242"
    done
    for settings in '""' '[]' '7' 'null' '{}'; do
        echo "{\"chat_template\":$settings}" >"$M/tokenizer_config.json"
        chat
        expect_line "REFUSED acme/x has no chat template" "$said"
    done
    rm "$M/tokenizer_config.json"
    chat
    expect_line "REFUSED acme/x has no chat template" "$said"
}

# ---- what must not get out ----

@test "no sentence for a submitter names the Hub's address or a token" {
    hubctl create models/acme/gated --gated
    make_model acme/gated
    make_model acme/x
    rm "$M/model.safetensors"
    publish
    export HF_READ_TOKEN=hf_local_bob
    for model in acme/gated acme/x acme/nope; do
        check $model
        no grep -q "127.0.0.1\|hf_local" <<<"$said"
    done
}

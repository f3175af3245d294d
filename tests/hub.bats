#!/usr/bin/env bats
# The local Hub: build/hub.fcgi under a lighttpd of its own, and build/hubctl.

bats_require_minimum_version 1.5.0
load helper

# hub_start FOLDER [NAME=value…]: runs a Hub by itself, whose state is FOLDER, with more settings, and
# awaits it. Sets HUB (its address) and HUB_PID. lighttpd must leave ranges to it.
hub_start() {
    local state=$1 port
    shift
    mkdir -p "$state"
    for _ in 1 2 3 4 5; do
        port=$(free_port)
        cat > "$state/lighttpd.conf" <<CONF
server.port = $port
server.bind = "127.0.0.1"
server.document-root = "$state"
server.errorlog = "$state/lighttpd.log"
server.upload-dirs = ( "$state" )
server.modules = ( "mod_fastcgi" )
server.range-requests = "disable"
fastcgi.server = ( "/" => (( "socket" => "$state/hub.sock", "bin-path" => "$PROGRAM_DIR/hub.fcgi",
    "max-procs" => 1, "check-local" => "disable" )) )
CONF
        env "$@" STATE_DIR="$state" lighttpd -D -f "$state/lighttpd.conf" \
            > "$state/lighttpd.out" 2>&1 3>&- &
        HUB_PID=$!
        HUB=http://127.0.0.1:$port
        # Somebody else may have taken the port in between: then ours has ended, and we try another.
        while kill -0 "$HUB_PID" 2> /dev/null; do
            if curl -s --max-time 10 "$HUB/" | grep -q 'nothing at this path'; then return 0; fi
        done
    done
    cat "$state"/lighttpd.{out,log} >&2
    return 1
}

# hub_stop PID: ends a Hub and waits until it is gone.
hub_stop() {
    kill "$1"
    while kill -0 "$1" 2> /dev/null; do wait "$1" 2> /dev/null || sleep 0.01; done
}

# ---- requests ----

# ask METHOD PATH [curl's arguments…]: sends a request and shows it with its answer. Sets STATUS;
# `header NAME` and `field FILTER` (of jq) look into the answer, whose body is $T/body.
ask() {
    local method=$1 address=$2
    shift 2
    [ "${address#http}" != "$address" ] || address=$HUB$address
    if [ "$method" = HEAD ]; then set -- -I "$@"; else set -- -X "$method" "$@"; fi
    headers=$T/head
    STATUS=$(curl -s --path-as-is --max-time 30 -D "$T/head" -o "$T/body" -w '%{http_code}' \
        "$@" "$address")
    echo "$method $address ($*) gives:"
    cat "$T/head"
    head -c 1000 "$T/body"
    echo
}

field() {
    jq -r "$@" "$T/body"
}

# as NAME: curl's arguments for a user's token.
as() {
    printf -- '-HAuthorization: Bearer hf_local_%s' "$1"
}

# commit NAME REPO LINES…: a commit with a header of {"summary": "t"} unless the first line is one.
commit() {
    local name=$1 repo=$2
    shift 2
    case $1 in *'"header"'*) ;; *) set -- '{"key":"header","value":{"summary":"t"}}' "$@" ;; esac
    ask POST "/api/$repo/commit/main" "$(as "$name")" -H 'Content-Type: application/x-ndjson' \
        --data-binary "$(printf '%s\n' "$@")"
}

# file PATH TEXT: the line that adds a file.
file() {
    jq -nc --arg path "$1" --arg content "$2" \
        '{key: "file", value: {path: $path, content: $content}}'
}

# batch NAME REPO OID SIZE: asks where to upload an object.
batch() {
    ask POST "/$2.git/info/lfs/objects/batch" "$(as "$1")" \
        -H 'Content-Type: application/vnd.git-lfs+json' \
        -d "{\"operation\":\"upload\",\"transfers\":[\"basic\",\"multipart\"],
             \"objects\":[{\"oid\":\"$3\",\"size\":$4}]}"
}

sha256() {
    sha256sum "$1" | cut -d ' ' -f 1
}

setup_file() {
    STATE_DIR=$BATS_FILE_TMPDIR/state
    HUB_DIR=$BATS_FILE_TMPDIR/repos
    export STATE_DIR HUB_DIR
    unset ENVIRONMENT HUB_DB HF_TOKEN

    local many=$HUB_DIR/datasets/acme/many tiny=$HUB_DIR/models/acme/tiny
    local small=$HUB_DIR/datasets/acme/small
    mkdir -p "$many/f" "$small/sub/deep" "$small/a" "$tiny"
    echo '# many' > "$many/README.md"
    for i in $(seq -w 2100); do printf '{"n":%s}' "$i" > "$many/f/$i.json"; done

    echo '# small' > "$small/README.md"
    printf '0123456789' > "$small/ten.txt"
    : > "$small/empty.txt"
    echo deep > "$small/sub/deep/ü b.json"
    echo a > "$small/a.txt"
    echo b > "$small/a/b"
    echo c > "$small/a-c"
    head -c 3000 /dev/zero > "$small/sub/rows.parquet"

    cat > "$tiny/README.md" << CARD
---
license: apache-2.0
base_model:
- acme/base
tags: [a, "b"]
pipeline_tag: text-generation
---
# Tiny
CARD
    echo '{"architectures":["LlamaForCausalLM"],"model_type":"llama","x":1}' > "$tiny/config.json"
    echo '{"chat_template":"{{ messages }}"}' > "$tiny/tokenizer_config.json"
    printf '\x39\0\0\0\0\0\0\0%s' \
        '{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}' > "$tiny/model.safetensors"
    head -c 24 /dev/zero >> "$tiny/model.safetensors"

    mkdir -p "$STATE_DIR"
    hubctl import "$HUB_DIR"
    hub_start "$STATE_DIR" HUB_LFS_PART_BYTES=100000 HUB_RATE_API=100000
    export HUB HUB_PID
}

teardown_file() {
    [ -e "$STATE_DIR/stopped" ] || hub_stop "$HUB_PID"
}

setup() {
    T=$BATS_TEST_TMPDIR
}

teardown() {
    [ -z "$OWN_PID" ] || hub_stop "$OWN_PID"
}

# new_repo: creates a dataset of alice's for this test alone and prints datasets/alice/NAME.
new_repo() {
    local repo=datasets/alice/test-$BATS_TEST_NUMBER
    hubctl create "$repo" && echo "$repo"
}

# ---- what it is ----

@test "the Hub does not start in production" {
    run -100 env ENVIRONMENT=production STATE_DIR="$T" "$PROGRAM_DIR/hub.fcgi"
    [ "${#lines[@]}" = 1 ]
    [[ $output == *"does not start with ENVIRONMENT=production"* ]]
}

@test "--help and every answer say that it is for development" {
    run -0 "$PROGRAM_DIR/hub.fcgi" --help
    [[ $output == *"development"* ]]
    for path in /api/whoami-v2 /api/datasets/acme/small /nothing/at/all /cdn/x; do
        ask GET "$path"
        [ "$(header X-Local-Hub)" = "development only" ]
        [ -n "$(header X-Request-Id)" ]
    done
}

# ---- hubctl ----

@test "hubctl: wrong use is 100, refusals are 1, a bad database is 111" {
    run -0 "$PROGRAM_DIR/hubctl" --help
    run -100 "$PROGRAM_DIR/hubctl"
    run -100 "$PROGRAM_DIR/hubctl" import
    run -100 "$PROGRAM_DIR/hubctl" frobnicate x
    run -1 hubctl ls datasets/acme/nope
    run -1 hubctl ls acme/small
    run -1 hubctl create datasets/acme/small
    run -1 hubctl create datasets/acme/..
    run -1 hubctl rm datasets/acme/small nope
    run -111 "$PROGRAM_DIR/hubctl" --db "$T/no/such/folder/hub.db" ls datasets/acme/small
    echo 'this is no database, but a text of more than one hundred bytes, as long as the header of \
        a database is, so that it is read as one' > "$T/text"
    run -111 "$PROGRAM_DIR/hubctl" --db "$T/text" ls datasets/acme/small
}

@test "hubctl import: what is unchanged makes no commit, what is gone is deleted" {
    local dir=$T/in/models/acme/m db=$T/hub.db
    mkdir -p "$dir/sub"
    echo one > "$dir/one"
    echo two > "$dir/sub/two"
    "$PROGRAM_DIR/hubctl" --db "$db" import "$T/in"
    "$PROGRAM_DIR/hubctl" --db "$db" import "$T/in"
    [ "$("$PROGRAM_DIR/hubctl" --db "$db" log models/acme/m | cut -d ' ' -f 3-)" = $'import\ninitial commit' ]
    rm -r "$dir/sub"
    mv "$dir/one" "$dir/sub"
    "$PROGRAM_DIR/hubctl" --db "$db" import "$T/in"
    run -0 "$PROGRAM_DIR/hubctl" --db "$db" ls models/acme/m
    [ "$output" = "$(git hash-object "$dir/sub")            4 sub" ]
}

@test "hubctl import of 2,101 files takes less than two seconds" {
    local start=${EPOCHREALTIME/./}
    "$PROGRAM_DIR/hubctl" --db "$T/hub.db" import "$HUB_DIR"
    [ $((${EPOCHREALTIME/./} - start)) -lt 2000000 ]
}

@test "hubctl put and rm are seen by the running Hub at once" {
    local repo
    repo=$(new_repo)
    echo hello > "$T/file"
    sha=$(hubctl put "$repo" sub/hello.txt "$T/file")
    ask GET "/$repo/resolve/main/sub/hello.txt"
    [ "$(cat "$T/body")" = hello ]
    [ "$(header X-Repo-Commit)" = "$sha" ]
    hubctl rm "$repo" sub
    ask GET "/$repo/resolve/main/sub/hello.txt"
    [ "$STATUS" = 404 ]
}

@test "hubctl token: the new user's token works" {
    run -0 hubctl token dora
    [ "$output" = hf_local_dora ]
    run -1 hubctl token dora
    ask GET /api/whoami-v2 "$(as dora)"
    [ "$(field .name)" = dora ]
}

# ---- git's names ----

# git_of REPO FOLDER: a git repository of the folder's files, LFS pointers in place of parquet.
git_of() {
    cp -r "$1" "$2"
    find "$2" -name '*.parquet' | while read -r parquet; do
        printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %s\n' \
            "$(sha256 "$parquet")" "$(stat -c %s "$parquet")" > "$T/pointer"
        cp "$T/pointer" "$parquet"
    done
    git -C "$2" init -q
    git -C "$2" add .
}

@test "oids of files, LFS pointers and folders are git's" {
    git_of "$HUB_DIR/datasets/acme/small" "$T/git"
    git -C "$T/git" -c core.quotePath=false ls-tree -rt "$(git -C "$T/git" write-tree)" --format='%(objectname) %(path)' \
        | sort > "$T/right"
    ask GET '/api/datasets/acme/small/tree/main?recursive=true'
    field '.[] | "\(.oid) \(.path)"' | sort > "$T/ours"
    diff "$T/right" "$T/ours"
    [ "$(wc -l < "$T/ours")" -ge 11 ]
}

@test "a commit's sha is the one that git gives it" {
    local repo first second
    repo=$(new_repo)
    commit alice "$repo" '{"key":"header","value":{"summary":"Say it","description":"twice"}}' \
        "$(file a.txt hello)" "$(file a/b hello)" "$(file a-b hello)"
    second=$(field .commitOid)
    first=$(hubctl log "$repo" | tail -1 | cut -d ' ' -f 1)
    when() { hubctl log "$repo" | sed -n "$1p" | cut -d ' ' -f 2 | date -u -f - +%s; }
    mkdir -p "$T/git/a" && cd "$T/git" && git init -q
    printf hello | tee a.txt a/b a-b
    git_commit() {
        env GIT_AUTHOR_NAME='Local Hub' GIT_AUTHOR_EMAIL=hub@localhost GIT_AUTHOR_DATE="$1 +0000" \
            GIT_COMMITTER_NAME='Local Hub' GIT_COMMITTER_EMAIL=hub@localhost \
            GIT_COMMITTER_DATE="$1 +0000" git commit-tree "${@:2}"
    }
    [ "$first" = "$(git_commit "$(when 2)" -m 'initial commit' "$(git mktree < /dev/null)")" ]
    git add .
    [ "$second" = "$(git_commit "$(when 1)" -p "$first" -m 'Say it' -m twice "$(git write-tree)")" ]
}

# ---- callers, repos, and who may what ----

@test "whoami: a user, an organisation, and nobody" {
    ask GET /api/whoami-v2 "$(as alice)"
    [ "$STATUS/$(field .name)/$(field .type)/$(field .auth.accessToken.role)" = 200/alice/user/write ]
    ask GET /api/whoami-v2 "$(as server)"
    [ "$STATUS/$(field .name)" = 200/local-server ]
    ask GET /api/whoami-v2 "$(as acme)"
    [ "$STATUS/$(field .name)/$(field .type)" = 200/acme/org ]
    ask GET /api/whoami-v2
    [ "$STATUS" = 401 ]
}

@test "an unknown token is refused everywhere, even where none is needed" {
    for path in /api/whoami-v2 /api/datasets/acme/small /api/datasets/acme/small/tree/main \
        /datasets/acme/small/resolve/main/ten.txt; do
        ask GET "$path" "$(as nobody)"
        [ "$STATUS" = 401 ]
        [ "$(header X-Error-Message)" = 'Invalid credentials in Authorization header' ]
        [ "$(field .error)" = 'Invalid credentials in Authorization header' ]
    done
}

@test "a repo that is not there is 401 for nobody and 404 for somebody" {
    ask GET /api/datasets/acme/nope
    [ "$STATUS/$(header X-Error-Code)" = 401/RepoNotFound ]
    ask GET /api/datasets/acme/nope "$(as alice)"
    [ "$STATUS/$(header X-Error-Code)" = 404/RepoNotFound ]
    ask GET /api/models/gpt2 "$(as alice)"
    [ "$STATUS/$(header X-Error-Code)" = 404/RepoNotFound ]
}

@test "a private repo is there for its owner and the server alone" {
    hubctl create datasets/alice/secret --private
    ask GET /api/datasets/alice/secret
    [ "$STATUS/$(header X-Error-Code)" = 401/RepoNotFound ]
    ask GET /api/datasets/alice/secret "$(as bob)"
    [ "$STATUS/$(header X-Error-Code)" = 404/RepoNotFound ]
    for name in alice server; do
        ask GET /api/datasets/alice/secret "$(as $name)"
        [ "$STATUS/$(field .private)" = 200/true ]
    done
}

@test "a gated repo shows its info to all and its files to its owner" {
    hubctl create models/alice/gated --gated
    hubctl put models/alice/gated README.md "$HUB_DIR/models/acme/tiny/README.md"
    ask GET /api/models/alice/gated
    [ "$STATUS/$(field .gated)" = 200/manual ]
    for path in /alice/gated/resolve/main/README.md /alice/gated/raw/main/README.md \
        /api/models/alice/gated/auth-check; do
        ask GET "$path"
        [ "$STATUS/$(header X-Error-Code)" = 401/GatedRepo ]
        ask GET "$path" "$(as bob)"
        [ "$STATUS/$(header X-Error-Code)" = 403/GatedRepo ]
        ask GET "$path" "$(as alice)"
        [ "$STATUS" = 200 ]
    done
}

@test "model info: the card, the configuration and the parameters" {
    ask GET /api/models/acme/tiny
    [ "$(field .id)" = acme/tiny ]
    [ "$(field -c .cardData)" = '{"license":"apache-2.0","base_model":["acme/base"],"tags":["a","b"],"pipeline_tag":"text-generation"}' ]
    [ "$(field -c .config)" = '{"architectures":["LlamaForCausalLM"],"model_type":"llama","tokenizer_config":{"chat_template":"{{ messages }}"}}' ]
    [ "$(field -c .safetensors)" = '{"parameters":{"F32":6},"total":6}' ]
    [ "$(field -c .tags)" = '["a","b","license:apache-2.0"]' ]
    [ "$(field -c '[.siblings[].rfilename]')" = '["README.md","config.json","model.safetensors","tokenizer_config.json"]' ]
}

@test "repo info: expand gives what is asked for, blobs the files' oids and sizes" {
    ask GET '/api/datasets/acme/small?expand=sha&expand[]=likes'
    [ "$(field -c keys)" = '["_id","id","likes","sha"]' ]
    ask GET '/api/datasets/acme/small?blobs=true'
    [ "$(field '.siblings[] | select(.rfilename == "ten.txt") | "\(.size) \(.blobId)"')" \
        = "10 $(git hash-object "$HUB_DIR/datasets/acme/small/ten.txt")" ]
    [ "$(field '.siblings[] | select(.lfs) | .lfs.sha256')" \
        = "$(sha256 "$HUB_DIR/datasets/acme/small/sub/rows.parquet")" ]
}

@test "repos are created in one's own namespace, once" {
    ask POST /api/repos/create "$(as carol)" -d '{"type":"dataset","name":"made"}'
    [ "$STATUS/$(field .url)" = "200/$HUB/datasets/carol/made" ]
    ask GET /api/datasets/carol/made
    [ "$STATUS/$(field .siblings)" = '200/[]' ]
    ask POST /api/repos/create "$(as carol)" -d '{"type":"dataset","name":"made"}'
    [ "$STATUS" = 409 ]
    ask POST /api/repos/create "$(as carol)" -d '{"name":"made","organization":"bob"}'
    [ "$STATUS" = 403 ]
    ask POST /api/repos/create "$(as carol)" -d '{"name":"../made"}'
    [ "$STATUS" = 400 ]
    ask POST /api/repos/create -d '{"name":"made"}'
    [ "$STATUS" = 401 ]
}

# ---- trees ----

@test "a tree comes in pages that the Link header joins" {
    local next='/api/datasets/acme/many/tree/main?recursive=true&limit=500' pages=0
    : > "$T/paths"
    while [ -n "$next" ]; do
        ask GET "$next"
        field '.[] | select(.type == "file") | .path' >> "$T/paths"
        next=$(header Link | sed -n 's/^<\([^>]*\)>; rel="next"$/\1/p')
        [ -z "$next" ] || [[ $next == "$HUB"/* ]]
        pages=$((pages + 1))
    done
    [ "$pages" = 5 ]
    (cd "$HUB_DIR/datasets/acme/many" && find . -type f -printf '%P\n') | sort > "$T/right"
    sort "$T/paths" | diff "$T/right" -
    ask GET '/api/datasets/acme/many/tree/main?recursive=true'
    [ "$(field length)" = 1000 ]
}

@test "a folder's tree, slashes encoded or not" {
    for path in sub/deep sub%2Fdeep; do
        ask GET "/api/datasets/acme/small/tree/main/$path"
        [ "$(field -c '[.[].path]')" = '["sub/deep/ü b.json"]' ]
    done
    ask GET '/api/datasets/acme/small/tree/main/a?recursive=true'
    [ "$(field -c '[.[].path]')" = '["a/b"]' ]
    ask GET /api/datasets/acme/small/tree/main/nope
    [ "$STATUS/$(header X-Error-Code)" = 404/EntryNotFound ]
}

@test "an LFS entry has the size of its content and says what its pointer is" {
    ask GET /api/datasets/acme/small/tree/main/sub
    [ "$(field '.[] | select(.lfs) | "\(.size) \(.lfs.oid) \(.lfs.size) \(.lfs.pointerSize)"')" \
        = "3000 $(sha256 "$HUB_DIR/datasets/acme/small/sub/rows.parquet") 3000 129" ]
}

@test "paths-info takes JSON and forms and leaves out what is not there" {
    ask POST /api/datasets/acme/small/paths-info/main -H 'Content-Type: application/json' \
        -d '{"paths":["ten.txt","a","nope"],"expand":true}'
    [ "$(field -c '[.[] | [.type, .path, .lastCommit.title]]')" \
        = '[["file","ten.txt","import"],["directory","a","import"]]' ]
    ask POST /api/datasets/acme/small/paths-info/main \
        -d 'paths=sub%2Fdeep%2F%C3%BC+b.json&paths=a&expand=False'
    [ "$(field -c '[.[].path]')" = '["sub/deep/ü b.json","a"]' ]
}

@test "revisions: main, HEAD and commits, but no other refs" {
    local sha
    ask GET /api/datasets/acme/small/revision/HEAD
    sha=$(field .sha)
    ask GET "/api/datasets/acme/small/revision/$sha"
    [ "$(field .sha)" = "$sha" ]
    for rev in refs%2Fconvert%2Fparquet refs/pr/1 "${sha:0:39}" 0000000000000000000000000000000000000000; do
        ask GET "/api/datasets/acme/small/tree/$rev"
        [ "$STATUS/$(header X-Error-Code)" = 404/RevisionNotFound ]
    done
}

@test "an old revision stays as it was, after changes and deletions" {
    local repo old
    repo=$(new_repo)
    commit alice "$repo" "$(file a/x 1)" "$(file a/y 1)" "$(file z 1)"
    old=$(field .commitOid)
    ask GET "/api/$repo/tree/$old?recursive=true"
    cp "$T/body" "$T/before"
    commit alice "$repo" "$(file a/x 2)" '{"key":"deletedFile","value":{"path":"z"}}'
    commit alice "$repo" '{"key":"deletedFolder","value":{"path":"a/"}}' "$(file a now-a-file)"
    ask GET "/api/$repo/tree/$old?recursive=true"
    cmp "$T/before" "$T/body"
    ask GET "/$repo/resolve/$old/a/x"
    [ "$(cat "$T/body")" = 1 ]
    ask GET "/api/$repo/tree/main?recursive=true"
    [ "$(field -c '[.[] | [.type, .path]]')" = '[["file","a"]]' ]
}

# ---- files ----

@test "resolve: a regular file with its git oid as ETag" {
    ask GET '/datasets/acme/small/resolve/main/sub/deep/%C3%BC%20b.json'
    [ "$STATUS" = 200 ]
    cmp "$T/body" "$HUB_DIR/datasets/acme/small/sub/deep/ü b.json"
    [ "$(header ETag)" = "\"$(git hash-object "$T/body")\"" ]
    [ "$(header X-Repo-Commit)" = "$(hubctl log datasets/acme/small | head -1 | cut -d ' ' -f 1)" ]
    [ -n "$(header RateLimit | grep '^"resolvers";r=[0-9]*;t=[0-9]*$')" ]
    ask GET /acme/tiny/resolve/main/config.json
    cmp "$T/body" "$HUB_DIR/models/acme/tiny/config.json"
}

@test "resolve: HEAD has the length and no body" {
    ask HEAD /datasets/acme/small/resolve/main/ten.txt
    [ "$STATUS/$(header Content-Length)" = 200/10 ]
}

@test "resolve: If-None-Match gives 304" {
    local etag
    ask HEAD /datasets/acme/small/resolve/main/ten.txt
    etag=$(header ETag)
    ask GET /datasets/acme/small/resolve/main/ten.txt -H "If-None-Match: W/$etag"
    [ "$STATUS" = 304 ]
    ask GET /datasets/acme/small/resolve/main/sub/rows.parquet \
        -H "If-None-Match: \"$(sha256 "$HUB_DIR/datasets/acme/small/sub/rows.parquet")\""
    [ "$STATUS" = 304 ]
}

@test "resolve: ranges" {
    range() {
        ask GET "/datasets/acme/small/resolve/main/$1" -H "Range: $2"
        [ "$STATUS $(header Content-Range) $(cat "$T/body")" = "$3" ]
    }
    range ten.txt bytes=0-0 '206 bytes 0-0/10 0'
    range ten.txt bytes=2-4 '206 bytes 2-4/10 234'
    range ten.txt bytes=7- '206 bytes 7-9/10 789'
    range ten.txt bytes=7-99 '206 bytes 7-9/10 789'
    range ten.txt bytes=-3 '206 bytes 7-9/10 789'
    range ten.txt bytes=-99 '206 bytes 0-9/10 0123456789'
    range ten.txt bytes=0-1,4-5 '200  0123456789'
    range ten.txt bytes=4-2 '200  0123456789'
    range ten.txt lines=1-2 '200  0123456789'
    range ten.txt bytes=10- '416 bytes */10 {"error":"The range lies beyond the end"}'
    range empty.txt bytes=0-0 '200 bytes */0 '
    ask GET /datasets/acme/small/resolve/main/ten.txt -H 'Range: bytes=0-0' -H 'If-Range: "other"'
    [ "$STATUS" = 200 ]
}

@test "resolve: what is not there" {
    for path in nope sub a/b/c %2e%2e/x a//b; do
        ask GET "/datasets/acme/small/resolve/main/$path"
        [ "$STATUS/$(header X-Error-Code)" = 404/EntryNotFound ]
    done
    ask GET /datasets/acme/small/resolve/nope/ten.txt
    [ "$STATUS/$(header X-Error-Code)" = 404/RevisionNotFound ]
    ask GET /datasets/acme/nope/resolve/nope/nope
    [ "$STATUS/$(header X-Error-Code)" = 401/RepoNotFound ]
}

@test "raw: an LFS file's pointer" {
    local file=$HUB_DIR/datasets/acme/small/sub/rows.parquet
    ask GET /datasets/acme/small/raw/main/sub/rows.parquet
    printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 3000\n' "$(sha256 "$file")" \
        | cmp - "$T/body"
    ask GET /datasets/acme/small/raw/main/ten.txt -H 'Range: bytes=1-2'
    [ "$(cat "$T/body")" = 12 ]
}

@test "resolve: an LFS file is elsewhere, on another host" {
    local file=$HUB_DIR/datasets/acme/small/sub/rows.parquet there
    ask GET /datasets/acme/small/resolve/main/sub/rows.parquet "$(as alice)"
    [ "$STATUS/$(header X-Linked-Size)" = 302/3000 ]
    [ "$(header X-Linked-Etag)" = "\"$(sha256 "$file")\"" ]
    there=$(header Location)
    [[ $there == http://localhost:${HUB##*:}/cdn/* ]]
    ask GET "$there"
    [ "$STATUS" = 200 ]
    cmp "$T/body" "$file"
    [ "$(header ETag)" != "\"$(sha256 "$file")\"" ]
    ask GET "$there" -H 'Range: bytes=2990-'
    [ "$STATUS/$(header Content-Range)" = '206/bytes 2990-2999/3000' ]
    ask GET "http://localhost:${HUB##*:}/datasets/acme/small/resolve/main/sub/rows.parquet"
    [[ $(header Location) == "$HUB"/cdn/* ]]
}

@test "a signed address refuses tokens, other signatures and the past" {
    local there
    ask GET /datasets/acme/small/resolve/main/sub/rows.parquet
    there=$(header Location)
    ask GET "$there" "$(as alice)"
    [ "$STATUS" = 400 ]
    ask GET "${there%signature=*}signature=$(printf '0%.0s' {1..64})"
    [ "$STATUS" = 403 ]
    ask GET "${there%%\?*}"
    [ "$STATUS" = 403 ]
    ask GET "$(sed 's/expires=[0-9]*/expires=9999999999/' <<< "$there")"
    [ "$STATUS" = 403 ]
    sqlite3 "$STATE_DIR/hub.db" ".backup '$T/hub.db'"
    hub_start "$T" HUB_ADDRESS_SECONDS=0
    OWN_PID=$HUB_PID
    ask GET /datasets/acme/small/resolve/main/sub/rows.parquet
    ask GET "$(header Location)"
    [ "$STATUS/$(field .error)" = '403/The address has expired' ]
}

# ---- commits ----

@test "commit: utf-8 and base64, names with spaces and accents" {
    local repo
    repo=$(new_repo)
    commit alice "$repo" "$(file 'a b/ü.json' '{"x":"ü"}')" \
        '{"key":"file","value":{"path":"b","content":"AAEC/w==","encoding":"base64"}}'
    [ "$STATUS/$(field .success)" = 200/true ]
    [ "$(field .commitUrl)" = "$HUB/$repo/commit/$(field .commitOid)" ]
    ask GET "/$repo/resolve/main/a%20b/%C3%BC.json"
    [ "$(cat "$T/body")" = '{"x":"ü"}' ]
    ask GET "/$repo/resolve/main/b"
    [ "$(od -An -tx1 "$T/body")" = ' 00 01 02 ff' ]
}

@test "commit: parentCommit is compared, and a stale one is 412" {
    local repo parent
    repo=$(new_repo)
    commit alice "$repo" "$(file x 1)"
    parent=$(field .commitOid)
    header_line() { echo "{\"key\":\"header\",\"value\":{\"summary\":\"t\",\"parentCommit\":\"$1\"}}"; }
    commit alice "$repo" "$(header_line "$parent")" "$(file x 2)"
    [ "$STATUS" = 200 ]
    commit alice "$repo" "$(header_line "$parent")" "$(file x 3)"
    [ "$STATUS" = 412 ]
    [[ $(field .error) == 'A commit has happened since.'* ]]
    ask GET "/$repo/resolve/main/x"
    [ "$(cat "$T/body")" = 2 ]
}

@test "commit: of twenty at once on the same parent, one is made" {
    local repo parent
    repo=$(new_repo)
    parent=$(hubctl log "$repo" | cut -d ' ' -f 1)
    for i in $(seq 20); do
        curl -s -o /dev/null -w '%{http_code}\n' "$(as alice)" "$HUB/api/$repo/commit/main" \
            --data-binary "{\"key\":\"header\",\"value\":{\"summary\":\"$i\",\"parentCommit\":\"$parent\"}}
$(file x "$i")" > "$T/$i.status" &
    done
    wait
    [ "$(cat "$T"/*.status | sort | uniq -c | tr -s ' \n' ' ')" = ' 1 200 19 412 ' ]
}

@test "commit: all of it or nothing" {
    local repo
    repo=$(new_repo)
    commit alice "$repo" "$(file x 1)" '{"key":"deletedFile","value":{"path":"nope"}}'
    [ "$STATUS/$(header X-Error-Code)" = 404/EntryNotFound ]
    ask GET "/$repo/resolve/main/x"
    [ "$STATUS" = 404 ]
    [ "$(hubctl log "$repo" | wc -l)" = 1 ]
}

@test "commit: deletions of files, folders and entries" {
    local repo
    repo=$(new_repo)
    commit alice "$repo" "$(file a/b/c 1)" "$(file a/d 1)" "$(file e 1)" "$(file f/g 1)" "$(file h 1)"
    commit alice "$repo" '{"key":"deletedFolder","value":{"path":"a"}}' \
        '{"key":"deletedEntry","value":{"path":"e"}}' '{"key":"deletedFile","value":{"path":"f/g"}}'
    [ "$STATUS" = 200 ]
    ask GET "/api/$repo/tree/main?recursive=true"
    [ "$(field -c '[.[].path]')" = '["h"]' ]
    commit alice "$repo" '{"key":"deletedFolder","value":{"path":"h"}}'
    [ "$STATUS" = 404 ]
}

@test "commit: oldPath renames" {
    local repo
    repo=$(new_repo)
    commit alice "$repo" "$(file old 1)"
    commit alice "$repo" '{"key":"file","value":{"path":"new","oldPath":"old","content":"2"}}'
    ask GET "/api/$repo/tree/main"
    [ "$(field -c '[.[].path]')" = '["new"]' ]
}

@test "commit: what makes no sense is 400" {
    local repo long
    repo=$(new_repo)
    commit alice "$repo" "$(file x 1)" "$(file d/x 1)"
    for line in 'no json' '{"key":"what","value":{}}' '{"key":"file","value":{"path":"x"}}' \
        '{"key":"file","value":{"path":"x","content":"?","encoding":"base64"}}' \
        '{"key":"file","value":{"path":"x","content":"","encoding":"hex"}}' \
        '{"key":"lfsFile","value":{"path":"w","algo":"md5","oid":"0"}}' \
        "$(file ../x 1)" "$(file /x 1)" "$(file a//x 1)" "$(file .git/x 1)" "$(file 'a\b' 1)" \
        "$(file x/y 1)" "$(file d 1)" "$(file "$(printf 'x%.0s' {1..1001})" 1)"; do
        commit alice "$repo" "$line"
        [ "$STATUS" = 400 ]
        [ -n "$(field .error)" ]
    done
    commit alice "$repo" '{"key":"header","value":{"summary":""}}' "$(file y 1)"
    [ "$STATUS" = 400 ]
    ask POST "/api/$repo/commit/main" "$(as alice)" --data-binary "$(file y 1)"
    [ "$STATUS" = 400 ]
    ask POST "/api/$repo/commit/main?create_pr=1" "$(as alice)" -d ''
    [ "$STATUS" = 400 ]
    [ "$(hubctl log "$repo" | wc -l)" = 2 ]
}

@test "commit: a regular file has at most 10 MiB" {
    local repo
    repo=$(new_repo)
    { echo '{"key":"header","value":{"summary":"t"}}'
      printf '{"key":"file","value":{"path":"x","content":"'
      head -c 10485761 /dev/zero | tr '\0' x
      echo '"}}'; } > "$T/payload"
    ask POST "/api/$repo/commit/main" "$(as alice)" --data-binary "@$T/payload"
    [ "$STATUS" = 400 ]
    [[ $(field .error) == *"10 MiB"* ]]
}

@test "commit: who may not write is refused" {
    commit bob datasets/acme/small "$(file x 1)"
    [ "$STATUS" = 403 ]
    ask POST /api/datasets/acme/small/commit/main -d ''
    [ "$STATUS" = 401 ]
    ask GET /api/datasets/acme/small/auth-check/write "$(as bob)"
    [ "$STATUS" = 403 ]
    ask GET /api/datasets/acme/small/auth-check/write "$(as acme)"
    [ "$STATUS" = 200 ]
    commit server "$(new_repo)" "$(file x 1)"
    [ "$STATUS" = 200 ]
}

@test "preupload says which files are LFS files and which are there already" {
    ask POST /api/datasets/acme/small/preupload/main "$(as acme)" -d '{"files":[
        {"path":"ten.txt","size":10,"sample":""},{"path":"new.parquet","size":10,"sample":""},
        {"path":"empty.bin","size":0,"sample":""},{"path":"big.txt","size":10485761,"sample":""},
        {"path":"sub/rows.parquet","size":3000,"sample":""}]}'
    [ "$(field -c '[.files[].uploadMode]')" = '["regular","lfs","regular","lfs","lfs"]' ]
    [ "$(field '.files[0].oid')" = "$(git hash-object "$HUB_DIR/datasets/acme/small/ten.txt")" ]
    [ "$(field '.files[1].oid')" = null ]
    [ "$(field '.files[4].oid')" = "$(sha256 "$HUB_DIR/datasets/acme/small/sub/rows.parquet")" ]
    [ "$(field .commitOid)" = "$(hubctl log datasets/acme/small | head -1 | cut -d ' ' -f 1)" ]
}

# ---- LFS uploads ----

@test "LFS: one PUT, verified, committed and read back" {
    local repo oid put verify
    repo=$(new_repo)
    head -c 50000 /dev/urandom > "$T/w.bin"
    oid=$(sha256 "$T/w.bin")
    commit alice "$repo" "{\"key\":\"lfsFile\",\"value\":{\"path\":\"w.bin\",\"algo\":\"sha256\",\"oid\":\"$oid\",\"size\":50000}}"
    [ "$STATUS" = 400 ]
    batch alice "$repo" "$oid" 50000
    [[ $(header Content-Type) == application/vnd.git-lfs+json* ]]
    [ "$(field .transfer)" = basic ]
    put=$(field '.objects[0].actions.upload.href')
    verify=$(field '.objects[0].actions.verify.href')
    [[ $put == http://localhost:* && $verify == "$HUB"/* ]]
    ask POST "$verify" "$(as alice)" -d "{\"oid\":\"$oid\",\"size\":50000}"
    [ "$STATUS" = 404 ]
    ask PUT "$put" --data-binary "@$T/w.bin" "$(as alice)"
    [ "$STATUS" = 400 ]
    ask PUT "$put" --data-binary "@$HUB_DIR/datasets/acme/small/ten.txt"
    [ "$STATUS" = 400 ]
    head -c 50000 /dev/zero > "$T/other"
    ask PUT "$put" --data-binary "@$T/other"
    [ "$STATUS" = 400 ]
    ask PUT "${put/size=50000/size=10}" --data-binary "@$HUB_DIR/datasets/acme/small/ten.txt"
    [ "$STATUS" = 403 ]
    ask PUT "$put" --data-binary "@$T/w.bin"
    [ "$STATUS" = 200 ]
    ask POST "$verify" "$(as alice)" -d "{\"oid\":\"$oid\",\"size\":50000}"
    [ "$STATUS" = 200 ]
    commit alice "$repo" "{\"key\":\"lfsFile\",\"value\":{\"path\":\"w.bin\",\"algo\":\"sha256\",\"oid\":\"$oid\",\"size\":50000}}"
    [ "$STATUS" = 200 ]
    ask GET "/$repo/resolve/main/w.bin" -L
    cmp "$T/body" "$T/w.bin"
    batch alice "$repo" "$oid" 50000
    [ "$(field '.objects[0].actions')" = null ]
}

@test "LFS: parts, put in any order and joined" {
    local repo oid complete parts=
    repo=$(new_repo)
    head -c 250001 /dev/urandom > "$T/w.bin"
    oid=$(sha256 "$T/w.bin")
    batch alice "$repo" "$oid" 250001
    cp "$T/body" "$T/batch"
    [ "$(field .transfer)" = multipart ]
    [ "$(field '.objects[0].actions.upload.header | keys | join(" ")')" = '00001 00002 00003 chunk_size' ]
    [ "$(field '.objects[0].actions.upload.header.chunk_size | type')" = string ]
    complete=$(field '.objects[0].actions.upload.href')
    split -b 100000 "$T/w.bin" "$T/part."
    for part in 3:c 1:a 2:b; do
        ask PUT "$(jq -r ".objects[0].actions.upload.header[\"0000${part%:*}\"]" "$T/batch")" \
            --data-binary "@$T/part.a${part#*:}"
        [ "$STATUS" = 200 ]
        parts+=",{\"partNumber\":${part%:*},\"etag\":$(header ETag | jq -R .)}"
    done
    ask POST "$complete" -d "{\"oid\":\"$oid\",\"parts\":[{\"partNumber\":1,\"etag\":\"x\"}]}"
    [ "$STATUS" = 400 ]
    ask POST "$complete" -d "{\"oid\":\"$oid\",\"parts\":[${parts#,}]}"
    [ "$STATUS" = 200 ]
    commit alice "$repo" "{\"key\":\"lfsFile\",\"value\":{\"path\":\"w.bin\",\"algo\":\"sha256\",\"oid\":\"$oid\",\"size\":250001}}"
    [ "$STATUS" = 200 ]
    ask GET "/$repo/resolve/main/w.bin" -L
    cmp "$T/body" "$T/w.bin"
}

@test "LFS: only who may write may upload" {
    batch bob datasets/acme/small "$(printf '0%.0s' {1..64})" 1
    [ "$STATUS" = 403 ]
    batch acme datasets/acme/small xyz 1
    [ "$(field '.objects[0].error.code')" = 422 ]
}

# ---- limits, and the whole ----

@test "a refusal arrives, though nobody reads the upload" {
    head -c 5000000 /dev/zero > "$T/large"
    for _ in {1..10}; do
        ask PUT /api/whoami-v2 -H Expect: --data-binary "@$T/large"
        [ "$STATUS" = 405 ]
        [ "$(field .error)" != null ]
    done
}

@test "rate limits: each caller has its own window, and 429 says how long to wait" {
    hub_start "$T/state" HUB_RATE_API=4 HUB_RATE_RESOLVERS=1
    OWN_PID=$HUB_PID
    for left in 3 2 1 0; do
        ask GET /api/whoami-v2 "$(as alice)"
        [ "$STATUS" = 200 ]
        [[ $(header RateLimit) == "\"api\";r=$left;t="* ]]
        [ "$(header RateLimit-Policy)" = '"fixed window";"api";q=4;w=300' ]
    done
    ask GET /api/whoami-v2 "$(as alice)"
    [ "$STATUS" = 429 ]
    [[ $(header RateLimit) =~ ^\"api\"\;r=0\;t=(29[0-9]|300)$ ]]
    ask GET /api/whoami-v2 "$(as bob)"
    [ "$STATUS" = 200 ]
    ask GET /datasets/a/b/resolve/main/x "$(as alice)"
    [ "$STATUS" = 404 ]
    ask GET /datasets/a/b/resolve/main/x "$(as alice)"
    [ "$STATUS" = 429 ]
}

@test "the official JavaScript client works" {
    local modules=${HUB_JS_MODULES:-$PROGRAM_DIR/node_modules}
    command -v node > /dev/null || skip "node is not installed"
    [ -d "$modules/@huggingface/hub" ] || skip "@huggingface/hub is not in $modules"
    node "$BATS_TEST_DIRNAME/hub-client.mjs" "$HUB" "$modules"
}

@test "after all this the database is sound and its log short" {
    [ "$(stat -c %s "$STATE_DIR/hub.db-wal")" -lt 16777216 ]
    touch "$STATE_DIR/stopped"
    hub_stop "$HUB_PID"
    run ! grep -A 30 -E 'Sanitizer|runtime error' "$STATE_DIR/lighttpd.out"
    run -0 hubctl import "$HUB_DIR"
    [ "$(grep -c 'unchanged at' <<< "$output")" = 3 ]
    hub_start "$STATE_DIR"
    OWN_PID=$HUB_PID
    ask GET /api/datasets/acme/small
    [ "$STATUS" = 200 ]
}

#!/bin/sh
# Fuzzes tests/fuzz/TARGET.c with clang's libFuzzer and sanitizers; exits 1 when it finds something.
#
#   tests/fuzz/run.sh TARGET SECONDS        (BUILD names the folder of the programs)
#
# The corpus lies in BUILD/fuzz/corpus/TARGET and grows from run to run; the program `seeds` gives
# it its first files. An input that fails is left beside it, as BUILD/fuzz/crash-… and the like.
set -u

[ $# = 2 ] || { echo "usage: tests/fuzz/run.sh TARGET SECONDS" >&2; exit 100; }
target=$1 seconds=$2
cd "$(dirname "$0")/../.." || exit 111
[ -e "tests/fuzz/$target.c" ] || { echo "run.sh: no tests/fuzz/$target.c" >&2; exit 100; }
fuzz=${BUILD:-build}/fuzz
corpus=$fuzz/corpus/$target
log=$fuzz/$target.log
sanitize='-fsanitize=address,undefined -fno-sanitize-recover=all'
libraries="$(pkg-config --libs jansson libcurl sqlite3 libcrypto zlib libbrotlienc libbrotlidec libzstd liblz4)
    -lfcgi -lsnappy -lm"

mkdir -p "$corpus" "$fuzz/seeds"
make -s BUILD="$fuzz" CC=clang OPT='-O1 -g -fno-omit-frame-pointer' HARDEN= LDFLAGS= \
    SANITIZE="$sanitize -fsanitize=fuzzer-no-link" "$fuzz/liblb.a" || exit 111
# shellcheck disable=SC2086
build() { clang -std=c17 -D_GNU_SOURCE -O1 -g $sanitize -Ilib "$@" "$fuzz/liblb.a" $libraries; }
build -fsanitize=fuzzer "tests/fuzz/$target.c" -o "$fuzz/$target" || exit 111
build -fsanitize=fuzzer-no-link tests/fuzz/seeds.c -o "$fuzz/seeds.bin" || exit 111
"$fuzz/seeds.bin" "$fuzz/seeds" && cp "$fuzz"/seeds/*."$target" "$corpus" || exit 111

"$fuzz/$target" -max_total_time="$seconds" -rss_limit_mb=2048 -max_len=65536 -timeout=10 \
    -print_final_stats=1 -artifact_prefix="$fuzz/" "$corpus" >"$log" 2>&1
code=$?
[ $code = 0 ] || tail -n 40 "$log"
awk -v target="$target" -v code=$code '
    / cov: /                          { for (i = 1; i < NF; i++) if ($i == "cov:") edges = $(i + 1) }
    /^stat::number_of_executed_units/ { executions = $2 }
    /^stat::new_units_added/          { inputs = $2 }
    END {
        printf "fuzz %s: %d executions, %d edges covered, %d inputs added, %s\n",
            target, executions, edges, inputs, code == 0 ? "nothing found" : "FAILED"
    }' "$log"
[ $code = 0 ] || exit 1

#!/bin/sh
# Fuzzes tests/fuzz/TARGET.c with clang's libFuzzer and sanitizers, one after the other; exits 1 when
# that finds something.
#
#   tests/fuzz/run.sh SECONDS TARGET…        (BUILD names the folder of the programs)
#
# The corpus lies in BUILD/fuzz/corpus/TARGET and grows from run to run; the target's own seeds are
# its first files, and what was found once (tests/fuzz/found/TARGET-*) is among them. An input that
# fails is left in BUILD/fuzz/TARGET.found. Lines are those of the files that the target's first
# comment names.
set -u

[ $# -ge 2 ] || { echo "usage: tests/fuzz/run.sh SECONDS TARGET…" >&2; exit 100; }
seconds=$1
shift
cd "$(dirname "$0")/../.." || exit 111
fuzz=${BUILD:-build}/fuzz
sanitize='-fsanitize=address,undefined -fno-sanitize-recover=all'
failed=0

for target; do
    [ -e "tests/fuzz/$target.c" ] || { echo "run.sh: no tests/fuzz/$target.c" >&2; exit 100; }
done
mkdir -p "$fuzz" || exit 111
work=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d) || exit 111
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

build() {
    make -s BUILD="$fuzz" CC="${FUZZ_CC:-clang}" OPT='-O1 -g -fno-omit-frame-pointer' HARDEN= LDFLAGS= \
        SANITIZE="$sanitize -fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping" "$@" >/dev/null
}

# seeds FOLDER: writes the target's first inputs, by a program of its own, as the fuzzer has none.
seeds() {
    build FUZZ=-DFUZZ_REPLAY "$fuzz/tests/fuzz/$target" &&
        mv "$fuzz/tests/fuzz/$target" "$fuzz/$target.seeds" &&
        LLVM_PROFILE_FILE=/dev/null "$fuzz/$target.seeds" --seeds "$1" >/dev/null || return
    if [ "$target" = parquet ]; then
        build "$fuzz/tests/fuzz/seeds" && LLVM_PROFILE_FILE=/dev/null "$fuzz/tests/fuzz/seeds" "$work" &&
            mv "$work"/*.parquet "$1" || return
    fi
    for found in tests/fuzz/found/"$target"-*; do
        [ ! -e "$found" ] || cp "$found" "$1" || return
    done
}

# lines: how much of the target's own files was run, by the profile that the fuzzer wrote.
lines() {
    # shellcheck disable=SC2046
    llvm-profdata merge -sparse "$work/profile" -o "$work/merged" 2>/dev/null &&
        llvm-cov export -summary-only -instr-profile "$work/merged" "$fuzz/$target" \
            $(sed '/\*\//q' "tests/fuzz/$target.c" | grep -oE '\b(lib|cgi-bin)/[a-z_]+\.c\b') 2>/dev/null |
        jq -r '.data[0].totals.lines | "\(.covered) of \(.count) lines (\(.percent | floor) %)"' 2>/dev/null ||
        echo "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$fuzz/$target.log" | tail -n 1) edges"
}

for target; do
    corpus=$fuzz/corpus/$target
    mkdir -p "$corpus" "$fuzz/$target.found" "$work/state" || exit 111
    seeds "$corpus" && build FUZZ=-fsanitize=fuzzer "$fuzz/tests/fuzz/$target" &&
        mv "$fuzz/tests/fuzz/$target" "$fuzz/$target" || exit 111
    ASAN_OPTIONS=quarantine_size_mb=64 STATE_DIR=$work/state LLVM_PROFILE_FILE=$work/profile \
        "$fuzz/$target" -max_total_time="$seconds" -rss_limit_mb=512 -malloc_limit_mb=256 -timeout=5 \
        -max_len=70000 -print_final_stats=1 -artifact_prefix="$fuzz/$target.found/" "$corpus" \
        </dev/null >"$fuzz/$target.log" 2>&1
    code=$?
    [ $code = 0 ] || { failed=1 && tail -n 40 "$fuzz/$target.log"; }
    awk -v target="$target" -v code=$code -v lines="$(lines)" '
        /^stat::number_of_executed_units/ { executions = $2 }
        /^stat::new_units_added/          { inputs = $2 }
        END {
            printf "fuzz %s: %d executions, %s, %d inputs added, %s\n",
                target, executions, lines, inputs, code == 0 ? "nothing found" : "FAILED"
        }' "$fuzz/$target.log"
    rm -rf "$work/state"
done
exit $failed

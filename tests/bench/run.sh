#!/usr/bin/env bash
# Measures, each figure against something that is run by turns with it, and prints one table; the same is
# in BUILD/bench.json.
#
#   tests/bench/run.sh [PART…]
#
#   QUICK=1         shorter and with fewer rows
#   SECONDS_EACH=1  of load for each figure and round     ROUNDS=3    of which the median counts
#   ROWS=4576       of the leaderboard                    MANY=100000 of a large one
#   IDLE=10000      connections                           SEED=1      of the generated data
#
# Everything runs on 127.0.0.1, and ends by itself. Exits 1 when a part failed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=${BUILD:-build}
PATH=$PATH:/usr/sbin
parts=(bodies handlers queries connections pull cold memory peer)
[ $# = 0 ] || parts=("$@")
if [ -n "${QUICK:-}" ]; then
    : "${SECONDS_EACH:=0.3}" "${ROUNDS:=1}" "${MANY:=10000}"
fi
export SECONDS_EACH=${SECONDS_EACH:-1} ROUNDS=${ROUNDS:-3} ROWS=${ROWS:-4576} MANY=${MANY:-100000} \
    IDLE=${IDLE:-10000} SEED=${SEED:-1} BENCH_DIR
BENCH_DIR=$(mktemp -d "${TMPDIR:-/tmp}/bench.XXXXXX")
trap 'rm -rf "$BENCH_DIR"' EXIT
trap 'exit 130' INT TERM
unset HF_TOKEN HF_READ_TOKEN

# All lines of all parts, each with its part in front.
code=0
for part in "${parts[@]}"; do
    [ -e "$here/$part.sh" ] || { echo "there is no part $part" >&2; [ $# = 0 ] || exit 100; continue; }
    echo "bench: $part" >&2
    "$here/$part.sh" >"$BENCH_DIR/lines" || {
        echo "skipped: it failed" >>"$BENCH_DIR/lines"
        code=1
    }
    sed "s/^/$part\t/" "$BENCH_DIR/lines" >>"$BENCH_DIR/all"
done

python() { for python in python3 /usr/bin/python3; do "$python" -c "$1" 2>/dev/null && return; done; echo none; }
jq -Rn --arg cores "$(nproc)" --arg cpu "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" \
    --arg kernel "$(uname -sr)" --arg lighttpd "$(lighttpd -v | head -n 1)" \
    --arg sqlite "$(pkg-config --modversion sqlite3)" --arg compiler "$(${CC:-gcc} --version | head -n 1)" \
    --arg fastapi "$(python 'import fastapi; print(fastapi.__version__)')" \
    --arg files "$(ulimit -Hn)" '
    [inputs / "\t"] as $lines | {
        machine: {cores: ($cores | tonumber), $cpu, $kernel, $lighttpd, $sqlite, $compiler, "python3-fastapi": $fastapi,
            open_files: $files},
        settings: ([$ENV | {SEED, SECONDS_EACH, ROUNDS, ROWS, MANY, IDLE} | to_entries[]
            | {key: (.key | ascii_downcase), value: (.value | tonumber)}] | from_entries),
        rows: [$lines[] | select(length > 2) | {
            part: .[0], row: .[1], unit: .[2], value: (.[3] | tonumber),
            reference: (if (.[4] // "") == "" then null else .[4] end),
            reference_value: (if (.[5] // "") == "" then null else .[5] | tonumber end),
            wanted: (if (.[6] // "") == "" then null else .[6] end)
        } | .ratio = (if (.reference_value // 0) == 0 then null else .value / .reference_value end)
          | .met = (if .wanted == null then null
                else (.ratio // .value) as $n | (.wanted / " ") as [$than, $bound] | ($bound | tonumber) as $bound
                | if $than == ">=" then $n >= $bound else $n <= $bound end end)],
        skipped: [$lines[] | select(length == 2) | {part: .[0], reason: (.[1] | sub("^skipped: "; ""))}]
    }' <"$BENCH_DIR/all" >"$build/bench.json"

# Figures with three digits at least, in columns as wide as their widest.
jq -r '
    def figure: if . == null then "" elif . >= 100 then round
        else (if . >= 10 then 10 elif . >= 1 then 100 else 1000 end) as $n | . * $n | round / $n end | tostring;
    ["", "row", "ours", "", "reference", "", "ratio", "wanted"],
    (.rows[] | [.part, .row, (.value | figure), .unit, .reference // "", (.reference_value | figure), (.ratio | figure),
        (.wanted // "") + (if .met == false then " (missed)" else "" end)]),
    (.skipped[] | [.part, "skipped: \(.reason)", "", "", "", "", "", ""])
    | join("\t")' "$build/bench.json" |
    awk -F '\t' '{
        for (i = 1; i <= NF; i++) {
            cell[NR, i] = $i
            if ($2 !~ /^skipped: / && length($i) > width[i]) width[i] = length($i)
        }
    }
    END {
        for (n = 1; n <= NR; n++) {
            line = ""
            for (i = 1; i <= 8; i++)
                line = line sprintf(i == 3 || i == 6 || i == 7 ? "%*s  " : "%-*s  ", width[i], cell[n, i])
            sub(/ +$/, "", line)
            print line
        }
    }'
exit $code

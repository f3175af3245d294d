#!/bin/sh
# Runs the bats tests and ends with the line "N passed, N failed[, N skipped]".
#
#   tests/run.sh [FILE.bats…]       (default: all; BUILD names the folder of the programs)
set -u

cd "$(dirname "$0")/.." || exit 111
[ $# -gt 0 ] || set -- tests/*.bats
results=$(mktemp)
trap 'rm -f "$results"' EXIT
bats --tap "$@" >"$results" 2>&1 &
bats=$!
trap 'kill $bats 2>/dev/null; exit 130' INT TERM
tail -n +1 -f --pid=$bats "$results"
wait $bats
code=$?
awk -v code=$code '
    /^ok .*# skip/ { skipped++; next }
    /^ok /         { passed++ }
    /^not ok /     { failed++ }
    END {
        # A run that broke off before its last test has failed, whatever it counted.
        if (code != 0 && failed == 0) failed = 1
        printf "%d passed, %d failed", passed, failed
        if (skipped) printf ", %d skipped", skipped
        print ""
        exit failed > 0 || passed == 0
    }' "$results"

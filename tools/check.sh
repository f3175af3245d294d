#!/bin/sh
# The checks of `make check`: layout, lint, both compilers without a warning, and the house rules.
# Prints what is wrong and exits 1; a planted mistake of each kind shows first that the checks bite.
set -u
cd "$(dirname "$0")/.." || exit 111
build=${BUILD:-build}
work=$(mktemp -d)
jobs=$(nproc)
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
    echo "check: $*"
    failed=1
}

sources=$(ls lib/*.[ch] cgi-bin/*.c cron/*.c tools/*.c tests/*/*.[ch])
units=$(ls lib/*.c cgi-bin/*.c cron/*.c tools/*.c tests/*/*.c)
make -s BUILD="$build" "$build/gen/sql.h" || exit 111
flags="-std=c17 -D_GNU_SOURCE -Ilib -I$build/gen"
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    -Wvla -Wformat=2 -Wundef -Wcast-qual -Wno-overlength-strings -Werror -DFUZZ_REPLAY"

# house_rules FILE…: prints what breaks a rule.
house_rules() {
    grep -nE '\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|strncpy|gets|FCGX_FPrintF)\(' "$@"
    for file in "$@"; do
        case $file in
        lib/http.c | lib/stream.c | tests/fuzz/program.h | tests/programs/empty.c) ;;
        *) grep -Hn 'include <fcgiapp.h>' "$file" ;;
        esac
        case $file in
        lib/transfer.[ch] | lib/hub.c) ;;
        *) grep -Hn 'include <curl/' "$file" ;;
        esac
        case $file in
        lib/db.[ch] | tests/* | *planted*) ;;
        *) grep -HnE '"(SELECT|INSERT|UPDATE|DELETE|CREATE) ' "$file" ;;
        esac
        case $file in
        lib/mem.c) ;; # no memory, which nothing mends
        lib/*) grep -HnE '\b(exit|abort|printf|puts)\(' "$file" ;;
        esac
    done
}

# The checks bite: each of these must be found.
printf '#include <string.h>\nvoid f(char *a, const char *b);\nvoid f(char *a, const char *b) { strcpy(a, b); }\n' >"$work/planted.c"
[ -n "$(house_rules "$work/planted.c")" ] || fail "the banned list does not bite"
clang-format --style=file:.clang-format --dry-run -Werror "$work/planted.c" 2>/dev/null && fail "clang-format does not bite"
printf 'int g(int n);\nint g(int n) { int *p = 0; if (n) *p = 1; return 0; }\n' >"$work/null.c"
clang-tidy --quiet --config-file=.clang-tidy "$work/null.c" -- -std=c17 2>/dev/null | grep -q 'clang-analyzer' ||
    fail "clang-tidy does not bite"
cppcheck --quiet --error-exitcode=1 "$work/null.c" 2>/dev/null && fail "cppcheck does not bite"

# shellcheck disable=SC2086
{
    clang-format --dry-run -Werror $sources || fail "clang-format: run make format"
    broken=$(house_rules $sources)
    [ -z "$broken" ] || fail "house rules: $broken"
    # The rest is one process a file, on all processors.
    for cc in gcc clang; do
        printf '%s\n' $units | xargs -P"$jobs" -I{} $cc $flags $warnings -O2 -fsyntax-only {} || fail "$cc"
    done
    cppcheck --quiet -j"$jobs" --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,performance,portability \
        --suppress=missingIncludeSystem -Ilib -I"$build/gen" -D__GNUC__ $units || fail "cppcheck"
    printf '%s\n' $units | xargs -P"$jobs" -n4 sh -c \
        'clang-tidy --quiet --config-file=.clang-tidy --warnings-as-errors="*" "$@" -- '"$flags"' -DFUZZ_REPLAY 2>/dev/null' _ ||
        fail "clang-tidy"
}
[ $failed = 0 ] && echo "check: clean"
exit $failed

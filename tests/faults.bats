#!/usr/bin/env bats
# What becomes of the programs when memory, disk or network fail them at any one call, or they are killed
# there: no crash, no hang, a reason for each error, nothing acknowledged lost or doubled, and the next
# run puts everything right. Points are drawn by a seed, SEED=1; `make sweep` takes more and other ones.

load helper

setup() {
    case $(nm "$PROGRAM_DIR/fetcher") in
    *__asan_init*) skip "the sanitizers' allocator comes before the one that fails" ;;
    esac
}

# sweep POINTS MODES SCENE…
sweep() {
    local points=$1 modes=$2
    shift 2
    run "$ROOT/tests/sweep.sh" --seed "${SEED:-1}" --each "$points" --mode "$modes" "$@"
    echo "$output" >&2
    expect "exit code" 0 "$status"
    # Calls did fail, and not everything went on as if nothing had been.
    awk -v modes="${modes//,/|}" '$3 ~ "^(" modes ")$" && $5 > 0 { runs++; failed += $6; refused += $8 + $9 + $10 + $11 }
         END { exit runs == 0 || failed == 0 || refused == 0 }' <<<"$output"
}

@test "memory is refused to a request: 5xx or an end with a reason, and the next answer is right" {
    sweep 60 alloc,alloc-onward formatted health vote
}

@test "memory is refused to the fetcher: a reason, and the next sync puts it right" {
    sweep 8 alloc sync
}

@test "memory stays away from the fetcher for good: one line says so, wherever it happens" {
    sweep 12 alloc-onward sync push verify status
    # No library ended it, and nothing was done.
    awk '$3 == "alloc-onward" && $8 + $9 != $5 { exit 1 }' <<<"$output"
}

@test "the disk fails: what was acknowledged is there once, and nothing is half published" {
    sweep 3 read-eio,write-enospc,write-short,sync-eio,name-eio sync vote submit
}

@test "what verify cannot read it takes for no difference" {
    sweep 30 read-eio verify
}

@test "killed at any call: the same" {
    sweep 5 kill sync push vote submit
}

@test "the connection to the Hub is reset at any call: an error, not a wait" {
    sweep 3 net-reset,net-reset-onward sync
}

@test "what the fetcher cannot write to its standard output is no success" {
    new_state
    code=0
    said=$(fetcher settings 2>&1 >/dev/full) || code=$?
    rm -rf "$STATE_DIR"
    expect "exit code" 111 "$code"
    expect_line "could not be written" "$said"
}

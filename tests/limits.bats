#!/usr/bin/env bats
# What is limited, whom it is counted for and what is counted of it, without a server
# (tests/programs/limits.c). The races are between processes, against one file.

load helper

limits() { "$PROGRAM_DIR/tests/limits" "$1" "$BATS_TEST_TMPDIR/file"; }

@test "addresses lie in networks, of IPv4 and IPv6" { limits networks; }
@test "the client is the last address that is no trusted proxy" { limits clients; }
@test "IPv6 addresses are counted by their /64" { limits keys; }

@test "a burst, then what the window refills: remaining, reset and retry" { limits arithmetic; }
@test "keys are apart, and so are groups" { limits apart; }
@test "a smaller limit or a clock put back locks nobody out for more than a window" { limits clamped; }
@test "several processes admit exactly as many as one would" { limits exact; }
@test "processes that start at once make one table" { limits race; }
@test "killed in the midst of counting, a process leaves no lock and no wrong count" { limits killed; }
@test "killed while it makes the table, a process leaves none or a whole one" { limits killed-making; }
@test "a program started anew finds what was counted" { limits restart; }
@test "a table that is damaged, or of an earlier boot, is made anew" { limits damaged; }
@test "200,000 keys take no more room than one; the deepest debt is kept" { limits bounded; }

@test "the counts of several processes add up, over restarts too" { limits counts; }
@test "killed in the midst of naming a series, a process leaves no half a name" { limits counts-killed; }
@test "counters that are damaged are made anew" { limits counts-damaged; }
@test "routes beyond the room there is are counted as other" { limits routes; }
@test "the text form: names, labels, buckets, sums" { limits text; }

@test "promtool has nothing to say about the text" {
    command -v promtool >/dev/null || skip "no promtool here (Debian's package prometheus)"
    for some in none some; do
        limits print-$some >"$BATS_TEST_TMPDIR/text"
        expect "promtool" "" "$(promtool check metrics <"$BATS_TEST_TMPDIR/text" 2>&1)"
    done
}

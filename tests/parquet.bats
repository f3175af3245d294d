#!/usr/bin/env bats
# The parquet reader, through parquet-cat: what it reads, what it refuses, and that nothing hurts it.
#
# tests/fuzz/seeds.c writes the input: a file for every encoding, codec, page version, type and shape
# of list, and beside each the rows that it holds.

load helper

setup_file() {
    SEEDS=$BATS_FILE_TMPDIR/seeds
    export SEEDS
    mkdir "$SEEDS"
    "$PROGRAM_DIR/tests/fuzz/seeds" "$SEEDS"
}

setup() {
    cd "$BATS_TEST_TMPDIR"
}

parquet_cat() { "$PROGRAM_DIR/parquet-cat" "$@"; }

# reads SEED: the file gives exactly the rows that were written into it.
reads() { diff "$SEEDS/$1.jsonl" <(parquet_cat "$SEEDS/$1.parquet"); }

# refuses FILE TEXT: exit 1, no rows, and one line on stderr that names the file and ends with TEXT.
refuses() {
    local code=0
    parquet_cat "$1" >rows 2>reason || code=$?
    expect "exit code" 1 "$code"
    expect "rows" 0 "$(wc -l <rows)"
    expect "lines of reason" 1 "$(wc -l <reason)"
    expect "reason" "parquet-cat: $1: $2" "$(cat reason)"
}

# refuses_lie SEED CHANGE TEXT: a seed whose bytes were changed by a perl substitution is refused.
refuses_lie() {
    perl -0777 -pe "$2" "$SEEDS/$1.parquet" >lie.parquet
    ! cmp -s "$SEEDS/$1.parquet" lie.parquet || { echo "$2 changes nothing" >&2; return 1; }
    refuses lie.parquet "$3"
}

# survives FILE…: each is read, or refused with one line; nothing else may happen.
survives() {
    local file code
    for file; do
        code=0
        parquet_cat "$file" >/dev/null 2>reason || code=$?
        [ "$code" = 0 ] && [ ! -s reason ] && continue
        [ "$code" = 1 ] && [ "$(wc -l <reason)" = 1 ] && continue
        echo "$file: exit $code" >&2
        cat reason >&2
        return 1
    done
}

need_data() { [ -e "$SHARED_DATA/$1" ] || skip "no ../shared/data here"; }

# What is read.

@test "every type is read from PLAIN pages: optional, required, and in pages v2" {
    reads plain
    reads plain-required
    reads plain-v2
}

@test "values come from dictionaries, also when pages without one follow" {
    reads dictionary
    reads dictionary-old
    reads dictionary-v2
    reads dictionary-full
}

@test "booleans come run-length encoded" {
    reads rle
    reads rle-v2
}

@test "numbers and texts come as deltas" {
    reads delta
    reads delta-long
    reads delta-length
    reads delta-prefix
    reads delta-prefix-v2
}

@test "numbers come split into streams of bytes" {
    reads split
}

@test "pages are decompressed: snappy, gzip, brotli, zstd, lz4" {
    reads snappy
    reads snappy-v2
    reads snappy-v2-stored
    reads gzip
    reads gzip-members
    reads gzip-zlib
    reads brotli
    reads brotli-v2
    reads zstd
    reads lz4-raw
}

@test "lists are arrays: three levels, two levels, a bare repeated field" {
    reads list
    reads list-dictionary
    reads list-v2
    reads list-required
    reads list-old
    reads list-delta-v2
    reads list-across-pages
    reads repeated
    reads repeated-v2
}

@test "old and odd files are read: packed levels, index pages, no rows at all" {
    reads levels-packed
    reads list-levels-packed
    reads index-page
    reads no-rows
}

@test "no seed is left out" {
    for seed in "$SEEDS"/*.parquet; do
        reads "$(basename "$seed" .parquet)"
    done
}

# What is refused, and in which words.

@test "what is no parquet file is refused" {
    : >empty
    refuses empty "not a parquet file, or cut short"
    echo '{"a": 1}, and that is all there is' >text
    refuses text "not a parquet file, or cut short"
    refuses_lie plain 's/^PAR1/PAR2/' "not a parquet file, or cut short"
    head -c 4 /dev/zero | cat <(printf PAR1) - <(printf '\xff\xff\xff\x7fPAR1') >footer
    refuses footer "the footer claims 2147483647 bytes of a file of 16"
}

@test "encryption is refused by name" {
    refuses_lie plain 's/PAR1$/PARE/' "an encrypted footer is not supported"
}

@test "nested data is refused by name, with its column" {
    refuses_lie list-old 's/text\x15\x02\x15\x06/text\x15\x02\x15\x00/' \
        'nested data (a struct) is not supported (column "text")'
    refuses_lie list-old 's/text\x15\x02\x15\x06/text\x15\x02\x15\x02/' \
        'nested data (a map) is not supported (column "text")'
    refuses_lie list-old 's/\x35\x02\x18\x04text/\x35\x04\x18\x04text/' \
        'nested data (a list of lists) is not supported (column "text")'
    refuses_lie list-required 's/list\x15\x02\x00/list\x15\x04\x00/' \
        'nested data (a list of structs) is not supported (column "text")'
}

@test "codecs that are not there are refused by name" {
    refuses_lie index-page 's/text\x15\x00\x16/text\x15\x06\x16/' \
        'the codec LZO is not supported (column "text")'
    refuses_lie index-page 's/text\x15\x00\x16/text\x15\x0a\x16/' \
        'the codec LZ4 (deprecated) is not supported (column "text")'
    refuses_lie index-page 's/text\x15\x00\x16/text\x15\x12\x16/' \
        'codec 9 is not known (column "text")'
}

@test "logical types that are not there are refused by name" {
    refuses_lie plain 's/date\x25\x0c/date\x25\x0e/' \
        'the logical type time is not supported (column "date")'
    refuses_lie plain 's/float16\x6c\xfc/float16\x6c\xec/' \
        'the logical type uuid is not supported (column "float16")'
}

@test "encodings that are not there, or do not fit the type, are refused by name" {
    refuses_lie index-page 's/\x2c\x15\x06\x15\x00/\x2c\x15\x06\x15\x40/' \
        'encoding 32 is not known (column "text")'
    refuses_lie index-page 's/\x2c\x15\x06\x15\x00/\x2c\x15\x06\x15\x0a/' \
        'physical type 6 does not come encoded as DELTA_BINARY_PACKED (column "text")'
}

@test "column names are unique, and text" {
    refuses_lie plain-required 's/int96/int64/g' 'two columns are called "int64"'
    refuses_lie plain-required 's/int96/int\xff6/g' "a column's name is not UTF-8 text"
    refuses_lie plain-required 's/int96/int\x006/g' "a column's name is not UTF-8 text"
}

@test "numbers of rows that contradict each other are refused" {
    refuses_lie index-page 's/\x16\x0a\x19\x1c\x19\x2c/\x16\x0c\x19\x1c\x19\x2c/' \
        "row groups have 5 of the file's 6 rows"
    refuses_lie index-page 's/\x16\x0a\x19\x1c\x19\x2c/\x16\x08\x19\x1c\x19\x2c/' \
        "row groups have more rows than the file's 4"
    refuses_lie index-page 's/text\x15\x00\x16\x0a/text\x15\x00\x16\x0c/' \
        '6 values for 5 rows (column "text")'
    refuses_lie index-page 's/\x2c\x15\x06\x15\x00/\x2c\x15\x08\x15\x00/' \
        "a page's levels are damaged or cut short (column \"text\")"
    refuses_lie repeated 's/text\x15\x00\x16\x16/text\x15\x00\x16\x18/' \
        '1 values are missing from a column chunk (column "text")'
}

@test "pages and chunks that lie elsewhere than they can are refused" {
    refuses_lie index-page 's/\x15\x00\x15\x3c\x15\x3c/\x15\x00\x15\x3e\x15\x3c/' \
        'an uncompressed page has 30 bytes and claims 31 (column "text")'
    refuses_lie index-page 's/\x15\x00\x15\x24\x15\x24/\x15\x00\x15\x24\x15\x7e/' \
        'a page of 63 bytes does not fit its column chunk (column "text")'
    refuses_lie index-page 's/\x26\xc8\x01\x00/\x26\xc8\x7f\x00/' \
        'a column chunk lies outside of the file (column "int64")'
    refuses_lie gzip-zlib 's/\x78\xda/\x78\xdb/' \
        'a page does not decompress to its 24 bytes (column "text")'
}

@test "levels and dictionary indices out of range are refused" {
    refuses_lie index-page 's/\x02\x00\x00\x00\x06\x01/\x02\x00\x00\x00\x06\x02/' \
        'a level of 2 where 1 is the highest (column "text")'
    refuses_lie list-required 's/\x03\x03\xd1/\x03\x03\xff/' \
        'entry 7 of a dictionary of 5 entries (column "text")'
}

@test "a page whose checksum does not match is refused" {
    refuses_lie plain 's/axolotls/axolotlz/' \
        "a page's checksum does not match its bytes (column \"text\")"
}

@test "a hundred bytes cannot ask for gigabytes" {
    # A column of 2^31 - 1 nulls in one run, in a file of 109 bytes.
    base64 -d >nulls <<'END'
UEFSMRUAFRQVFCwV/v///w8VABUGFQYAAAYAAAD+////DwAVAhksSAFyFQIAFQIlAhgBYQAW/v//
/w8ZHBkcJggcFQIZFQAZGAFhFQAW/v///w8WPhY+JggAABYAFv7///8PAABCAAAAUEFSMQ==
END
    refuses nulls "would take more than the 33561408 bytes of memory that its size allows"
    # One row, a list of 4,000,000 nulls: 20 MB as JSON, which takes twice that to put together.
    base64 -d >list <<'END'
UEFSMRUAFSgVKCwVgKToAxUAFQYVBgAABwAAAAIA/qPoAwEFAAAAgKToAwIVAhlMSAFyFQIANQIY
AWEVAhUGADUEGARsaXN0FQIAFQIlAhgHZWxlbWVudAAWAhkcGRwmCBwVAhkVABk4AWEEbGlzdAdl
bGVtZW50FQAWgKToAxZQFlAmCAAAFgAWAgAAYQAAAFBBUjE=
END
    refuses list \
        'would take more than the 33563968 bytes of memory that its size allows (column "a")'
}

# That nothing hurts it.

@test "a file cut short anywhere is refused" {
    for seed in gzip-zlib list-old; do
        size=$(stat -c %s "$SEEDS/$seed.parquet")
        for length in $(seq 0 $((size - 1))); do
            head -c "$length" "$SEEDS/$seed.parquet" >"cut.$length"
        done
        survives cut.*
    done
}

@test "a file with any byte damaged is read or refused, and nothing worse" {
    for seed in gzip-zlib index-page list-old; do
        perl -e 'undef $/; $_ = <STDIN>; for my $i (0 .. length() - 1) {
            my $copy = $_;
            substr($copy, $i, 1) = chr(ord(substr($_, $i, 1)) ^ 1 << $i % 8);
            open my $file, ">:raw", "damaged.$i"; print $file $copy;
        }' <"$SEEDS/$seed.parquet"
        survives damaged.*
    done
}

@test "metadata nested without end is refused" {
    perl -e 'my $meta = "\x9c" . "\x1c" x 60000;
        print "PAR1", $meta, pack("V", length $meta), "PAR1"' >deep
    refuses deep "the footer is damaged"
    perl -e 'my $meta = "\x99" . "\x19" x 60000;
        print "PAR1", $meta, pack("V", length $meta), "PAR1"' >deep
    refuses deep "the footer is damaged"
    perl -e 'my $meta = "\x29\xfc\xff\xff\xff\xff\x07";
        print "PAR1", $meta, pack("V", length $meta), "PAR1"' >long
    refuses long "the footer is damaged"
}

# The program itself.

@test "parquet-cat explains itself, and says what was wrong with its arguments" {
    parquet_cat --help | grep -q '^usage: parquet-cat FILE$'
    for arguments in "" "a b" "--nonsense"; do
        code=0
        # shellcheck disable=SC2086
        parquet_cat $arguments 2>reason >rows || code=$?
        expect "exit code" 100 "$code"
        grep -q '^usage:' reason
    done
    code=0
    parquet_cat /nonexistent 2>reason || code=$?
    expect "exit code" 1 "$code"
    expect "reason" "parquet-cat: cannot read /nonexistent: No such file or directory" "$(cat reason)"
    code=0
    parquet_cat "$SEEDS/plain.parquet" 2>reason >/dev/full || code=$?
    expect "exit code" 1 "$code"
}

# Files that others wrote.

# cat_shared FILE: its rows.
cat_shared() { parquet_cat "$SHARED_DATA/parquet/$1"; }

@test "Impala's types are read, plain, from a dictionary and with snappy" {
    need_data parquet
    diff - <(cat_shared alltypes_dictionary.parquet) <<'END'
{"id":0,"bool_col":true,"tinyint_col":0,"smallint_col":0,"int_col":0,"bigint_col":0,"float_col":0.0,"double_col":0.0,"date_string_col":"01/01/09","string_col":"0","timestamp_col":"2009-01-01T00:00:00"}
{"id":1,"bool_col":false,"tinyint_col":1,"smallint_col":1,"int_col":1,"bigint_col":10,"float_col":1.100000023841858,"double_col":10.1,"date_string_col":"01/01/09","string_col":"1","timestamp_col":"2009-01-01T00:01:00"}
END
    diff - <(cat_shared alltypes_plain.snappy.parquet) <<'END'
{"id":6,"bool_col":true,"tinyint_col":0,"smallint_col":0,"int_col":0,"bigint_col":0,"float_col":0.0,"double_col":0.0,"date_string_col":"04/01/09","string_col":"0","timestamp_col":"2009-04-01T00:00:00"}
{"id":7,"bool_col":false,"tinyint_col":1,"smallint_col":1,"int_col":1,"bigint_col":10,"float_col":1.100000023841858,"double_col":10.1,"date_string_col":"04/01/09","string_col":"1","timestamp_col":"2009-04-01T00:01:00"}
END
    expect "ids" "4 5 6 7 2 3 0 1" "$(cat_shared alltypes_plain.parquet | jq -r .id | paste -sd ' ')"
    expect "times" "2009-01-01T00:00:00 2009-02-01T00:00:00 2009-03-01T00:00:00 2009-04-01T00:00:00" \
        "$(cat_shared alltypes_plain.parquet | jq -r 'select(.bool_col).timestamp_col' | sort | paste -sd ' ')"
}

@test "Java's pages v2, RLE booleans and unannotated bytes are read" {
    need_data parquet
    diff - <(cat_shared datapage_v2.snappy.parquet) <<'END'
{"a":"abc","b":1,"c":2.0,"d":true,"e":[1,2,3]}
{"a":"abc","b":2,"c":3.0,"d":true,"e":null}
{"a":"abc","b":3,"c":4.0,"d":true,"e":null}
{"a":null,"b":4,"c":5.0,"d":false,"e":[1,2,3]}
{"a":"abc","b":5,"c":2.0,"d":true,"e":[1,2]}
END
    expect "booleans" "tfnttfftttffttfnttffttfnttfftttffffttfnttfftttffnttfftttfttfnttffttt" "$(cat_shared rle_boolean_encoding.parquet |
        jq -r '.datatype_boolean | tostring[:1]' | tr -d '\n')"
    diff <(printf '{"foo":"\\%s"}\n' u0000 u0001 u0002 u0003 u0004 u0005 u0006 u0007 u0008 t n u000b) \
        <(cat_shared binary.parquet)
}

@test "lists and lz4 by Arrow are read" {
    need_data parquet
    diff - <(cat_shared list_columns.parquet) <<'END'
{"int64_list":[1,2,3],"utf8_list":["abc","efg","hij"]}
{"int64_list":[null,1],"utf8_list":null}
{"int64_list":[4],"utf8_list":["efg",null,"hij","xyz"]}
END
    diff - <(cat_shared lz4_raw_compressed.parquet) <<'END'
{"c0":1593604800,"c1":"abc","v11":42.0}
{"c0":1593604800,"c1":"def","v11":7.7}
{"c0":1593604801,"c1":"abc","v11":42.125}
{"c0":1593604801,"c1":"def","v11":7.7}
END
}

@test "Spark's INT96 timestamps are read, those beyond the year 9999 with a sign" {
    need_data parquet
    diff - <(cat_shared int96_from_spark.parquet) <<'END'
{"a":"2024-01-01T20:34:56.123456000"}
{"a":"2024-01-01T01:00:00"}
{"a":"9999-12-31T03:00:00"}
{"a":"2024-12-30T23:00:00"}
{"a":null}
{"a":"-294554-12-13T14:58:10.448384000"}
END
}

@test "13,200 delta-packed integers of every bit width are what the table beside them says" {
    need_data parquet
    # As text: jq's numbers would round them.
    diff <(tail -n +2 "$SHARED_DATA/parquet/delta_binary_packed_expect.csv") \
        <(cat_shared delta_binary_packed.parquet | sed 's/"[a-z_0-9]*"://g; s/[{}]//g; s/null//g')
}

@test "9,000 prefix-coded texts are what the table beside them says" {
    need_data parquet
    diff <(tail -n +2 "$SHARED_DATA/parquet/delta_byte_array_expect.csv") \
        <(cat_shared delta_byte_array.parquet |
            jq -r '[.[] | if . == null then "" else "\"\(.)\"" end] | join(",")')
}

@test "a malformed dictionary and a struct are refused" {
    need_data parquet
    refuses "$SHARED_DATA/parquet/nation.dict-malformed.parquet" \
        'a page of 28 bytes does not fit its column chunk (column "name")'
    refuses "$SHARED_DATA/parquet/nulls.snappy.parquet" \
        'nested data (a struct) is not supported (column "b_struct")'
}

@test "the leaderboard's own file: 4,576 rows, 36 columns in their order" {
    need_data contents.parquet
    parquet_cat "$SHARED_DATA/contents.parquet" >rows.jsonl
    expect "rows" 4576 "$(wc -l <rows.jsonl)"
    expect "orders of columns" 1 "$(jq -c keys_unsorted rows.jsonl | sort -u | wc -l)"
    expect "columns" 'eval_name,Precision,Type,T,Weight type,Architecture,Model,fullname,Model sha,Average ⬆️,Hub License,Hub ❤️,#Params (B),Available on the hub,MoE,Flagged,Chat Template,CO₂ cost (kg),IFEval Raw,IFEval,BBH Raw,BBH,MATH Lvl 5 Raw,MATH Lvl 5,GPQA Raw,GPQA,MUSR Raw,MUSR,MMLU-PRO Raw,MMLU-PRO,Merged,Official Providers,Upload To Hub Date,Submission Date,Generation,Base Model' \
        "$(head -n 1 rows.jsonl | jq -r 'keys_unsorted | join(",")')"
    # The rows that the dataset serves, to the last digit: each is a line, without the white space.
    sed -E 's/^  ("[^"]*"): /\1:/; s/^ (\{|\})/\1/' "$SHARED_DATA/contents_rows.json" | tr -d '\n' |
        sed 's/^\[//; s/]$//; s/},{/}\n{/g' >served.jsonl
    expect "served rows" 4 "$(grep -c . served.jsonl)"
    while read -r row; do
        grep -qxF -- "$row" rows.jsonl || expect "a row" "$row" "another"
    done <served.jsonl
    # What the public API made of the first forty.
    diff <(jq -c '.[] | [.model.name, .model.sha, .model.precision, .model.weight_type,
            .model.architecture, .model.average_score, .model.has_chat_template,
            (.evaluations[] | .value, .normalized_score),
            (.features | .is_not_available_on_hub, .is_merged, .is_moe, .is_flagged, .is_official_provider),
            (.metadata[])]' "$SHARED_DATA/formatted_space_first40.json") \
        <(head -n 40 rows.jsonl | jq -c '[.fullname, ."Model sha", .Precision, ."Weight type",
            .Architecture, ."Average ⬆️", ."Chat Template",
            ."IFEval Raw", .IFEval, ."BBH Raw", .BBH, ."MATH Lvl 5 Raw", ."MATH Lvl 5",
            ."GPQA Raw", .GPQA, ."MUSR Raw", .MUSR, ."MMLU-PRO Raw", ."MMLU-PRO",
            ."Available on the hub", .Merged, .MoE, .Flagged, ."Official Providers",
            ."Upload To Hub Date", ."Submission Date", .Generation, ."Base Model", ."Hub License",
            ."Hub ❤️", ."#Params (B)", ."CO₂ cost (kg)"]')
}

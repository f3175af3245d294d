#include "parquet_private.h"

#include <inttypes.h>
#include <string.h>

enum { MAGIC_BYTES = 4, FOOTER_BYTES = 8 };

static bool
meta_damaged(struct parquet *file, const char *what)
{
    return parquet_fail(file, PARQUET_BROKEN, "the %s is damaged", what);
}

/* Remembers where a list of structures begins, and passes over it. */
static size_t
list_remember(struct thrift *in, uint8_t type, struct thrift *place)
{
    struct thrift list = *in;
    size_t count = thrift_list(&list, type, THRIFT_STRUCT);

    *place = list;
    thrift_skip(in, type);
    in->failed |= list.failed;
    return count;
}

bool
parquet_footer_read(struct parquet *file, const void *data, size_t length,
                    struct parquet_footer *footer)
{
    const uint8_t *bytes = data;

    if (length >= FOOTER_BYTES && memcmp(bytes + length - MAGIC_BYTES, "PARE", MAGIC_BYTES) == 0)
        return parquet_fail(file, PARQUET_UNSUPPORTED, "an encrypted footer is not supported");
    if (length < MAGIC_BYTES + FOOTER_BYTES || memcmp(bytes, "PAR1", MAGIC_BYTES) != 0 ||
        memcmp(bytes + length - MAGIC_BYTES, "PAR1", MAGIC_BYTES) != 0)
        return parquet_fail(file, PARQUET_BROKEN, "not a parquet file, or cut short");
    const uint8_t *end = bytes + length - FOOTER_BYTES;
    size_t size =
        (size_t)end[0] | (size_t)end[1] << 8 | (size_t)end[2] << 16 | (size_t)end[3] << 24;
    if (size > length - MAGIC_BYTES - FOOTER_BYTES)
        return parquet_fail(file, PARQUET_BROKEN, "the footer claims %zu bytes of a file of %zu",
                            size, length);
    struct thrift in = { .at = end - size, .end = end };
    bool encrypted = false;
    file->data = bytes;
    file->length = length - FOOTER_BYTES - size;
    *footer = (struct parquet_footer){ .rows = -1 };
    for (struct thrift_field f = { 0 }; thrift_next(&in, &f);) {
        switch (f.id) {
        case 2:
            footer->schema_count = list_remember(&in, f.type, &footer->schema);
            break;
        case 3:
            footer->rows = thrift_integer(&in, f.type);
            break;
        case 4:
            footer->group_count = list_remember(&in, f.type, &footer->groups);
            break;
        case 8:
            encrypted = true;
            thrift_skip(&in, f.type);
            break;
        default:
            thrift_skip(&in, f.type);
        }
    }
    if (in.failed || footer->rows < 0)
        return meta_damaged(file, "footer");
    if (encrypted)
        return parquet_fail(file, PARQUET_UNSUPPORTED, "encryption is not supported");
    return true;
}

bool
parquet_group_read(struct parquet *file, struct thrift *in, struct parquet_group *group)
{
    *group = (struct parquet_group){ .rows = -1 };
    for (struct thrift_field f = { 0 }; thrift_next(in, &f);) {
        if (f.id == 1)
            group->chunk_count = list_remember(in, f.type, &group->chunks);
        else if (f.id == 3)
            group->rows = thrift_integer(in, f.type);
        else
            thrift_skip(in, f.type);
    }
    if (in->failed || group->rows < 0)
        return meta_damaged(file, "description of a row group");
    return true;
}

/* True when the list of strings is the path of the column at work. */
static bool
path_matches(const struct parquet_column *column, struct thrift *in, uint8_t type)
{
    size_t count = thrift_list(in, type, THRIFT_BINARY);
    bool same = count == column->depth;

    for (size_t i = 0; i < count && !in->failed; i++) {
        struct thrift_bytes name = thrift_binary(in, THRIFT_BINARY);
        same = same && name.length == column->path[i].length &&
               memcmp(name.bytes, column->path[i].bytes, name.length) == 0;
    }
    return same;
}

static bool
chunk_codec_check(struct parquet *file, int64_t codec)
{
    static const char *const refused[] = { [CODEC_LZO] = "LZO", [CODEC_LZ4] = "LZ4 (deprecated)" };

    if (codec >= CODEC_NONE && codec <= CODEC_LZ4_RAW && codec != CODEC_LZO && codec != CODEC_LZ4)
        return true;
    if (codec == CODEC_LZO || codec == CODEC_LZ4)
        return parquet_fail(file, PARQUET_UNSUPPORTED, "the codec %s is not supported",
                            refused[codec]);
    return parquet_fail(file, PARQUET_UNSUPPORTED, "codec %" PRId64 " is not known", codec);
}

bool
parquet_chunk_read(struct parquet *file, struct thrift *in, struct parquet_chunk *chunk)
{
    int64_t type = -1, codec = -1, values = -1, size = -1, data = -1, dictionary = -1;
    bool elsewhere = false, encrypted = false, path = false;

    for (struct thrift_field f = { 0 }; thrift_next(in, &f);) {
        elsewhere |= f.id == 1;
        encrypted |= f.id == 8 || f.id == 9;
        if (f.id != 3 || f.type != THRIFT_STRUCT) {
            thrift_skip(in, f.type);
            continue;
        }
        for (struct thrift_field m = { 0 }; thrift_next(in, &m);) {
            switch (m.id) {
            case 1:
                type = thrift_integer(in, m.type);
                break;
            case 3:
                path = path_matches(file->at, in, m.type);
                break;
            case 4:
                codec = thrift_integer(in, m.type);
                break;
            case 5:
                values = thrift_integer(in, m.type);
                break;
            case 7:
                size = thrift_integer(in, m.type);
                break;
            case 9:
                data = thrift_integer(in, m.type);
                break;
            case 11:
                dictionary = thrift_integer(in, m.type);
                break;
            default:
                thrift_skip(in, m.type);
            }
        }
    }
    if (in->failed)
        return meta_damaged(file, "description of a column chunk");
    if (encrypted)
        return parquet_fail(file, PARQUET_UNSUPPORTED, "encryption is not supported");
    if (elsewhere)
        return parquet_fail(file, PARQUET_UNSUPPORTED, "data in another file is not supported");
    if (type != (int64_t)file->at->type || !path)
        return parquet_fail(file, PARQUET_BROKEN, "a column chunk does not fit the schema");
    if (!chunk_codec_check(file, codec))
        return false;
    /* Some writers put 0 where there is no dictionary. */
    int64_t start = dictionary > 0 && dictionary < data ? dictionary : data;
    if (values < 0 || size < 0 || start < MAGIC_BYTES || (uint64_t)start > file->length ||
        (uint64_t)size > file->length - (uint64_t)start)
        return parquet_fail(file, PARQUET_BROKEN, "a column chunk lies outside of the file");
    /* Chunks never share bytes: without this, a small file could have them read a million times. */
    if ((uint64_t)size > file->length - file->claimed)
        return parquet_fail(file, PARQUET_BROKEN, "column chunks claim more bytes than there are");
    file->claimed += (size_t)size;
    *chunk = (struct parquet_chunk){
        .codec = codec, .values = values, .start = (size_t)start, .length = (size_t)size
    };
    return true;
}

/* The header of a data page, v1 or v2, or of a dictionary: their fields differ in meaning. */
static void
page_details_read(struct thrift *in, struct parquet_page *page, int64_t *values,
                  int64_t *definition_length, int64_t *repetition_length)
{
    bool v2 = page->type == PAGE_DATA_V2;

    for (struct thrift_field f = { 0 }; thrift_next(in, &f);) {
        if (f.id == 1)
            *values = thrift_integer(in, f.type);
        else if (f.id == (v2 ? 4 : 2))
            page->encoding = thrift_integer(in, f.type);
        else if (v2 && f.id == 2)
            page->nulls = thrift_integer(in, f.type);
        else if (v2 && f.id == 3)
            page->rows = thrift_integer(in, f.type);
        else if (v2 && f.id == 5)
            *definition_length = thrift_integer(in, f.type);
        else if (v2 && f.id == 6)
            *repetition_length = thrift_integer(in, f.type);
        else if (v2 && f.id == 7)
            page->is_packed = thrift_boolean(in, f.type);
        else if (page->type == PAGE_DATA && f.id == 3)
            page->definition_encoding = thrift_integer(in, f.type);
        else if (page->type == PAGE_DATA && f.id == 4)
            page->repetition_encoding = thrift_integer(in, f.type);
        else
            thrift_skip(in, f.type);
    }
}

bool
parquet_page_read(struct parquet *file, struct thrift *in, struct parquet_page *page)
{
    static const uint8_t details_field[] = {
        [PAGE_DATA] = 5, [PAGE_INDEX] = 6, [PAGE_DICTIONARY] = 7, [PAGE_DATA_V2] = 8
    };
    int64_t type = -1, packed = -1, unpacked = -1, values = -1;
    int64_t definition_length = 0, repetition_length = 0;
    struct thrift details = { 0 };

    *page = (struct parquet_page){ .is_packed = true, .encoding = -1, .nulls = -1, .rows = -1 };
    for (struct thrift_field f = { 0 }; thrift_next(in, &f);) {
        if (f.id == 1) {
            type = thrift_integer(in, f.type);
        } else if (f.id == 2) {
            unpacked = thrift_integer(in, f.type);
        } else if (f.id == 3) {
            packed = thrift_integer(in, f.type);
        } else if (f.id == 4) {
            page->crc = (uint32_t)thrift_integer(in, f.type);
            page->has_crc = true;
        } else {
            if (type >= PAGE_DATA && type <= PAGE_DATA_V2 && f.id == details_field[type] &&
                f.type == THRIFT_STRUCT)
                details = *in;
            thrift_skip(in, f.type);
        }
    }
    if (in->failed || packed < 0 || unpacked < 0)
        return meta_damaged(file, "header of a page");
    if (type < PAGE_DATA || type > PAGE_DATA_V2)
        return parquet_fail(file, PARQUET_UNSUPPORTED, "page type %" PRId64 " is not known", type);
    if (packed > in->end - in->at)
        return parquet_fail(file, PARQUET_BROKEN,
                            "a page of %" PRId64 " bytes does not fit its column chunk", packed);
    page->type = (enum parquet_page_type)type;
    page->packed = (size_t)packed;
    page->unpacked = (size_t)unpacked;
    if (page->type == PAGE_INDEX)
        return true;
    if (details.at != NULL)
        page_details_read(&details, page, &values, &definition_length, &repetition_length);
    if (details.failed || values < 0 || page->encoding < 0 || definition_length < 0 ||
        repetition_length < 0 || definition_length > INT32_MAX || repetition_length > INT32_MAX ||
        definition_length + repetition_length > packed ||
        definition_length + repetition_length > unpacked)
        return meta_damaged(file, "header of a page");
    page->values = (size_t)values;
    page->definition_length = (size_t)definition_length;
    page->repetition_length = (size_t)repetition_length;
    return true;
}

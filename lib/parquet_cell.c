#include "parquet_private.h"

#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    DAY_SECONDS = 86400,
    JULIAN_1970 = 2440588, /* the Julian day number of 1970-01-01 */
    DECIMAL_BYTES = 32,    /* 76 digits */
};

static uint64_t
cell_little_endian(const uint8_t *bytes, size_t width)
{
    uint64_t value = 0;

    for (size_t i = 0; i < width; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static bool
cell_text(struct parquet *file, enum cell_kind kind, const void *text, size_t length,
          struct cell *cell)
{
    char *copy = parquet_take(file, &file->table->arena, length, 1);

    if (copy == NULL)
        return false;
    if (length != 0)
        memcpy(copy, text, length);
    *cell = (struct cell){ .kind = (uint8_t)kind, .length = (uint32_t)length, .text = copy };
    return true;
}

/* Appends "YYYY-MM-DD" to what has `used` bytes. Days count from 1970-01-01; the calendar is the
 * Gregorian one in both directions, reckoned in eras of 400 years that begin on 1 March. */
static int
cell_put_date(char *text, size_t size, int64_t days)
{
    days += 719468; /* from 0000-03-01 */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0: March */
    int64_t day = day_of_year - (153 * month + 2) / 5 + 1;
    int64_t year = year_of_era + era * 400 + (month >= 10);

    month += month < 10 ? 3 : -9;
    return snprintf(text, size,
                    year >= 0 && year <= 9999 ? "%04" PRId64 "-%02d-%02d"
                                              : "%+07" PRId64 "-%02d-%02d",
                    year, (int)month, (int)day);
}

static bool
cell_date(struct parquet *file, int64_t days, struct cell *cell)
{
    char text[32];
    int length = cell_put_date(text, sizeof text, days);

    return cell_text(file, CELL_TEXT, text, (size_t)length, cell);
}

/* Divides so that the rest is never negative. */
static int64_t
floor_divide(int64_t value, int64_t by, int64_t *rest)
{
    *rest = value % by;
    if (*rest >= 0)
        return value / by;
    *rest += by;
    return value / by - 1;
}

/* `fraction` is in units of which `digits` decimals tell, 0 to just under a second. */
static bool
cell_time(struct parquet *file, int64_t seconds, int64_t fraction, int digits, struct cell *cell)
{
    char text[64];
    int64_t second;
    int length = cell_put_date(text, sizeof text, floor_divide(seconds, DAY_SECONDS, &second));

    length += snprintf(text + length, sizeof text - (size_t)length, "T%02d:%02d:%02d",
                       (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
    if (fraction != 0)
        length +=
            snprintf(text + length, sizeof text - (size_t)length, ".%0*" PRId64, digits, fraction);
    if (file->at->utc)
        text[length++] = 'Z';
    return cell_text(file, CELL_TEXT, text, (size_t)length, cell);
}

static bool
cell_timestamp(struct parquet *file, int64_t value, struct cell *cell)
{
    int digits = file->at->digits;
    int64_t unit = digits == 3 ? 1000 : digits == 6 ? 1000000 : 1000000000;
    int64_t fraction, seconds = floor_divide(value, unit, &fraction);

    return cell_time(file, seconds, fraction, digits, cell);
}

/* INT96: nanoseconds of the day, then the Julian day. */
static bool
cell_int96(struct parquet *file, const uint8_t *bytes, struct cell *cell)
{
    int64_t nanoseconds = (int64_t)cell_little_endian(bytes, 8);
    int64_t days = (int64_t)(int32_t)cell_little_endian(bytes + 8, 4) - JULIAN_1970;
    int64_t fraction, seconds = floor_divide(nanoseconds, 1000000000, &fraction);

    return cell_time(file, days * DAY_SECONDS + seconds, fraction, 9, cell);
}

/* A two's complement number, most significant byte first. */
static bool
cell_decimal(struct parquet *file, const uint8_t *bytes, size_t length, struct cell *cell)
{
    enum { LIMBS = DECIMAL_BYTES / 4 };
    uint32_t limb[LIMBS]; /* of the magnitude, the least significant first */
    char text[96], *start = text + sizeof text;
    bool negative = length != 0 && bytes[0] >= 0x80;
    uint64_t carry = negative;
    size_t limbs = LIMBS;

    if (length == 0 || length > DECIMAL_BYTES)
        return parquet_fail(file, PARQUET_BROKEN, "a decimal of %zu bytes", length);
    for (size_t i = 0; i < LIMBS; i++) {
        uint32_t word = 0;
        for (size_t j = 4 * i; j < 4 * i + 4; j++) {
            uint8_t byte = j < length ? bytes[length - 1 - j] : negative ? 0xff : 0;
            word |= (uint32_t)byte << (8 * (j - 4 * i));
        }
        carry += negative ? ~word : word;
        limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    for (int digits = 0;; digits++) {
        while (limbs > 0 && limb[limbs - 1] == 0)
            limbs--;
        if (limbs == 0 && digits > file->at->digits)
            break;
        if (digits != 0 && digits == file->at->digits)
            *--start = '.';
        uint64_t rest = 0;
        for (size_t i = limbs; i-- > 0;) {
            rest = rest << 32 | limb[i];
            limb[i] = (uint32_t)(rest / 10);
            rest %= 10;
        }
        *--start = (char)('0' + rest);
    }
    if (negative)
        *--start = '-';
    return cell_text(file, CELL_TEXT, start, (size_t)(text + sizeof text - start), cell);
}

static double
cell_float16(uint16_t half)
{
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double value = exponent == 31  ? fraction != 0 ? (double)NAN : (double)INFINITY
                   : exponent == 0 ? ldexp(fraction, -24)
                                   : ldexp(fraction + 1024, exponent - 25);

    return half >> 15 != 0 ? -value : value;
}

static bool
cell_base64(struct parquet *file, const uint8_t *bytes, size_t length, struct cell *cell)
{
    struct buf text;

    buf_init(&text, 0);
    if (parquet_room(file, &text, length / 3 * 4 + 4))
        buf_base64(&text, bytes, length);
    bool ok = file->result == PARQUET_OK &&
              cell_text(file, CELL_TEXT, buf_string(&text), text.length, cell);
    parquet_room_free(file, &text);
    return ok;
}

bool
parquet_cell_bytes(struct parquet *file, const uint8_t *bytes, size_t length, struct cell *cell)
{
    const struct parquet_column *column = file->at;

    if (column->width != 0 && length != column->width)
        return parquet_fail(file, PARQUET_BROKEN, "a value of %zu bytes where all have %zu", length,
                            column->width);
    if (column->meaning == MEANING_DECIMAL)
        return cell_decimal(file, bytes, length, cell);
    if (column->meaning == MEANING_FLOAT16) {
        *cell = (struct cell){ .kind = CELL_REAL,
                               .real = cell_float16((uint16_t)cell_little_endian(bytes, 2)) };
        return true;
    }
    if (!utf8_valid((const char *)bytes, length))
        return cell_base64(file, bytes, length, cell);
    return cell_text(file, CELL_TEXT, bytes, length, cell);
}

bool
parquet_cell_integer(struct parquet *file, int64_t value, struct cell *cell)
{
    const struct parquet_column *column = file->at;
    uint8_t bytes[8];
    char text[24];

    if (column->type == TYPE_INT32)
        value = column->meaning == MEANING_UNSIGNED ? (int64_t)(uint32_t)value : (int32_t)value;
    switch (column->meaning) {
    case MEANING_DATE:
        return cell_date(file, value, cell);
    case MEANING_TIMESTAMP:
        return cell_timestamp(file, value, cell);
    case MEANING_DECIMAL:
        for (size_t i = 0; i < 8; i++)
            bytes[i] = (uint8_t)((uint64_t)value >> (56 - 8 * i));
        return cell_decimal(file, bytes, sizeof bytes, cell);
    case MEANING_UNSIGNED:
        if (value < 0) {
            int length = snprintf(text, sizeof text, "%" PRIu64, (uint64_t)value);
            return cell_text(file, CELL_JSON, text, (size_t)length, cell);
        }
        break;
    case MEANING_PLAIN:
    case MEANING_FLOAT16:
        break;
    }
    *cell = (struct cell){ .kind = CELL_INTEGER, .integer = value };
    return true;
}

bool
parquet_cell_fixed(struct parquet *file, const uint8_t *bytes, struct cell *cell)
{
    uint64_t bits64 = 0;
    uint32_t bits32 = 0;
    double real;
    float single;

    switch (file->at->type) {
    case TYPE_INT32:
        return parquet_cell_integer(file, (int32_t)cell_little_endian(bytes, 4), cell);
    case TYPE_INT64:
        return parquet_cell_integer(file, (int64_t)cell_little_endian(bytes, 8), cell);
    case TYPE_INT96:
        return cell_int96(file, bytes, cell);
    case TYPE_FLOAT:
        bits32 = (uint32_t)cell_little_endian(bytes, 4);
        memcpy(&single, &bits32, sizeof single);
        *cell = (struct cell){ .kind = CELL_REAL, .real = (double)single };
        return true;
    case TYPE_DOUBLE:
        bits64 = cell_little_endian(bytes, 8);
        memcpy(&real, &bits64, sizeof real);
        *cell = (struct cell){ .kind = CELL_REAL, .real = real };
        return true;
    case TYPE_BOOLEAN:
    case TYPE_BYTE_ARRAY:
    case TYPE_FIXED:
        break;
    }
    return parquet_cell_bytes(file, bytes, file->at->width, cell);
}

enum cell_kind
parquet_cell_kind(const struct parquet_column *column)
{
    if (column->is_list)
        return CELL_JSON;
    if (column->type == TYPE_BOOLEAN)
        return CELL_BOOLEAN;
    if (column->type == TYPE_FLOAT || column->type == TYPE_DOUBLE ||
        column->meaning == MEANING_FLOAT16)
        return CELL_REAL;
    bool integer = (column->type == TYPE_INT32 || column->type == TYPE_INT64) &&
                   (column->meaning == MEANING_PLAIN || column->meaning == MEANING_UNSIGNED);
    return integer ? CELL_INTEGER : CELL_TEXT;
}

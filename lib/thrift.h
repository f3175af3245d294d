/* thrift: reads the compact protocol of Apache Thrift, which parquet's metadata is written in.
 *
 * A reader is a place in a span of bytes with a sticky failure: the first byte that is missing or
 * makes no sense sets `failed`, after which every call gives zeros and ends every structure. The
 * caller asks once at the end. Copying the struct remembers the place.
 *
 * Reading a structure:
 *
 *     for (struct thrift_field f = { 0 }; thrift_next(&in, &f);)
 *         if (f.id == 1)
 *             rows = thrift_integer(&in, f.type);
 *         else
 *             thrift_skip(&in, f.type);
 *
 * Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md */
#ifndef THRIFT_H
#define THRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum thrift_type {
    THRIFT_TRUE = 1,
    THRIFT_FALSE = 2,
    THRIFT_I8 = 3,
    THRIFT_I16 = 4,
    THRIFT_I32 = 5,
    THRIFT_I64 = 6,
    THRIFT_DOUBLE = 7,
    THRIFT_BINARY = 8,
    THRIFT_LIST = 9,
    THRIFT_SET = 10,
    THRIFT_MAP = 11,
    THRIFT_STRUCT = 12,
    THRIFT_UUID = 13,
};

struct thrift {
    const uint8_t *at, *end;
    bool failed;
};

struct thrift_field {
    int id;
    uint8_t type; /* enum thrift_type, or something unknown that fails when it is read */
};

/* Bytes inside the input: not owned, not NUL-terminated. */
struct thrift_bytes {
    const uint8_t *bytes;
    size_t length;
};

/* Advances to the next field of a structure (`field` starts zeroed). False at its end. The caller
 * then reads or skips the value. */
bool thrift_next(struct thrift *in, struct thrift_field *field);

/* The value of a field of that type. A type that does not fit fails. */
int64_t thrift_integer(struct thrift *in, uint8_t type);
bool thrift_boolean(struct thrift *in, uint8_t type);
struct thrift_bytes thrift_binary(struct thrift *in, uint8_t type);

/* Enters a list of `element` values and returns how many follow; never more than bytes are left. */
size_t thrift_list(struct thrift *in, uint8_t type, enum thrift_type element);

/* Passes over a value; structures nested too deep to be metadata fail. */
void thrift_skip(struct thrift *in, uint8_t type);

/* An unsigned LEB128 number, 64 bits at most. */
uint64_t thrift_varint(struct thrift *in);

/* The signed number that a zigzag-encoded one stands for. */
int64_t thrift_zigzag(uint64_t value);

#endif

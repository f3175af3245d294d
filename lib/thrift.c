#include "thrift.h"

enum { THRIFT_DEPTH_MAX = 24 };

static uint64_t
thrift_fail(struct thrift *in)
{
    in->failed = true;
    in->at = in->end;
    return 0;
}

static uint8_t
thrift_byte(struct thrift *in)
{
    return in->at == in->end ? (uint8_t)thrift_fail(in) : *in->at++;
}

uint64_t
thrift_varint(struct thrift *in)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && in->at != in->end; shift += 7) {
        uint8_t byte = *in->at++;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    return thrift_fail(in);
}

int64_t
thrift_zigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

bool
thrift_next(struct thrift *in, struct thrift_field *field)
{
    uint8_t head = thrift_byte(in);

    if (in->failed || head == 0)
        return false;
    int64_t id = head >> 4 != 0 ? field->id + (head >> 4) : thrift_zigzag(thrift_varint(in));
    if (id < 0 || id > INT16_MAX)
        thrift_fail(in);
    field->id = (int)id;
    field->type = head & 15;
    return !in->failed;
}

int64_t
thrift_integer(struct thrift *in, uint8_t type)
{
    if (type == THRIFT_I8)
        return (int8_t)thrift_byte(in);
    if (type != THRIFT_I16 && type != THRIFT_I32 && type != THRIFT_I64)
        return (int64_t)thrift_fail(in);
    int64_t value = thrift_zigzag(thrift_varint(in));
    if ((type == THRIFT_I16 && value != (int16_t)value) ||
        (type == THRIFT_I32 && value != (int32_t)value))
        return (int64_t)thrift_fail(in);
    return value;
}

bool
thrift_boolean(struct thrift *in, uint8_t type)
{
    if (type != THRIFT_TRUE && type != THRIFT_FALSE)
        thrift_fail(in);
    return type == THRIFT_TRUE;
}

struct thrift_bytes
thrift_binary(struct thrift *in, uint8_t type)
{
    uint64_t length = type == THRIFT_BINARY ? thrift_varint(in) : thrift_fail(in);

    if (type != THRIFT_BINARY || length > (uint64_t)(in->end - in->at))
        length = thrift_fail(in);
    struct thrift_bytes bytes = { in->at, (size_t)length };
    in->at += length;
    return bytes;
}

/* Every element takes a byte at least, so an honest count never exceeds what is left. */
static size_t
thrift_list_head(struct thrift *in, uint8_t *element)
{
    uint8_t head = thrift_byte(in);
    uint64_t count = head >> 4 == 15 ? thrift_varint(in) : head >> 4;

    *element = head & 15;
    return (size_t)(count > (uint64_t)(in->end - in->at) ? thrift_fail(in) : count);
}

size_t
thrift_list(struct thrift *in, uint8_t type, enum thrift_type element)
{
    uint8_t found = 0;
    size_t count = type == THRIFT_LIST ? thrift_list_head(in, &found) : (size_t)thrift_fail(in);

    return count != 0 && found != element ? (size_t)thrift_fail(in) : count;
}

static void
thrift_pass(struct thrift *in, size_t length)
{
    if (length > (size_t)(in->end - in->at))
        thrift_fail(in);
    else
        in->at += length;
}

static void
thrift_skip_value(struct thrift *in, uint8_t type, bool in_list, int depth)
{
    uint8_t element, key;
    size_t count;

    if (depth > THRIFT_DEPTH_MAX)
        thrift_fail(in);
    switch (type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE: /* a field's type is its value; an element is a byte of its own */
        thrift_pass(in, in_list ? 1 : 0);
        break;
    case THRIFT_I8:
        thrift_pass(in, 1);
        break;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
        thrift_varint(in);
        break;
    case THRIFT_DOUBLE:
        thrift_pass(in, 8);
        break;
    case THRIFT_UUID:
        thrift_pass(in, 16);
        break;
    case THRIFT_BINARY:
        thrift_binary(in, THRIFT_BINARY);
        break;
    case THRIFT_LIST:
    case THRIFT_SET:
        for (count = thrift_list_head(in, &element); count > 0 && !in->failed; count--)
            thrift_skip_value(in, element, true, depth + 1);
        break;
    case THRIFT_MAP:
        count = (size_t)thrift_varint(in);
        key = count == 0 ? 0 : thrift_byte(in);
        for (; count > 0 && !in->failed; count--) {
            thrift_skip_value(in, key >> 4, true, depth + 1);
            thrift_skip_value(in, key & 15, true, depth + 1);
        }
        break;
    case THRIFT_STRUCT:
        for (struct thrift_field field = { 0 }; thrift_next(in, &field);)
            thrift_skip_value(in, field.type, false, depth + 1);
        break;
    default:
        thrift_fail(in);
    }
}

void
thrift_skip(struct thrift *in, uint8_t type)
{
    thrift_skip_value(in, type, false, 0);
}

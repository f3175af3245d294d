#include "parquet_private.h"

#include <brotli/decode.h>
#include <lz4.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { ZSTD_CONTEXT = 256 * 1024 }; /* bytes of a context for whole buffers, generously */

/* zlib and brotli allocate through these, so that what they take counts. Each block is preceded by
 * its size, in as much room as alignment asks for. */
static void *
codec_alloc(void *opaque, size_t size)
{
    struct parquet *file = opaque;
    size_t total = sizeof(max_align_t) + size;

    if (total < size || !parquet_reserve(file, total))
        return NULL;
    max_align_t *block = malloc(total);
    if (block == NULL) {
        file->reserved -= total;
        parquet_fail(file, PARQUET_TOO_LARGE, "no memory is left");
        return NULL;
    }
    memcpy(block, &total, sizeof total);
    return block + 1;
}

static void
codec_free(void *opaque, void *memory)
{
    struct parquet *file = opaque;
    size_t total;

    if (memory == NULL)
        return;
    max_align_t *block = (max_align_t *)memory - 1;
    memcpy(&total, block, sizeof total);
    file->reserved -= total;
    free(block);
}

static void *
codec_zlib_alloc(void *opaque, unsigned count, unsigned size)
{
    return codec_alloc(opaque, (size_t)count * size);
}

/* Takes zlib streams too, and gzip members one after another. */
static bool
codec_gzip(struct parquet *file, const uint8_t *in, size_t packed, uint8_t *out, size_t unpacked)
{
    z_stream stream = { .zalloc = codec_zlib_alloc,
                        .zfree = codec_free,
                        .opaque = file,
                        .next_in = (uint8_t *)(uintptr_t)in,
                        .avail_in = (uInt)packed,
                        .next_out = out,
                        .avail_out = (uInt)unpacked };
    int status = inflateInit2(&stream, 32 + MAX_WBITS);

    if (status != Z_OK)
        return false;
    while (status == Z_OK && (status = inflate(&stream, Z_FINISH)) == Z_STREAM_END)
        if (stream.avail_in != 0)
            status = inflateReset(&stream);
    inflateEnd(&stream);
    return status == Z_STREAM_END && stream.avail_out == 0;
}

static bool
codec_brotli(struct parquet *file, const uint8_t *in, size_t packed, uint8_t *out, size_t unpacked)
{
    BrotliDecoderState *state = BrotliDecoderCreateInstance(codec_alloc, codec_free, file);

    if (state == NULL)
        return false;
    BrotliDecoderResult result =
        BrotliDecoderDecompressStream(state, &packed, &in, &unpacked, &out, NULL);
    BrotliDecoderDestroyInstance(state);
    return result == BROTLI_DECODER_RESULT_SUCCESS && packed == 0 && unpacked == 0;
}

static bool
codec_snappy(const uint8_t *in, size_t packed, uint8_t *out, size_t unpacked)
{
    size_t length;

    return snappy_uncompressed_length((const char *)in, packed, &length) == SNAPPY_OK &&
           length == unpacked &&
           snappy_uncompress((const char *)in, packed, (char *)out, &length) == SNAPPY_OK;
}

/* The context serves all pages: making it takes longer than a small page. */
static bool
codec_zstd(struct parquet *file, const uint8_t *in, size_t packed, uint8_t *out, size_t unpacked)
{
    if (file->zstd == NULL) {
        if (!parquet_reserve(file, ZSTD_CONTEXT))
            return false;
        file->zstd = ZSTD_createDCtx();
    }
    if (file->zstd == NULL)
        return parquet_fail(file, PARQUET_TOO_LARGE, "no memory is left");
    size_t length = ZSTD_decompressDCtx(file->zstd, out, unpacked, in, packed);
    return !ZSTD_isError(length) && length == unpacked;
}

static bool
codec_lz4(const uint8_t *in, size_t packed, uint8_t *out, size_t unpacked)
{
    int length = LZ4_decompress_safe((const char *)in, (char *)out, (int)packed, (int)unpacked);

    return length >= 0 && (size_t)length == unpacked;
}

const uint8_t *
parquet_unpack(struct parquet *file, int64_t codec, const uint8_t *in, size_t packed,
               size_t unpacked)
{
    bool ok = false;

    if (codec == CODEC_NONE) {
        if (packed == unpacked)
            return in;
        parquet_fail(file, PARQUET_BROKEN, "an uncompressed page has %zu bytes and claims %zu",
                     packed, unpacked);
        return NULL;
    }
    /* Cells take more memory than the bytes they come from, so a file whose pages add up to more
     * than all the memory allowed could not be read in any case: stop it before it takes time. */
    if (unpacked > file->max_bytes - file->unpacked) {
        parquet_fail(file, PARQUET_TOO_LARGE, "decompresses to more than %zu bytes",
                     file->max_bytes);
        return NULL;
    }
    file->unpacked += unpacked;
    uint8_t *out = parquet_take(file, &file->page_arena, unpacked, 1);
    if (out == NULL)
        return NULL;
    switch (codec) {
    case CODEC_SNAPPY:
        ok = codec_snappy(in, packed, out, unpacked);
        break;
    case CODEC_GZIP:
        ok = codec_gzip(file, in, packed, out, unpacked);
        break;
    case CODEC_BROTLI:
        ok = codec_brotli(file, in, packed, out, unpacked);
        break;
    case CODEC_ZSTD:
        ok = codec_zstd(file, in, packed, out, unpacked);
        break;
    case CODEC_LZ4_RAW:
        ok = codec_lz4(in, packed, out, unpacked);
        break;
    default:
        break; /* parquet_chunk_read refused it */
    }
    if (!ok)
        parquet_fail(file, PARQUET_BROKEN, "a page does not decompress to its %zu bytes", unpacked);
    return ok ? out : NULL;
}

void
parquet_unpack_end(struct parquet *file)
{
    ZSTD_freeDCtx(file->zstd);
}

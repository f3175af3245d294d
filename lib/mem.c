#include "mem.h"

#include "config.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARENA_BLOCK = 16 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    max_align_t data[];
};

_Noreturn void
mem_exhausted(size_t size)
{
    char line[64];
    int length = snprintf(line, sizeof line, "out of memory: %zu bytes refused\n", size);

    /* Straight to the descriptor, and no exit handlers: neither may need memory. */
    if (write(STDERR_FILENO, line, (size_t)length) < 0)
        (void)0; /* the exit code says it too */
    _exit(EXIT_SYSTEM);
}

void *
mem_alloc(size_t size)
{
    void *memory = malloc(size ? size : 1);

    if (memory == NULL)
        mem_exhausted(size);
    return memory;
}

void *
mem_zero(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);

    if (memory == NULL)
        mem_exhausted(size);
    return memory;
}

void *
mem_resize(void *memory, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        mem_exhausted(SIZE_MAX);
    void *resized = realloc(memory, count * size != 0 ? count * size : 1);
    if (resized == NULL)
        mem_exhausted(count * size);
    return resized;
}

char *
mem_string(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(mem_alloc(size), text, size);
}

void
arena_init(struct arena *arena, size_t max_bytes)
{
    *arena = (struct arena){ .max_bytes = max_bytes };
}

static struct arena_block *
arena_grow(struct arena *arena, size_t size)
{
    size_t data = size > ARENA_BLOCK / 4 ? size : ARENA_BLOCK;
    size_t total = sizeof(struct arena_block) + data;

    if (arena->max_bytes != 0 && total > arena->max_bytes - arena->used)
        return NULL;
    struct arena_block *block = malloc(total);
    if (block == NULL) {
        if (arena->max_bytes == 0)
            mem_exhausted(total);
        return NULL;
    }
    arena->used += total;
    block->size = data;
    block->used = 0;
    /* A large block goes behind the current one, which may still have room for small requests. */
    if (data > ARENA_BLOCK && arena->blocks != NULL) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
    }
    return block;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = sizeof(max_align_t);

    if (size > SIZE_MAX - align - sizeof(struct arena_block)) {
        if (arena->max_bytes == 0)
            mem_exhausted(size);
        return NULL;
    }
    size = size == 0 ? align : (size + align - 1) / align * align;
    struct arena_block *block = arena->blocks;
    if (block == NULL || size > block->size - block->used) {
        block = arena_grow(arena, size);
        if (block == NULL)
            return NULL;
    }
    void *memory = (char *)block->data + block->used;
    block->used += size;
    return memory;
}

void *
arena_zero(struct arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        if (arena->max_bytes == 0)
            mem_exhausted(SIZE_MAX);
        return NULL;
    }
    void *memory = arena_alloc(arena, count * size);
    return memory == NULL ? NULL : memset(memory, 0, count * size);
}

char *
arena_copy(struct arena *arena, const void *bytes, size_t length)
{
    if (length == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(arena, length + 1);
    if (copy == NULL)
        return NULL;
    if (length != 0)
        memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

char *
arena_format(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    char most[256]; /* seldom is it longer: then it is written twice */

    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(most, sizeof most, format, arguments);
    va_end(arguments);
    char *text = length < 0 ? NULL : arena_alloc(arena, (size_t)length + 1);
    if (text != NULL && (size_t)length < sizeof most)
        memcpy(text, most, (size_t)length + 1);
    else if (text != NULL)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void
arena_free(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    arena->used = 0;
}

void
arena_reset(struct arena *arena)
{
#ifndef __SANITIZE_ADDRESS__ /* which is to find what is used too late */
    struct arena_block *last = arena->blocks;

    if (last != NULL && last->next == NULL && last->size == ARENA_BLOCK) {
        last->used = 0;
        return;
    }
#endif
    arena_free(arena);
}

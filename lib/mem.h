/* mem: memory that is there, and arenas.
 *
 * Small allocations whose size our own code decides cannot fail: when the machine has no memory
 * left, mem_* prints one line and ends the program, in one place. A size that comes from outside is
 * bounded first and taken from an arena with a limit, which may refuse.
 *
 * The libraries that can be given an allocator get this one, each where it is used: jansson,
 * libcurl, libcrypto, SQLite and libbrotlienc. Only libfcgi and libsnappy cannot. */
#ifndef MEM_H
#define MEM_H

#include <stdbool.h>
#include <stddef.h>

/* Ends the program (EXIT_SYSTEM) with one line that says how much was refused. */
_Noreturn void mem_exhausted(size_t size);

/* `size` bytes (at least 1), never NULL. The caller owns them: free(). */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));

/* `count` zeroed elements of `size` bytes, never NULL. The caller owns them: free(). */
void *mem_zero(size_t count, size_t size) __attribute__((returns_nonnull));

/* Resizes what mem_* gave (or NULL) to `count` elements of `size` bytes, never NULL. */
void *mem_resize(void *memory, size_t count, size_t size) __attribute__((returns_nonnull));

/* A copy of a string, never NULL. The caller owns it: free(). */
char *mem_string(const char *text) __attribute__((malloc, returns_nonnull));

/* An arena hands out memory that is freed all at once. */
struct arena {
    struct arena_block *blocks;
    size_t used;      /* bytes handed out and overhead, in total */
    size_t max_bytes; /* 0: no limit, and then arena_alloc never returns NULL */
};

/* An empty arena. With max_bytes = 0 it ends the program for want of memory; otherwise it refuses
 * (NULL) what would take it over max_bytes or what malloc cannot give. */
void arena_init(struct arena *arena, size_t max_bytes);

/* `size` bytes, aligned for any type, not zeroed; NULL only as arena_init says. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc));

/* `count` zeroed elements of `size` bytes; NULL as arena_alloc, and on overflow. */
void *arena_zero(struct arena *arena, size_t count, size_t size);

/* A NUL-terminated copy of `length` bytes; NULL as arena_alloc. */
char *arena_copy(struct arena *arena, const void *bytes, size_t length);

/* A formatted string; NULL as arena_alloc. */
char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Frees all that the arena gave. It can be used again. */
void arena_free(struct arena *arena);

/* The same, but memory for the next use may stay with the arena. */
void arena_reset(struct arena *arena);

#endif

/* fsync: how many times a second this file system makes a small write durable.
 *
 *   fsync FILE SECONDS [BYTES]     prints the rate; it appends BYTES (4096) at a time to a new FILE
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BYTES = 4096, BYTES_MAX = 1 << 16, FILE_MAX = 4 << 20, EXIT_USAGE = 100 };

static double
now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
    static const char block[BYTES_MAX];
    long count = 0, bytes = argc > 3 ? strtol(argv[3], NULL, 10) : BYTES;
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 0;

    if (seconds <= 0 || seconds > 60 || bytes < 1 || bytes > BYTES_MAX) {
        fputs("usage: fsync FILE SECONDS [BYTES]\n", stderr);
        return EXIT_USAGE;
    }
    int file = open(argv[1], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        err(1, "cannot open %s", argv[1]);
    double start = now(), end = start;
    /* A log that begins again at its start when it is full, as SQLite's does. */
    for (; end - start < seconds; count++) {
        if (pwrite(file, block, (size_t)bytes, (count * bytes) % FILE_MAX) != bytes ||
            fdatasync(file) != 0)
            err(1, "cannot write %s", argv[1]);
        end = now();
    }
    close(file);
    unlink(argv[1]);
    printf("%.0f\n", (double)count / (end - start));
    return 0;
}

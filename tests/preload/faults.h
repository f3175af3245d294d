/* faults: how tests/sweep tells a program which of its calls is to fail.
 *
 * The two share a file that FAULTS names. The program's half is a library that is loaded before all
 * others (LD_PRELOAD) and stands in front of malloc(), read(), write() and their like; what libc
 * calls within itself (stdio's writes, say) does not pass it. */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Kinds of calls, a bit each. */
enum {
    FAULTS_ALLOC = 1, /* malloc calloc realloc reallocarray posix_memalign aligned_alloc */
    FAULTS_READ = 2,  /* read pread */
    FAULTS_WRITE = 4, /* write pwrite */
    FAULTS_SYNC = 8,  /* fsync fdatasync */
    FAULTS_NAME = 16, /* open openat fopen rename unlink mkdir ftruncate mmap flock */
    FAULTS_NET = 32,  /* recv send */
};

enum faults_action { FAULTS_FAIL, FAULTS_SHORT, FAULTS_KILL };

struct faults {
    _Atomic bool armed;        /* calls are counted, and fail */
    bool on_accept;            /* arms itself when a connection is first waited for */
    _Atomic uint32_t kinds;    /* what counts */
    _Atomic uint64_t reached;  /* calls so far */
    uint64_t call;             /* the one that fails, from 1; 0: none */
    bool onward;               /* and all after it */
    enum faults_action action; /* FAULTS_SHORT: half of what was asked for is read or written;
                                  FAULTS_KILL: the process dies before the call */
    int error;                 /* FAULTS_FAIL: the errno; what a call cannot give stays out */
    _Atomic uint32_t failed;   /* calls that failed */
    char what[300];            /* the first of them: "pwrite 4096 bytes of /path: EIO" */
    char crashed[100];         /* whose code a crash or abort() was in: "libfcgi.so.0", "fetcher" */
};

#endif

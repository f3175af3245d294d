/* empty: the least that a FastCGI program can do: it answers each request with the same 300 bytes,
 * or as many as its first argument says. With the name of a file as its second one it sends the
 * header lines that are in it, and closes each connection at once, as our programs do: that is what
 * they could be at most. It is what the programs' speed is measured against. */
#include "mem.h"

#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 300, HEAD_MAX = 4096 };

int
main(int argc, char **argv)
{
    long bytes = argc > 1 ? strtol(argv[1], NULL, 10) : BYTES;
    FCGX_Request request;
    char head[HEAD_MAX];

    if (bytes < 2 || bytes > 1 << 26 || FCGX_Init() != 0 || FCGX_InitRequest(&request, 0, 0) != 0)
        return EXIT_FAILURE;
    char lines[HEAD_MAX / 2] = "Content-Type: application/json\r\n";
    FILE *file = argc > 2 ? fopen(argv[2], "r") : NULL;
    if (file != NULL) {
        lines[fread(lines, 1, sizeof lines - 1, file)] = '\0';
        fclose(file);
    }
    int length = snprintf(head, sizeof head, "%sContent-Length: %ld\r\n\r\n", lines, bytes);
    char *body = mem_alloc((size_t)bytes);
    memset(body, 'x', (size_t)bytes);
    body[0] = body[bytes - 1] = '"';
    while (FCGX_Accept_r(&request) == 0) {
        FCGX_PutStr(head, length, request.out);
        FCGX_PutStr(body, (int)bytes, request.out);
        if (argc > 2)
            FCGX_Detach(&request);
        FCGX_Finish_r(&request);
    }
    free(body);
    return EXIT_SUCCESS;
}

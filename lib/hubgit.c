#include "hubgit.h"

#include "json.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PATH_BYTES = 1000, NAME_BYTES = 96, OBJECT_MAX = 1 << 30 };

void
hubgit_tree_entry(struct buf *tree, bool folder, const char *name, const char *oid)
{
    buf_format(tree, "%s %s", folder ? "40000" : "100644", name);
    buf_byte(tree, '\0');
    for (size_t i = 0; i + 1 < SHA1_HEX; i += 2) {
        char digits[3] = { oid[i], oid[i + 1], '\0' };
        buf_byte(tree, (char)strtoul(digits, NULL, 16));
    }
}

void
hubgit_commit(const char *tree, const char *parent, const char *message, int64_t when,
              char oid[SHA1_HEX])
{
    struct buf text;

    buf_init(&text, OBJECT_MAX);
    buf_format(&text, "tree %s\n", tree);
    if (parent != NULL)
        buf_format(&text, "parent %s\n", parent);
    buf_format(&text, "author Local Hub <hub@localhost> %" PRId64 " +0000\n", when);
    buf_format(&text, "committer Local Hub <hub@localhost> %" PRId64 " +0000\n\n", when);
    buf_text(&text, message);
    buf_byte(&text, '\n');
    digest_git("commit", text.data, text.length, oid);
    buf_free(&text);
}

size_t
hubgit_pointer(char pointer[HUBGIT_POINTER_MAX], const char *sha256, int64_t size)
{
    return (size_t)snprintf(pointer, HUBGIT_POINTER_MAX,
                            "version https://git-lfs.github.com/spec/v1\noid sha256:%s\n"
                            "size %" PRId64 "\n",
                            sha256, size);
}

bool
hubgit_is_lfs(const char *path, int64_t size)
{
    /* As in the .gitattributes that the Hub gives new repos. */
    static const char *const endings[] = {
        ".7z",  ".arrow", ".bin",    ".bz2", ".ckpt",        ".ftz",   ".gguf",
        ".gz",  ".h5",    ".joblib", ".lz4", ".mlmodel",     ".model", ".msgpack",
        ".npy", ".npz",   ".onnx",   ".ot",  ".parquet",     ".pb",    ".pickle",
        ".pkl", ".pt",    ".pth",    ".rar", ".safetensors", ".tar",   ".tflite",
        ".tgz", ".wasm",  ".xz",     ".zip", ".zst",
    };
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash == NULL ? path : slash, '.');

    if (size == 0)
        return false;
    for (size_t i = 0; dot != NULL && i < sizeof endings / sizeof endings[0]; i++)
        if (strcmp(dot, endings[i]) == 0)
            return true;
    return size > HUBGIT_REGULAR_MAX;
}

bool
hubgit_path_valid(const char *path)
{
    if (strlen(path) > PATH_BYTES || !utf8_valid(path, strlen(path)))
        return false;
    for (const char *in = path; *in != '\0'; in++)
        if (*in == '\\' || (unsigned char)*in < 0x20 || *in == 0x7f)
            return false;
    for (const char *segment = path;; segment++) {
        size_t length = strcspn(segment, "/");
        if (length == 0 || (length == 1 && segment[0] == '.') ||
            (length == 2 && memcmp(segment, "..", 2) == 0) ||
            (length == 4 && strncasecmp(segment, ".git", 4) == 0))
            return false;
        segment += length;
        if (*segment == '\0')
            return true;
    }
}

static bool
name_valid(const char *name, size_t length)
{
    if (length == 0 || length > NAME_BYTES || strchr("-.", name[0]) != NULL ||
        strchr("-.", name[length - 1]) != NULL)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)name[i]) && strchr("-_.", name[i]) == NULL)
            return false;
        if (i > 0 && name[i] == name[i - 1] && strchr("-.", name[i]) != NULL)
            return false;
    }
    return length < 4 || memcmp(name + length - 4, ".git", 4) != 0;
}

bool
hubgit_repo_valid(const char *id)
{
    const char *slash = strchr(id, '/');

    return slash != NULL && name_valid(id, (size_t)(slash - id)) &&
           name_valid(slash + 1, strlen(slash + 1));
}

bool
hubgit_hex_valid(const char *text, size_t digits)
{
    return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

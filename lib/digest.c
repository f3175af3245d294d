#include "digest.h"

#include "mem.h"

#include <openssl/evp.h>
#include <stdio.h>

static void
digest_parts(const EVP_MD *kind, const void *head, size_t head_length, const void *bytes,
             size_t length, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    /* Hashing memory fails only where there is none left. */
    if (context == NULL || !EVP_DigestInit_ex(context, kind, NULL) ||
        !EVP_DigestUpdate(context, head, head_length) ||
        !EVP_DigestUpdate(context, bytes, length) || !EVP_DigestFinal_ex(context, hash, &size))
        mem_exhausted(length);
    EVP_MD_CTX_free(context);
    for (unsigned i = 0; i < size; i++) {
        hex[2 * i] = digits[hash[i] >> 4];
        hex[2 * i + 1] = digits[hash[i] & 15];
    }
    hex[2 * size] = '\0';
}

void
digest_sha256(const void *bytes, size_t length, char hex[SHA256_HEX])
{
    digest_parts(EVP_sha256(), "", 0, bytes, length, hex);
}

void
digest_git(const char *kind, const void *bytes, size_t length, char hex[SHA1_HEX])
{
    char head[48];
    int size = snprintf(head, sizeof head, "%s %zu", kind, length);

    digest_parts(EVP_sha1(), head, (size_t)size + 1, bytes, length, hex);
}

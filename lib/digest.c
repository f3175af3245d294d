#include "digest.h"

#include "mem.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

static void *
crypto_alloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return mem_alloc(size);
}

static void *
crypto_resize(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return mem_resize(memory, size, 1);
}

static void
crypto_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

/* Refused memory, libcrypto crashes at some places: it has memory, or the program ends. That goes
 * for what libcurl does with it, too. */
__attribute__((constructor)) static void
crypto_begin(void)
{
    CRYPTO_set_mem_functions(crypto_alloc, crypto_resize, crypto_free);
}

/* What is hashed lies in memory: that fails only where there is none left. */
static void
must(int good)
{
    if (!good)
        mem_exhausted(sizeof(EVP_MD_CTX *));
}

static struct digest *
begin(const EVP_MD *kind)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    must(context != NULL && EVP_DigestInit_ex(context, kind, NULL));
    return (struct digest *)context;
}

struct digest *
digest_begin(void)
{
    return begin(EVP_sha256());
}

struct digest *
digest_git_begin(const char *kind, uint64_t length)
{
    struct digest *digest = begin(EVP_sha1());
    char head[48];
    int size = snprintf(head, sizeof head, "%s %" PRIu64, kind, length);

    digest_put(digest, head, (size_t)size + 1);
    return digest;
}

void
digest_put(struct digest *digest, const void *bytes, size_t length)
{
    must(EVP_DigestUpdate((EVP_MD_CTX *)digest, bytes, length));
}

void
digest_end(struct digest *digest, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    EVP_MD_CTX *context = (EVP_MD_CTX *)digest;
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    must(EVP_DigestFinal_ex(context, hash, &size));
    EVP_MD_CTX_free(context);
    for (unsigned i = 0; hex != NULL && i < size; i++) {
        hex[2 * i] = digits[hash[i] >> 4];
        hex[2 * i + 1] = digits[hash[i] & 15];
    }
    if (hex != NULL)
        hex[2 * size] = '\0';
}

void
digest_sha256(const void *bytes, size_t length, char hex[SHA256_HEX])
{
    struct digest *digest = digest_begin();

    digest_put(digest, bytes, length);
    digest_end(digest, hex);
}

void
digest_git(const char *kind, const void *bytes, size_t length, char hex[SHA1_HEX])
{
    struct digest *digest = digest_git_begin(kind, length);

    digest_put(digest, bytes, length);
    digest_end(digest, hex);
}

#include "digest.h"

#include "mem.h"

#include <openssl/evp.h>
#include <stdio.h>

/* What is hashed lies in memory: that fails only where there is none left. */
static void
must(int good)
{
    if (!good)
        mem_exhausted(sizeof(EVP_MD_CTX *));
}

static EVP_MD_CTX *
begin(const EVP_MD *kind)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    must(context != NULL && EVP_DigestInit_ex(context, kind, NULL));
    return context;
}

static void
end(EVP_MD_CTX *context, char *hex)
{
    static const char digits[] = "0123456789abcdef";
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

struct digest *
digest_begin(void)
{
    return (struct digest *)begin(EVP_sha256());
}

void
digest_put(struct digest *digest, const void *bytes, size_t length)
{
    must(EVP_DigestUpdate((EVP_MD_CTX *)digest, bytes, length));
}

void
digest_end(struct digest *digest, char *hex)
{
    end((EVP_MD_CTX *)digest, hex);
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
    EVP_MD_CTX *context = begin(EVP_sha1());
    char head[48];
    int size = snprintf(head, sizeof head, "%s %zu", kind, length);

    must(EVP_DigestUpdate(context, head, (size_t)size + 1) &&
         EVP_DigestUpdate(context, bytes, length));
    end(context, hex);
}

#include "base/secret.h"

#include <string.h>
#include <strings.h>

/* A name that holds one of these. */
static const char parts[][12] = {"auth",   "cookie",   "token",      "secret",
                                 "passwd", "password", "passphrase", "apikey",
                                 "-key",   "_key",     "session",    "credential"};

/* Authors write events; authorities and authorizations let in. */
static bool is_of_author(const char *after, size_t len)
{
    return len >= 2 && strncasecmp(after, "or", 2) == 0 && (len == 2 || (after[2] | 0x20) != 'i');
}

bool secret_is_name(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t part_len = strlen(parts[i]);

        for (size_t at = 0; at + part_len <= len; at++) {
            if (strncasecmp(name + at, parts[i], part_len) == 0 &&
                (i > 0 || !is_of_author(name + at + part_len, len - at - part_len)))
                return true;
        }
    }
    return false;
}

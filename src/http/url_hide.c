/*
 * http/url_hide.c - what of a URL may be shown to people and stand in results.
 */
#include "http/url.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* The text but for what stands from `from` up to `to`. */
static char *without(const char *text, size_t len, size_t from, size_t to)
{
    char *result = x_malloc(len - (to - from) + 1);

    memcpy(result, text, from);
    memcpy(result + from, text + to, len - to);
    result[len - (to - from)] = '\0';
    return result;
}

/* Behind the slashes in front of an authority; 0 where there are none. */
static size_t authority_start(const char *text, size_t len)
{
    const char *slashes = memmem(text, len, "//", 2);

    return slashes ? (size_t)(slashes - text) + 2 : 0;
}

char *url_hide_userinfo(const char *text, size_t len)
{
    size_t start = authority_start(text, len), end = start;
    const char *at = NULL;

    while (start > 0 && end < len && (text[end] == '\0' || !strchr("/?#", text[end])))
        end++;
    if (end > start)
        at = memrchr(text + start, '@', end - start);
    return without(text, len, start, at ? (size_t)(at - text) + 1 : start);
}

char *url_hide_secrets(const char *text, size_t len)
{
    char *open = url_hide_userinfo(text, len);
    const char *at = len > 0 ? memrchr(text, '@', len) : NULL;
    size_t start = authority_start(text, len), end = at ? (size_t)(at - text) + 1 : 0;

    if (!at || strlen(open) < len)
        return open;
    free(open);
    return without(text, len, start < end ? start : 0, end);
}

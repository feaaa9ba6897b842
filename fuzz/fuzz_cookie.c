/*
 * fuzz/fuzz_cookie.c - a jar fed with arbitrary Set-Cookie values keeps its limits, sends nothing
 * that could end a header field, and survives being copied cookie by cookie.
 *
 * Each line of the input is a value, after one byte that picks the URL it comes from and moves the
 * clock. The whole input is a value too, so that line ends occur in one.
 */
#include "base/mem.h"
#include "http/cookie.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char *const URLS[] = {
    "http://a.com/",      "https://a.com/p/q", "http://w.a.com/p",   "https://w.a.com/",
    "http://a.co.uk/p/q", "http://localhost/", "https://10.0.0.1/p", "http://[::1]/p?q/r",
    "https://co.uk/",     "http://a.com./",
};

enum { URL_COUNT = sizeof URLS / sizeof URLS[0] };

static void require(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "%s\n", what);
        abort();
    }
}

static struct url url_at(size_t index)
{
    const char *text = URLS[index % URL_COUNT];
    struct url url;
    struct err err;

    require(url_parse(text, strlen(text), &url, &err) == 0, text);
    return url;
}

static void check_cookie(const struct cookie *cookie, double unix_ms)
{
    size_t name_bytes = strlen(cookie->name), value_bytes = strlen(cookie->value);

    require(name_bytes > 0, "no name");
    require(name_bytes + value_bytes <= COOKIE_PAIR_LIMIT_BYTES, "a long pair");
    require(strlen(cookie->path) <= COOKIE_ATTRIBUTE_LIMIT_BYTES, "a long path");
    require(cookie->path[0] == '/', "a path without slash");
    require(cookie->domain[0] != '\0' && cookie->domain[0] != '.', "no domain");
    require(!strpbrk(cookie->name, "=;"), "a delimiter in the name");
    require(!strchr(cookie->value, ';'), "a delimiter in the value");
    require(cookie->expires_unix_ms == 0.0 || (cookie->expires_unix_ms > unix_ms &&
                                               cookie->expires_unix_ms <= COOKIE_LATEST_UNIX_MS),
            "an expired cookie");
}

static void check_text(const struct buf *text, size_t count)
{
    size_t semicolons = 0;

    require(text->len <= COOKIE_FIELD_LIMIT_BYTES, "a long field");
    for (size_t i = 0; i < text->len; i++) {
        require(text->bytes[i] >= ' ' && text->bytes[i] != 0x7f, "a control character");
        semicolons += text->bytes[i] == ';';
    }
    require(count == (text->len > 0 ? semicolons + 1 : 0), "another count");
}

/* What one jar shows, put into another, makes the other send the same. */
static void check_copy(struct cookie_jar *jar, double unix_ms)
{
    struct cookie_jar *copy = cookie_jar_new();
    struct cookie cookie;

    for (size_t i = 0; cookie_jar_at(jar, i, &cookie); i++) {
        check_cookie(&cookie, unix_ms);
        require(cookie_jar_put(copy, &cookie, unix_ms) == COOKIE_OK, "not taken again");
    }
    require(cookie_jar_count(copy) == cookie_jar_count(jar), "fewer in the copy");
    for (size_t i = 0; i < URL_COUNT; i++) {
        struct url url = url_at(i);
        struct buf one = {0}, other = {0};
        size_t count = cookie_jar_append(jar, &url, unix_ms, &one);

        check_text(&one, count);
        require(cookie_jar_append(copy, &url, unix_ms, &other) == count, "fewer sent");
        require(strcmp(buf_text(&one), buf_text(&other)) == 0, "another field");
        buf_fini(&one);
        buf_fini(&other);
        url_fini(&url);
    }
    cookie_jar_free(copy);
}

/* Taking the same value twice is taking it once. */
static void take(struct cookie_jar *jar, size_t url_index, const char *value, size_t len,
                 double unix_ms)
{
    struct url url = url_at(url_index);
    enum cookie_status status = cookie_jar_take(jar, &url, value, len, unix_ms);
    size_t count = cookie_jar_count(jar);

    require(count <= COOKIE_JAR_LIMIT, "too many cookies");
    require(cookie_jar_take(jar, &url, value, len, unix_ms) == status, "another status");
    require(cookie_jar_count(jar) == count, "another count after the same value");
    url_fini(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct cookie_jar *jar = cookie_jar_new();
    const char *at = (const char *)bytes, *end = at + len;
    double unix_ms = 1700000000000.0;

    take(jar, 0, at, len, unix_ms);
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        const char *stop = line_end ? line_end : end;

        if (stop > at) {
            unix_ms += (uint8_t)*at * 10.0;
            take(jar, (uint8_t)*at, at + 1, (size_t)(stop - at - 1), unix_ms);
        }
        at = line_end ? line_end + 1 : end;
    }
    check_copy(jar, unix_ms);
    cookie_jar_free(jar);
    return 0;
}

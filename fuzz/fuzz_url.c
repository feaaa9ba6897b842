/*
 * fuzz/fuzz_url.c - URLs and references: what was parsed is sane, and parsing it again gives the
 * same.
 *
 * The input up to its first line end is a URL, the rest a reference to resolve against it.
 */
#include "base/buf.h"
#include "http/url.h"

#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(int holds, const char *what, const char *text)
{
    if (!holds) {
        (void)fprintf(stderr, "%s: %s\n", what, text);
        abort();
    }
}

/* What goes on the wire can break neither the request line nor the Host header. */
static void check_parts(const struct url *url)
{
    require(url->host[0] != '\0', "no host", url->target);
    require(url->target[0] == '/', "target without slash", url->target);
    require(url->port > 0, "no port", url->host);
    for (const char *at = url->target; *at; at++)
        require(*at > ' ' && *at < 0x7f, "byte in the target", url->target);
    for (const char *at = url->host; *at; at++)
        require(isalnum((unsigned char)*at) || strchr(url->is_ipv6 ? ":." : "-._", *at),
                "byte in the host", url->host);
    require(strlen(url->host) <= URL_HOST_LIMIT_BYTES, "too long", url->host);
    require(!strstr(url->target, "/../") || strchr(url->target, '?'), "dots left", url->target);
}

static void check_again(const struct url *url)
{
    struct buf out = {0};
    const char *text = url_append(&out, url) == 0 ? buf_text(&out) : "";
    struct url again;
    struct err err;
    int result = url_parse(text, out.len, &again, &err);

    /* Only the limit on the text as a whole may be in the way. */
    if (out.len <= URL_LIMIT_BYTES) {
        require(result == 0, "not taken again", text);
        require(url_same_origin(url, &again), "another origin", text);
        require(strcmp(url->target, again.target) == 0, "another target", text);
    }
    url_fini(&again);
    buf_fini(&out);
}

/* They can break no header line. */
static void check_credentials(const struct url *url)
{
    char *user = NULL, *password = NULL;
    struct err err;

    if (url_credentials(url, &user, &password, &err) == 0) {
        require(!user == !url->userinfo && !password == !user, "half of them", url->host);
        require(!user || !user[strcspn(user, "\r\n")], "line end in the user", url->host);
        require(!password || !password[strcspn(password, "\r\n")], "line end in the password",
                url->host);
    }
    free(user);
    free(password);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const uint8_t *line_end = len > 0 ? memchr(bytes, '\n', len) : NULL;
    size_t url_bytes = line_end ? (size_t)(line_end - bytes) : len;
    struct url base, url;
    struct err err;

    if (url_parse((const char *)bytes, url_bytes, &base, &err) == 0) {
        check_parts(&base);
        check_again(&base);
        check_credentials(&base);
        if (line_end) {
            const char *reference = (const char *)line_end + 1;

            if (url_resolve(&base, reference, len - url_bytes - 1, &url, &err) == 0) {
                check_parts(&url);
                check_again(&url);
            }
            url_fini(&url);
        }
    }
    url_fini(&base);
    return 0;
}

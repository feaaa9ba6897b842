/*
 * fuzz/fuzz_auth.c - WWW-Authenticate values: whatever a server asks for, one sound line is the
 * answer, and asking comes to an end.
 *
 * Each line of the input is the value of one field, and an empty line ends a head: the heads are
 * the 401s to one request after the other, and then to further ones from the start.
 */
#include "base/rng.h"
#include "http/auth.h"
#include "http/challenge.h"
#include "http/head.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_COUNT_LIMIT = 4 };

static const char FIELD[] = "WWW-Authenticate";
static const char FRONT[] = "Authorization: ";
static const char USER[] = "u\"s\\e\xc3\xa4r";
static const char PASSWORD[] = "p\"a\\ss";
static const char TARGET[] = "/a?\"b\\\"=c";

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(int holds, const char *what, const struct buf *line)
{
    if (!holds) {
        (void)fprintf(stderr, "%s: %.*s\n", what, (int)line->len,
                      line->bytes ? (const char *)line->bytes : "");
        abort();
    }
}

/* Credentials have the grammar of a challenge (RFC 9110, section 11.4), so ours reads them. */
static void check_credentials(const struct buf *line, const char *at, size_t len)
{
    struct challenge_reader reader;
    struct challenge_item item;
    enum challenge_part part;
    size_t scheme_count = 0, target_count = 0;

    challenge_reader_init(&reader, at, len);
    do {
        part = challenge_next(&reader, &item);
        scheme_count += part == CHALLENGE_SCHEME;
        target_count += part == CHALLENGE_PARAM && challenge_name_is(&item, "uri") &&
                        challenge_value_is(&item, TARGET);
    } while (part != CHALLENGE_END && part != CHALLENGE_BAD);
    require(part == CHALLENGE_END, "not to be read", line);
    require(scheme_count == 1, "more than one scheme", line);
    require(target_count == (memcmp(at, "Digest ", 7) == 0), "another target", line);
}

static void check_line(const struct buf *line)
{
    size_t front_bytes = sizeof FRONT - 1;
    const char *text = (const char *)line->bytes;

    require(line->len < AUTH_LINE_LIMIT_BYTES + 2 * sizeof TARGET, "too long", line);
    require(line->len > front_bytes + 2 && memcmp(text, FRONT, front_bytes) == 0, "no field", line);
    require(memcmp(text + line->len - 2, "\r\n", 2) == 0, "no line end", line);
    for (size_t i = 0; i < line->len - 2; i++)
        require((line->bytes[i] >= 0x20 && line->bytes[i] != 0x7f) || line->bytes[i] == '\t',
                "a control character", line);
    if (line->len - front_bytes - 2 <= CHALLENGE_FIELD_LIMIT_BYTES)
        check_credentials(line, text + front_bytes, line->len - front_bytes - 2);
}

static size_t read_heads(struct http_head *heads, const char *text, size_t len)
{
    size_t count = 0;

    http_head_init(&heads[count++]);
    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t value_bytes = end ? (size_t)(end - text) : len;

        if (value_bytes > 0) {
            if (http_head_add_name(&heads[count - 1], FIELD, sizeof FIELD - 1) < 0 ||
                http_head_add_value(&heads[count - 1], text, value_bytes) < 0)
                break;
        } else if (count < HEAD_COUNT_LIMIT) {
            http_head_init(&heads[count++]);
        }
        text += value_bytes + (end != NULL);
        len -= value_bytes + (end != NULL);
    }
    return count;
}

/* A server that keeps asking, one request a nonce, is refused at last. */
static void ask(enum auth_scheme scheme, const struct http_head *heads, size_t count)
{
    struct auth *auth = auth_new(scheme, USER, PASSWORD);
    struct buf line = {0};
    struct rng rng;
    size_t round = 0;

    rng_init(&rng, count);
    auth_append(auth, "GET", TARGET, &rng, &line);
    require(line.len == 0, "not asked yet", &line);
    while (auth_challenge(auth, &heads[round % count])) {
        buf_clear(&line);
        auth_append(auth, "GET", TARGET, &rng, &line);
        check_line(&line);
        round++;
        /* Basic once, then Digest once and for each stale nonce. */
        require(round <= 2 + AUTH_STALE_LIMIT, "no end", &line);
    }
    buf_clear(&line);
    auth_append(auth, "GET", TARGET, &rng, &line);
    require(line.len == 0, "an answer after a refusal", &line);
    buf_fini(&line);
    auth_free(auth);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct http_head heads[HEAD_COUNT_LIMIT];
    size_t count = read_heads(heads, (const char *)bytes, len);

    ask(AUTH_DIGEST, heads, count);
    ask(AUTH_ANY, heads, count);
    for (size_t i = 0; i < count; i++)
        http_head_fini(&heads[i]);
    return 0;
}

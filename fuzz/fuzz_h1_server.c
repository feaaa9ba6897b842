/*
 * fuzz/fuzz_h1_server.c - requests to the server: the same ones however the input is cut, and no
 * end of memory.
 */
#include "base/buf.h"
#include "base/rng.h"
#include "http/h1_server.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CUT_MAX_BYTES = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void note(struct buf *out, const struct h1_request *request)
{
    const struct http_head *head = h1_request_head(request);
    const char *query = h1_request_query(request);
    size_t body_bytes;
    const uint8_t *body = h1_request_body(request, &body_bytes);

    (void)buf_appendf(out, "%s %s?%s %d keeps %d\n", h1_request_method(request),
                      h1_request_path(request), query ? query : "", head->http_minor,
                      h1_request_keeps_alive(request));
    for (size_t i = 0; i < head->field_count; i++) {
        size_t name_bytes, value_bytes;
        const char *name = http_head_name_at(head, i, &name_bytes);
        const char *value = http_head_value_at(head, i, &value_bytes);

        (void)buf_appendf(out, "%.*s=%.*s\n", (int)name_bytes, name, (int)value_bytes, value);
    }
    if (body_bytes > 0)
        (void)buf_append(out, body, body_bytes);
    (void)buf_append_text(out, "\n");
}

/* Pieces of 1 to `most` bytes; `most` 0: all at once. */
static void transcribe(struct buf *out, const uint8_t *bytes, size_t len, size_t most,
                       struct rng *rng)
{
    struct h1_request *request = h1_request_new();
    enum h1_request_status status = H1_REQUEST_MORE;

    while (len > 0 && status != H1_REQUEST_BAD) {
        size_t piece = most > 0 ? (size_t)rng_between(rng, 1, most) : len;
        size_t used;

        status = h1_request_feed(request, bytes, piece < len ? piece : len, &used);
        bytes += used;
        len -= used;
        if (status == H1_REQUEST_DONE) {
            note(out, request);
            h1_request_reset(request);
        }
    }
    if (status == H1_REQUEST_BAD)
        (void)buf_appendf(out, "refused %d", h1_request_refusal(request));
    h1_request_free(request);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const size_t pieces[] = {1, CUT_MAX_BYTES};
    struct buf whole = {0}, cut = {0};
    struct rng rng;

    rng_init(&rng, len);
    transcribe(&whole, bytes, len, 0, &rng);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        buf_clear(&cut);
        transcribe(&cut, bytes, len, pieces[i], &rng);
        if (whole.len != cut.len ||
            (whole.len > 0 && memcmp(whole.bytes, cut.bytes, cut.len) != 0)) {
            (void)fprintf(stderr, "whole:\n%s\ncut:\n%s\n", buf_text(&whole), buf_text(&cut));
            abort();
        }
    }
    buf_fini(&whole);
    buf_fini(&cut);
    return 0;
}

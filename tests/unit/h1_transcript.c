#include "h1_transcript.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void note_call(struct h1_transcript *transcript, uint8_t letter)
{
    struct buf *order = &transcript->order;

    if (order->len == 0 || order->bytes[order->len - 1] != letter)
        (void)buf_append_byte(order, letter);
}

static bool on_head(struct h1_response *response, const struct http_head *head)
{
    struct h1_transcript *transcript = CONTAINER_OF(response, struct h1_transcript, response);

    note_call(transcript, 'H');
    (void)buf_appendf(&transcript->head, "%d %d\n", head->status, head->http_minor);
    for (size_t i = 0; i < head->field_count; i++) {
        size_t name_bytes, value_bytes;
        const char *name = http_head_name_at(head, i, &name_bytes);
        const char *value = http_head_value_at(head, i, &value_bytes);

        (void)buf_append(&transcript->head, name, name_bytes);
        (void)buf_append_text(&transcript->head, ": ");
        if (value_bytes > 0)
            (void)buf_append(&transcript->head, value, value_bytes);
        (void)buf_append_byte(&transcript->head, '\n');
    }
    return !transcript->stops_at_head;
}

static bool on_body(struct h1_response *response, const uint8_t *bytes, size_t len)
{
    struct h1_transcript *transcript = CONTAINER_OF(response, struct h1_transcript, response);

    note_call(transcript, 'B');
    (void)buf_append(&transcript->body, bytes, len);
    return true;
}

static const struct h1_handlers handlers = {.on_head = on_head, .on_body = on_body};

/* The parser gets memory of exactly the piece's size, so that a sanitizer sees a read past it. */
static void feed(struct h1_transcript *transcript, const uint8_t *bytes, size_t len)
{
    uint8_t *copy = x_malloc(len > 0 ? len : 1);
    size_t used = len;

    (void)memcpy(copy, bytes, len);
    transcript->status = h1_response_feed(&transcript->response, copy, len, &used);
    transcript->used += used;
    free(copy);
}

void h1_transcript_run(struct h1_transcript *transcript, const struct h1_input *input)
{
    size_t at = 0;

    *transcript = (struct h1_transcript){.stops_at_head = input->stops_at_head};
    http_head_init(&transcript->lent);
    h1_response_init(&transcript->response, &handlers, &transcript->lent, input->is_answer_to_head);
    while (at < input->len && transcript->status == H1_MORE) {
        size_t piece = input->len - at, cut = input->cut;

        if (input->rng)
            cut = (size_t)rng_between(input->rng, 1, input->cut);
        if (cut > 0 && piece > cut)
            piece = cut;
        feed(transcript, input->bytes + at, piece);
        at += piece;
    }
    if (transcript->status == H1_MORE)
        transcript->status = h1_response_finish(&transcript->response);
    transcript->error_class = (enum error_class)transcript->response.error_class;
    if (transcript->status == H1_COMPLETE)
        transcript->keeps_alive = h1_response_keeps_alive(&transcript->response);
}

static bool is_same(const struct buf *left, const struct buf *right)
{
    return left->len == right->len &&
           (left->len == 0 || memcmp(left->bytes, right->bytes, left->len) == 0);
}

bool h1_transcript_equal(const struct h1_transcript *left, const struct h1_transcript *right)
{
    return left->status == right->status && left->error_class == right->error_class &&
           left->keeps_alive == right->keeps_alive && is_same(&left->head, &right->head) &&
           is_same(&left->body, &right->body) && is_same(&left->order, &right->order) &&
           (left->status != H1_COMPLETE || left->used == right->used);
}

void h1_transcript_fini(struct h1_transcript *transcript)
{
    buf_fini(&transcript->head);
    buf_fini(&transcript->body);
    buf_fini(&transcript->order);
    http_head_fini(&transcript->lent);
}

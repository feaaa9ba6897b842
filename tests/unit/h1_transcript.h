/*
 * tests/unit/h1_transcript.h - what http/h1_client made of some bytes, for comparing ways to cut
 * them.
 */
#ifndef CICADA_TESTS_H1_TRANSCRIPT_H
#define CICADA_TESTS_H1_TRANSCRIPT_H

#include "base/buf.h"
#include "base/error_class.h"
#include "base/rng.h"
#include "http/h1_client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct h1_transcript {
    struct buf head; /* "status minor\n", then "name: value\n" for each field */
    struct buf body;
    struct buf order; /* the calls: H for a head, B for a run of body, repeated ones joined */
    enum h1_status status;
    enum error_class error_class;
    size_t used;
    bool keeps_alive;

    struct h1_response response;
    struct http_head lent;
    bool stops_at_head;
};

struct h1_input {
    const uint8_t *bytes;
    size_t len;
    size_t cut;      /* bytes a feed at most; 0: all at once */
    struct rng *rng; /* not NULL: feeds of 1 to `cut` bytes */
    bool is_answer_to_head;
    bool stops_at_head; /* the handler of the head says stop */
};

/* Feeds everything, then the end of the connection where the response goes on. */
void h1_transcript_run(struct h1_transcript *transcript, const struct h1_input *input);
bool h1_transcript_equal(const struct h1_transcript *left, const struct h1_transcript *right);
void h1_transcript_fini(struct h1_transcript *transcript);

#endif

/*
 * fuzz/fuzz_sse_parser.c - the same answer however the input is cut, and the one of the reference.
 *
 * The first byte chooses the limit and the seed of the cuts; the rest is the stream.
 */
#include "base/rng.h"
#include "sse/parser.h"
#include "sse_transcript.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CUTS_A_RUN = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Frees `got`. */
static void compare(const char *how, const char *expected, char *got)
{
    if (strcmp(expected, got) != 0) {
        (void)fprintf(stderr, "%s:\n  %s\nexpected:\n  %s\n", how, got, expected);
        abort();
    }
    free(got);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const size_t limits[] = {SSE_LIMIT_DEFAULT_BYTES, 16, 64, 1};
    size_t limit;
    struct rng rng;
    char *whole;

    if (len == 0)
        return 0;
    limit = limits[bytes[0] % 4];
    rng_init(&rng, bytes[0]);
    bytes++;
    len--;
    whole = sse_transcript_sliced(bytes, len, limit, len > 0 ? len : 1);
    compare("byte by byte", whole, sse_transcript_sliced(bytes, len, limit, 1));
    for (int i = 0; i < CUTS_A_RUN; i++)
        compare("cut at random", whole, sse_transcript_cut(bytes, len, limit, &rng));
    if (limit == SSE_LIMIT_DEFAULT_BYTES)
        compare("by the reference", whole, sse_transcript_reference(bytes, len));
    free(whole);
    return 0;
}

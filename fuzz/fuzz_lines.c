/*
 * fuzz/fuzz_lines.c - the same lines however the bytes are cut. The first byte chooses which ends a
 * line has, and the seed of the cuts.
 */
#include "base/rng.h"
#include "lines_transcript.h"
#include "script/lines.h"

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
    enum lines_kind kind;
    struct rng rng;
    char *whole;

    if (len == 0)
        return 0;
    kind = (enum lines_kind)(bytes[0] % 3);
    rng_init(&rng, bytes[0]);
    bytes++;
    len--;
    whole = lines_transcript(kind, bytes, len, NULL, 0);
    compare("byte by byte", whole, lines_transcript(kind, bytes, len, NULL, 1));
    for (int i = 0; i < CUTS_A_RUN; i++)
        compare("cut at random", whole, lines_transcript(kind, bytes, len, &rng, 0));
    free(whole);
    return 0;
}

/*
 * tests/unit/sse_cases.h - event streams and what a parser must say to them.
 */
#ifndef CICADA_TESTS_SSE_CASES_H
#define CICADA_TESTS_SSE_CASES_H

#include <stddef.h>

struct sse_case {
    const char *name;
    const char *input; /* may hold NUL */
    size_t input_bytes;
    const char *transcript; /* in the notation of sse_transcript.h */
    size_t limit_bytes;     /* 0: SSE_LIMIT_DEFAULT_BYTES */
};

extern const struct sse_case sse_cases[];
extern const size_t sse_case_count;

#endif

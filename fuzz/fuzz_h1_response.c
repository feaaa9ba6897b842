/*
 * fuzz/fuzz_h1_response.c - a response of any bytes, all at once, byte by byte and in odd pieces:
 * the same head, body, end and error class. The first byte's lowest bit: the answer to HEAD.
 */
#include "h1_transcript.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct h1_input input = {0};
    struct h1_transcript whole, cut;

    if (len == 0)
        return 0;
    input.is_answer_to_head = bytes[0] & 1;
    input.bytes = bytes + 1;
    input.len = len - 1;
    h1_transcript_run(&whole, &input);
    assert(whole.status != H1_FAILED || (whole.error_class != CLASS_NONE && whole.response.reason));
    for (input.cut = 1; input.cut <= 7; input.cut += 6) {
        h1_transcript_run(&cut, &input);
        assert(h1_transcript_equal(&whole, &cut));
        h1_transcript_fini(&cut);
    }
    h1_transcript_fini(&whole);
    return 0;
}

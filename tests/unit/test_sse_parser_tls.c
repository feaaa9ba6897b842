/* What the parser says of a stream does not depend on how TLS records and reads cut it. */
#include "sse_cases.h"
#include "sse_transcript.h"

#include "base/buf.h"
#include "base/rng.h"
#include "net/tls.h"
#include "tls_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { RECORD_LIMIT_BYTES = 24, ROUNDS_A_CASE = 5 };

/* Hands the parser whatever one read after the other brings, until nothing is left. */
static enum sse_status read_into(struct sse_recorder *recorder, struct transport *transport,
                                 struct buf *bytes)
{
    enum sse_status status = SSE_OK;
    enum io_status io;

    do {
        buf_clear(bytes);
        io = read_once(transport, bytes);
        if (bytes->len > 0 && status == SSE_OK)
            status = sse_recorder_feed(recorder, bytes->bytes, bytes->len);
    } while (io == IO_OK);
    assert_int_equal(io, IO_WANT_READ);
    return status;
}

/* One case in records of random lengths; some lie together when the reader comes to them. */
static void run_case(const struct sse_case *test, struct ends *ends, struct rng *rng)
{
    size_t limit = test->limit_bytes > 0 ? test->limit_bytes : SSE_LIMIT_DEFAULT_BYTES;
    enum sse_status status = SSE_OK;
    struct sse_recorder recorder;
    const char *transcript;
    struct buf bytes;
    size_t at = 0;

    buf_init(&bytes, SIZE_MAX);
    sse_recorder_init(&recorder, limit);
    while (at < test->input_bytes) {
        size_t len = (size_t)rng_between(rng, 1, RECORD_LIMIT_BYTES);

        len = len < test->input_bytes - at ? len : test->input_bytes - at;
        write_all(&ends->server, test->input + at, len);
        at += len;
        if (at < test->input_bytes && rng_between(rng, 0, 1) == 0)
            continue;
        if (status == SSE_OK)
            status = read_into(&recorder, &ends->client, &bytes);
        else
            assert_int_equal(read_all(&ends->client, &bytes), IO_WANT_READ);
    }
    transcript = sse_recorder_finish(&recorder, status);
    if (strcmp(transcript, test->transcript) != 0)
        print_error("case '%s'\n", test->name);
    assert_string_equal(transcript, test->transcript);
    sse_parser_reset(&recorder.parser);
    sse_recorder_fini(&recorder);
    buf_fini(&bytes);
}

static void every_case_holds_over_tls_in_records_of_any_length(void **state)
{
    struct ends ends = join(*state, &usual_peer);
    struct rng rng;

    rng_init(&rng, 20260101);
    assert_true(shake_hands(&ends));
    for (size_t i = 0; i < sse_case_count; i++)
        for (int round = 0; round < ROUNDS_A_CASE; round++)
            run_case(&sse_cases[i], &ends, &rng);
    close_ends(&ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_case_holds_over_tls_in_records_of_any_length,
                                        make_contexts, free_contexts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

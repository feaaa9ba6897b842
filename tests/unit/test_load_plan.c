#include "load/plan.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct plan *make_plan(void)
{
    struct plan *plan = plan_new();

    plan->targets = x_calloc(2, sizeof *plan->targets);
    plan->target_count = 2;
    plan->targets[0] = (struct plan_target){.url = x_strdup("http://h/a"), .weight = 3};
    plan->targets[1] = (struct plan_target){.url = x_strdup("http://h/{{b}}"), .weight = 1};
    return plan;
}

static struct plan *make_full_plan(void)
{
    struct plan *plan = make_plan();

    plan->headers = x_calloc(1, sizeof *plan->headers);
    plan->headers[plan->header_count++] = x_strdup("X: y");
    plan->body = (uint8_t *)x_strndup("a\0b", 3);
    plan->body_bytes = 3;
    plan->content_type = x_strdup("application/json");
    plan->unix_socket = x_strdup("/tmp/s");
    plan->local_addresses = x_strdup("127.0.0.0/28");
    plan->feed = x_strdup("b\n1\n");
    plan->feed_bytes = 4;
    plan->events_per_stream = 7;
    plan->stream_time_ns = 8;
    plan->wait_min_ns = 9;
    plan->wait_max_ns = 10;
    plan->iterations = 11;
    plan->has_loop = true;
    plan->reconnect = PLAN_RECONNECT_ALWAYS;
    plan->retry_wait_ns = 12;
    plan->retry_max_ns = 13;
    plan->jitter_ratio = 0.25;
    plan->connect_timeout_ns = 14;
    plan->headers_timeout_ns = 15;
    plan->read_timeout_ns = 16;
    plan->worker_index = 2;
    plan->worker_count = 3;
    plan->seed = UINT64_MAX;
    plan->log_level = LOG_DEBUG;
    return plan;
}

/* A copy by way of the frame; NULL when it is refused. */
static struct plan *copy(const struct plan *plan)
{
    struct buf bytes = {0};
    struct err err = {0};
    struct plan *result;

    plan_encode(plan, &bytes);
    result = plan_decode(bytes.bytes, bytes.len, &err);
    if (!result)
        assert_true(strlen(err.text) > 0);
    buf_fini(&bytes);
    return result;
}

static void a_plan_survives_the_frame(void **state)
{
    struct plan *plan = make_full_plan(), *got = copy(plan);

    (void)state;
    assert_non_null(got);
    assert_int_equal(got->target_count, 2);
    assert_string_equal(got->targets[1].url, "http://h/{{b}}");
    assert_int_equal(got->targets[0].weight, 3);
    assert_string_equal(got->headers[0], "X: y");
    assert_int_equal(got->body_bytes, 3);
    assert_memory_equal(got->body, "a\0b", 3);
    assert_string_equal(got->content_type, "application/json");
    assert_string_equal(got->unix_socket, "/tmp/s");
    assert_string_equal(got->local_addresses, "127.0.0.0/28");
    assert_string_equal(got->feed, "b\n1\n");
    assert_int_equal(got->wait_max_ns, 10);
    assert_true(got->has_loop);
    assert_int_equal(got->reconnect, PLAN_RECONNECT_ALWAYS);
    assert_true(got->jitter_ratio == 0.25);
    assert_int_equal(got->read_timeout_ns, 16);
    assert_int_equal(got->worker_count, 3);
    assert_true(got->seed == UINT64_MAX);
    assert_int_equal(got->log_level, LOG_DEBUG);
    plan_free(got);
    plan_free(plan);
}

static void what_is_not_given_stays_not_given(void **state)
{
    struct plan *plan = make_plan(), *got = copy(plan);

    (void)state;
    assert_non_null(got);
    assert_null(got->body);
    assert_null(got->feed);
    assert_null(got->content_type);
    assert_null(got->headers);
    assert_string_equal(got->method, "GET");
    assert_true(got->stream_time_ns == CLOCK_NEVER_NS);
    plan_free(got);
    plan_free(plan);
}

static void an_empty_body_is_kept_apart_from_none(void **state)
{
    struct plan *plan = make_plan(), *got;

    (void)state;
    plan->body = (uint8_t *)x_strdup("");
    got = copy(plan);
    assert_non_null(got);
    assert_non_null(got->body);
    assert_int_equal(got->body_bytes, 0);
    plan_free(got);
    plan_free(plan);
}

static void a_cut_plan_is_refused_at_every_byte(void **state)
{
    struct plan *plan = make_full_plan();
    struct buf bytes = {0};

    (void)state;
    plan_encode(plan, &bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        struct err err = {0};

        assert_null(plan_decode(bytes.bytes, len, &err));
        assert_true(strlen(err.text) > 0);
    }
    (void)buf_append_byte(&bytes, 0);
    assert_null(plan_decode(bytes.bytes, bytes.len, &(struct err){0}));
    buf_fini(&bytes);
    plan_free(plan);
}

enum broken { NO_TARGET, NO_URL, NO_WEIGHT, WAIT, RECONNECT, JITTER, WORKER, LEVEL, BROKEN_COUNT };

static void break_plan(struct plan *plan, enum broken what)
{
    switch (what) {
    case NO_TARGET:
        free(plan->targets[0].url);
        free(plan->targets[1].url);
        plan->target_count = 0;
        break;
    case NO_URL:
        free(plan->targets[0].url);
        plan->targets[0].url = NULL;
        break;
    case NO_WEIGHT:
        plan->targets[0].weight = 0;
        break;
    case WAIT:
        plan->wait_min_ns = plan->wait_max_ns + 1;
        break;
    case RECONNECT:
        plan->reconnect = PLAN_RECONNECT_NONE;
        break;
    case JITTER:
        plan->jitter_ratio = 1.5;
        break;
    case WORKER:
        plan->worker_index = plan->worker_count;
        break;
    case LEVEL:
        plan->log_level = 99;
        break;
    case BROKEN_COUNT:
        break;
    }
}

static void values_out_of_range_are_refused(void **state)
{
    (void)state;
    for (int what = 0; what < BROKEN_COUNT; what++) {
        struct plan *plan = make_full_plan();

        break_plan(plan, (enum broken)what);
        assert_null(copy(plan));
        plan_free(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_survives_the_frame),
        cmocka_unit_test(what_is_not_given_stays_not_given),
        cmocka_unit_test(an_empty_body_is_kept_apart_from_none),
        cmocka_unit_test(a_cut_plan_is_refused_at_every_byte),
        cmocka_unit_test(values_out_of_range_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

    plan_list_add(&plan->request.headers, "X: y");
    plan->request.body = (uint8_t *)x_strndup("a\0b", 3);
    plan->request.body_bytes = 3;
    plan->request.content_type = x_strdup("application/json");
    plan->request.auth = x_strdup("user:password");
    plan->request.scheme = AUTH_DIGEST;
    plan->request.wants_compressed = true;
    plan->login_url = x_strdup("https://h/login");
    plan_list_add(&plan->login.headers, "A: b");
    plan_list_add(&plan->login.headers, "C: d");
    plan_list_add(&plan->login.forms, "name=value");
    plan->login.body_path = x_strdup("/tmp/body");
    plan->token_pointer = x_strdup("/access_token");
    plan->network.unix_socket = x_strdup("/tmp/s");
    plan->network.local_addresses = x_strdup("127.0.0.0/28");
    plan_list_add(&plan->network.resolves, "h:80:127.0.0.1");
    plan_list_add(&plan->network.connects, "h:80:g:81");
    plan->network.ca_pem = x_strdup("ca");
    plan->network.cert_pem = x_strdup("cert");
    plan->network.key_pem = x_strdup("key");
    plan->network.is_insecure = true;
    plan->network.never_resumes = true;
    plan->network.wants_kernel_times = true;
    plan->checks.event_seq = x_strdup("/seq");
    plan->checks.event_time = x_strdup("/sent:ms");
    plan->checks.clock_url = x_strdup("http://h/time");
    plan->checks.stale_ns = 17;
    plan->profile = PLAN_PROFILE_OPENAI;
    plan->end_data = x_strdup("[DONE]");
    plan_list_add(&plan->checks.expect_events, "done");
    plan_list_add(&plan->checks.expect_data, "/t={{b}}");
    plan->checks.expects_json = true;
    plan->checks.heartbeat_ns = 17;
    plan->checks.server_header = x_strdup("x-served-by");
    plan->feed = x_strdup("b\n1\n");
    plan->feed_bytes = 4;
    plan->events_per_stream = 7;
    plan->stream_time_ns = 8;
    plan->wait_min_ns = 9;
    plan->wait_max_ns = 10;
    plan->iterations = 11;
    plan->has_arrivals = true;
    plan->users_max = 70000;
    plan->has_loop = true;
    plan->reconnect = PLAN_RECONNECT_ALWAYS;
    plan->retry_wait_ns = 12;
    plan->retry_max_ns = 13;
    plan->jitter_ratio = 0.25;
    plan->readers = (struct plan_readers){
        .slow_bytes_per_s = 17, .slow_ratio = 0.5, .abort_ratio = 0.75, .abort_ns = 18};
    plan->checks.publish.url = x_strdup("http://h/pub");
    plan->checks.publish.message.method = x_strdup("PUT");
    plan->checks.publish.rate_per_s = 2.5;
    plan->checks.publish.run = 19;
    plan->checks.publish.is_ours = true;
    plan->network.connect_timeout_ns = 14;
    plan->network.headers_timeout_ns = 15;
    plan->network.read_timeout_ns = 16;
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
    struct buf before = {0}, after = {0};

    (void)state;
    assert_non_null(got);
    assert_int_equal(got->target_count, 2);
    assert_string_equal(got->targets[1].url, "http://h/{{b}}");
    assert_int_equal(got->targets[0].weight, 3);
    assert_string_equal(got->request.headers.items[0], "X: y");
    assert_int_equal(got->request.body_bytes, 3);
    assert_memory_equal(got->request.body, "a\0b", 3);
    assert_string_equal(got->request.content_type, "application/json");
    assert_int_equal(got->request.scheme, AUTH_DIGEST);
    assert_string_equal(got->login_url, "https://h/login");
    assert_string_equal(got->login.headers.items[1], "C: d");
    assert_string_equal(got->network.unix_socket, "/tmp/s");
    assert_string_equal(got->network.connects.items[0], "h:80:g:81");
    assert_true(got->network.is_insecure && got->network.wants_kernel_times);
    assert_string_equal(got->checks.event_time, "/sent:ms");
    assert_string_equal(got->checks.clock_url, "http://h/time");
    assert_int_equal(got->checks.stale_ns, 17);
    assert_int_equal(got->profile, PLAN_PROFILE_OPENAI);
    assert_string_equal(got->end_data, "[DONE]");
    assert_string_equal(got->checks.expect_events.items[0], "done");
    assert_string_equal(got->checks.expect_data.items[0], "/t={{b}}");
    assert_true(got->checks.expects_json && got->checks.heartbeat_ns == 17);
    assert_string_equal(got->checks.server_header, "x-served-by");
    assert_string_equal(got->feed, "b\n1\n");
    assert_int_equal(got->wait_max_ns, 10);
    assert_true(got->has_arrivals && got->users_max == 70000);
    assert_true(got->has_loop);
    assert_int_equal(got->reconnect, PLAN_RECONNECT_ALWAYS);
    assert_true(got->jitter_ratio == 0.25);
    assert_int_equal(got->readers.slow_bytes_per_s, 17);
    assert_true(got->readers.slow_ratio == 0.5);
    assert_true(got->readers.abort_ratio == 0.75);
    assert_int_equal(got->readers.abort_ns, 18);
    assert_string_equal(got->checks.publish.url, "http://h/pub");
    assert_string_equal(got->checks.publish.message.method, "PUT");
    assert_true(got->checks.publish.rate_per_s == 2.5);
    assert_int_equal(got->checks.publish.run, 19);
    assert_true(got->checks.publish.is_ours);
    assert_int_equal(got->network.read_timeout_ns, 16);
    assert_int_equal(got->worker_count, 3);
    assert_true(got->seed == UINT64_MAX);
    assert_int_equal(got->log_level, LOG_DEBUG);
    plan_encode(plan, &before);
    plan_encode(got, &after);
    assert_int_equal(after.len, before.len);
    assert_memory_equal(after.bytes, before.bytes, before.len);
    buf_fini(&before);
    buf_fini(&after);
    plan_free(got);
    plan_free(plan);
}

static void what_is_not_given_stays_not_given(void **state)
{
    struct plan *plan = make_plan(), *got = copy(plan);

    (void)state;
    assert_non_null(got);
    assert_null(got->request.body);
    assert_null(got->feed);
    assert_null(got->script);
    assert_null(got->request.content_type);
    assert_null(got->request.headers.items);
    assert_null(got->login_url);
    assert_null(got->network.ca_pem);
    assert_null(got->checks.server_header);
    assert_string_equal(got->request.method, "GET");
    assert_true(got->stream_time_ns == CLOCK_NEVER_NS);
    plan_free(got);
    plan_free(plan);
}

static void a_script_stands_in_for_targets(void **state)
{
    struct plan *plan = plan_new(), *got;

    (void)state;
    plan->script = x_strdup("{\"file\":\"/a.py\"}");
    got = copy(plan);
    assert_non_null(got);
    assert_string_equal(got->script, plan->script);
    assert_int_equal(got->target_count, 0);
    plan_free(got);
    plan_free(plan);
}

static void an_empty_body_is_kept_apart_from_none(void **state)
{
    struct plan *plan = make_plan(), *got;

    (void)state;
    plan->request.body = (uint8_t *)x_strdup("");
    got = copy(plan);
    assert_non_null(got);
    assert_non_null(got->request.body);
    assert_int_equal(got->request.body_bytes, 0);
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

enum broken {
    NO_TARGET,
    NO_URL,
    NO_WEIGHT,
    NO_METHOD,
    WAIT,
    RECONNECT,
    JITTER,
    SLOW_RATIO,
    PUBLISH_RATE,
    WORKER,
    LEVEL,
    BROKEN_COUNT
};

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
    case NO_METHOD:
        free(plan->request.method);
        plan->request.method = NULL;
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
    case SLOW_RATIO:
        plan->readers.slow_ratio = -1;
        break;
    case PUBLISH_RATE:
        plan->checks.publish.rate_per_s = 0;
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
        cmocka_unit_test(a_script_stands_in_for_targets),
        cmocka_unit_test(an_empty_body_is_kept_apart_from_none),
        cmocka_unit_test(a_cut_plan_is_refused_at_every_byte),
        cmocka_unit_test(values_out_of_range_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

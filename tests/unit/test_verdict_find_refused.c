#include "base/clock.h"
#include "base/error_class.h"
#include "course.h"
#include "verdict/find.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { RESTART = 1800000002 }; /* seconds since 1970 */

/* Every rule that looks at answers: of each run at most the one that is meant may speak. */
static const course_find_fn rules[] = {
    find_connection_limit, find_worker_exhaustion,  find_gateway_errors,
    find_server_errors,    find_rate_limited,       find_auth_rejections,
    find_slow_auth,        find_wrong_content_type, find_client_errors,
};

static void check_alone(const struct course *course, course_find_fn rule,
                        enum finding_confidence confidence, const char *part)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i] == rule)
            course_check(course, rule, confidence, part);
        else
            course_check(course, rules[i], CONFIDENCE_NONE, NULL);
    }
}

/* `fails` of 200 attempts get this status, spread over four seconds. */
static void check_share(int code, uint32_t fails, course_find_fn rule,
                        enum finding_confidence confidence, const char *part)
{
    struct course course;

    course_begin(&course, 200);
    course.code = code;
    for (uint32_t i = 1; i <= 4; i++) {
        uint32_t failing = fails / 4 + (i <= fails % 4);

        course_add(&course,
                   &(struct course_second){50 * i - fails * i / 4, 50, 50 - failing, failing, 50});
    }
    check_alone(&course, rule, confidence, part);
    course_end(&course);
}

static void more_than_one_in_a_hundred_is_told_by_its_status(void **state)
{
    (void)state;
    check_share(502, 2, NULL, CONFIDENCE_NONE, NULL);
    check_share(502, 3, find_gateway_errors, CONFIDENCE_CERTAIN,
                "status 502 3 times: 1.5% of 200 attempts at a stream");
    check_share(504, 20, find_gateway_errors, CONFIDENCE_CERTAIN, "proxy_read_timeout");
    check_share(503, 2, NULL, CONFIDENCE_NONE, NULL);
    check_share(503, 4, find_gateway_errors, CONFIDENCE_SUSPECTED, "more users (-u)");
    check_share(503, 5, find_gateway_errors, CONFIDENCE_LIKELY, "health checks");
    check_share(503, 20, find_gateway_errors, CONFIDENCE_LIKELY, "health checks");
    check_share(500, 2, NULL, CONFIDENCE_NONE, NULL);
    check_share(500, 3, find_server_errors, CONFIDENCE_CERTAIN, "status 500 3 times");
    check_share(599, 3, find_server_errors, CONFIDENCE_CERTAIN, "status 599 3 times");
    check_share(429, 2, NULL, CONFIDENCE_NONE, NULL);
    check_share(429, 20, find_rate_limited, CONFIDENCE_CERTAIN,
                "first after 1 s, with 50 attempts in that second; at most 45 streams opened");
    check_share(401, 3, find_auth_rejections, CONFIDENCE_CERTAIN, "Others got in");
    check_share(403, 3, find_auth_rejections, CONFIDENCE_CERTAIN, "status 403 3 times");
    check_share(403, 2, NULL, CONFIDENCE_NONE, NULL);
    check_share(404, 20, NULL, CONFIDENCE_NONE, NULL);
}

static void where_all_fail_the_sentence_says_so(void **state)
{
    (void)state;
    check_share(502, 200, find_gateway_errors, CONFIDENCE_CERTAIN,
                "a gateway is up, and the service behind it is not");
    check_share(503, 200, find_gateway_errors, CONFIDENCE_LIKELY, "without the proxy");
    check_share(401, 200, find_auth_rejections, CONFIDENCE_CERTAIN, "--login and --token");
}

static void a_wrong_request_is_told_from_a_service_that_refuses(void **state)
{
    static const int others[] = {401, 403, 408, 429, 399, 500};

    (void)state;
    check_share(404, 200, find_client_errors, CONFIDENCE_CERTAIN, "No stream could be opened");
    check_share(404, 101, find_client_errors, CONFIDENCE_CERTAIN,
                "GET /x: 101 of 200 attempts were answered 4xx, status 404 101 times");
    check_share(404, 101, find_client_errors, CONFIDENCE_CERTAIN, "Few streams could be opened");
    check_share(404, 100, NULL, CONFIDENCE_NONE, NULL);
    check_share(400, 200, find_client_errors, CONFIDENCE_CERTAIN, "--header, --data");
    check_share(405, 200, find_client_errors, CONFIDENCE_CERTAIN, "--method");
    check_share(499, 200, find_client_errors, CONFIDENCE_CERTAIN, "status 499");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct course course;

        course_begin(&course, 200);
        course.code = others[i];
        course_add(&course, &(struct course_second){0, 200, 0, 200, 0});
        course_check(&course, find_client_errors, CONFIDENCE_NONE, NULL);
        course_end(&course);
    }
}

/* One URL of two is wrong: most attempts of the run succeed. */
static void one_wrong_endpoint_is_named(void **state)
{
    struct course course;
    struct stat_set *other;

    (void)state;
    course_begin(&course, 100);
    course_add(&course, &(struct course_second){90, 90, 90, 0, 0});
    other = stats_endpoint_set(course.delta, stats_add_endpoint(course.delta, "GET", "/wrong"));
    stat_passes(other, METRIC_SSE_CONNECT_SUCCESS, NULL, 0, 10);
    stat_count(other, METRIC_SSE_CONNECT_FAILS, "code:404", 10);
    course_add(&course, &(struct course_second){90, 0, 0, 0, 0});
    check_alone(&course, find_client_errors, CONFIDENCE_CERTAIN, "GET /wrong: 10 of 10 attempts");
    check_alone(&course, find_client_errors, CONFIDENCE_CERTAIN, "No stream of one endpoint could");
    course_end(&course);
}

static void a_limit_on_connections_claims_its_status_alone(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    course_repeat(&course, &(struct course_second){20, 20, 20, 0, 0}, 1);
    course_repeat(&course, &(struct course_second){40, 20, 20, 0, 0}, 1);
    course_repeat(&course, &(struct course_second){40, 20, 0, 20, 0}, 2);
    check_alone(&course, find_connection_limit, CONFIDENCE_LIKELY, "status 503");
    course.code = 504; /* something else is wrong as well */
    course_add(&course, &(struct course_second){40, 2, 0, 2, 0});
    course_check(&course, find_connection_limit, CONFIDENCE_LIKELY, "status 503");
    course_check(&course, find_gateway_errors, CONFIDENCE_CERTAIN, "status 504 2 times:");
    course_end(&course);
}

static void a_429_at_a_number_that_stands_may_be_either(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    course.code = 429;
    stat_count(course_set(&course), METRIC_SSE_CONNECT_FAILS, "retry:given", 40);
    course_repeat(&course, &(struct course_second){20, 20, 20, 0, 0}, 1);
    course_repeat(&course, &(struct course_second){40, 20, 20, 0, 0}, 1);
    course_repeat(&course, &(struct course_second){40, 20, 0, 20, 0}, 2);
    check_alone(&course, find_rate_limited, CONFIDENCE_CERTAIN,
                "40 streams were open then and no more");
    check_alone(&course, find_rate_limited, CONFIDENCE_CERTAIN,
                "40 refusals said how long to wait");
    course_end(&course);
}

/* All 100 streams end at once, each is answered `status` once, and `back` of them come back. */
static void restart(struct course *course, int status, uint32_t back)
{
    struct wave *wave = waves_find(stats_waves(course->run->stats), RESTART);

    course->run->info.started_unix_ms = (RESTART - 2) * 1000.0;
    course->code = status;
    course_add(course, &(struct course_second){100, 100, 100, 0, 0});
    for (uint32_t i = 0; i < 100; i++) {
        wave_lose(wave, CLASS_CLOSED, RESTART * 1000.0);
        wave_attempt(wave, RESTART * 1000.0 + 500);
        wave_answer(wave, status);
        if (i < back)
            wave_come_back(wave, CLOCK_NS_PER_S);
    }
    wave->open = 100;
    course_add(course, &(struct course_second){0, 100, 0, 100, 0});
    course_add(course, &(struct course_second){back, back, back, 0, 0});
}

static void what_came_during_a_restart_is_the_restarts(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    restart(&course, 502, 50);
    check_alone(&course, NULL, CONFIDENCE_NONE, NULL);
    course_add(&course, &(struct course_second){50, 4, 0, 4, 0}); /* later, and so another thing */
    check_alone(&course, find_gateway_errors, CONFIDENCE_CERTAIN, "status 502 4 times");
    course_end(&course);

    course_begin(&course, 100); /* it never was the same again */
    restart(&course, 502, 49);
    check_alone(&course, find_gateway_errors, CONFIDENCE_CERTAIN, "status 502 100 times");
    course_end(&course);

    course_begin(&course, 100); /* all gave up at their first answer */
    restart(&course, 502, 0);
    waves_find(stats_waves(course.run->stats), RESTART)->gave_up = 51;
    check_alone(&course, NULL, CONFIDENCE_NONE, NULL);
    waves_find(stats_waves(course.run->stats), RESTART)->gave_up = 50;
    check_alone(&course, find_gateway_errors, CONFIDENCE_CERTAIN, "status 502 100 times");
    course_end(&course);

    course_begin(&course, 100); /* a gateway without a route */
    restart(&course, 404, 50);
    wave_answers(waves_find(stats_waves(course.run->stats), RESTART), 404, 200);
    course_add(&course, &(struct course_second){50, 200, 0, 200, 0});
    check_alone(&course, NULL, CONFIDENCE_NONE, NULL);
    course_end(&course);
}

static void another_type_is_shown(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    course.code = 0;
    course.cause = "cause:content_type";
    course_set(&course);
    for (int i = 0; i < 3; i++)
        stats_add_error(course.delta, 0, CLASS_CONTENT_TYPE,
                        i == 0 ? "no content type" : "content type 'text/html'", 0);
    course_add(&course, &(struct course_second){97, 100, 97, 3, 0});
    check_alone(&course, find_wrong_content_type, CONFIDENCE_CERTAIN,
                "3 of 100 attempts got status 200 with content type 'text/html'");
    course_add(&course, &(struct course_second){297, 200, 200, 0, 0});
    check_alone(&course, NULL, CONFIDENCE_NONE, NULL);
    course_end(&course);
}

/* --- logins --- */

struct logins {
    const char *method, *name;
    uint32_t count;
    uint64_t took_ms;
    int code; /* of the first `fails` of them */
    uint32_t fails;
    bool is_declared; /* by --login */
};

static void add_logins(struct course *course, const struct logins *logins)
{
    struct stat_set *set = stats_endpoint_set(
        course->delta, stats_add_endpoint(course->delta, logins->method, logins->name));
    char tag[32];

    (void)snprintf(tag, sizeof tag, "code:%d", logins->code);
    for (uint32_t i = 0; i < logins->count; i++) {
        bool has_failed = i < logins->fails;

        stat_count(set, METRIC_HTTP_REQS, NULL, 1);
        stat_pass(set, METRIC_HTTP_REQ_FAILED, NULL, has_failed);
        stat_count(set, METRIC_HTTP_STATUS, has_failed ? tag : "code:200", 1);
        stat_time(set, METRIC_HTTP_REQ_DURATION, NULL, logins->took_ms * CLOCK_NS_PER_MS);
        if (logins->is_declared)
            stat_pass(set, METRIC_LOGIN_SUCCESS, NULL, !has_failed);
    }
}

static void check_logins(const struct logins *logins, bool is_script, course_find_fn rule,
                         enum finding_confidence confidence, const char *part)
{
    struct course course;

    course_begin(&course, 100);
    course.run->info.is_script = is_script;
    for (int i = 0; i < 100; i++)
        course_wait(&course, 195, 5);
    add_logins(&course, logins);
    course_add(&course, &(struct course_second){100, 100, 100, 0, 0});
    check_alone(&course, rule, confidence, part);
    course_end(&course);
}

static void logins_slower_than_a_second_and_than_streams_are_slow(void **state)
{
    struct logins logins = {"POST", "/in", 50, 1900, 0, 0, true};

    (void)state;
    check_logins(&logins, false, find_slow_auth, CONFIDENCE_CERTAIN,
                 "http_req_duration of /in: p50 1900 ms");
    logins.took_ms = 990; /* not five times 200 ms, nor a second */
    check_logins(&logins, false, NULL, CONFIDENCE_NONE, NULL);
    logins.took_ms = 1900;
    logins.is_declared = false; /* nobody says that this is a login */
    check_logins(&logins, false, NULL, CONFIDENCE_NONE, NULL);
    check_logins(&logins, true, NULL, CONFIDENCE_NONE, NULL);
    logins.name = "/api/v1/auth/login";
    check_logins(&logins, false, NULL, CONFIDENCE_NONE, NULL);
    check_logins(&logins, true, find_slow_auth, CONFIDENCE_LIKELY, "1.9 s (p95)");
    logins.method = "GET";
    check_logins(&logins, true, NULL, CONFIDENCE_NONE, NULL);
}

static void a_service_that_is_slow_altogether_has_no_slow_login(void **state)
{
    struct logins logins = {"POST", "/in", 50, 3000, 0, 0, true};
    struct course course;

    (void)state;
    course_begin(&course, 100);
    for (int i = 0; i < 100; i++)
        course_wait(&course, 700, 5);
    add_logins(&course, &logins);
    course_add(&course, &(struct course_second){100, 100, 100, 0, 0});
    check_alone(&course, NULL, CONFIDENCE_NONE, NULL);
    course_end(&course);
}

static void our_own_lag_makes_no_slow_login(void **state)
{
    struct logins logins = {"POST", "/in", 50, 3000, 0, 0, true};
    struct course course;

    (void)state;
    course_begin(&course, 100);
    add_logins(&course, &logins);
    course_add(&course, &(struct course_second){100, 100, 100, 0, 0});
    check_alone(&course, find_slow_auth, CONFIDENCE_CERTAIN, "no stream opened behind them");
    course.run->workers[0].cpu_max_ratio = 0.95;
    check_alone(&course, NULL, CONFIDENCE_NONE, NULL);
    course_end(&course);
}

static void rejected_and_limited_logins_are_told(void **state)
{
    struct logins logins = {"POST", "/in", 100, 10, 401, 2, true};

    (void)state;
    check_logins(&logins, false, find_auth_rejections, CONFIDENCE_CERTAIN,
                 "status 401 or 403 for 2 of 100 logins");
    logins.fails = 1;
    check_logins(&logins, false, NULL, CONFIDENCE_NONE, NULL);
    logins.fails = 2;
    logins.code = 429;
    check_logins(&logins, false, find_rate_limited, CONFIDENCE_CERTAIN,
                 "status 429 for 2 of 100 logins");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_than_one_in_a_hundred_is_told_by_its_status),
        cmocka_unit_test(where_all_fail_the_sentence_says_so),
        cmocka_unit_test(a_wrong_request_is_told_from_a_service_that_refuses),
        cmocka_unit_test(one_wrong_endpoint_is_named),
        cmocka_unit_test(a_limit_on_connections_claims_its_status_alone),
        cmocka_unit_test(a_429_at_a_number_that_stands_may_be_either),
        cmocka_unit_test(what_came_during_a_restart_is_the_restarts),
        cmocka_unit_test(another_type_is_shown),
        cmocka_unit_test(logins_slower_than_a_second_and_than_streams_are_slow),
        cmocka_unit_test(a_service_that_is_slow_altogether_has_no_slow_login),
        cmocka_unit_test(our_own_lag_makes_no_slow_login),
        cmocka_unit_test(rejected_and_limited_logins_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

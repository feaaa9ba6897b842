#include "verdict/plateau.h"

#include "course.h"
#include "verdict/find.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Up to 40 open, ten a second. */
static void ramp(struct course *course)
{
    for (uint32_t open = 10; open <= 40; open += 10)
        course_add(course, &(struct course_second){
                               .open = open, .attempts = 10, .connects = 10, .events = open});
}

static const struct course_second refused = {.open = 40, .attempts = 10, .fails = 10, .events = 40};
static const struct course_second unanswered = {.open = 40, .attempts = 10, .events = 40};
static const struct course_second quiet = {.open = 40, .events = 40};

static void check_limit(const struct course *course, enum finding_confidence confidence,
                        const char *part)
{
    course_check(course, find_connection_limit, confidence, part);
    course_check(course, find_worker_exhaustion, CONFIDENCE_NONE, NULL);
}

/* --- turned away --- */

static void refusals_at_a_number_that_stands_are_a_limit(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    ramp(&course);
    course_repeat(&course, &refused, 2);
    check_limit(&course, CONFIDENCE_LIKELY,
                "turned away (status 503) while 40 are open: a limit on connections");
    check_limit(&course, CONFIDENCE_LIKELY,
                "stood at 40 for 2 s: 20 attempts failed at it, and 0 were let in as others left; "
                "below it 40 were let in and 0 failed");
    course_end(&course);
}

static void places_that_are_taken_again_make_it_certain(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    ramp(&course);
    course_repeat(
        &course, &(struct course_second){.open = 40, .attempts = 10, .connects = 4, .fails = 6}, 3);
    check_limit(&course, CONFIDENCE_CERTAIN, "12 were let in as others left");
    course_end(&course);
}

static void the_number_is_exact_though_the_ramp_ends_below(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 5000);
    for (uint32_t open = 500; open <= 4000; open += 500)
        course_add(&course, &(struct course_second){open, 500, 500, 0, 0});
    course_add(&course, &(struct course_second){4096, 500, 96, 404, 0});
    course_repeat(&course, &(struct course_second){4096, 500, 0, 500, 0}, 2);
    check_limit(&course, CONFIDENCE_LIKELY, "4096 are open");
    course_end(&course);
}

static void how_they_are_turned_away_says_what_to_change(void **state)
{
    static const struct {
        int code;
        const char *cause, *part;
    } cases[] = {
        {502, NULL, "nginx's worker_connections counts two a stream"},
        {500, NULL, "breaks instead of refusing"},
        {0, "cause:connect_refused", "raise its backlog"},
        {0, "cause:connect_timeout", "raise its backlog"},
        {0, "cause:reset", "closed as soon as they are made"},
        {0, "cause:timeout_headers", "From outside the two look the same"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct course course;

        course_begin(&course, 100);
        course.code = cases[i].code;
        course.cause = cases[i].cause;
        ramp(&course);
        course_repeat(&course, &refused, 3);
        check_limit(&course, CONFIDENCE_LIKELY, cases[i].part);
        course_end(&course);
    }
}

static void what_a_wrong_request_gets_is_no_limit(void **state)
{
    static const int codes[] = {401, 403, 404, 429};

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct course course;

        course_begin(&course, 100);
        course.code = codes[i];
        ramp(&course);
        course_repeat(&course, &refused, 3);
        check_limit(&course, CONFIDENCE_NONE, NULL);
        course_end(&course);
    }
}

static void failures_below_the_top_are_no_limit(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    for (uint32_t open = 8; open <= 40; open += 8)
        course_add(&course, &(struct course_second){open, 10, 8, 2, 0});
    course_repeat(&course, &refused, 3);
    check_limit(&course, CONFIDENCE_NONE, NULL);
    course_end(&course);
}

static void a_population_that_is_complete_is_at_no_limit(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 40); /* ends and failures at random, from some moment on */
    ramp(&course);
    course_repeat(&course, &(struct course_second){40, 10, 8, 2, 0}, 5);
    check_limit(&course, CONFIDENCE_NONE, NULL);
    course_end(&course);
}

static void few_streams_or_few_refusals_are_no_limit(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    ramp(&course);
    course_repeat(&course, &(struct course_second){40, 2, 0, 2, 0}, PLATEAU_FAILS_MIN / 2);
    check_limit(&course, CONFIDENCE_NONE, NULL);
    course_add(&course, &(struct course_second){40, 2, 0, 2, 0});
    check_limit(&course, CONFIDENCE_LIKELY, NULL);
    course_end(&course);

    course_begin(&course, 100);
    course_repeat(&course, &(struct course_second){1, 1, 1, 0, 0}, 1);
    course_repeat(&course, &(struct course_second){2, 1, 1, 0, 0}, 1);
    course_repeat(&course, &(struct course_second){2, 10, 0, 10, 0}, 3);
    check_limit(&course, CONFIDENCE_NONE, NULL);
    course_end(&course);
}

static void within_one_second_the_order_tells(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    course_order(&course, 4, 59); /* on the way when the first was refused */
    course_add(&course, &(struct course_second){40, 100, 40, 60, 0});
    course_repeat(&course, &quiet, 3);
    check_limit(&course, CONFIDENCE_SUSPECTED, "A run that would tell: a slower ramp (-r)");
    course_end(&course);

    course_begin(&course, 100);
    course_order(&course, 5, 59);
    course_add(&course, &(struct course_second){40, 100, 40, 60, 0});
    course_repeat(&course, &quiet, 3);
    check_limit(&course, CONFIDENCE_NONE, NULL);
    course_end(&course);
}

static void failures_at_random_while_streams_come_and_go_are_no_limit(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    course_order(&course, 70, 19);
    course_add(&course, &(struct course_second){80, 100, 80, 20, 80});
    course_repeat(&course, &(struct course_second){80, 20, 16, 4, 80}, 5);
    check_limit(&course, CONFIDENCE_NONE, NULL);
    course_end(&course);
}

static void a_number_at_which_a_search_fails_again_and_again_is_a_limit(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    for (int i = 0; i < 3; i++) {
        check_limit(&course, CONFIDENCE_NONE, NULL);
        course_add(&course, &(struct course_second){30, 15, 15, 0, 30});
        /* Reached in one second, and left within it or in the next. */
        course_add(&course, &(struct course_second){i == 0 ? 40 : 20, 15, 10, 5, 40});
        course_add(&course, &(struct course_second){15, 0, 0, 0, 30});
    }
    check_limit(&course, CONFIDENCE_LIKELY, "while 40 are open");
    course_end(&course);
}

static void our_own_limit_is_not_the_services(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    ramp(&course);
    course_repeat(&course, &refused, 2);
    stat_count(course_set(&course), METRIC_SSE_CONNECT_FAILS, "cause:local_limit", 1);
    course_add(&course, &refused);
    check_limit(&course, CONFIDENCE_NONE, NULL);
    course_end(&course);
}

/* --- no answer --- */

static void attempts_without_answer_at_a_number_are_a_limit(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    ramp(&course);
    course_repeat(&course, &unanswered, PLATEAU_PATIENCE_S);
    check_limit(&course, CONFIDENCE_NONE, NULL); /* the first second is that of the asking */
    course_add(&course, &unanswered);
    check_limit(&course, CONFIDENCE_LIKELY, "get no answer while 40 are open");
    check_limit(&course, CONFIDENCE_LIKELY, "up to 30 attempts waited");
    course_end(&course);
}

static void a_slow_service_is_given_more_time(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    course_wait(&course, 500, 1);
    ramp(&course);
    course_repeat(&course, &unanswered, 5);
    check_limit(&course, CONFIDENCE_NONE, NULL);
    course_repeat(&course, &unanswered, 2);
    check_limit(&course, CONFIDENCE_LIKELY, NULL);
    course_end(&course);
}

static void a_service_that_hangs_altogether_is_at_no_limit(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    ramp(&course);
    course_repeat(&course, &(struct course_second){.open = 40, .attempts = 10}, 6);
    check_limit(&course, CONFIDENCE_NONE, NULL);
    course_end(&course);
}

static void lag_of_our_own_voids_what_rests_on_waiting(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    ramp(&course);
    course_repeat(&course, &unanswered, 6);
    course.run->workers[0].cpu_max_ratio = 0.95;
    check_limit(&course, CONFIDENCE_NONE, NULL);
    course_repeat(&course, &refused, 3);
    check_limit(&course, CONFIDENCE_LIKELY, NULL); /* an answer is an answer */
    course_end(&course);
}

/* --- let in as others leave --- */

/* The first 40 are answered soon, 60 wait; each second ten leave and as many are let in. */
static void queue(struct course *course, uint64_t quick_ms, uint64_t wait_ms)
{
    static const uint32_t ends = 10;

    for (int i = 0; i < 40; i++)
        course_wait(course, quick_ms, 1);
    ramp(course);
    course_add(course, &(struct course_second){.open = 40, .attempts = 60});
    for (int i = 0; i < 5; i++) {
        for (uint32_t k = 0; k < ends; k++)
            course_wait(course, wait_ms, 1);
        course_add(course, &(struct course_second){40, ends, ends, 0, 40});
    }
}

static void check_workers(const struct course *course, enum finding_confidence confidence,
                          const char *part)
{
    course_check(course, find_worker_exhaustion, confidence, part);
    course_check(course, find_connection_limit, CONFIDENCE_NONE, NULL);
}

static void answers_that_come_when_others_leave_are_workers(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    queue(&course, 5, PLATEAU_WAIT_LATE_MS + 100);
    check_workers(&course, CONFIDENCE_LIKELY, "about 40 are served at once");
    check_workers(&course, CONFIDENCE_LIKELY, "up to 60 attempts waited at once; 50 got in");
    course_end(&course);
}

static void a_number_that_comes_back_now_and_then_is_suspected(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    for (int i = 0; i < 40; i++)
        course_wait(&course, 5, 1);
    for (int i = 0; i < 10; i++)
        course_wait(&course, 3000, 1);
    ramp(&course);
    course_add(&course, &(struct course_second){.open = 40, .attempts = 60});
    for (int i = 0; i < 2; i++) {
        course_add(&course, &(struct course_second){30, 10, 0, 0, 40});
        course_add(&course, &(struct course_second){40, 0, 10, 0, 40});
        check_workers(&course, CONFIDENCE_NONE, NULL);
    }
    course_add(&course, &(struct course_second){30, 10, 0, 0, 40});
    course_add(&course, &(struct course_second){40, 0, 10, 0, 40});
    check_workers(&course, CONFIDENCE_SUSPECTED, "A run that would tell: streams that stay");
    course_end(&course);
}

static void a_short_wait_is_no_lack_of_workers(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    queue(&course, 5, PLATEAU_WAIT_LATE_MS - 100);
    check_workers(&course, CONFIDENCE_NONE, NULL);
    course_end(&course);
}

static void a_service_that_is_always_slow_lacks_no_workers(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 100);
    queue(&course, 900, 2000);
    check_workers(&course, CONFIDENCE_NONE, NULL);
    course_end(&course);
}

static void a_healthy_run_shows_neither(void **state)
{
    struct course course;

    (void)state;
    course_begin(&course, 40);
    check_limit(&course, CONFIDENCE_NONE, NULL);
    ramp(&course);
    course_repeat(&course, &quiet, 5);
    course_add(&course, &(struct course_second){0});
    check_limit(&course, CONFIDENCE_NONE, NULL);
    course_end(&course);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_at_a_number_that_stands_are_a_limit),
        cmocka_unit_test(places_that_are_taken_again_make_it_certain),
        cmocka_unit_test(the_number_is_exact_though_the_ramp_ends_below),
        cmocka_unit_test(how_they_are_turned_away_says_what_to_change),
        cmocka_unit_test(what_a_wrong_request_gets_is_no_limit),
        cmocka_unit_test(failures_below_the_top_are_no_limit),
        cmocka_unit_test(a_population_that_is_complete_is_at_no_limit),
        cmocka_unit_test(few_streams_or_few_refusals_are_no_limit),
        cmocka_unit_test(within_one_second_the_order_tells),
        cmocka_unit_test(failures_at_random_while_streams_come_and_go_are_no_limit),
        cmocka_unit_test(a_number_at_which_a_search_fails_again_and_again_is_a_limit),
        cmocka_unit_test(our_own_limit_is_not_the_services),
        cmocka_unit_test(attempts_without_answer_at_a_number_are_a_limit),
        cmocka_unit_test(a_slow_service_is_given_more_time),
        cmocka_unit_test(a_service_that_hangs_altogether_is_at_no_limit),
        cmocka_unit_test(lag_of_our_own_voids_what_rests_on_waiting),
        cmocka_unit_test(answers_that_come_when_others_leave_are_workers),
        cmocka_unit_test(a_number_that_comes_back_now_and_then_is_suspected),
        cmocka_unit_test(a_short_wait_is_no_lack_of_workers),
        cmocka_unit_test(a_service_that_is_always_slow_lacks_no_workers),
        cmocka_unit_test(a_healthy_run_shows_neither),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

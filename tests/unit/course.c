#include "course.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TAG_BYTES = 32 };

void course_begin(struct course *course, uint32_t users_planned)
{
    *course = (struct course){.run = run_new(1), .delta = stats_new(), .code = 503};
    course->run->info.users_planned = users_planned;
}

void course_end(struct course *course)
{
    run_free(course->run);
    stats_free(course->delta);
}

struct stat_set *course_set(struct course *course)
{
    return stats_endpoint_set(course->delta, stats_add_endpoint(course->delta, "GET", "/x"));
}

static void add_fails(struct course *course, uint32_t count)
{
    struct stat_set *set = course_set(course);
    char tag[TAG_BYTES];

    if (count == 0)
        return;
    stat_count(set, METRIC_SSE_CONNECT_FAILS, NULL, count);
    if (course->code > 0)
        (void)snprintf(tag, sizeof tag, "code:%d", course->code);
    else
        (void)snprintf(tag, sizeof tag, "%s", course->cause);
    stat_count(set, METRIC_SSE_CONNECT_FAILS, tag, count);
}

void course_add(struct course *course, const struct course_second *second)
{
    struct stat_set *set = course_set(course);
    struct run_tick tick = {
        .interval_ns = CLOCK_NS_PER_S, .users = second->open, .open = second->open};

    stat_count(set, METRIC_SSE_ATTEMPTS, NULL, second->attempts);
    stat_count(set, METRIC_SSE_EVENTS, NULL, second->events);
    stat_passes(set, METRIC_SSE_CONNECT_SUCCESS, NULL, second->connects, second->fails);
    add_fails(course, second->fails);
    run_add_tick(course->run, 0, &tick, course->delta);
    run_close_second(course->run, ++course->second * CLOCK_NS_PER_S);
    stats_clear(course->delta);
}

void course_repeat(struct course *course, const struct course_second *second, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        course_add(course, second);
}

void course_wait(struct course *course, uint64_t wait_ms, uint64_t connect_ms)
{
    struct stat_set *set = course_set(course);

    stat_time(set, METRIC_SSE_CONNECTING, NULL, (wait_ms + connect_ms) * CLOCK_NS_PER_MS);
    stat_time(set, METRIC_SSE_CONNECTING, "part:wait", wait_ms * CLOCK_NS_PER_MS);
    stat_time(set, METRIC_SSE_CONNECTING, "part:connect", connect_ms * CLOCK_NS_PER_MS);
}

void course_order(struct course *course, uint64_t passes, uint64_t fails)
{
    stat_passes(course_set(course), METRIC_SSE_CONNECT_SUCCESS, "after:fail", passes, fails);
}

void course_check(const struct course *course, course_find_fn find,
                  enum finding_confidence confidence, const char *part)
{
    struct finding finding = {0};
    bool is_raised = find(course->run, &finding);

    assert_true(is_raised == (finding.title && finding.evidence && finding.advice));
    assert_int_equal(finding.confidence, confidence);
    if (part && !(is_raised && (strstr(finding.title, part) || strstr(finding.evidence, part) ||
                                strstr(finding.advice, part))))
        fail_msg("no '%s' in '%s', '%s', '%s'", part, finding.title, finding.evidence,
                 finding.advice);
    free(finding.title);
    free(finding.evidence);
    free(finding.advice);
}

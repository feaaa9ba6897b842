#include "cli/storm_options.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/units.h"
#include "stats/run.h"
#include "stats/waves.h"

#include <stdlib.h>
#include <string.h>

enum { STORM_RETURN_AT_ONCE = 1 /* its place among the choices */ };

const char *const storm_return_choices[] = {"retry", "at-once", NULL};

/* Cuts `text` at its first colon; what is behind it, NULL without one. */
static char *split(char *text)
{
    char *colon = text ? strchr(text, ':') : NULL;

    if (!colon)
        return NULL;
    *colon = '\0';
    return colon + 1;
}

/* A time that comes to an end. */
static int parse_time(const char *text, const char *name, uint64_t *result_ns, struct err *err)
{
    if (units_parse_duration(text, result_ns, err) < 0)
        return -1;
    if (*result_ns != CLOCK_NEVER_NS)
        return 0;
    err_set(err, ERR_USAGE, "%s cannot be 'none'", name);
    return -1;
}

static int parse_parts(const char *at, const char *ratio, const char *down, struct run_storm *storm,
                       struct err *err)
{
    if (parse_time(at, "AT", &storm->at_ns, err) < 0 ||
        (ratio && units_parse_ratio(ratio, &storm->ratio, err) < 0) ||
        (down && parse_time(down, "DOWN", &storm->down_ns, err) < 0))
        return -1;
    if (storm->ratio > 0)
        return 0;
    err_set(err, ERR_USAGE, "a storm that cuts nobody: RATIO must be above 0");
    return -1;
}

static int parse_storm(const char *text, struct run_storm *storm, struct err *err)
{
    char *at = x_strdup(text), *ratio = split(at), *down = split(ratio);
    int result;

    *storm = (struct run_storm){.ratio = 1};
    result = parse_parts(at, ratio, down, storm, err);
    if (result < 0)
        err_prefix(err, "'%.100s' is not AT[:RATIO[:DOWN]], such as 30s:50%%:2s", text);
    free(at);
    return result;
}

int storm_option_parse(const struct option *option, const char *text, void *field, struct err *err)
{
    struct run_storm storm;

    if (parse_storm(text, &storm, err) < 0)
        return -1;
    return option_parse_list(option, text, field, err);
}

static int check_all(const struct storm_settings *settings, struct err *err)
{
    if (settings->storms.count > WAVES_STORM_LIMIT) {
        err_set(err, ERR_USAGE, "more than %d storms", WAVES_STORM_LIMIT);
        return -1;
    }
    if (settings->storms.count == 0 && settings->storm_return == STORM_RETURN_AT_ONCE) {
        err_set(err, ERR_USAGE, "without one there is nothing for --storm-return to say");
        return -1;
    }
    return 0;
}

static int compare(const void *left, const void *right)
{
    const struct run_storm *a = left, *b = right;

    return (a->at_ns > b->at_ns) - (a->at_ns < b->at_ns);
}

struct run_storm *storm_settings_make(const struct storm_settings *settings, uint64_t warm_up_ns,
                                      uint64_t run_time_ns, struct err *err)
{
    size_t count = settings->storms.count;
    struct run_storm *storms = x_calloc(count + 1, sizeof *storms);

    if (check_all(settings, err) < 0)
        goto fail;
    for (size_t i = 0; i < count; i++) {
        if (parse_storm(settings->storms.items[i], &storms[i], err) < 0)
            goto fail;
        storms[i].is_at_once = settings->storm_return == STORM_RETURN_AT_ONCE;
        if (storms[i].at_ns < warm_up_ns || storms[i].at_ns >= run_time_ns) {
            err_set(err, ERR_USAGE, "a storm at '%.100s' would come %s", settings->storms.items[i],
                    storms[i].at_ns < warm_up_ns ? "before the end of --warm-up"
                                                 : "after the end of the run");
            goto fail;
        }
    }
    qsort(storms, count, sizeof *storms, compare);
    return storms;
fail:
    err_prefix(err, "option '--storm'");
    free(storms);
    return NULL;
}

struct run_storm *storm_settings_make_script(const struct storm_settings *settings,
                                             uint64_t warm_up_ns, uint64_t run_time_ns,
                                             struct err *err)
{
    struct run_storm *storms = storm_settings_make(settings, warm_up_ns, run_time_ns, err);

    for (size_t i = 0; storms && i < settings->storms.count; i++) {
        if (storms[i].down_ns == 0)
            continue;
        err_set(err, ERR_USAGE,
                "option '--storm': a Locust file comes back when it likes: give it no DOWN");
        free(storms);
        return NULL;
    }
    return storms;
}

const struct run_storm *storm_find_late(const struct run_storm *storms, size_t count,
                                        uint64_t retry_wait_ns, uint64_t run_time_ns,
                                        uint64_t *due_ns)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t due = clock_add_ns(clock_add_ns(storms[i].at_ns, storms[i].down_ns),
                                    storms[i].is_at_once ? 0 : retry_wait_ns);

        if (clock_add_ns(due, CLOCK_NS_PER_S) <= run_time_ns)
            continue;
        *due_ns = due;
        return &storms[i];
    }
    return NULL;
}

#include "verdict/onset.h"

#include <stdio.h>

enum { TAG_BYTES = 64 };

/* Do attempts fail in the seconds from `first` to `last`? */
static bool is_failing(const struct run_series *series, size_t first, size_t last)
{
    uint64_t attempts = 0, fails = 0;

    for (size_t i = first; i <= last; i++) {
        attempts += series->attempts[i];
        fails += series->connect_fails[i];
    }
    return fails >= ONSET_FAILS_MIN && fails * 100 > attempts * ONSET_FAILS_PCT;
}

/* The window that ends first and shows it; `at` is its first second with a failure. */
static bool find_second(const struct run_series *series, size_t *at)
{
    for (size_t last = ONSET_WINDOW_MIN_S - 1; last < series->count; last++) {
        for (size_t length = ONSET_WINDOW_MIN_S; length <= ONSET_WINDOW_MAX_S; length++) {
            if (length > last + 1 || !is_failing(series, last + 1 - length, last))
                continue;
            *at = last + 1 - length;
            while (series->connect_fails[*at] == 0)
                (*at)++;
            return true;
        }
    }
    return false;
}

static uint64_t fails_by(const struct run *run, const char *tag)
{
    return stat_get_count(run->total, METRIC_SSE_CONNECT_FAILS, tag);
}

/* The class of most failures; CLASS_NONE where more, `stopped`, were by a 204, which has none. */
static enum error_class find_class(const struct run *run, uint64_t stopped)
{
    enum error_class top = CLASS_NONE;
    uint64_t most = stopped;
    char tag[TAG_BYTES];

    for (int cause = CLASS_NONE + 1; cause < CLASS_COUNT; cause++) {
        uint64_t count;

        (void)snprintf(tag, sizeof tag, "cause:%s", error_class_name((enum error_class)cause));
        count = fails_by(run, tag);
        if (count > most) {
            most = count;
            top = (enum error_class)cause;
        }
    }
    return top;
}

/* A wrong request, or one that nobody allows, fails at any number of streams. */
static bool is_of_load(const struct run *run, enum error_class what)
{
    return what != CLASS_STATUS_4XX ||
           2 * fails_by(run, "code:429") >= fails_by(run, "cause:status_4xx");
}

bool onset_find(const struct run *run, struct onset *onset)
{
    const struct run_series *series = &run->series;
    uint64_t stopped = fails_by(run, "code:204");
    enum error_class what;
    uint32_t before, open;
    size_t at;

    if (run_count_connected(run) == 0 || !find_second(series, &at))
        return false;
    what = find_class(run, stopped);
    if (!is_of_load(run, what))
        return false;
    before = at > 0 ? series->open[at - 1] : 0;
    open = before > series->open[at] ? before : series->open[at];
    if (open == 0) /* it was down: by itself, or in a restart */
        return false;
    *onset = (struct onset){.at_s = series->t_s[at],
                            .users = series->users[at],
                            .open = open,
                            .what = what,
                            .is_stopped = what == CLASS_NONE && stopped > 0};
    return true;
}

const char *onset_what(const struct onset *onset)
{
    if (onset->what != CLASS_NONE)
        return error_class_name(onset->what);
    return onset->is_stopped ? "status_204" : "unanswered";
}

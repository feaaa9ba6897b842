#include "verdict/login_rows.h"

#include <string.h>
#include <strings.h>

/* How the path of a request that logs in names it. */
static const char *const words[] = {"login", "signin", "sign-in", "sign_in",
                                    "auth",  "token",  "session"};

static bool names_login(const char *name)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasestr(name, words[i]))
            return true;
    }
    return false;
}

static bool is_declared(const struct stat_set *set)
{
    uint64_t passes, fails;

    stat_get_rate(set, METRIC_LOGIN_SUCCESS, NULL, &passes, &fails);
    return passes + fails > 0;
}

static bool is_guessed(const struct run *run, size_t index)
{
    return run->info.is_script &&
           stat_get_count(stats_endpoint_set(run->stats, index), METRIC_SSE_ATTEMPTS, NULL) == 0 &&
           strcmp(stats_endpoint_method(run->stats, index), "POST") == 0 &&
           names_login(stats_endpoint_name(run->stats, index));
}

static void add(struct login_rows *rows, const struct stat_set *set, const char *name)
{
    const struct hist *took = stat_get_trend(set, METRIC_HTTP_REQ_DURATION, NULL);
    uint64_t rejected = stat_get_count(set, METRIC_HTTP_STATUS, "code:401") +
                        stat_get_count(set, METRIC_HTTP_STATUS, "code:403");
    uint64_t passes, fails;

    /* A challenge counts as a status, but not as a failure. */
    stat_get_rate(set, METRIC_HTTP_REQ_FAILED, NULL, &fails, &passes);
    rows->answered += stat_get_count(set, METRIC_HTTP_REQS, NULL);
    rows->rejected += rejected < fails ? rejected : fails;
    rows->limited += stat_get_count(set, METRIC_HTTP_STATUS, "code:429");
    if (took && (!rows->took || hist_count(took) > hist_count(rows->took))) {
        rows->took = took;
        rows->name = name;
    }
}

struct login_rows login_rows_read(const struct run *run)
{
    struct login_rows rows = {0};

    for (size_t i = 0; i < stats_endpoint_count(run->stats); i++) {
        const struct stat_set *set = stats_endpoint_set(run->stats, i);
        bool is_guess = is_guessed(run, i);

        if (!is_guess && !is_declared(set))
            continue;
        rows.is_guessed |= is_guess;
        add(&rows, set, stats_endpoint_name(run->stats, i));
    }
    return rows;
}

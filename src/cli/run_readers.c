/*
 * cli/run_readers.c - users that read slowly, and streams that leave by reset.
 */
#include "cli/run.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/units.h"
#include "load/plan.h"

#include <stdlib.h>
#include <string.h>

enum { READ_RATE_MIN_BYTES = 1, READ_RATE_MAX_BYTES = 1024 * 1024 * 1024 };

/* "64k" or "64k:10%". */
static int parse_read_rate(char *text, struct plan_readers *readers, struct err *err)
{
    char *colon = strchr(text, ':');

    readers->slow_ratio = 1;
    if (colon) {
        *colon = '\0';
        if (units_parse_ratio(colon + 1, &readers->slow_ratio, err) < 0)
            return -1;
    }
    if (units_parse_size(text, &readers->slow_bytes_per_s, err) < 0)
        return -1;
    if (readers->slow_bytes_per_s >= READ_RATE_MIN_BYTES &&
        readers->slow_bytes_per_s <= READ_RATE_MAX_BYTES)
        return 0;
    err_set(err, ERR_USAGE, "a rate is from 1 byte to 1 GiB a second");
    return -1;
}

/* "10%@30s". */
static int parse_abort(char *text, struct plan_readers *readers, struct err *err)
{
    char *at = strchr(text, '@');

    if (!at) {
        err_set(err, ERR_USAGE, "'%.100s' is not of the form RATIO@D, such as 10%%@30s", text);
        return -1;
    }
    *at = '\0';
    if (units_parse_ratio(text, &readers->abort_ratio, err) < 0 ||
        units_parse_duration(at + 1, &readers->abort_ns, err) < 0)
        return -1;
    if (readers->abort_ns > 0 && readers->abort_ns != CLOCK_NEVER_NS)
        return 0;
    err_set(err, ERR_USAGE, "the time behind the @ must be above 0");
    return -1;
}

static int parse(const char *given, const char *option,
                 int (*parse_text)(char *, struct plan_readers *, struct err *),
                 struct plan_readers *readers, struct err *err)
{
    char *text;
    int result;

    if (!given)
        return 0;
    text = x_strdup(given);
    result = parse_text(text, readers, err);
    free(text);
    if (result < 0)
        err_prefix(err, "option '--%s'", option);
    return result;
}

int run_readers_fill(const struct run_settings *settings, struct plan *plan, struct err *err)
{
    if (parse(settings->read_rate, "read-rate", parse_read_rate, &plan->readers, err) < 0)
        return -1;
    return parse(settings->abort, "abort", parse_abort, &plan->readers, err);
}

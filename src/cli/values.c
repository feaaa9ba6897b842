/*
 * cli/values.c - the parsers of option values that options.h declares.
 */
#include "cli/options.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/units.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

int option_parse_switch(const struct option *option, const char *text, void *field, struct err *err)
{
    static const char *const words[] = {"false", "no", "off", "0", "true", "yes", "on", "1"};

    (void)option;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *(bool *)field = i >= 4;
            return 0;
        }
    }
    err_set(err, ERR_USAGE, "'%.100s' is neither true nor false", text);
    return -1;
}

static int refuse_empty(const char *text, struct err *err)
{
    if (*text != '\0')
        return 0;
    err_set(err, ERR_USAGE, "the value is empty");
    return -1;
}

int option_parse_text(const struct option *option, const char *text, void *field, struct err *err)
{
    char **owned = field;

    (void)option;
    if (refuse_empty(text, err) < 0)
        return -1;
    free(*owned);
    *owned = x_strdup(text);
    return 0;
}

int option_parse_list(const struct option *option, const char *text, void *field, struct err *err)
{
    struct text_list *list = field;

    (void)option;
    if (refuse_empty(text, err) < 0)
        return -1;
    if (list->count == OPTION_LIST_LIMIT) {
        err_set(err, ERR_USAGE, "more than %d times", OPTION_LIST_LIMIT);
        return -1;
    }
    text_list_add(list, text);
    return 0;
}

int option_parse_count(const struct option *option, const char *text, void *field, struct err *err)
{
    return units_parse_count(text, option->min, option->max, field, err);
}

int option_parse_number(const struct option *option, const char *text, void *field, struct err *err)
{
    double value;

    (void)option;
    if (units_parse_number(text, &value, err) < 0 || value <= 0) {
        err_set(err, ERR_USAGE, "'%.100s' is not a plain number above 0, such as 2.5", text);
        return -1;
    }
    *(double *)field = value;
    return 0;
}

int option_parse_duration(const struct option *option, const char *text, void *field,
                          struct err *err)
{
    (void)option;
    return units_parse_duration(text, field, err);
}

int option_parse_positive(const struct option *option, const char *text, void *field,
                          struct err *err)
{
    uint64_t value;

    (void)option;
    if (units_parse_duration(text, &value, err) < 0)
        return -1;
    if (value == 0) {
        err_set(err, ERR_USAGE, "'%.100s' is no time at all: it must be above 0", text);
        return -1;
    }
    *(uint64_t *)field = value;
    return 0;
}

int option_parse_finite(const struct option *option, const char *text, void *field, struct err *err)
{
    uint64_t value;

    (void)option;
    if (units_parse_duration(text, &value, err) < 0)
        return -1;
    if (value == CLOCK_NEVER_NS) {
        err_set(err, ERR_USAGE, "'%.100s' is not possible here: give a time such as 3s", text);
        return -1;
    }
    *(uint64_t *)field = value;
    return 0;
}

int option_parse_ratio(const struct option *option, const char *text, void *field, struct err *err)
{
    (void)option;
    return units_parse_ratio(text, field, err);
}

int option_parse_span(const struct option *option, const char *text, void *field, struct err *err)
{
    const char *dash = strchr(text, '-');
    struct span span;
    char *first = dash ? x_strndup(text, (size_t)(dash - text)) : x_strdup(text);
    int result = -1;

    (void)option;
    if (units_parse_duration(first, &span.min_ns, err) < 0 ||
        units_parse_duration(dash ? dash + 1 : text, &span.max_ns, err) < 0 ||
        span.max_ns == CLOCK_NEVER_NS)
        err_set(err, ERR_USAGE, "'%.100s' is not a span of times such as 1s-3s", text);
    else if (span.min_ns > span.max_ns)
        err_set(err, ERR_USAGE, "'%.100s' starts later than it ends", text);
    else
        result = 0;
    if (result == 0)
        *(struct span *)field = span;
    free(first);
    return result;
}

static void fail_choice(const struct option *option, const char *text, struct err *err)
{
    struct buf names = {0};

    for (const char *const *each = option->choices; *each; each++) {
        const char *separator = each == option->choices ? "" : each[1] ? ", " : " or ";

        (void)buf_append_text(&names, separator);
        (void)buf_append_text(&names, *each);
    }
    err_set(err, ERR_USAGE, "'%.100s' is not one of %s", text, buf_text(&names));
    buf_fini(&names);
}

int option_parse_choice(const struct option *option, const char *text, void *field, struct err *err)
{
    for (size_t i = 0; option->choices[i]; i++) {
        if (strcasecmp(option->choices[i], text) == 0) {
            *(uint64_t *)field = i;
            return 0;
        }
    }
    fail_choice(option, text, err);
    return -1;
}

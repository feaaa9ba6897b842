#include "verdict/threshold_parse.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/near.h"
#include "base/units.h"
#include "stats/set.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_SHOWN_BYTES = 160, WORD_SHOWN_BYTES = 40, MESSAGE_BYTES = 300 };

static const char blanks[] = " \t";
static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
static const char number_characters[] = "0123456789.";

struct parser {
    const char *text;
    const char *at; /* what has not been read */
    struct threshold_spec *spec;
    struct err *err;
};

/* --- errors --- */

static size_t column_of(const struct parser *parser, const char *at)
{
    size_t column = 1;

    for (const char *each = parser->text; each < at; each++)
        column += ((unsigned char)*each & 0xc0) != 0x80;
    return column;
}

static int __attribute__((format(printf, 3, 4)))
fail(const struct parser *parser, const char *at, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    err_set(parser->err, ERR_USAGE, "column %zu of '%.*s': %s", column_of(parser, at),
            TEXT_SHOWN_BYTES, parser->text, message);
    return -1;
}

static int shown(size_t len)
{
    return len < WORD_SHOWN_BYTES ? (int)len : WORD_SHOWN_BYTES;
}

/* --- words --- */

static void skip_blanks(struct parser *parser)
{
    parser->at += strspn(parser->at, blanks);
}

static char *trimmed(const char *text, const char *end)
{
    text += strspn(text, blanks);
    while (end > text && strchr(blanks, end[-1]))
        end--;
    return x_strndup(text, end > text ? (size_t)(end - text) : 0);
}

/* Length of what stands here up to a blank, or to what would join a second expression. */
static size_t word_len(const char *at)
{
    return strcspn(at, " \t,&|");
}

/* --- the metric --- */

/* "p(95)<500", "rate>0.9": what belongs behind a metric. */
static bool is_expression(const char *text)
{
    static const char *const names[] = {"avg", "count", "max",  "mean", "med",
                                        "min", "p",     "rate", "value"};
    size_t len = strspn(text, letters);

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == len && strncmp(names[i], text, len) == 0)
            return true;
    }
    return false;
}

static int fail_metric(const struct parser *parser, const char *name, size_t len)
{
    struct near near = {.wanted = name, .wanted_len = len};

    if (len == 0)
        return fail(parser, name, "the name of a metric belongs here, such as sse_ttfe");
    if (is_expression(name))
        return fail(
            parser, name,
            "a threshold begins with a metric and a ':', as in 'sse_connecting: p(95)<500'");
    for (int metric = METRIC_NONE + 1; metric < METRIC_COUNT; metric++)
        near_offer(&near, metric_info((enum metric)metric)->name);
    if (near.best)
        return fail(parser, name, "there is no metric '%.*s'; did you mean '%s'?", shown(len), name,
                    near.best);
    return fail(parser, name, "there is no metric '%.*s'", shown(len), name);
}

/* `text` is what stands between the braces; it is changed. NULL without a key or a value. */
static char *split_tag(char *text, const char **key)
{
    char *colon = strchr(text, ':'), *value = colon ? colon + 1 : text;

    value += strspn(value, blanks);
    if (!colon || colon == text || *value == '\0')
        return NULL;
    *colon = '\0';
    *key = text;
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyz")] == '\0' ? value : NULL;
}

/* The value of a tag may hold anything, a brace too; an expression has none. */
static int parse_tag(struct parser *parser)
{
    struct threshold_spec *spec = parser->spec;
    const char *open = parser->at, *close = strrchr(open, '}'), *key = NULL;
    bool is_number = true;
    uint64_t stage = 0;
    char *text, *value;
    struct err err;

    if (*open != '{')
        return 0;
    if (!close)
        return fail(parser, open, "this '{' is never closed");
    text = trimmed(open + 1, close);
    value = split_tag(text, &key);
    if (value && (strcmp(key, "endpoint") == 0 || strcmp(key, "name") == 0))
        spec->endpoint = x_strdup(value);
    else if (value && strcmp(key, "stage") == 0)
        is_number = units_parse_count(value, 1, THRESHOLD_STAGE_MAX, &stage, &err) == 0;
    else if (value)
        spec->tag = x_asprintf("%s:%s", key, value);
    spec->stage = (uint32_t)stage;
    spec->stage_column = stage > 0 ? column_of(parser, open) : 0;
    free(text);
    if (!is_number)
        return fail(parser, open, "stages are counted from 1: {stage:2} is the second");
    if (!value)
        return fail(parser, open, "a tag has the form {key:value}, such as {phase:first}");
    if (spec->tag && strlen(spec->tag) >= STATS_TAG_BYTES)
        return fail(parser, open, "this tag has more than %d characters", STATS_TAG_BYTES - 1);
    parser->at = close + 1;
    return 0;
}

static char *compose_name(const struct threshold_spec *spec)
{
    const char *name = metric_info(spec->metric)->name;

    if (spec->endpoint)
        return x_asprintf("%s{endpoint:%s}", name, spec->endpoint);
    if (spec->stage > 0)
        return x_asprintf("%s{stage:%" PRIu32 "}", name, spec->stage);
    return spec->tag ? x_asprintf("%s{%s}", name, spec->tag) : x_strdup(name);
}

static int parse_metric(struct parser *parser)
{
    struct threshold_spec *spec = parser->spec;
    const char *start;
    size_t len;
    char *name;

    skip_blanks(parser);
    start = parser->at;
    len = strcspn(start, " \t{:");
    name = x_strndup(start, len);
    spec->metric = metric_find(name);
    free(name);
    if (spec->metric == METRIC_NONE)
        return fail_metric(parser, start, len);
    parser->at += len;
    skip_blanks(parser);
    if (parse_tag(parser) < 0)
        return -1;
    skip_blanks(parser);
    if (*parser->at != ':')
        return fail(parser, parser->at,
                    "a ':' belongs here, between the metric and its expression");
    parser->at++;
    skip_blanks(parser);
    spec->name = compose_name(spec);
    spec->expression = trimmed(parser->at, parser->at + strlen(parser->at));
    return 0;
}

/* --- what of it --- */

struct aggregate_name {
    const char *name;
    enum threshold_aggregate aggregate;
};

static const struct aggregate_name counter_names[] = {
    {"count", THRESHOLD_COUNT}, {"rate", THRESHOLD_RATE}, {NULL, THRESHOLD_AGGREGATE_NONE}};
static const struct aggregate_name gauge_names[] = {{"value", THRESHOLD_VALUE},
                                                    {"min", THRESHOLD_MIN},
                                                    {"max", THRESHOLD_MAX},
                                                    {NULL, THRESHOLD_AGGREGATE_NONE}};
static const struct aggregate_name rate_names[] = {{"rate", THRESHOLD_RATE},
                                                   {NULL, THRESHOLD_AGGREGATE_NONE}};
static const struct aggregate_name trend_names[] = {
    {"avg", THRESHOLD_MEAN},     {"mean", THRESHOLD_MEAN},        {"min", THRESHOLD_MIN},
    {"max", THRESHOLD_MAX},      {"count", THRESHOLD_COUNT},      {"med", THRESHOLD_PERCENTILE},
    {"p", THRESHOLD_PERCENTILE}, {NULL, THRESHOLD_AGGREGATE_NONE}};

static const struct {
    const char *kind, *names_text;
    const struct aggregate_name *names;
} aggregates_of[] = {
    [METRIC_KIND_NONE] = {"nothing", "nothing", NULL},
    [METRIC_COUNTER] = {"a counter", "count and rate", counter_names},
    [METRIC_GAUGE] = {"a gauge", "value, min and max", gauge_names},
    [METRIC_RATE] = {"a rate", "rate", rate_names},
    [METRIC_TREND] = {"a trend", "avg, min, max, med, p(N) and count", trend_names},
};

static int fail_aggregate(const struct parser *parser)
{
    const struct metric_info *info = metric_info(parser->spec->metric);
    size_t len = strcspn(parser->at, " \t<>=!");
    const char *kind = aggregates_of[info->kind].kind, *has = aggregates_of[info->kind].names_text;

    if (len == 0)
        return fail(parser, parser->at, "%s is %s: here belongs %s", info->name, kind, has);
    return fail(parser, parser->at, "%s is %s, which has %s, but no '%.*s'", info->name, kind, has,
                shown(len), parser->at);
}

/* Behind the p: "(99.9)". */
static int parse_percentile(struct parser *parser, const char *start)
{
    const char *number;
    size_t len;
    char *text;
    struct err err;
    int result;

    if (*parser->at != '(') {
        parser->at = start;
        return fail_aggregate(parser);
    }
    parser->at++;
    skip_blanks(parser);
    number = parser->at;
    len = strspn(number, number_characters);
    text = x_strndup(number, len);
    result = units_parse_number(text, &parser->spec->percentile, &err);
    free(text);
    if (result < 0 || parser->spec->percentile > 100)
        return fail(parser, number, "a percentile is a number from 0 to 100, such as p(95)");
    parser->at += len;
    skip_blanks(parser);
    if (*parser->at != ')')
        return fail(parser, parser->at, "a ')' belongs here");
    parser->at++;
    return 0;
}

static int parse_aggregate(struct parser *parser)
{
    enum metric_kind kind = metric_info(parser->spec->metric)->kind;
    const char *start = parser->at;
    size_t len = strspn(start, letters);

    for (const struct aggregate_name *each = aggregates_of[kind].names; each->name; each++) {
        if (strlen(each->name) != len || strncmp(each->name, start, len) != 0)
            continue;
        parser->spec->aggregate = each->aggregate;
        parser->spec->percentile = 50;
        parser->at += len;
        return len == 1 ? parse_percentile(parser, start) : 0;
    }
    return fail_aggregate(parser);
}

static enum threshold_unit unit_of(const struct threshold_spec *spec)
{
    const struct metric_info *info = metric_info(spec->metric);
    bool is_per_s = info->kind == METRIC_COUNTER && spec->aggregate == THRESHOLD_RATE;

    if (info->kind == METRIC_TREND && spec->aggregate == THRESHOLD_COUNT)
        return THRESHOLD_UNIT_COUNT;
    switch (info->unit) {
    case METRIC_UNIT_NONE:
        return THRESHOLD_UNIT_NONE;
    case METRIC_UNIT_COUNT:
        return is_per_s ? THRESHOLD_UNIT_PER_S : THRESHOLD_UNIT_COUNT;
    case METRIC_UNIT_BYTES:
        return is_per_s ? THRESHOLD_UNIT_BYTES_PER_S : THRESHOLD_UNIT_BYTES;
    case METRIC_UNIT_NS:
        return THRESHOLD_UNIT_MS;
    case METRIC_UNIT_PER_S:
        return THRESHOLD_UNIT_PER_S;
    case METRIC_UNIT_RATIO:
        return THRESHOLD_UNIT_SHARE;
    case METRIC_UNIT_PER_HOUR:
        return THRESHOLD_UNIT_PER_HOUR;
    }
    return THRESHOLD_UNIT_NONE;
}

/* --- comparison and bound --- */

/* The longer ones first. */
static const struct {
    const char *text;
    enum threshold_comparison comparison;
} comparisons[] = {
    {"===", THRESHOLD_EQUAL},    {"!==", THRESHOLD_NOT_EQUAL}, {"==", THRESHOLD_EQUAL},
    {"!=", THRESHOLD_NOT_EQUAL}, {"<=", THRESHOLD_LESS_EQUAL}, {">=", THRESHOLD_GREATER_EQUAL},
    {"<", THRESHOLD_LESS},       {">", THRESHOLD_GREATER},
};

static int parse_comparison(struct parser *parser)
{
    size_t len;

    skip_blanks(parser);
    len = strspn(parser->at, "<>=!");
    for (size_t i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++) {
        if (strlen(comparisons[i].text) != len ||
            strncmp(comparisons[i].text, parser->at, len) != 0)
            continue;
        parser->spec->comparison = comparisons[i].comparison;
        parser->at += len;
        return 0;
    }
    return fail(parser, parser->at, "one of < <= > >= == != belongs here");
}

static int parse_bound(struct parser *parser)
{
    struct threshold_spec *spec = parser->spec;
    enum threshold_bound result;
    const char *at, *rule;
    size_t len, number_len;
    char *word;

    skip_blanks(parser);
    at = parser->at;
    len = word_len(at);
    word = x_strndup(at, len);
    spec->unit = unit_of(spec);
    rule = threshold_unit_rule(spec->unit);
    result = threshold_unit_read(word, spec->unit, &spec->bound, &number_len);
    free(word);
    parser->at += len;
    switch (result) {
    case THRESHOLD_BOUND_READ:
        return 0;
    case THRESHOLD_BOUND_NO_NUMBER:
        return fail(parser, at, "a number of 0 or more belongs here: the bound is %s", rule);
    case THRESHOLD_BOUND_WRONG_UNIT:
        return fail(parser, at + number_len, "'%.*s' is no unit here: the bound is %s",
                    shown(len - number_len), at + number_len, rule);
    case THRESHOLD_BOUND_TOO_LARGE:
        return fail(parser, at, "'%.*s' is too much: the bound is %s", shown(len), at, rule);
    }
    return -1;
}

/* --- what stands behind --- */

struct clauses {
    const char *over, *abort, *after; /* where each stands; NULL: nowhere */
};

/* The time behind `over` or `after`. */
static int parse_time(struct parser *parser, const char *name, uint64_t *result_ns)
{
    size_t len;
    char *text;
    struct err err;
    int result;

    skip_blanks(parser);
    len = word_len(parser->at);
    text = x_strndup(parser->at, len);
    result = units_parse_duration(text, result_ns, &err);
    free(text);
    if (result < 0 || *result_ns == CLOCK_NEVER_NS)
        return fail(parser, parser->at, "a time belongs behind '%s', such as 10s", name);
    return (int)len;
}

static int parse_over(struct parser *parser)
{
    uint64_t time_ns = 0;
    int len = parse_time(parser, "over", &time_ns);

    if (len < 0)
        return -1;
    if (time_ns == 0 || time_ns % CLOCK_NS_PER_S != 0 ||
        time_ns / CLOCK_NS_PER_S > THRESHOLD_OVER_MAX_S)
        return fail(parser, parser->at, "a window has whole seconds, from 1s to %dm",
                    THRESHOLD_OVER_MAX_S / 60);
    parser->spec->over_s = (uint32_t)(time_ns / CLOCK_NS_PER_S);
    parser->at += len;
    return 0;
}

static int parse_after(struct parser *parser)
{
    int len = parse_time(parser, "after", &parser->spec->after_ns);

    if (len < 0)
        return -1;
    parser->at += len;
    return 0;
}

static int fail_clause(const struct parser *parser, size_t len)
{
    static const char *const names[] = {"over", "abort", "after"};
    struct near near = {.wanted = parser->at, .wanted_len = len};

    if (len == 0)
        return fail(parser, parser->at,
                    "a threshold has one expression: give --threshold again for the next");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        near_offer(&near, names[i]);
    if (near.best)
        return fail(parser, parser->at,
                    "'%.*s' is none of over, abort and after; did you mean "
                    "'%s'?",
                    shown(len), parser->at, near.best);
    return fail(parser, parser->at, "'%.*s' is none of over, abort and after", shown(len),
                parser->at);
}

/* `place` is where the clause stood before. */
static int begin_clause(struct parser *parser, const char **place, size_t len)
{
    if (*place)
        return fail(parser, parser->at, "'%.*s' stands here for the second time", (int)len,
                    parser->at);
    *place = parser->at;
    parser->at += len;
    return 0;
}

static bool is_word(const char *at, size_t len, const char *word)
{
    return strlen(word) == len && strncmp(at, word, len) == 0;
}

static int parse_clause(struct parser *parser, struct clauses *clauses)
{
    size_t len = word_len(parser->at);

    if (is_word(parser->at, len, "over"))
        return begin_clause(parser, &clauses->over, len) < 0 ? -1 : parse_over(parser);
    if (is_word(parser->at, len, "after"))
        return begin_clause(parser, &clauses->after, len) < 0 ? -1 : parse_after(parser);
    if (!is_word(parser->at, len, "abort"))
        return fail_clause(parser, len);
    parser->spec->aborts = true;
    return begin_clause(parser, &clauses->abort, len);
}

static int parse_clauses(struct parser *parser)
{
    struct clauses clauses = {0};

    skip_blanks(parser);
    while (*parser->at != '\0') {
        if (parse_clause(parser, &clauses) < 0)
            return -1;
        skip_blanks(parser);
    }
    if (clauses.over && parser->spec->stage > 0)
        return fail(parser, clauses.over, "a stage is judged as a whole: it has no windows");
    if (clauses.after && !clauses.over && !clauses.abort)
        return fail(parser, clauses.after,
                    "'after' needs 'abort' or 'over' beside it: at the end the whole run counts");
    return 0;
}

int threshold_parse(const char *text, struct threshold_spec *spec, struct err *err)
{
    struct parser parser = {.text = text, .at = text, .spec = spec, .err = err};

    *spec = (struct threshold_spec){0};
    if (parse_metric(&parser) == 0 && parse_aggregate(&parser) == 0 &&
        parse_comparison(&parser) == 0 && parse_bound(&parser) == 0 && parse_clauses(&parser) == 0)
        return 0;
    threshold_spec_fini(spec);
    return -1;
}

void threshold_spec_fini(struct threshold_spec *spec)
{
    free(spec->name);
    free(spec->expression);
    free(spec->tag);
    free(spec->endpoint);
    *spec = (struct threshold_spec){0};
}

const char *threshold_comparison_name(enum threshold_comparison comparison)
{
    switch (comparison) {
    case THRESHOLD_LESS:
        return "<";
    case THRESHOLD_LESS_EQUAL:
        return "<=";
    case THRESHOLD_GREATER:
        return ">";
    case THRESHOLD_GREATER_EQUAL:
        return ">=";
    case THRESHOLD_EQUAL:
        return "==";
    case THRESHOLD_NOT_EQUAL:
        return "!=";
    case THRESHOLD_COMPARISON_NONE:
        break;
    }
    return "";
}

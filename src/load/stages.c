#include "load/stages.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/units.h"

#include <stdlib.h>
#include <string.h>

enum { STAGES_WORD_SHOWN_BYTES = 40 };

struct parser {
    const char *text, *at;
    struct err *err;
};

static int fail(const struct parser *parser, const char *at, const char *what)
{
    int len = (int)strcspn(at, ",");

    if (len == 0)
        err_set(parser->err, ERR_USAGE, "column %td, where nothing stands: %s",
                at - parser->text + 1, what);
    else
        err_set(parser->err, ERR_USAGE, "column %td, at '%.*s': %s", at - parser->text + 1,
                len < STAGES_WORD_SHOWN_BYTES ? len : STAGES_WORD_SHOWN_BYTES, at, what);
    return -1;
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* Owned: what stands from `at` to `end`, without blanks behind it. */
static char *word_of(const char *at, const char *end)
{
    while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return x_strndup(at, (size_t)(end - at));
}

static int parse_length(const struct parser *parser, const char *colon, uint64_t *length_ns)
{
    char *word = word_of(parser->at, colon);
    struct err err;
    int result = units_parse_duration(word, length_ns, &err);

    free(word);
    if (result < 0 || *length_ns == CLOCK_NEVER_NS)
        return fail(parser, parser->at, "a stage begins with its length, such as 30s or 1m30s");
    return 0;
}

static int parse_users(const struct parser *parser, const char *at, uint64_t *users)
{
    char *word = word_of(at, at + strcspn(at, ","));
    struct err err;
    int result = units_parse_count(word, 0, STAGES_USERS_MAX, users, &err);

    free(word);
    if (result < 0)
        return fail(parser, at, "behind the ':' belongs a number of users, from 0 to 10000000");
    return 0;
}

/* One part; `parser->at` is at its first character. */
static int parse_stage(struct parser *parser, struct stages *stages)
{
    const char *colon = parser->at + strcspn(parser->at, ":,");
    uint64_t length_ns = 0, users = 0, begin_ns = stages_length_ns(stages);

    if (*colon != ':')
        return fail(parser, parser->at, "a stage has the form D:N, such as 30s:100");
    if (parse_length(parser, colon, &length_ns) < 0 ||
        parse_users(parser, skip_blanks(colon + 1), &users) < 0)
        return -1;
    if (stages->count == STAGES_LIMIT)
        return fail(parser, parser->at, "there are more than 1000 stages");
    if (length_ns > STAGES_LENGTH_MAX_NS - begin_ns)
        return fail(parser, parser->at, "the stages take more than 365 days together");
    stages->items = x_realloc(stages->items, (stages->count + 1) * sizeof *stages->items);
    stages->items[stages->count++] =
        (struct stage){.end_ns = begin_ns + length_ns, .users = (uint32_t)users};
    parser->at = colon + strcspn(colon, ",");
    return 0;
}

int stages_parse(const char *text, struct stages *stages, struct err *err)
{
    struct parser parser = {.text = text, .at = skip_blanks(text), .err = err};
    int result;

    *stages = (struct stages){0};
    result = parse_stage(&parser, stages);
    while (result == 0 && *parser.at == ',') {
        parser.at = skip_blanks(parser.at + 1);
        result = parse_stage(&parser, stages);
    }
    if (result == 0 && stages_users_max(stages) == 0)
        result = fail(&parser, skip_blanks(text), "no stage has any users");
    else if (result == 0 && stages_length_ns(stages) == 0)
        result = fail(&parser, skip_blanks(text), "no stage takes any time");
    if (result < 0)
        stages_fini(stages);
    return result;
}

void stages_fini(struct stages *stages)
{
    free(stages->items);
    *stages = (struct stages){0};
}

uint64_t stages_length_ns(const struct stages *stages)
{
    return stages->count > 0 ? stages->items[stages->count - 1].end_ns : 0;
}

uint32_t stages_users_max(const struct stages *stages)
{
    uint32_t most = 0;

    for (size_t i = 0; i < stages->count; i++)
        most = stages->items[i].users > most ? stages->items[i].users : most;
    return most;
}

uint64_t stages_ramp_ns(const struct stages *stages)
{
    uint32_t most = stages_users_max(stages);
    size_t index = 0;

    while (index < stages->count && stages->items[index].users < most)
        index++;
    return index < stages->count ? stages->items[index].end_ns : 0;
}

uint64_t stages_begin_ns(const struct stages *stages, size_t index)
{
    return index > 0 ? stages->items[index - 1].end_ns : 0;
}

uint32_t stages_users_at(const struct stages *stages, uint64_t at_ns)
{
    size_t index = 0;
    double from, to, moved;
    uint64_t begin_ns;

    while (index < stages->count && stages->items[index].end_ns <= at_ns)
        index++;
    from = index > 0 ? stages->items[index - 1].users : 0;
    if (index == stages->count)
        return (uint32_t)from;
    to = stages->items[index].users;
    begin_ns = stages_begin_ns(stages, index);
    moved =
        (to - from) * (double)(at_ns - begin_ns) / (double)(stages->items[index].end_ns - begin_ns);
    /* The nearest whole number: nobody comes, or goes, at the very end. */
    return (uint32_t)(from + moved + 0.5);
}

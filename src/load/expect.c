#include "load/expect.h"

#include "base/json_pointer.h"
#include "base/json_read.h"
#include "base/mem.h"
#include "load/plan.h"
#include "load/template.h"

#include <stdlib.h>
#include <string.h>

struct value {
    struct json_pointer *pointer; /* owned */
    struct template *wanted;      /* owned */
};

struct expect {
    const struct plan_checks *checks; /* borrowed */
    struct value values[EXPECT_DATA_LIMIT];
    size_t value_count;
    struct buf wanted; /* a value's text for one row, for the time of a comparison */
};

static int check_events(const struct plan_list *names, struct err *err)
{
    if (names->count > EXPECT_EVENT_LIMIT) {
        err_set(err, ERR_USAGE, "option '--expect-event': more than %d times", EXPECT_EVENT_LIMIT);
        return -1;
    }
    for (size_t i = 0; i < names->count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(names->items[i], names->items[j]) == 0) {
                err_set(err, ERR_USAGE, "option '--expect-event': '%.100s' is given twice",
                        names->items[i]);
                return -1;
            }
        }
    }
    return 0;
}

/* "/tenant=a": the pointer ends at the first "=". */
static int add_value(struct expect *expect, const char *text, const struct feed *feed,
                     struct err *err)
{
    const char *sign = strchr(text, '=');
    struct value *value = &expect->values[expect->value_count];
    char *pointer;

    if (!sign) {
        err_set(err, ERR_USAGE, "'%.100s' is not of the form POINTER=VALUE, such as /tenant=a",
                text);
        return -1;
    }
    expect->value_count++;
    pointer = x_strndup(text, (size_t)(sign - text));
    value->pointer = json_pointer_new(pointer, err);
    free(pointer);
    if (!value->pointer)
        return -1;
    value->wanted = template_compile(sign + 1, strlen(sign + 1), TEMPLATE_RAW, feed, err);
    return value->wanted ? 0 : -1;
}

static int add_values(struct expect *expect, const struct feed *feed, struct err *err)
{
    const struct plan_list *list = &expect->checks->expect_data;
    int result = 0;

    if (list->count > EXPECT_DATA_LIMIT) {
        err_set(err, ERR_USAGE, "more than %d times", EXPECT_DATA_LIMIT);
        result = -1;
    }
    for (size_t i = 0; i < list->count && result == 0; i++)
        result = add_value(expect, list->items[i], feed, err);
    if (result < 0)
        err_prefix(err, "option '--expect-data'");
    return result;
}

struct expect *expect_new(const struct plan_checks *checks, const struct feed *feed,
                          struct err *err)
{
    struct expect *expect = x_calloc(1, sizeof *expect);

    expect->checks = checks;
    if (check_events(&checks->expect_events, err) == 0 && add_values(expect, feed, err) == 0)
        return expect;
    expect_free(expect);
    return NULL;
}

void expect_free(struct expect *expect)
{
    if (!expect)
        return;
    for (size_t i = 0; i < expect->value_count; i++) {
        json_pointer_free(expect->values[i].pointer);
        template_free(expect->values[i].wanted);
    }
    buf_fini(&expect->wanted);
    free(expect);
}

bool expect_json_holds(const struct expect *expect, const struct sse_event *event)
{
    return !expect->checks->expects_json || json_is_sound(event->data, event->data_bytes);
}

bool expect_data_holds(struct expect *expect, const struct sse_event *event, uint32_t row)
{
    for (size_t i = 0; i < expect->value_count; i++) {
        const struct value *value = &expect->values[i];
        struct json_peek found;

        if (!json_peek(event->data, event->data_bytes, value->pointer, &found))
            return false;
        buf_clear(&expect->wanted);
        (void)template_expand(value->wanted, row, &expect->wanted);
        if (!json_peek_equals(&found, buf_text(&expect->wanted), expect->wanted.len))
            return false;
    }
    return true;
}

uint32_t expect_all_events(const struct expect *expect)
{
    size_t count = expect->checks->expect_events.count;

    return count == 0 ? 0 : UINT32_MAX >> (EXPECT_EVENT_LIMIT - count);
}

uint32_t expect_event_bit(const struct expect *expect, const struct sse_event *event)
{
    static const char unnamed[] = "message";
    const struct plan_list *names = &expect->checks->expect_events;
    const char *name = event->name_bytes > 0 ? (const char *)event->name : unnamed;
    size_t len = event->name_bytes > 0 ? event->name_bytes : sizeof unnamed - 1;

    for (size_t i = 0; i < names->count; i++) {
        if (strlen(names->items[i]) == len && memcmp(names->items[i], name, len) == 0)
            return (uint32_t)1 << i;
    }
    return 0;
}

void expect_write_missing(const struct expect *expect, uint32_t seen, struct buf *out)
{
    const struct plan_list *names = &expect->checks->expect_events;
    const char *before = "";

    for (size_t i = 0; i < names->count; i++) {
        if (seen & ((uint32_t)1 << i))
            continue;
        (void)buf_appendf(out, "%sno '%s'", before, names->items[i]);
        before = ", ";
    }
}

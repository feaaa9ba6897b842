#include "report/live_limit.h"

#include "report/figures.h"
#include "verdict/limit.h"

enum { LABEL_COLUMNS = 14 };

static const char *name_phase(enum limit_phase phase)
{
    switch (phase) {
    case LIMIT_PREPARING:
        return "getting ready for";
    case LIMIT_RAMPING:
        return "going to";
    case LIMIT_HOLDING:
        return "holding";
    }
    return "";
}

static const char *format_users(uint32_t users, char text[static UNITS_TEXT_BYTES])
{
    return users > 0 ? units_format_count(users, text) : "-";
}

/* "step 5: holding 2,500 users; 1,250 hold, 5,000 do not". */
static void append(struct buf *out, const struct limit *limit)
{
    char users[UNITS_TEXT_BYTES], holds[UNITS_TEXT_BYTES], fails[UNITS_TEXT_BYTES];
    struct limit_task task;

    if (limit_next(limit, &task))
        (void)buf_appendf(out, "step %zu: %s %s users; ", limit_step_count(limit) + 1,
                          name_phase(limit_phase(limit)), units_format_count(task.users, users));
    (void)buf_appendf(out, "%s hold, %s do not", format_users(limit_holds(limit), holds),
                      format_users(limit_fails(limit), fails));
}

void live_limit_render(struct buf *out, const struct live_view *view)
{
    struct buf line = {0};

    (void)buf_appendf(&line, "%-*s", LABEL_COLUMNS, "limit");
    append(&line, view->limit);
    (void)figures_append_clean(out, buf_text(&line), view->columns);
    (void)buf_append_byte(out, '\n');
    buf_fini(&line);
}

void live_limit_render_line(struct buf *out, const struct limit *limit)
{
    (void)buf_append_text(out, ", ");
    append(out, limit);
}

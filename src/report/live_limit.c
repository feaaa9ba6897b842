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

static void append_users(struct buf *out, uint32_t users, const char *what)
{
    char text[UNITS_TEXT_BYTES];

    if (users > 0)
        (void)buf_appendf(out, ", %s %s", units_format_count(users, text), what);
}

/* "step 5: holding 2,500 users, 1,250 hold, 5,000 do not". */
static void append(struct buf *out, const struct limit *limit)
{
    char users[UNITS_TEXT_BYTES];
    struct limit_task task;

    if (limit_next(limit, &task))
        (void)buf_appendf(out, "step %zu: %s %s user%s", limit_step_count(limit) + 1,
                          name_phase(limit_phase(limit)), units_format_count(task.users, users),
                          task.users == 1 ? "" : "s");
    else
        (void)buf_append_text(out, "done");
    append_users(out, limit_holds(limit), limit_holds(limit) == 1 ? "holds" : "hold");
    append_users(out, limit_fails(limit), limit_fails(limit) == 1 ? "does not" : "do not");
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

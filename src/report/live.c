#include "report/live.h"

#include "base/clock.h"
#include "base/mem.h"
#include "report/figures.h"
#include "report/live_view.h"
#include "report/terminal.h"

#include <stdlib.h>

static const uint64_t LINE_EVERY_NS = 5000000000;

struct live {
    struct terminal terminal;
    const struct thresholds *thresholds; /* borrowed; NULL: none */
    const struct limit *limit;           /* the same */
    struct buf picture;                  /* the last one, to be put again below a line */
    uint64_t next_line_ns; /* run time of the next line where nothing can be redrawn */
};

struct live *live_new(int fd, const struct thresholds *thresholds)
{
    struct live *live = x_calloc(1, sizeof *live);

    terminal_init(&live->terminal, fd);
    live->thresholds = thresholds;
    live->next_line_ns = LINE_EVERY_NS;
    return live;
}

void live_watch_limit(struct live *live, const struct limit *limit)
{
    live->limit = limit;
}

void live_free(struct live *live)
{
    if (!live)
        return;
    buf_fini(&live->picture);
    free(live);
}

static void draw_line(struct live *live, const struct run *run, const struct live_view *view)
{
    struct buf line = {0};

    /* The second that ends near a mark belongs to it. */
    if (run->info.duration_ns + CLOCK_NS_PER_S / 2 < live->next_line_ns)
        return;
    while (live->next_line_ns <= run->info.duration_ns + CLOCK_NS_PER_S / 2)
        live->next_line_ns += LINE_EVERY_NS;
    live_view_render_line(&line, run, view);
    terminal_write(&live->terminal, buf_text(&line), line.len);
    buf_fini(&line);
}

void live_draw(struct live *live, const struct run *run)
{
    struct live_view view = {.has_colour = live->terminal.has_colour,
                             .thresholds = live->thresholds,
                             .limit = live->limit};

    if (!live->terminal.can_redraw) {
        draw_line(live, run, &view);
        return;
    }
    /* One column is left free: some terminals wrap after a character in the last one. */
    view.columns = terminal_columns(&live->terminal) - 1;
    buf_clear(&live->picture);
    live_view_render(&live->picture, run, &view);
    terminal_draw(&live->terminal, "", &live->picture);
}

void live_print_line(struct live *live, const char *line)
{
    struct buf text = {0};

    (void)figures_append_clean(&text, line, SIZE_MAX);
    (void)buf_append_byte(&text, '\n');
    if (live->terminal.can_redraw)
        terminal_draw(&live->terminal, buf_text(&text), &live->picture);
    else
        terminal_write(&live->terminal, buf_text(&text), text.len);
    buf_fini(&text);
}

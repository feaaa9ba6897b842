/*
 * fleet/controller_log.c - what the processes of a run have to say to people.
 */
#include "base/log.h"
#include "base/mem.h"
#include "fleet/controller_internal.h"
#include "report/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void controller_log_to_live(void *ctx, enum log_level level, const char *line)
{
    char *text = x_asprintf("cicada: %s: %s", log_level_name(level), line);

    live_print_line(ctx, text);
    free(text);
}

/* What the script logged, which has its own form and may be of several lines. */
static void show_lines(struct controller *controller, const struct frame_log *entry)
{
    const char *at = entry->line, *end = at + entry->line_bytes;

    while (at <= end) {
        const char *line_end = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        size_t len = (size_t)((line_end ? line_end : end) - at);
        char *line = x_strndup(at, len);

        if (controller->live)
            live_print_line(controller->live, line);
        else
            (void)fprintf(stderr, "%s\n", line);
        free(line);
        at += len + 1;
    }
}

void controller_take_log(struct controller *controller, const struct frame *frame)
{
    struct frame_log entry;
    struct err err = {0};

    if (frame_get_log(frame, &entry, &err) < 0)
        return;
    if (entry.level == LOG_NONE)
        show_lines(controller, &entry);
    else if (entry.level == LOG_ERROR)
        log_error("%.*s", (int)entry.line_bytes, entry.line);
    else if (entry.level == LOG_WARNING)
        log_warning("%.*s", (int)entry.line_bytes, entry.line);
    else if (entry.level == LOG_INFO)
        log_info("%.*s", (int)entry.line_bytes, entry.line);
    else
        log_debug("%.*s", (int)entry.line_bytes, entry.line);
}

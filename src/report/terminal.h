/*
 * report/terminal.h - what a descriptor can show, and a picture on it that is drawn over in place.
 */
#ifndef CICADA_REPORT_TERMINAL_H
#define CICADA_REPORT_TERMINAL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { TERMINAL_COLUMNS_DEFAULT = 80, TERMINAL_COLUMNS_MIN = 20 };

struct terminal {
    int fd;             /* borrowed */
    bool can_redraw;    /* a terminal that knows cursor movement: not TERM=dumb */
    bool has_colour;    /* and NO_COLOR is not set */
    size_t drawn_lines; /* of the picture that stands now */
};

/* Looks at the descriptor and at TERM and NO_COLOR (https://no-color.org: set and not empty). */
void terminal_init(struct terminal *terminal, int fd);
/* Columns now: windows change. */
size_t terminal_columns(const struct terminal *terminal);
/*
 * Puts `above` (lines that stay, may be empty) and then `picture` where the last picture stood. The
 * picture consists of whole lines that are narrower than the terminal. Waits at most 100 ms
 * for a stuck terminal; what does not go out by then is given up.
 */
void terminal_draw(struct terminal *terminal, const char *above, struct buf *picture);
/* Writes text as it is, with the same patience. */
void terminal_write(const struct terminal *terminal, const char *text, size_t len);

#endif

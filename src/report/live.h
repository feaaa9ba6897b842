/*
 * report/live.h - the live view of a run: redrawn in place on a terminal, a line every 5 s
 * elsewhere.
 */
#ifndef CICADA_REPORT_LIVE_H
#define CICADA_REPORT_LIVE_H

#include "stats/run.h"

#include <stdbool.h>

struct limit;
struct live;
struct thresholds;

/*
 * Writes to descriptor `fd` (standard error), never blocks on it for long. NO_COLOR and TERM=dumb
 * are honoured. `thresholds` (NULL: none) are borrowed. The caller owns the result.
 */
struct live *live_new(int fd, const struct thresholds *thresholds);
/* Shows where the search is; NULL: there is none. Borrowed. */
void live_watch_limit(struct live *live, const struct limit *limit);
/* Leaves the last picture standing. NULL does nothing. */
void live_free(struct live *live);
/* At most once a second makes sense. */
void live_draw(struct live *live, const struct run *run);
/* Puts a line (a log message) above the view. */
void live_print_line(struct live *live, const char *line);

#endif

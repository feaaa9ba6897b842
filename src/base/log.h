/*
 * base/log.h - the log: one line a message, to standard error or, in a worker, up the channel.
 *
 * The sink and level are the only global state below src/cli. A failed stream is a result, not a
 * log line above debug.
 */
#ifndef CICADA_BASE_LOG_H
#define CICADA_BASE_LOG_H

enum log_level { LOG_NONE = 0, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* `line` has no line end; borrowed until the sink returns. */
typedef void (*log_sink_fn)(void *ctx, enum log_level level, const char *line);

/* Default: LOG_WARNING. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* NULL brings back standard error, where a line is "cicada: warning: text". */
void log_set_sink(log_sink_fn sink, void *ctx);
const char *log_level_name(enum log_level level);
/*
 * "debug", "info", "warning", "error" in any case, also Locust's "critical" (as error); LOG_NONE
 * when unknown.
 */
enum log_level log_level_find(const char *name);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

enum { LOG_LINE_BYTES = 1024 };

static void sink_stderr(void *ctx, enum log_level level, const char *line)
{
    (void)ctx;
    (void)fprintf(stderr, "cicada: %s: %s\n", log_level_name(level), line);
}

static struct {
    enum log_level level;
    log_sink_fn sink;
    void *ctx;
} logger = {.level = LOG_WARNING, .sink = sink_stderr};

__attribute__((format(printf, 2, 0))) static void write_line(enum log_level level,
                                                             const char *format, va_list args)
{
    char line[LOG_LINE_BYTES];

    if (level > logger.level)
        return;
    (void)vsnprintf(line, sizeof line, format, args);
    logger.sink(logger.ctx, level, line);
}

void log_set_level(enum log_level level)
{
    logger.level = level;
}

enum log_level log_get_level(void)
{
    return logger.level;
}

void log_set_sink(log_sink_fn sink, void *ctx)
{
    logger.sink = sink ? sink : sink_stderr;
    logger.ctx = ctx;
}

const char *log_level_name(enum log_level level)
{
    switch (level) {
    case LOG_NONE:
        return "none";
    case LOG_ERROR:
        return "error";
    case LOG_WARNING:
        return "warning";
    case LOG_INFO:
        return "info";
    case LOG_DEBUG:
        return "debug";
    }
    return "none";
}

enum log_level log_level_find(const char *name)
{
    for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
        if (strcasecmp(name, log_level_name((enum log_level)level)) == 0)
            return (enum log_level)level;
    }
    return strcasecmp(name, "critical") == 0 ? LOG_ERROR : LOG_NONE;
}

#define LOG_FUNCTION(name, level)                                                                  \
    void name(const char *format, ...)                                                             \
    {                                                                                              \
        va_list args;                                                                              \
                                                                                                   \
        va_start(args, format);                                                                    \
        write_line(level, format, args);                                                           \
        va_end(args);                                                                              \
    }

LOG_FUNCTION(log_error, LOG_ERROR)
LOG_FUNCTION(log_warning, LOG_WARNING)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_debug, LOG_DEBUG)

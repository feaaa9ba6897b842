#include "report/figures.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *figures_number(double value, char text[static UNITS_TEXT_BYTES])
{
    if (!isfinite(value) || value < 0)
        (void)snprintf(text, UNITS_TEXT_BYTES, "-");
    else if (value == 0)
        (void)snprintf(text, UNITS_TEXT_BYTES, "0");
    else if (value < 0.9995)
        (void)snprintf(text, UNITS_TEXT_BYTES, "%.3f", value);
    else if (value < 9.995)
        (void)snprintf(text, UNITS_TEXT_BYTES, "%.2f", value);
    else if (value < 99.95)
        (void)snprintf(text, UNITS_TEXT_BYTES, "%.1f", value);
    else
        (void)units_format_count((uint64_t)(value + 0.5), text);
    return text;
}

const char *figures_share(uint64_t passes, uint64_t fails, char text[static UNITS_TEXT_BYTES])
{
    uint64_t all = passes + fails;
    double percent;

    if (all == 0) {
        (void)snprintf(text, UNITS_TEXT_BYTES, "-");
    } else if (fails == 0) {
        (void)snprintf(text, UNITS_TEXT_BYTES, "100%%");
    } else {
        percent = 100.0 * (double)passes / (double)all;
        /* One failure among very many must not be rounded away. */
        (void)snprintf(text, UNITS_TEXT_BYTES, "%.2f%%", percent > 99.99 ? 99.99 : percent);
    }
    return text;
}

double figures_per_s(uint64_t count, double seconds)
{
    return seconds > 0 ? (double)count / seconds : 0;
}

double figures_trend(uint64_t value)
{
    return (double)value / 1000.0;
}

const char *figures_utc(double unix_ms, char text[static UNITS_TEXT_BYTES])
{
    int64_t ms = (int64_t)(unix_ms > 0 ? unix_ms : 0);
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    size_t len;

    if (!gmtime_r(&seconds, &parts))
        memset(&parts, 0, sizeof parts);
    len = strftime(text, UNITS_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(text + len, UNITS_TEXT_BYTES - len, ".%03dZ", (int)(ms % 1000));
    return text;
}

/* Bytes of the character at `bytes`, which is sound UTF-8. */
static size_t character_len(const uint8_t *bytes)
{
    return *bytes < 0x80 ? 1 : *bytes < 0xe0 ? 2 : *bytes < 0xf0 ? 3 : 4;
}

static bool is_control(const uint8_t *bytes)
{
    return bytes[0] < 0x20 || bytes[0] == 0x7f || (bytes[0] == 0xc2 && bytes[1] < 0xa0);
}

static size_t put_dots(struct buf *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)buf_append_byte(out, '.');
    return count;
}

/* Text of one line, `columns` at most; where it is longer, dots stand for its end or its front. */
static size_t append_clean(struct buf *out, const char *text, size_t columns, bool cuts_front)
{
    struct buf sound = {0};
    size_t count = 0, used = 0, keep, first, dots;

    (void)utf8_append_lossy(&sound, (const uint8_t *)text, strlen(text));
    for (size_t at = 0; at < sound.len; at += character_len(sound.bytes + at))
        count++;
    keep = count <= columns ? count : columns > 3 ? columns - 3 : 0;
    dots = count <= columns ? 0 : columns - keep;
    first = cuts_front ? count - keep : 0;
    if (cuts_front)
        used = put_dots(out, dots);
    for (size_t at = 0, i = 0; i < first + keep; at += character_len(sound.bytes + at), i++) {
        if (i < first)
            continue;
        if (is_control(sound.bytes + at))
            (void)buf_append_byte(out, '?');
        else
            (void)buf_append(out, sound.bytes + at, character_len(sound.bytes + at));
        used++;
    }
    if (!cuts_front)
        used += put_dots(out, dots);
    buf_fini(&sound);
    return used;
}

size_t figures_append_clean(struct buf *out, const char *text, size_t columns)
{
    return append_clean(out, text, columns, false);
}

size_t figures_append_clean_end(struct buf *out, const char *text, size_t columns)
{
    return append_clean(out, text, columns, true);
}

uint32_t figures_users(const struct run *run)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < run->worker_count; i++)
        sum += run->workers[i].users;
    return sum;
}

uint32_t figures_open(const struct run *run)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < run->worker_count; i++)
        sum += run->workers[i].open;
    return sum;
}

double figures_worker_cpu(const struct run_worker *worker)
{
    double value, min, max;

    if (worker->cpu_max_ratio > 0 || !worker->own ||
        !stat_get_gauge(worker->own, METRIC_WORKER_CPU, NULL, &value, &min, &max))
        return worker->cpu_max_ratio;
    return max;
}

const char *figures_causes(const struct stat_set *set, char text[static FIGURES_DISCONNECTS_BYTES])
{
    size_t len = 0;

    text[0] = '\0';
    for (int i = 0; i < CLASS_COUNT; i++) {
        const char *name = error_class_name((enum error_class)i);
        char tag[64];
        uint64_t count;
        int put;

        (void)snprintf(tag, sizeof tag, "cause:%s", name);
        count = stat_get_count(set, METRIC_SSE_DISCONNECTS, tag);
        if (count == 0)
            continue;
        put = snprintf(text + len, FIGURES_DISCONNECTS_BYTES - len, "%s%s %" PRIu64,
                       len > 0 ? ", " : "", name, count);
        if (put < 0 || (size_t)put >= FIGURES_DISCONNECTS_BYTES - len) {
            text[len] = '\0';
            break;
        }
        len += (size_t)put;
    }
    return text;
}

const char *figures_clock_source(const struct run *run, enum clock_source source)
{
    switch (source) {
    case CLOCK_SAME_HOST:
        return "same-host";
    case CLOCK_ASKED:
        return run->info.clock_url ? run->info.clock_url : "";
    case CLOCK_APART:
        return "none";
    case CLOCK_UNUSED:
    case CLOCK_SOURCE_COUNT:
        break;
    }
    return "";
}

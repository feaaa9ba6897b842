#include "load/answer.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum error_class answer_class_of_status(int status)
{
    switch (status / 100) {
    case 2:
        return CLASS_STATUS_2XX;
    case 3:
        return CLASS_STATUS_3XX;
    case 4:
        return CLASS_STATUS_4XX;
    case 5:
        return CLASS_STATUS_5XX;
    default:
        return CLASS_HTTP_PROTOCOL; /* no such status */
    }
}

bool answer_may_be_retried(int status)
{
    return status == 408 || status == 429 || status / 100 == 5;
}

uint64_t answer_retry_after_ns(const struct http_head *head, double unix_ms)
{
    char text[ANSWER_TEXT_BYTES], *end;
    unsigned long long seconds;
    struct tm date = {0};
    double ahead_ms;

    (void)answer_header(head, "retry-after", text);
    if (text[0] >= '0' && text[0] <= '9') {
        seconds = strtoull(text, &end, 10);
        return *end == '\0' && seconds < UINT32_MAX ? seconds * CLOCK_NS_PER_S : 0;
    }
    end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &date);
    if (!end || *end != '\0')
        return 0;
    ahead_ms = (double)timegm(&date) * 1000.0 - unix_ms;
    return ahead_ms > 0 ? (uint64_t)ahead_ms * CLOCK_NS_PER_MS : 0;
}

const char *answer_header(const struct http_head *head, const char *name,
                          char text[static ANSWER_TEXT_BYTES])
{
    size_t len = 0;
    const char *value = http_head_find(head, name, &len);

    if (!value)
        len = 0;
    if (len >= ANSWER_TEXT_BYTES)
        len = ANSWER_TEXT_BYTES - 1;
    if (len > 0)
        (void)memcpy(text, value, len);
    text[len] = '\0';
    return text;
}

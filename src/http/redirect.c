#include "http/redirect.h"

#include <string.h>
#include <strings.h>

static bool is_redirect_status(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool redirect_is_one(enum redirect_rules rules, const struct http_head *head)
{
    size_t len = 0;

    return is_redirect_status(head->status) &&
           (rules == REDIRECT_AS_BROWSER || http_head_find(head, "location", &len));
}

bool redirect_turns_to_get(enum redirect_rules rules, int status, const char *method)
{
    if (status == 303 || (status == 302 && rules == REDIRECT_AS_REQUESTS))
        return strcasecmp(method, "HEAD") != 0;
    return status <= 302 && strcasecmp(method, "POST") == 0;
}

int redirect_read_location(const struct http_head *head, const struct url *base, struct url *url,
                           struct err *err)
{
    size_t len = 0;
    const char *location = http_head_find(head, "location", &len);

    *url = (struct url){0};
    if (!location) {
        err_set(err, ERR_USAGE, "status %d without a Location", head->status);
        return -1;
    }
    if (url_resolve(base, location, len, url, err) == 0)
        return 0;
    err_prefix(err, "status %d", head->status); /* the URL is in the sentence */
    return -1;
}

static bool is_among(const char *line, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]);

        if (strncasecmp(line, names[i], len) == 0 && line[len] == ':')
            return true;
    }
    return false;
}

bool redirect_keeps(const struct redirect_effect *effect, const char *line)
{
    static const char *const credentials[] = {"authorization", "cookie", "proxy-authorization"};
    static const char *const of_a_body[] = {"content-encoding", "content-language",
                                            "content-location", "content-type", "content-length"};
    static const char *const of_the_place[] = {"host"};

    if (effect->is_elsewhere &&
        is_among(line, credentials, sizeof credentials / sizeof credentials[0]))
        return false;
    if (effect->is_turned_to_get &&
        is_among(line, of_a_body, sizeof of_a_body / sizeof of_a_body[0]))
        return false;
    return !effect->is_redirected || !is_among(line, of_the_place, 1);
}

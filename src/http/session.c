#include "http/session.h"

#include "base/clock.h"
#include "base/mem.h"
#include "http/auth.h"
#include "http/client.h"
#include "http/cookie.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SESSION_COOKIES_A_RESPONSE = 50 };

static const char SET_COOKIE[] = "set-cookie";

struct http_belongings *http_session_own(struct http_session *session)
{
    if (!session->own)
        session->own = x_calloc(1, sizeof *session->own);
    return session->own;
}

void http_session_close(struct http_session *session, bool with_reset)
{
    struct http_belongings *own;

    http_client_close_idle(session, with_reset); /* which may leave a ticket behind */
    own = session->own;
    if (!own)
        return;
    session->own = NULL;
    tls_tickets_free(own->tickets);
    cookie_jar_free(own->jar);
    for (int i = 0; i < SESSION_AUTH_COUNT; i++)
        auth_free(own->auth[i]);
    free(own->bearer);
    free(own);
}

static void take_cookie(struct http_session *session, const struct url *url, const char *value,
                        size_t len, double unix_ms)
{
    struct http_belongings *own = http_session_own(session);

    own->jar = own->jar ? own->jar : cookie_jar_new();
    (void)cookie_jar_take(own->jar, url, value, len, unix_ms);
    /* What was refused or only removed leaves no jar behind. */
    if (cookie_jar_count(own->jar) > 0)
        return;
    cookie_jar_free(own->jar);
    own->jar = NULL;
}

void http_session_take_cookies(struct http_session *session, const struct url *url,
                               const struct http_head *head)
{
    int count = 0;

    for (size_t i = 0; i < head->field_count && count < SESSION_COOKIES_A_RESPONSE; i++) {
        size_t name_len, len;
        const char *name = http_head_name_at(head, i, &name_len);
        const char *value;

        if (name_len != sizeof SET_COOKIE - 1 || strncasecmp(name, SET_COOKIE, name_len) != 0)
            continue;
        value = http_head_value_at(head, i, &len);
        take_cookie(session, url, value, len, clock_unix_ms());
        count++;
    }
}

void http_session_set_auth(struct http_session *session, enum session_auth place, struct auth *auth)
{
    struct http_belongings *own;

    if (!auth && !session->own)
        return;
    own = http_session_own(session);
    auth_free(own->auth[place]);
    own->auth[place] = auth;
}

void http_session_set_bearer(struct http_session *session, const char *token, size_t len)
{
    struct http_belongings *own = http_session_own(session);

    free(own->bearer);
    own->bearer = x_strndup(token, len);
}

/*
 * cli/run_request.c - what is sent: requests, the login before them, the feed behind their columns.
 */
#include "cli/run.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/json_read.h"
#include "base/mem.h"
#include "load/feed.h"
#include "load/plan.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int fill_feed(const struct run_settings *settings, struct plan *plan, struct feed **feed,
                     struct err *err)
{
    struct buf text = {0};
    int result = -1;

    if (!settings->feed)
        return 0;
    if (file_read(settings->feed, FEED_LIMIT_BYTES, &text, err) < 0)
        goto out;
    *feed = feed_parse(buf_text(&text), text.len, err);
    if (!*feed) {
        err_prefix(err, "feed '%.200s'", settings->feed);
        goto out;
    }
    plan->feed = x_strndup(buf_text(&text), text.len);
    plan->feed_bytes = text.len;
    result = 0;
out:
    buf_fini(&text);
    return result;
}

static bool has_authorization(const struct text_list *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (strncasecmp(headers->items[i], "authorization:", 14) == 0)
            return true;
    }
    return false;
}

static int check_token(const struct run_settings *settings, struct err *err)
{
    if (!settings->token)
        return 0;
    if (json_check_pointer(settings->token, err) < 0) {
        err_prefix(err, "option '--token'");
        return -1;
    }
    if (!has_authorization(&settings->request.headers))
        return 0;
    err_set(err, ERR_USAGE,
            "--token and a --header 'Authorization: …' exclude each other: both "
            "say who asks");
    return -1;
}

static int check_login(const struct run_settings *settings, struct err *err)
{
    const char *option = settings->login_data                ? "login-data"
                         : settings->login_headers.count > 0 ? "login-header"
                         : settings->token                   ? "token"
                                                             : NULL;

    if (settings->login || !option)
        return check_token(settings, err);
    err_set(err, ERR_USAGE, "option '--%s' needs --login beside it", option);
    return -1;
}

static int fill_login(const struct run_settings *settings, const struct feed *feed,
                      struct plan *plan, struct err *err)
{
    struct request_settings login = {.headers = settings->login_headers,
                                     .data = settings->login_data,
                                     .data_may_be_json = true,
                                     .body_option = "login-data",
                                     .auth = settings->request.auth,
                                     .auth_scheme = settings->request.auth_scheme};
    const char *url;
    int result;

    if (check_login(settings, err) < 0)
        return -1;
    if (!settings->login)
        return 0;
    login.method = request_split(settings->login, &url);
    plan->login_url = x_strdup(url);
    plan->token_pointer = settings->token ? x_strdup(settings->token) : NULL;
    result = request_settings_apply(&login, feed, &plan->login, err);
    if (result < 0)
        err_prefix(err, "the login");
    free(login.method);
    return result;
}

int run_request_fill(const struct run_settings *settings, struct plan *plan, struct feed **feed,
                     struct err *err)
{
    struct request_settings request = settings->request;

    *feed = NULL;
    request.data_may_be_json = plan->profile == PLAN_PROFILE_OPENAI;
    if (fill_feed(settings, plan, feed, err) < 0 ||
        request_settings_apply(&request, *feed, &plan->request, err) < 0 ||
        run_profile_prepare_body(plan, err) < 0 ||
        check_settings_apply(&settings->checks, &plan->checks, err) < 0 ||
        quality_settings_apply(&settings->quality, *feed, &plan->checks, err) < 0 ||
        publish_settings_apply(&settings->publish, &plan->checks.publish, err) < 0)
        return -1;
    return fill_login(settings, *feed, plan, err);
}

#include "demo/account.h"

#include "base/buf.h"
#include "base/json_read.h"
#include "http/form.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char USER_EMAIL[] = "loadtest.user@example.com";
static const char USER_PASSWORD[] = "Str0ngP@ssword!";
/* The second one stands in scripts that were published before this service was. */
static const struct client {
    const char *id, *secret;
} clients[] = {
    {"cicada-demo", "demo-secret-key"},
    {"loadforge-sse-test-client", "demo-secret-key"},
};
static const char GRANT_TYPE[] = "client_credentials";

/* A JSON object or a form. */
struct fields {
    struct json_document *document; /* NULL for a form */
    const char *form;
    size_t form_bytes;
};

enum match { MATCH_ABSENT = 0, MATCH_OTHER, MATCH_SAME };

static int fields_read(struct fields *fields, const uint8_t *body, size_t len, bool is_form)
{
    struct err err;

    *fields = (struct fields){0};
    if (is_form) {
        fields->form = (const char *)body;
        fields->form_bytes = len;
        return 0;
    }
    fields->document = json_read(body, len, &err);
    if (fields->document && json_value_kind(json_find(fields->document, "")) == JSON_KIND_OBJECT)
        return 0;
    json_document_free(fields->document);
    return -1;
}

static enum match compare(const char *text, size_t len, const char *expected)
{
    return len == strlen(expected) && memcmp(text, expected, len) == 0 ? MATCH_SAME : MATCH_OTHER;
}

static enum match fields_compare(const struct fields *fields, const char *name,
                                 const char *expected)
{
    enum match match = MATCH_ABSENT;

    if (fields->document) {
        char pointer[32];
        const struct json_value *value;
        size_t len = 0;

        (void)snprintf(pointer, sizeof pointer, "/%s", name);
        value = json_find(fields->document, pointer);
        if (json_value_text(value, &len))
            match = compare(json_value_text(value, &len), len, expected);
        else if (value)
            match = MATCH_OTHER;
    } else {
        struct buf value = {0};

        if (form_find(fields->form, fields->form_bytes, name, &value))
            match = compare(buf_text(&value), value.len, expected);
        buf_fini(&value);
    }
    return match;
}

static int judge_login(const struct fields *fields, const char **reason)
{
    enum match email = fields_compare(fields, "email", USER_EMAIL);
    enum match password = fields_compare(fields, "password", USER_PASSWORD);

    if (email == MATCH_ABSENT || password == MATCH_ABSENT) {
        *reason = "email and password are needed";
        return 400;
    }
    if (email == MATCH_OTHER || password == MATCH_OTHER) {
        *reason = "email or password is wrong";
        return 401;
    }
    return 200;
}

static bool is_client_known(const struct fields *fields)
{
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        if (fields_compare(fields, "client_id", clients[i].id) == MATCH_SAME &&
            fields_compare(fields, "client_secret", clients[i].secret) == MATCH_SAME)
            return true;
    }
    return false;
}

static int judge_client(const struct fields *fields, const char **reason)
{
    enum match scope = fields_compare(fields, "scope", ACCOUNT_SCOPE);

    if (fields_compare(fields, "grant_type", GRANT_TYPE) != MATCH_SAME) {
        *reason = "grant_type must be client_credentials";
        return 400;
    }
    if (!is_client_known(fields)) {
        *reason = "client_id or client_secret is wrong";
        return 401;
    }
    if (scope == MATCH_OTHER) {
        *reason = "the only scope this client may have is analytics:read";
        return 403;
    }
    return 200;
}

static int check(const uint8_t *body, size_t len, bool is_form,
                 int (*judge)(const struct fields *fields, const char **reason),
                 const char **reason)
{
    struct fields fields;
    int status;

    if (fields_read(&fields, body, len, is_form) < 0) {
        *reason = "the body is not a JSON object";
        return 400;
    }
    status = judge(&fields, reason);
    json_document_free(fields.document);
    return status;
}

bool account_is_form(const char *content_type, size_t len)
{
    return content_type && len >= sizeof FORM_CONTENT_TYPE - 1 &&
           strncasecmp(content_type, FORM_CONTENT_TYPE, sizeof FORM_CONTENT_TYPE - 1) == 0;
}

int account_check_login(const uint8_t *body, size_t len, bool is_form, const char **reason)
{
    return check(body, len, is_form, judge_login, reason);
}

int account_check_client(const uint8_t *body, size_t len, bool is_form, const char **reason)
{
    return check(body, len, is_form, judge_client, reason);
}

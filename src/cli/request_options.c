#include "cli/request_options.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/json_read.h"
#include "base/mem.h"
#include "http/form.h"
#include "load/feed.h"
#include "load/network.h"
#include "load/plan.h"
#include "load/template.h"
#include "net/route.h"
#include "net/tls.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { REQUEST_BODY_LIMIT_BYTES = 64 * 1024 * 1024, CONNECTION_PEM_LIMIT_BYTES = 8 * 1024 * 1024 };

const char *const request_auth_choices[] = {"basic", "digest", "any", NULL};

static const enum auth_scheme auth_schemes[] = {AUTH_BASIC, AUTH_DIGEST, AUTH_ANY};

/* --- the body --- */

enum body_type { BODY_FORM = 0, BODY_JSON, BODY_FORM_OR_JSON };

/* TEXT or @FILE. The bytes are the caller's, with a NUL behind them. */
static uint8_t *read_body(const char *text, size_t *len, struct err *err)
{
    struct buf body = {0};
    uint8_t *result = NULL;

    if (*text != '@') {
        *len = strlen(text);
        return (uint8_t *)x_strdup(text);
    }
    if (file_read(text + 1, REQUEST_BODY_LIMIT_BYTES, &body, err) == 0) {
        *len = body.len;
        result = (uint8_t *)x_strndup(buf_text(&body), body.len);
    }
    buf_fini(&body);
    return result;
}

/* Every row: a value that stands outside strings may break the document in the middle of the run.
 */
static int check_json(const struct template *template, const struct feed *feed, struct err *err)
{
    size_t rows = template_has_columns(template) ? feed_row_count(feed) : 1;
    struct buf body = {0};
    int result = 0;

    for (size_t row = 0; row < rows && result == 0; row++) {
        struct json_document *document;

        buf_clear(&body);
        result = template_expand(template, row, &body);
        document = json_read(body.bytes, body.len, err);
        json_document_free(document);
        if (document)
            continue;
        result = -1;
        if (template_has_columns(template))
            err_prefix(err, "with the row on line %zu of the feed", feed_row_line(feed, row));
    }
    buf_fini(&body);
    return result;
}

/* JSON where it looks like it, else a form. Two braces are a column of the feed. */
static bool looks_like_json(const char *text)
{
    text += strspn(text, " \t\r\n");
    return *text == '[' || (text[0] == '{' && text[1] != '{');
}

/* A body held in memory, whose columns and shape are looked at before the start. */
static int apply_text(const char *text, enum body_type type, const struct feed *feed,
                      struct plan_message *message, struct err *err)
{
    struct template *template = NULL;
    bool is_json;
    int result = -1;

    message->body = read_body(text, &message->body_bytes, err);
    if (!message->body)
        return -1;
    is_json = type == BODY_JSON ||
              (type == BODY_FORM_OR_JSON && looks_like_json((const char *)message->body));
    message->content_type = x_strdup(is_json ? "application/json" : FORM_CONTENT_TYPE);
    template = template_compile((const char *)message->body, message->body_bytes,
                                is_json ? TEMPLATE_JSON : TEMPLATE_RAW, feed, err);
    if (template)
        result = is_json ? check_json(template, feed, err) : 0;
    template_free(template);
    return result;
}

/* A pipe can be read only once, not anew for each request. */
static bool is_pipe(const char *path)
{
    struct stat found;

    return stat(path, &found) == 0 && !S_ISREG(found.st_mode);
}

static int apply_data(const struct request_settings *settings, const struct feed *feed,
                      struct plan_message *message, struct err *err)
{
    const char *text = settings->data;

    if (settings->data_may_be_json)
        return apply_text(text, BODY_FORM_OR_JSON, feed, message, err);
    if (*text != '@' || feed || is_pipe(text + 1))
        return apply_text(text, BODY_FORM, feed, message, err);
    /* Without columns to fill in, a file is read while it is sent. */
    message->content_type = x_strdup(FORM_CONTENT_TYPE);
    message->body_path = x_strdup(text + 1);
    return 0;
}

static int apply_body(const struct request_settings *settings, const struct feed *feed,
                      struct plan_message *message, struct err *err)
{
    int result = 0;

    if ((settings->data != NULL) + (settings->json_data != NULL) + (settings->forms.count > 0) >
        1) {
        err_set(err, ERR_USAGE, "--data, --json-data and --form exclude each other");
        return -1;
    }
    for (size_t i = 0; i < settings->forms.count; i++) {
        if (feed && strstr(settings->forms.items[i], "{{")) {
            err_set(err, ERR_USAGE,
                    "option '--form': columns of the feed are not filled in here; "
                    "use --data or --json-data");
            return -1;
        }
        plan_list_add(&message->forms, settings->forms.items[i]);
    }
    if (settings->data)
        result = apply_data(settings, feed, message, err);
    else if (settings->json_data)
        result = apply_text(settings->json_data, BODY_JSON, feed, message, err);
    if (result < 0)
        err_prefix(err, "option '--%s'",
                   settings->body_option ? settings->body_option
                   : settings->data      ? "data"
                                         : "json-data");
    return result;
}

/* NULL: POST with a body, else GET. Letters go out in upper case. */
static int apply_method(const char *method, struct plan_message *message, struct err *err)
{
    bool has_body = message->body || message->body_path || message->forms.count > 0;

    if (!method)
        method = has_body ? "POST" : "GET";
    if (strcasecmp(method, "CONNECT") == 0) {
        err_set(err, ERR_USAGE, "option '--method': CONNECT opens a tunnel, not a stream");
        return -1;
    }
    free(message->method);
    message->method = x_strdup(method);
    for (char *at = message->method; *at != '\0'; at++)
        *at = (char)toupper((unsigned char)*at);
    return 0;
}

/* The message does not show what may be a password. */
static int check_credentials(const char *auth, struct err *err)
{
    if (!auth || strchr(auth, ':'))
        return 0;
    err_set(err, ERR_USAGE,
            "option '--auth' takes USER:PASSWORD; a user without a password ends in a colon");
    return -1;
}

int request_settings_apply(const struct request_settings *settings, const struct feed *feed,
                           struct plan_message *message, struct err *err)
{
    if (check_credentials(settings->auth, err) < 0)
        return -1;
    for (size_t i = 0; i < settings->headers.count; i++)
        plan_list_add(&message->headers, settings->headers.items[i]);
    message->auth = settings->auth ? x_strdup(settings->auth) : NULL;
    message->scheme = auth_schemes[settings->auth_scheme];
    message->wants_compressed = settings->wants_compressed;
    if (apply_body(settings, feed, message, err) < 0)
        return -1;
    return apply_method(settings->method, message, err);
}

char *request_split(const char *text, const char **url)
{
    size_t len = strcspn(text, " ");

    *url = text;
    if (text[len] == '\0' || memmem(text, len, "://", 3))
        return x_strdup("POST");
    *url = text + len + strspn(text + len, " ");
    return x_strndup(text, len);
}

/* --- the connection --- */

/* NULL for no path; *failed when it cannot be read. */
static char *read_pem(const char *path, const char *option, bool *failed, struct err *err)
{
    struct buf text = {0};
    char *result = NULL;

    if (!path || *failed)
        return NULL;
    if (file_read(path, CONNECTION_PEM_LIMIT_BYTES, &text, err) < 0) {
        err_prefix(err, "option '--%s'", option);
        *failed = true;
    } else {
        result = x_strndup(buf_text(&text), text.len);
    }
    buf_fini(&text);
    return result;
}

static int try_config(const struct tls_client_config *config, struct err *err)
{
    struct tls_context *context = tls_context_new_client(config, err);

    tls_context_free(context);
    return context ? 0 : -1;
}

static int try_authorities(const struct plan_network *network, const char *path, struct err *err)
{
    struct tls_client_config config = {.ca_pem = network->ca_pem};

    if (!network->ca_pem || try_config(&config, err) == 0)
        return 0;
    err_prefix(err, "option '--cacert': '%.200s'", path);
    return -1;
}

static int try_identity(const struct plan_network *network,
                        const struct connection_settings *settings, struct err *err)
{
    struct tls_client_config config = {
        .cert_pem = network->cert_pem, .key_pem = network->key_pem, .is_insecure = true};

    if (!network->cert_pem || try_config(&config, err) == 0)
        return 0;
    if (settings->key_path)
        err_prefix(err, "option '--cert': '%.200s' with --key '%.200s'", settings->cert_path,
                   settings->key_path);
    else
        err_prefix(err, "option '--cert': '%.200s'", settings->cert_path);
    return -1;
}

/* What a worker could not use is said now. */
static int try_tls(const struct plan_network *network, const struct connection_settings *settings,
                   struct err *err)
{
    if (settings->key_path && !settings->cert_path) {
        err_set(err, ERR_USAGE, "option '--key' needs --cert beside it");
        return -1;
    }
    if (try_authorities(network, settings->ca_path, err) < 0)
        return -1;
    return try_identity(network, settings, err);
}

int connection_settings_apply(const struct connection_settings *settings,
                              struct plan_network *network, struct err *err)
{
    struct route_table *routes;
    bool failed = false;

    network->ca_pem = read_pem(settings->ca_path, "cacert", &failed, err);
    network->cert_pem = read_pem(settings->cert_path, "cert", &failed, err);
    network->key_pem = read_pem(settings->key_path, "key", &failed, err);
    network->is_insecure = settings->is_insecure;
    network->never_resumes = settings->never_resumes;
    for (size_t i = 0; i < settings->resolves.count; i++)
        plan_list_add(&network->resolves, settings->resolves.items[i]);
    for (size_t i = 0; i < settings->connects.count; i++)
        plan_list_add(&network->connects, settings->connects.items[i]);
    network->unix_socket = settings->unix_socket ? x_strdup(settings->unix_socket) : NULL;
    network->connect_timeout_ns = settings->connect_timeout_ns;
    network->headers_timeout_ns = settings->headers_timeout_ns;
    network->read_timeout_ns = settings->read_timeout_ns;
    if (failed || try_tls(network, settings, err) < 0)
        return -1;
    routes = network_routes(network, err);
    route_table_free(routes);
    return routes ? 0 : -1;
}

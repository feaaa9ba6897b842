/*
 * cli/request_options.h - options that `run` and `tap` have in common: what a request says, and how
 * it gets to its server. Rows for their tables, and the steps that make parts of a plan of them.
 */
#ifndef CICADA_CLI_REQUEST_OPTIONS_H
#define CICADA_CLI_REQUEST_OPTIONS_H

#include "base/err.h"
#include "cli/options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct feed;
struct plan_message;
struct plan_network;

/* As the table fills it. */
struct request_settings {
    struct text_list headers, forms;
    char *method, *data, *json_data, *auth; /* NULL: not given */
    const char *body_option; /* what errors of the body name; NULL: the body's own option */
    bool data_may_be_json;   /* `data` is JSON when it looks like it, else a form */
    uint64_t auth_scheme;    /* index in request_auth_choices */
    bool wants_compressed;
};

struct connection_settings {
    char *ca_path, *cert_path, *key_path; /* NULL: not given */
    bool is_insecure, never_resumes;
    struct text_list resolves, connects;
    char *unix_socket;
    uint64_t connect_timeout_ns, headers_timeout_ns, read_timeout_ns;
};

extern const char *const request_auth_choices[]; /* basic, digest, any */

/*
 * Headers, body, credentials. `feed` fills the columns of a body; NULL: there is none. -1 with a
 * sentence that names the option.
 */
int request_settings_apply(const struct request_settings *settings, const struct feed *feed,
                           struct plan_message *message, struct err *err);
/* Reads the files, and tries what was read and all routes once. -1 with a sentence. */
int connection_settings_apply(const struct connection_settings *settings,
                              struct plan_network *network, struct err *err);

/* "POST URL", or a URL alone for POST: the method, which the caller frees, and where the URL starts
 * in `text`. */
char *request_split(const char *text, const char **url);

/* Rows of a table for `struct type` with a struct request_settings called `request`. */
#define REQUEST_ROWS(type)                                                                         \
    {.name = "form",                                                                               \
     .scope = SCOPE_URL,                                                                           \
     .value_name = "NAME=VALUE",                                                                   \
     .is_list = true,                                                                              \
     .help =                                                                                       \
         "a part of a multipart form, as curl's -F: NAME=VALUE, NAME=@FILE;type=T, NAME=<FILE; "   \
         "may be repeated",                                                                        \
     .parse = option_parse_list,                                                                   \
     .offset = offsetof(type, request.forms)},                                                     \
        {.name = "compressed",                                                                     \
         .scope = SCOPE_URL,                                                                       \
         .parse = option_parse_switch,                                                             \
         .help = "ask for gzip, deflate or br, and decode what comes as it comes",                 \
         .offset = offsetof(type, request.wants_compressed)},                                      \
        {.name = "auth",                                                                           \
         .scope = SCOPE_URL,                                                                       \
         .value_name = "USER:PASSWORD",                                                            \
         .help = "credentials; those in a URL come before these",                                  \
         .parse = option_parse_text,                                                               \
         .offset = offsetof(type, request.auth)},                                                  \
    {                                                                                              \
        .name = "auth-scheme", .scope = SCOPE_URL, .value_name = "NAME",                           \
        .choices = request_auth_choices, .preset = "basic",                                        \
        .help =                                                                                    \
            "how they are sent: basic, at once; digest, after the server's challenge; any, the "   \
            "strongest that it offers",                                                            \
        .parse = option_parse_choice, .offset = offsetof(type, request.auth_scheme)                \
    }

/* The same for a struct connection_settings called `connection`. */
#define TLS_ROWS(type, insecure_short_name)                                                        \
    {.name = "insecure",                                                                           \
     .short_name = (insecure_short_name),                                                          \
     .group = "TLS",                                                                               \
     .parse = option_parse_switch,                                                                 \
     .help = "take any certificate",                                                               \
     .offset = offsetof(type, connection.is_insecure)},                                            \
        {.name = "cacert",                                                                         \
         .value_name = "FILE",                                                                     \
         .completion = COMPLETE_FILE,                                                              \
         .help = "certificates to trust, in PEM form, instead of the system's",                    \
         .parse = option_parse_text,                                                               \
         .offset = offsetof(type, connection.ca_path)},                                            \
        {.name = "cert",                                                                           \
         .value_name = "FILE",                                                                     \
         .completion = COMPLETE_FILE,                                                              \
         .help = "our own certificate, in PEM form, with those between it and its authority",      \
         .parse = option_parse_text,                                                               \
         .offset = offsetof(type, connection.cert_path)},                                          \
        {.name = "key",                                                                            \
         .value_name = "FILE",                                                                     \
         .completion = COMPLETE_FILE,                                                              \
         .help = "its key; without this option the file of --cert holds it too",                   \
         .parse = option_parse_text,                                                               \
         .offset = offsetof(type, connection.key_path)},                                           \
    {                                                                                              \
        .name = "no-resume", .parse = option_parse_switch,                                         \
        .help = "make every TLS handshake a full one; otherwise a reconnect takes up the session " \
                "of the same user's connection before",                                            \
        .offset = offsetof(type, connection.never_resumes)                                         \
    }

#define CONNECTION_ROWS(type)                                                                      \
    {.name = "connect-timeout",                                                                    \
     .value_name = "D",                                                                            \
     .group = "Connection",                                                                        \
     .preset = "10s",                                                                              \
     .help = "longest time to connect, name lookup and TLS handshake included",                    \
     .parse = option_parse_positive,                                                               \
     .offset = offsetof(type, connection.connect_timeout_ns)},                                     \
        {.name = "headers-timeout",                                                                \
         .value_name = "D",                                                                        \
         .preset = "30s",                                                                          \
         .help = "longest time from the request to the response's headers",                        \
         .parse = option_parse_positive,                                                           \
         .offset = offsetof(type, connection.headers_timeout_ns)},                                 \
        {.name = "read-timeout",                                                                   \
         .value_name = "D",                                                                        \
         .preset = "none",                                                                         \
         .help = "longest silence on an open stream",                                              \
         .parse = option_parse_positive,                                                           \
         .offset = offsetof(type, connection.read_timeout_ns)},                                    \
        {.name = "resolve",                                                                        \
         .value_name = "HOST:PORT:ADDRESS",                                                        \
         .is_list = true,                                                                          \
         .help = "this address, or several with commas, instead of asking for HOST; * stands for " \
                 "every host; may be repeated",                                                    \
         .parse = option_parse_list,                                                               \
         .offset = offsetof(type, connection.resolves)},                                           \
        {.name = "connect-to",                                                                     \
         .value_name = "HOST1:PORT1:HOST2:PORT2",                                                  \
         .is_list = true,                                                                          \
         .help =                                                                                   \
             "connect to HOST2:PORT2 for requests to HOST1:PORT1; an empty part stands for any "   \
             "or for the same; may be repeated",                                                   \
         .parse = option_parse_list,                                                               \
         .offset = offsetof(type, connection.connects)},                                           \
    {                                                                                              \
        .name = "unix-socket", .value_name = "PATH", .completion = COMPLETE_FILE,                  \
        .help = "connect to this socket instead of the URL's host", .parse = option_parse_text,    \
        .offset = offsetof(type, connection.unix_socket)                                           \
    }

#endif

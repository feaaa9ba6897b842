#include "cli/serve.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/command.h"
#include "demo/service.h"
#include "net/tcp.h"
#include "net/tls.h"

#include <stdio.h>
#include <unistd.h>

enum { SERVE_PEM_LIMIT_BYTES = 1024 * 1024 };

static const uint64_t CHAT_TIME_MAX_NS = 3600 * CLOCK_NS_PER_S;

static bool has_tls(const struct serve_settings *settings)
{
    return settings->is_self_signed || settings->cert_path;
}

/* NULL: it stands beside the certificate. */
static const char *key_text(const struct serve_settings *settings, struct buf *key)
{
    return settings->is_self_signed || settings->key_path ? buf_text(key) : NULL;
}

static int check_tls_options(const struct serve_settings *settings, struct err *err)
{
    if (settings->is_self_signed && (settings->cert_path || settings->key_path)) {
        err_set(err, ERR_USAGE, "--tls-self-signed excludes --tls-cert and --tls-key");
        return -1;
    }
    if (settings->key_path && !settings->cert_path) {
        err_set(err, ERR_USAGE, "option '--tls-key' needs --tls-cert beside it");
        return -1;
    }
    return 0;
}

static int read_pem(const char *path, const char *option, struct buf *out, struct err *err)
{
    if (!path || file_read(path, SERVE_PEM_LIMIT_BYTES, out, err) == 0)
        return 0;
    err_prefix(err, "option '--%s'", option);
    return -1;
}

/* What the service could not use is said with the names of the files. */
static int try_identity(const struct serve_settings *settings, struct buf *cert, struct buf *key,
                        struct err *err)
{
    struct tls_context *context =
        tls_context_new_server(buf_text(cert), key_text(settings, key), err);

    tls_context_free(context);
    if (context)
        return 0;
    if (settings->key_path)
        err_prefix(err, "option '--tls-cert': '%.200s' with --tls-key '%.200s'",
                   settings->cert_path, settings->key_path);
    else
        err_prefix(err, "option '--tls-cert': '%.200s'", settings->cert_path);
    return -1;
}

/* The certificate and key that --tls-… ask for; empty without. -1 with a sentence. */
static int make_identity(const struct serve_settings *settings, struct buf *cert, struct buf *key,
                         struct err *err)
{
    const char *names[] = {"localhost", "127.0.0.1", "::1", settings->host};

    if (check_tls_options(settings, err) < 0)
        return -1;
    if (settings->is_self_signed)
        return tls_certificate_make(names, sizeof names / sizeof names[0], cert, key, err);
    if (read_pem(settings->cert_path, "tls-cert", cert, err) < 0 ||
        read_pem(settings->key_path, "tls-key", key, err) < 0)
        return -1;
    return settings->cert_path ? try_identity(settings, cert, key, err) : 0;
}

static int read_faults(const struct serve_settings *settings, struct faults *faults,
                       struct err *err)
{
    for (size_t i = 0; i < settings->faults.count; i++) {
        if (faults_set(faults, settings->faults.items[i], err) < 0) {
            err_prefix(err, "option '--fault'");
            return -1;
        }
    }
    return 0;
}

static int serve(const struct serve_settings *settings, struct buf *cert, struct buf *key,
                 struct err *err)
{
    struct service_config config;

    service_config_init(&config);
    config.host = settings->host;
    config.port = (uint16_t)settings->port;
    config.processes = (uint32_t)settings->process_count;
    config.history = (uint32_t)settings->history;
    config.token_ttl_s = (uint32_t)(settings->token_ttl_ns / CLOCK_NS_PER_S);
    config.chat_ttft_ns = settings->chat_ttft_ns;
    config.chat_interval_ns = settings->chat_interval_ns;
    config.chat_tokens = (uint32_t)settings->chat_tokens;
    config.interval_ns = settings->interval_ns;
    config.heartbeat_ns = settings->heartbeat_ns;
    config.cert_pem = has_tls(settings) ? buf_text(cert) : NULL;
    config.key_pem = key_text(settings, key);
    config.seed = settings->seed;
    config.control_token = settings->control_token;
    if (read_faults(settings, &config.faults, err) < 0)
        return -1;
    return service_run(&config, err);
}

static int check_settings(const struct serve_settings *settings, struct err *err)
{
    struct address address;
    int listener;

    if (address_parse(settings->host, (uint16_t)settings->port, &address) < 0) {
        err_set(err, ERR_USAGE, "option '--host': '%.100s' is no IPv4 or IPv6 address",
                settings->host);
        return -1;
    }
    if (settings->interval_ns < CLOCK_NS_PER_MS) {
        err_set(err, ERR_USAGE, "option '--interval': at least 1ms is possible");
        return -1;
    }
    if (settings->chat_ttft_ns > CHAT_TIME_MAX_NS ||
        settings->chat_interval_ns > CHAT_TIME_MAX_NS) {
        err_set(err, ERR_USAGE, "options '--chat-ttft' and '--chat-interval': at most 1h");
        return -1;
    }
    if (settings->token_ttl_ns < CLOCK_NS_PER_S ||
        settings->token_ttl_ns / CLOCK_NS_PER_S > UINT32_MAX) {
        err_set(err, ERR_USAGE, "option '--token-ttl': at least 1s is possible, at most 136 years");
        return -1;
    }
    /* Processes share the port, and would do so with another service that is there already. */
    if (settings->port > 0) {
        listener = tcp_listen(&address, false, err);
        if (listener < 0)
            return -1;
        (void)close(listener);
    }
    return 0;
}

static int serve_execute(const struct command_input *input, struct err *err)
{
    const struct serve_settings *settings = input->settings;
    struct buf cert = {0}, key = {0};
    int result = -1;

    if (check_settings(settings, err) == 0 && make_identity(settings, &cert, &key, err) == 0) {
        result = serve(settings, &cert, &key, err);
        /* A process that died while serving is a failure, not bad usage. */
        if (result < 0 && err->kind != ERR_USAGE) {
            (void)fprintf(stderr, "cicada: %s\n", err->text);
            result = 1;
        }
    }
    buf_fini(&cert);
    buf_fini(&key);
    return result;
}

static const struct command_example examples[] = {
    {"cicada serve", "Serve on http://127.0.0.1:8080."},
    {"cicada serve --port 0 --interval 100ms --processes 2",
     "Two processes on a free port, ten events a second on each stream."},
    {"cicada serve --port 8443 --tls-self-signed",
     "The same over https; clients need --insecure, as curl needs -k."},
    {"cicada serve --fault lose=0.1%,duplicate=0.1% --fault drop=10%@5s",
     "A service that loses and repeats events, and resets one stream of ten."},
    {"curl http://127.0.0.1:8080/control -d '{\"fault\":{\"drop\":null,\"age-cut\":\"30s\"}}'",
     "Other faults from now on; the answer shows those in force."},
    {"curl http://127.0.0.1:8080/api/v1/auth/login \\\n"
     "      -d 'email=loadtest.user@example.com&password=Str0ngP@ssword!'",
     "A token for notifications and orders; the body may be a form, or JSON with its type."},
    {"curl http://127.0.0.1:8080/api/v1/session/token -d grant_type=client_credentials \\\n"
     "      -d client_id=cicada-demo -d client_secret=demo-secret-key",
     "A token for analytics, in the same two forms."},
    {NULL, NULL},
};

const struct command command_serve = {
    .name = "serve",
    .summary = "the demo SSE service to practise on",
    .usage = "[options]",
    .description =
        "Serves event streams until SIGINT or SIGTERM: /api/v1/events/stream (public), "
        "/api/v1/notifications/stream and /api/v1/orders/{id}/events (bearer token of "
        "POST /api/v1/auth/login), /api/v1/analytics/stream (token of POST /api/v1/session/token), "
        "POST /v1/chat/completions (OpenAI's form, stream true or not, any key), and /time, "
        "/healthz, /metrics, /control.\n\n"
        "The user is loadtest.user@example.com with the password Str0ngP@ssword!, the client "
        "cicada-demo with the secret demo-secret-key; the access_token of the answer goes into "
        "the header Authorization: Bearer TOKEN.\n\n"
        "Event ids count up and data is JSON that starts with seq and sent_ms. Streams resume from "
        "Last-Event-ID. ?interval=D&count=N shape one stream; on /api/v1/events/stream ?ids=redis "
        "has ids such as 1700000000000-0, ?ids=random and ?ids=none have ids without order and "
        "none at all (such streams do not resume), and ?filter=N lets about one of N events "
        "through, their ids unchanged.\n\n"
        "Of a chat completion ?ttft=D&interval=D&tokens=N set times and length; ?fail_after=N ends "
        "it with an error behind N tokens, ?cut_after=N by a cut.\n\n"
        "Faults of events: lose=RATIO leaves them out, duplicate=RATIO sends them twice in a row, "
        "reorder=RATIO sends them behind their successor, malform=RATIO breaks their blocks in "
        "one of three ways (data that is no JSON, a line with an unknown field, a byte that is not "
        "UTF-8). An event has one of these at most; the first of a stream and the last one of "
        "?count= have none.\n\n"
        "Faults of streams: drop=RATIO@AGE resets that share of them, age-cut=D and idle-cut=D end "
        "them at an age and after silence, clump=D writes events together once each D, stall=D "
        "sends nothing for D at each ten times D of a stream's life, no-replay ignores "
        "Last-Event-ID, status=CODE:RATIO answers that share of the requests for a stream with an "
        "error, max-streams=N all above N with 503, load-delay=D answers after D for each stream "
        "there is. slow-login=D delays logins and sessions. NAME=off ends a fault.\n\n"
        "POST /control changes faults while the service runs: {\"fault\":{\"lose\":0.01,"
        "\"drop\":\"10%@5s\",\"stall\":null}}; GET /control shows them. /metrics counts what was "
        "injected, so that it can be held against what a client saw: lose is missed events, "
        "no-replay events missed across a reconnect; a block that malform breaks is the same event "
        "to its id, and another one to an audit by peers where its data differs.",
    .table = serve_table,
    .settings_bytes = sizeof(struct serve_settings),
    .examples = examples,
    .execute = serve_execute,
};

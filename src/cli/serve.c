#include "cli/serve.h"

#include "base/clock.h"
#include "cli/command.h"
#include "demo/service.h"
#include "net/tcp.h"

#include <stdio.h>
#include <unistd.h>

static int serve_execute(const struct command_input *input, struct err *err)
{
    const struct serve_settings *settings = input->settings;
    struct service_config config;
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
    /* Processes share the port, and would do so with another service that is there already. */
    if (settings->port > 0) {
        listener = tcp_listen(&address, false, err);
        if (listener < 0)
            return -1;
        (void)close(listener);
    }
    service_config_init(&config);
    config.host = settings->host;
    config.port = (uint16_t)settings->port;
    config.processes = (uint32_t)settings->process_count;
    config.history = (uint32_t)settings->history;
    config.interval_ns = settings->interval_ns;
    config.heartbeat_ns = settings->heartbeat_ns;
    if (service_run(&config, err) == 0)
        return 0;
    /* A process that died while serving is a failure, not bad usage. */
    if (err->kind == ERR_USAGE)
        return -1;
    (void)fprintf(stderr, "cicada: %s\n", err->text);
    return 1;
}

static const struct command_example examples[] = {
    {"cicada serve", "Serve on http://127.0.0.1:8080."},
    {"cicada serve --port 0 --interval 100ms --processes 2",
     "Two processes on a free port, ten events a second on each stream."},
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
        "and /time, /healthz, /metrics.\n\n"
        "The user is loadtest.user@example.com with the password Str0ngP@ssword!, the client "
        "cicada-demo with the secret demo-secret-key; the access_token of the answer goes into "
        "the header Authorization: Bearer TOKEN.\n\n"
        "Event ids count up and data is JSON that starts with seq and sent_ms. Streams resume from "
        "Last-Event-ID. ?interval=D&count=N shape one stream.",
    .table = serve_table,
    .settings_bytes = sizeof(struct serve_settings),
    .examples = examples,
    .execute = serve_execute,
};

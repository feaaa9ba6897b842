#include "demo/service.h"

#include "base/clock.h"
#include "base/mem.h"
#include "demo/api.h"
#include "demo/fault_board.h"
#include "net/loop.h"
#include "net/tcp.h"
#include "net/tls.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

_Static_assert((int)SERVICE_CHAT_TOKENS_MAX == (int)CHAT_TOKENS_MAX, "one limit, said twice");
_Static_assert((int)SERVICE_HISTORY_MAX == (int)FEED_HISTORY_MAX, "one limit, said in two places");

/* One that serves: the only process, or one of the children. */
struct server_process {
    struct loop *loop;
    struct api *api;
    struct http_server *server;
    struct watch signals;
};

struct service {
    const struct service_config *config;
    struct api_config api;
    struct address address;
    struct tls_context *tls; /* made before the fork: all processes take each other's tickets */
    sigset_t old_mask;
    int reservation; /* holds the port while children come and go; -1: none */
    pid_t *children; /* 0: none in this place */
};

void service_config_init(struct service_config *config)
{
    *config = (struct service_config){
        .host = "127.0.0.1",
        .port = 8080,
        .processes = 1,
        .history = 1000,
        .retry_ms = 3000,
        .token_ttl_s = 3600,
        .chat_ttft_ns = 200 * CLOCK_NS_PER_MS,
        .chat_interval_ns = 20 * CLOCK_NS_PER_MS,
        .chat_tokens = 100,
        .interval_ns = CLOCK_NS_PER_S,
        .heartbeat_ns = 15 * CLOCK_NS_PER_S,
        .seed = 1,
    };
}

static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void set_port(struct address *address, uint16_t port)
{
    if (address->as.any.sa_family == AF_INET6)
        address->as.v6.sin6_port = htons(port);
    else
        address->as.v4.sin_port = htons(port);
}

static void announce(const struct service *service, uint16_t port)
{
    struct address address = service->address;
    char text[TCP_ADDRESS_TEXT_BYTES];

    set_port(&address, port);
    (void)printf("listening on %s://%s\n", service->tls ? "https" : "http",
                 address_format(&address, text));
    (void)fflush(stdout);
}

/* --- a process that serves --- */

static void on_signal(struct watch *watch, unsigned ready, uint64_t now_ns)
{
    struct server_process *process = CONTAINER_OF(watch, struct server_process, signals);
    struct signalfd_siginfo taken;

    (void)ready;
    (void)now_ns;
    /* Left pending, the signal would end the program as soon as it is let through again. */
    while (read(watch->fd, &taken, sizeof taken) > 0)
        ;
    loop_stop(process->loop);
}

static int watch_signals(struct server_process *process, bool with_interrupt, struct err *err)
{
    sigset_t mask;
    int fd;

    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGTERM);
    if (with_interrupt)
        (void)sigaddset(&mask, SIGINT);
    fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd >= 0 && loop_add(process->loop, &process->signals, fd, LOOP_READABLE, on_signal) == 0)
        return 0;
    err_set(err, ERR_SYSTEM, "cannot wait for signals: %s", strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static void process_close(struct server_process *process)
{
    http_server_free(process->server);
    api_free(process->api);
    if (process->signals.on_ready) {
        loop_remove(process->loop, &process->signals);
        (void)close(process->signals.fd);
    }
    loop_free(process->loop);
}

static int process_open(struct server_process *process, const struct service *service,
                        uint32_t index, struct err *err)
{
    bool is_alone = service->config->processes == 1;

    process->loop = loop_new(err);
    if (!process->loop || watch_signals(process, is_alone, err) < 0)
        return -1;
    process->api = api_new(process->loop, &service->api, index);
    process->server = http_server_new(process->loop, &service->address, !is_alone, &api_handlers,
                                      process->api, err);
    if (!process->server)
        return -1;
    if (service->tls)
        http_server_use_tls(process->server, service->tls);
    return 0;
}

static int serve_alone(const struct service *service, struct err *err)
{
    struct server_process process = {0};
    int result = process_open(&process, service, 0, err);

    if (result == 0) {
        announce(service, http_server_port(process.server));
        loop_run(process.loop);
    }
    process_close(&process);
    return result;
}

/* --- the parent of several --- */

/* In the child. SIGINT stays blocked: the parent hears it and ends the children. */
static int child_main(const struct service *service, uint32_t index, int report, pid_t parent)
{
    struct server_process process = {0};
    struct err err = {0};
    int result;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        return EXIT_FAILURE; /* it died before the line above */
    result = process_open(&process, service, index, &err);
    (void)!write(report, result == 0 ? "+" : err.text, result == 0 ? 1 : strlen(err.text));
    (void)close(report);
    if (result == 0)
        loop_run(process.loop);
    process_close(&process);
    return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Takes the port before any child does, so that all of them get the same one. */
static int reserve_port(struct service *service, struct err *err)
{
    const struct address *address = &service->address;
    char text[TCP_ADDRESS_TEXT_BYTES];
    int on = 1;
    int fd = socket(address->as.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    service->reservation = fd;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0 ||
        bind(fd, &address->as.any, address->len) < 0) {
        err_set(err, ERR_SYSTEM, "cannot listen on %s: %s", address_format(address, text),
                strerror(errno));
        return -1;
    }
    set_port(&service->address, tcp_local_port(fd));
    return 0;
}

/* Returns when the child listens, or has said why it cannot. */
static int start_child(struct service *service, uint32_t index, struct err *err)
{
    int ends[2];
    char text[ERR_TEXT_BYTES];
    pid_t parent = getpid(), child;
    ssize_t len;

    if (pipe(ends) < 0) {
        err_set(err, ERR_SYSTEM, "cannot make a pipe: %s", strerror(errno));
        return -1;
    }
    child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        exit(child_main(service, index, ends[1], parent));
    }
    (void)close(ends[1]);
    if (child < 0) {
        err_set(err, ERR_SYSTEM, "cannot start process %u: %s", index + 1, strerror(errno));
        (void)close(ends[0]);
        return -1;
    }
    service->children[index] = child;
    do
        len = read(ends[0], text, sizeof text - 1);
    while (len < 0 && errno == EINTR);
    (void)close(ends[0]);
    if (len == 1 && text[0] == '+')
        return 0;
    text[len > 0 ? len : 0] = '\0';
    err_set(err, ERR_SYSTEM, "process %u: %s", index + 1, len > 0 ? text : "it died at once");
    return -1;
}

/* -1 with a sentence when one has died. */
static int find_dead(struct service *service, struct err *err)
{
    int status;
    pid_t dead = waitpid(-1, &status, WNOHANG);

    if (dead <= 0)
        return 0;
    for (uint32_t i = 0; i < service->config->processes; i++) {
        if (service->children[i] != dead)
            continue;
        service->children[i] = 0;
        if (WIFSIGNALED(status))
            err_set(err, ERR_SYSTEM, "process %u of the service was ended by signal %d", i + 1,
                    WTERMSIG(status));
        else
            err_set(err, ERR_SYSTEM, "process %u of the service ended with status %d", i + 1,
                    WEXITSTATUS(status));
        return -1;
    }
    return 0;
}

static int wait_for_end(struct service *service, struct err *err)
{
    sigset_t mask;

    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGINT);
    (void)sigaddset(&mask, SIGTERM);
    (void)sigaddset(&mask, SIGCHLD);
    for (;;) {
        int number = sigwaitinfo(&mask, NULL);

        if (number == SIGINT || number == SIGTERM)
            return 0;
        if (number == SIGCHLD && find_dead(service, err) < 0)
            return -1;
    }
}

static void end_children(struct service *service)
{
    for (uint32_t i = 0; i < service->config->processes; i++) {
        if (service->children[i] > 0)
            (void)kill(service->children[i], SIGTERM);
    }
    for (uint32_t i = 0; i < service->config->processes; i++) {
        while (service->children[i] > 0 && waitpid(service->children[i], NULL, 0) < 0 &&
               errno == EINTR)
            ;
    }
}

static int serve_together(struct service *service, struct err *err)
{
    int result = reserve_port(service, err);

    service->children = x_calloc(service->config->processes, sizeof *service->children);
    for (uint32_t i = 0; i < service->config->processes && result == 0; i++)
        result = start_child(service, i, err);
    if (result == 0) {
        announce(service, tcp_local_port(service->reservation));
        result = wait_for_end(service, err);
    }
    end_children(service);
    free(service->children);
    if (service->reservation >= 0)
        (void)close(service->reservation);
    return result;
}

/* --- start --- */

static int check_config(const struct service_config *config, struct address *address,
                        struct err *err)
{
    if (address_parse(config->host, config->port, address) < 0) {
        err_set(err, ERR_USAGE, "'%s' is no IPv4 or IPv6 address to listen on", config->host);
        return -1;
    }
    if (config->processes < 1 || config->processes > SERVICE_PROCESSES_MAX) {
        err_set(err, ERR_USAGE, "the service runs in 1 to %d processes, not %u",
                SERVICE_PROCESSES_MAX, config->processes);
        return -1;
    }
    if (config->history > SERVICE_HISTORY_MAX) {
        err_set(err, ERR_USAGE, "a history holds at most %d events, not %u", SERVICE_HISTORY_MAX,
                config->history);
        return -1;
    }
    if (config->interval_ns < CLOCK_NS_PER_MS || config->heartbeat_ns < CLOCK_NS_PER_MS) {
        err_set(err, ERR_USAGE, "interval and heartbeat of the service are at least 1 ms");
        return -1;
    }
    return 0;
}

static void make_api_config(const struct service_config *config, struct fault_board *board,
                            struct api_config *api)
{
    double unix_ms = clock_unix_ms();
    uint64_t now_ns = clock_now_ns();
    /* On a full millisecond of the clock, where the loop's timers tick. */
    uint64_t epoch_ns = now_ns - now_ns % CLOCK_NS_PER_MS;

    api->feeds = (struct feeds_config){
        .clock.epoch_ns = epoch_ns,
        .clock.epoch_unix_ms = unix_ms - (double)(now_ns - epoch_ns) / (double)CLOCK_NS_PER_MS,
        .board = board,
        .shares_board = config->processes > 1,
        .seed = config->seed,
        .heartbeat_ns = config->heartbeat_ns,
        .history = config->history,
        .retry_ms = config->retry_ms,
    };
    api->chat = (struct chat_config){
        .ttft_ns = config->chat_ttft_ns,
        .interval_ns = config->chat_interval_ns,
        .token_count = config->chat_tokens,
        .clock = api->feeds.clock,
    };
    api->interval_ns = config->interval_ns;
    api->token_ttl_s = config->token_ttl_s;
    api->control_token = config->control_token;
    api->process_count = config->processes;
}

/* Signals wait until they are asked for; children inherit this. */
static void block_signals(sigset_t *old_mask)
{
    sigset_t mask;

    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGINT);
    (void)sigaddset(&mask, SIGTERM);
    (void)sigaddset(&mask, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &mask, old_mask);
}

int service_run(const struct service_config *config, struct err *err)
{
    struct service service = {.config = config, .reservation = -1};
    struct fault_board *board = NULL;
    int result = -1;

    if (check_config(config, &service.address, err) < 0 ||
        token_key_make(&service.api.key, err) < 0)
        return -1;
    if (config->cert_pem) {
        service.tls = tls_context_new_server(config->cert_pem, config->key_pem, err);
        if (!service.tls)
            return -1;
    }
    service.api.counters = counters_map(config->processes, err);
    board = service.api.counters ? fault_board_map(&config->faults, err) : NULL;
    if (board) {
        raise_file_limit();
        make_api_config(config, board, &service.api);
        block_signals(&service.old_mask);
        (void)fflush(NULL); /* or children would write it again */
        result =
            config->processes == 1 ? serve_alone(&service, err) : serve_together(&service, err);
        (void)sigprocmask(SIG_SETMASK, &service.old_mask, NULL);
    }
    fault_board_unmap(board);
    counters_unmap(service.api.counters, config->processes);
    tls_context_free(service.tls);
    return result;
}

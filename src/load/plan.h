/*
 * load/plan.h - what a worker is to do: made by the controller from options, carried as one frame.
 */
#ifndef CICADA_LOAD_PLAN_H
#define CICADA_LOAD_PLAN_H

#include "base/buf.h"
#include "base/err.h"
#include "http/auth.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum plan_reconnect {
    PLAN_RECONNECT_NONE = 0,
    PLAN_RECONNECT_AUTO,
    PLAN_RECONNECT_ALWAYS,
    PLAN_RECONNECT_NEVER
};

/* Messages a second; at the least one an hour, which also keeps intervals far from overflow. */
enum { PLAN_PUBLISH_RATE_MAX = 10000, PLAN_PUBLISH_INTERVAL_MAX_S = 3600 };

struct plan_list {
    char **items; /* owned */
    size_t count;
};

/* What streams are besides streams of events. */
enum plan_profile { PLAN_PROFILE_NONE = 0, PLAN_PROFILE_OPENAI };

/* One URL of URL mode. `{{column}}` may stand in url (behind the host), headers and body. */
struct plan_target {
    char *url; /* as written; but for user and password also the endpoint's name */
    uint32_t weight;
};

/* What a request says behind its URL. At most one of body, body_path and forms is given. */
struct plan_message {
    char *method;             /* "GET" */
    struct plan_list headers; /* "Name: value" */
    uint8_t *body;            /* NULL: none */
    size_t body_bytes;
    char *content_type;      /* of the body, NULL: none given by an option */
    char *body_path;         /* a file that is read while it is sent; NULL: none */
    struct plan_list forms;  /* parts of multipart/form-data, as curl's -F */
    char *auth;              /* "USER:PASSWORD"; NULL: none */
    enum auth_scheme scheme; /* in which they are sent */
    bool wants_compressed;   /* Accept-Encoding, and decoding of what comes */
};

/* Everything about TLS and about where connections go. Texts of files, not their names: a worker
 * may be on another machine. */
struct plan_network {
    char *unix_socket;                 /* NULL: TCP */
    char *local_addresses;             /* CIDR text as given, NULL: the system chooses */
    struct plan_list resolves;         /* --resolve */
    struct plan_list connects;         /* --connect-to */
    char *ca_pem, *cert_pem, *key_pem; /* NULL: not given */
    bool is_insecure, never_resumes;
    bool wants_kernel_times;                                          /* of receipt */
    uint64_t connect_timeout_ns, headers_timeout_ns, read_timeout_ns; /* CLOCK_NEVER_NS: none */
};

/* Marked messages that a worker sends, so that streams can be held to them. */
struct plan_publish {
    char *url;                   /* NULL: none are sent */
    struct plan_message message; /* {{mark}} stands in its body */
    double rate_per_s;
    uint64_t run; /* in every mark: those of other runs are none of ours */
    bool is_ours; /* this worker is the one that sends */
};

/* Users that read slowly, and streams that leave by RST, both by our choice. */
struct plan_readers {
    uint64_t slow_bytes_per_s; /* 0: all read as fast as they can */
    double slow_ratio;         /* of the users */
    double abort_ratio;        /* of the streams */
    uint64_t abort_ns;         /* after the opening */
};

/* What is checked of every event, and how. */
struct plan_checks {
    char
        *event_seq; /* where the sequence number stands: a JSON Pointer, "id", "none"; NULL: "id" */
    char *event_time;  /* where the time of sending stands, and its unit; NULL: nowhere */
    char *clock_url;   /* answers with the service's time; NULL: nobody is asked */
    uint64_t stale_ns; /* a live event later than this is stale; CLOCK_NEVER_NS: none is */
    struct plan_list expect_events; /* names; load/expect has the limits */
    struct plan_list expect_data;   /* "POINTER=VALUE" */
    bool expects_json;
    uint64_t heartbeat_ns; /* 0: none is awaited */
    char *server_header;   /* names the server that answers; NULL: nobody asks */
    struct plan_publish publish;
};

struct plan {
    char *script;                /* JSON for a Locust file's worker; NULL: URL mode */
    struct plan_target *targets; /* at least one in URL mode, else none */
    size_t target_count;
    struct plan_message request;
    char *login_url;           /* NULL: users do not log in */
    struct plan_message login; /* the request to it */
    char *token_pointer;       /* where the token stands in its answer; NULL: cookies do */
    struct plan_network network;
    struct plan_checks checks;
    enum plan_profile profile;
    char *end_data; /* data that ends a stream as complete; NULL: none does */
    char *feed;     /* CSV text, NULL: none; checked by the controller */
    size_t feed_bytes;

    uint64_t events_per_stream; /* 0: no end by count */
    uint64_t stream_time_ns;    /* CLOCK_NEVER_NS: stay */
    uint64_t wait_min_ns, wait_max_ns;
    uint64_t iterations; /* 0: for ever */
    bool has_arrivals;   /* orders count arrivals: each opens one stream and is gone at its end */
    uint32_t users_max;  /* of these, over all workers, at the same time */
    bool has_loop;       /* --events, --stream-time or --iterations: streams follow one another */

    enum plan_reconnect reconnect;
    uint64_t retry_wait_ns;
    uint64_t retry_max_ns;
    double jitter_ratio;
    struct plan_readers readers;

    uint32_t worker_index, worker_count;
    uint64_t seed;
    uint8_t log_level;
};

/* An empty plan with the defaults of the manual; the caller owns it. */
struct plan *plan_new(void);
void plan_free(struct plan *plan);
/* `text` is copied. */
void plan_list_add(struct plan_list *list, const char *text);
/* Appends the body of a plan frame. */
void plan_encode(const struct plan *plan, struct buf *out);
/* NULL with a sentence when the bytes are no sound plan. */
struct plan *plan_decode(const uint8_t *bytes, size_t len, struct err *err);

/* --- plan_parts.c and plan_checks.c, for plan.c --- */
struct unpack;
void plan_list_fini(struct plan_list *list);
void plan_list_encode(const struct plan_list *list, struct buf *out);
void plan_list_decode(struct plan_list *list, struct unpack *unpack);
void plan_message_fini(struct plan_message *message);
void plan_message_encode(const struct plan_message *message, struct buf *out);
void plan_message_decode(struct plan_message *message, struct unpack *unpack);
void plan_network_fini(struct plan_network *network);
void plan_network_encode(const struct plan_network *network, struct buf *out);
void plan_network_decode(struct plan_network *network, struct unpack *unpack);
void plan_checks_fini(struct plan_checks *checks);
void plan_checks_encode(const struct plan_checks *checks, struct buf *out);
void plan_checks_decode(struct plan_checks *checks, struct unpack *unpack);
/* NULL is kept apart from empty. */
void plan_pack_optional(struct buf *out, const void *bytes, size_t len);
/* Owned bytes with a NUL behind them, or NULL where none were packed. */
char *plan_unpack_optional(struct unpack *unpack, size_t limit_bytes, size_t *len);

#endif

/*
 * cli/run.h - the settings of `cicada run`, and the steps that make a plan of them.
 */
#ifndef CICADA_CLI_RUN_H
#define CICADA_CLI_RUN_H

#include "base/err.h"
#include "cli/check_options.h"
#include "cli/quality_options.h"
#include "cli/options.h"
#include "cli/pace_options.h"
#include "cli/publish_options.h"
#include "cli/request_options.h"
#include "cli/storm_options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limit;
struct limit_rules;
struct plan;
struct thresholds;
struct feed;
struct source_pool;

static const uint64_t RUN_PROCESS_A_CORE = UINT64_MAX; /* --processes -1 */

/* What only a Locust file takes. */
struct script_settings {
    char *file, *python, *log_path; /* NULL: not given */
    struct text_list tags, exclude_tags;
    bool wants_list, wants_ratio, wants_ratio_json;
    bool resets_stats, skips_log_setup;
    char *csv; /* NULL: not given */
    bool has_full_history, has_only_summary, has_equal_weights;
};

/* As the option table fills it. */
struct run_settings {
    uint64_t users;
    double spawn_rate_per_s; /* 0: not given */
    uint64_t run_time_ns;    /* CLOCK_NEVER_NS: until stopped */
    struct pace_settings pace;
    uint64_t stop_timeout_ns;
    bool is_headless;
    char *host;
    struct request_settings request;
    struct connection_settings connection;
    char *login, *login_data, *token; /* NULL: not given */
    struct text_list login_headers;
    char *feed; /* NULL: not given */
    uint64_t events, stream_time_ns, iterations;
    struct span wait;
    uint64_t reconnect; /* index in run_reconnect_choices */
    uint64_t retry_wait_ns, retry_max_ns;
    double jitter_ratio;
    struct check_settings checks;
    uint64_t profile; /* index in run_profile_choices */
    char *end_data;   /* NULL: not given */
    struct quality_settings quality;
    struct publish_settings publish;
    char *read_rate, *abort; /* NULL: not given */
    struct storm_settings storm;
    struct text_list thresholds;
    bool finds_limit;
    char *local_address;
    uint64_t process_count; /* 0: not given */
    char *json;
    char *config;
    bool is_quiet, has_no_progress;
    uint64_t log_level; /* index in run_log_choices */
    uint64_t exit_code_on_error;
    struct script_settings script;
};

extern const struct option run_table[];
extern const char *const run_reconnect_choices[]; /* auto, always, never */
extern const char *const run_profile_choices[];   /* none, openai */
extern const char *const run_log_choices[];
/* A count, or -1 for one a core: RUN_PROCESS_A_CORE. */
int run_parse_processes(const struct option *option, const char *text, void *field,
                        struct err *err);

/*
 * --- cli/run_request.c --- requests, login and feed, into the plan. `feed` is the caller's, NULL
 * when none was given.
 */
int run_request_fill(const struct run_settings *settings, struct plan *plan, struct feed **feed,
                     struct err *err);

/* --- cli/run_profile.c --- what streams are besides streams of events. */
/* Profile and end mark into the plan. */
int run_profile_fill(const struct run_settings *settings, struct plan *plan, struct err *err);
/* Behind run_request_fill, for URLs: the body must ask for a stream; where it can, it is made to
 * ask for the usage too. */
int run_profile_prepare_body(struct plan *plan, struct err *err);

/* --- cli/run_readers.c --- slow readers and leavers into the plan. */
int run_readers_fill(const struct run_settings *settings, struct plan *plan, struct err *err);

/* --- cli/run_redact.c --- what of a command line may stand in a result. The caller frees it. */
/*
 * The command line as a shell would take it, without the values of --auth, --login-data and headers
 * whose names speak of a secret, and without user and password of URLs. Other bodies and queries
 * stand as they were given.
 */
char *run_redact_command(int argc, char **argv);

/* --- cli/run_targets.c --- */
/* What the targets stand for, once resolved. */
struct run_reach {
    double busiest_share; /* of all users, the part that goes to one address; 0: a Unix socket */
    bool is_local;        /* all of them loopback, private or a Unix socket */
};
/* URLs with weights into the plan. */
int run_targets_fill(const char *const *operands, size_t count, const struct feed *feed,
                     struct plan *plan, struct err *err);
/* Makes each request as a worker will, the login's too: what is wrong with one shows before the
 * start. */
int run_targets_check(const struct plan *plan, const struct feed *feed, struct err *err);
/* Resolves each host once; of a Locust file's run, which has no targets, that of --publish. */
int run_targets_resolve(const struct plan *plan, struct run_reach *reach, struct err *err);

struct command_input;
struct controller_config;
struct stages;
struct run;
/* --- cli/run.c --- for Locust files too */
/* What judges a run beside its own failures, at the end of its work. Borrowed; each may be NULL. */
struct run_judges {
    const struct thresholds *thresholds;
    const struct limit *limit;
    const struct limit_rules *limit_rules;
};
/* The exit status; writes result and summary. */
int run_report(const struct run_settings *settings, const struct run *run,
               const struct run_judges *judges);
/* More endpoints or rows than are told apart: said on the log. */
void run_warn_of_shared_rows(const struct run *run);
/* A report that could not be written is a failure, unless the run ended worse. Says why. */
int run_status_without_report(int status, const struct err *err);
void run_announce_ramp(const struct run_settings *settings, double rate, double ramp_s);
void run_announce_stages(const struct run_settings *settings, const struct stages *stages);

/* --- cli/run_script.c --- a run of a Locust file. As a command's execute. */
int run_script_execute(const struct command_input *input, struct err *err);

/* --- cli/run_limits.c --- */
/* May all users hold a connection at once, as far as local ports go? */
int run_limits_check_ports(const struct run_settings *settings, const struct run_reach *reach,
                           struct err *err);
/* The most users that could hold a connection at once, by ports, and by open files on a worker a
 * core or on as many as were asked for. */
uint64_t run_limits_most_users(const struct run_settings *settings, const struct run_reach *reach);
/* How many worker processes: as asked for, or as cores and open files demand. */
int run_limits_choose_processes(const struct run_settings *settings, uint32_t *count,
                                struct err *err);
/* The same for a Locust file, which says itself how many files it opens: one unless asked. */
uint32_t run_limits_script_processes(const struct run_settings *settings);

#endif

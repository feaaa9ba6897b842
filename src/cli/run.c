#include "cli/run.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/limit_options.h"
#include "cli/threshold_options.h"
#include "fleet/controller.h"
#include "http/url.h"
#include "load/feed.h"
#include "load/plan.h"
#include "load/stages.h"
#include "report/result_json.h"
#include "report/summary.h"
#include "report/terminal.h"
#include "stats/rows.h"
#include "verdict/limit.h"
#include "verdict/limit_judge.h"
#include "verdict/outcome.h"
#include "verdict/threshold.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { RUN_RAMP_S = 10 };

static char *join_targets(const char *const *operands, size_t count)
{
    struct buf text = {0};
    char *result;

    for (size_t i = 0; i < count; i++) {
        char *name = url_hide_userinfo(operands[i], strlen(operands[i]));

        (void)buf_appendf(&text, "%s%s", i > 0 ? " " : "", name);
        free(name);
    }
    result = x_strdup(buf_text(&text));
    buf_fini(&text);
    return result;
}

static bool has_terminal(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* curl's -H is a header, Locust's a URL. */
static int check_host(const struct run_settings *settings, struct err *err)
{
    if (!settings->host)
        return 0;
    if (strstr(settings->host, "://"))
        err_set(err, ERR_USAGE, "option '--host' is for Locust files: write the whole URL instead");
    else
        err_set(err, ERR_USAGE,
                "option '--host' takes a URL; headers are given with --header: %.100s",
                settings->host);
    return -1;
}

/* What the values together do not allow. */
static int check_settings(const struct command_input *input, struct err *err)
{
    const struct run_settings *settings = input->settings;

    if (!options_given(input->options, "run-time") && !settings->pace.stages &&
        !settings->finds_limit && !has_terminal()) {
        err_set(err, ERR_USAGE, "without a terminal to stop it from, a run needs --run-time (-t)");
        return -1;
    }
    if (settings->json && result_json_check_path(settings->json, err) < 0)
        return -1;
    return 0;
}

static void fill_streams(const struct command_input *input, struct plan *plan)
{
    static const enum plan_reconnect reconnects[] = {PLAN_RECONNECT_AUTO, PLAN_RECONNECT_ALWAYS,
                                                     PLAN_RECONNECT_NEVER};
    const struct run_settings *settings = input->settings;

    plan->events_per_stream = settings->events;
    plan->stream_time_ns = settings->stream_time_ns;
    plan->has_arrivals = settings->pace.arrivals_per_s > 0;
    plan->wait_min_ns = settings->wait.min_ns;
    plan->wait_max_ns = settings->wait.max_ns;
    plan->iterations = settings->iterations;
    plan->has_loop = settings->events > 0 || settings->iterations > 0 || plan->end_data ||
                     settings->stream_time_ns != CLOCK_NEVER_NS;
    plan->reconnect = reconnects[settings->reconnect];
    /* A browser only ever opens a stream by GET; to send anything else twice must be asked for. */
    if (!options_given(input->options, "reconnect") && strcmp(plan->request.method, "GET") != 0)
        plan->reconnect = PLAN_RECONNECT_NEVER;
    plan->retry_wait_ns = settings->retry_wait_ns;
    plan->retry_max_ns = settings->retry_max_ns;
    plan->jitter_ratio = settings->jitter_ratio;
}

static int fill_connection(const struct run_settings *settings, struct plan *plan, struct err *err)
{
    struct plan_network *network = &plan->network;

    network->wants_kernel_times = settings->checks.wants_kernel_times;
    network->local_addresses = settings->local_address ? x_strdup(settings->local_address) : NULL;
    plan->log_level = (uint8_t)log_level_find(run_log_choices[settings->log_level]);
    if (getrandom(&plan->seed, sizeof plan->seed, 0) != (ssize_t)sizeof plan->seed)
        plan->seed = clock_now_ns();
    return connection_settings_apply(&settings->connection, network, err);
}

/* `rows` is 0 without a feed. */
static void announce_feed(const struct run_settings *settings, size_t rows)
{
    if (rows == 0 || settings->is_quiet || rows >= settings->users)
        return;
    (void)fprintf(stderr, "cicada: the feed has %zu row%s for %llu users: it goes round again\n",
                  rows, rows == 1 ? "" : "s", (unsigned long long)settings->users);
}

static int make_plan(const struct command_input *input, struct plan *plan, size_t *feed_rows,
                     struct err *err)
{
    const struct run_settings *settings = input->settings;
    struct feed *feed = NULL;
    int result = -1;

    if (run_profile_fill(settings, plan, err) == 0 &&
        run_request_fill(settings, plan, &feed, err) == 0 &&
        run_targets_fill(input->operands, input->operand_count, feed, plan, err) == 0 &&
        fill_connection(settings, plan, err) == 0 && run_targets_check(plan, feed, err) == 0 &&
        run_readers_fill(settings, plan, err) == 0) {
        fill_streams(input, plan);
        *feed_rows = feed ? feed_row_count(feed) : 0;
        result = 0;
    }
    feed_free(feed);
    return result;
}

/* Load for ever on somebody's public service should be no slip of the hand. */
static int ask_for_public(const struct run_settings *settings, const struct run_reach *reach,
                          struct err *err)
{
    char answer[16] = "";

    if (reach->is_local || settings->run_time_ns != CLOCK_NEVER_NS || !has_terminal())
        return 0;
    (void)fprintf(stderr, "cicada: the target has a public address and no --run-time is given.\n"
                          "Put load on it until stopped? [y/N] ");
    if (fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y'))
        return 0;
    err_set(err, ERR_USAGE, "not started; give --run-time to start without this question");
    return -1;
}

static double choose_rate(const struct run_settings *settings)
{
    double rate = (double)settings->users / RUN_RAMP_S;

    if (settings->spawn_rate_per_s > 0)
        return settings->spawn_rate_per_s;
    return rate < 1 ? 1 : rate;
}

void run_announce_ramp(const struct run_settings *settings, double rate, double ramp_s)
{
    uint64_t ramp_ns = ramp_s < 1e9 ? (uint64_t)(ramp_s * 1e9) : CLOCK_NEVER_NS;
    char ramp[UNITS_TEXT_BYTES], run_time[UNITS_TEXT_BYTES];

    if (settings->users <= 1 || ramp_ns == 0)
        return;
    (void)units_format_duration(ramp_ns, ramp);
    if (!settings->is_quiet)
        (void)fprintf(stderr, "cicada: the ramp takes %s: %llu users, %g a second\n", ramp,
                      (unsigned long long)settings->users, rate);
    if (settings->run_time_ns < ramp_ns)
        log_warning("the run time of %s is shorter than the ramp of %s: not all users will start",
                    units_format_duration(settings->run_time_ns, run_time), ramp);
}

static void announce_arrivals(const struct run_settings *settings)
{
    char users[UNITS_TEXT_BYTES];

    if (!settings->is_quiet)
        (void)fprintf(stderr,
                      "cicada: %g new user%s a second, each for one stream, at most %s at once\n",
                      settings->pace.arrivals_per_s, settings->pace.arrivals_per_s == 1 ? "" : "s",
                      units_format_count(settings->users, users));
}

void run_announce_stages(const struct run_settings *settings, const struct stages *stages)
{
    char length[UNITS_TEXT_BYTES], users[UNITS_TEXT_BYTES];

    if (!settings->is_quiet)
        (void)fprintf(stderr, "cicada: %zu stage%s take%s %s, with at most %s users\n",
                      stages->count, stages->count == 1 ? "" : "s", stages->count == 1 ? "s" : "",
                      units_format_duration(stages_length_ns(stages), length),
                      units_format_count(stages_users_max(stages), users));
}

static void announce_search(const struct run_settings *settings)
{
    char users[UNITS_TEXT_BYTES], length[UNITS_TEXT_BYTES];

    if (!settings->is_quiet)
        (void)fprintf(stderr,
                      "cicada: a search up to %s users, at most %g new ones a second; it ends by "
                      "itself, or after %s\n",
                      units_format_count(settings->users, users), limit_options_rate(settings),
                      units_format_duration(settings->run_time_ns, length));
}

static void announce_pace(const struct run_settings *settings, const struct stages *stages)
{
    double rate = choose_rate(settings);

    if (settings->finds_limit)
        announce_search(settings);
    else if (stages->count > 0)
        run_announce_stages(settings, stages);
    else if (settings->pace.arrivals_per_s > 0)
        announce_arrivals(settings);
    else
        run_announce_ramp(settings, rate, (double)settings->users / rate);
}

/* Streams that all opened within the warm-up open once more only where something ends them. */
static void warn_of_warm_up(const struct run_settings *settings, const struct stages *stages,
                            const struct plan *plan, const struct thresholds *thresholds)
{
    const struct threshold *opening = threshold_find_opening(thresholds);
    double warm_up_s = (double)settings->pace.warm_up_ns / (double)CLOCK_NS_PER_S;
    double ramp_s = (double)settings->users / choose_rate(settings);
    char warm_up[UNITS_TEXT_BYTES];

    if (!opening || stages->count > 0 || settings->pace.arrivals_per_s > 0 || plan->has_loop ||
        settings->abort || settings->storm.storms.count > 0 || ramp_s > warm_up_s)
        return;
    log_warning("all users start within the warm-up of %s: streams that open then are in no "
                "figure, and '%s' has none to be judged by unless some open later",
                units_format_duration(settings->pace.warm_up_ns, warm_up), opening->spec.name);
}

static void warn_of_storms(const struct run_settings *settings, const struct run_storm *storms)
{
    char due[UNITS_TEXT_BYTES], at[UNITS_TEXT_BYTES], run_time[UNITS_TEXT_BYTES];
    uint64_t due_ns;
    const struct run_storm *late =
        storm_find_late(storms, settings->storm.storms.count, settings->retry_wait_ns,
                        settings->run_time_ns, &due_ns);

    if (late)
        log_warning("streams that the storm at %s cuts are due back %s after the start%s, too "
                    "late for a run of %s",
                    units_format_duration(late->at_ns, at), units_format_duration(due_ns, due),
                    late->is_at_once ? "" : ", unless the service sets a shorter retry time",
                    units_format_duration(settings->run_time_ns, run_time));
}

static int print_summary(const struct run *run, const struct outcome *outcome,
                         const char *json_path, struct err *err)
{
    struct buf text = {0};
    struct terminal terminal;
    int result = 0;

    terminal_init(&terminal, STDOUT_FILENO);
    summary_write(&text, run, outcome, json_path, terminal.has_colour);
    errno = 0;
    if (fwrite(text.bytes, 1, text.len, stdout) != text.len || fflush(stdout) != 0) {
        err_set(err, ERR_SYSTEM, "cannot write the summary: %s", strerror(errno ? errno : EIO));
        result = -1;
    }
    buf_fini(&text);
    return result;
}

int run_status_without_report(int status, const struct err *err)
{
    (void)fprintf(stderr, "cicada: %s\n", err->text);
    return status == EXIT_PASS ? EXIT_FAILURES : status;
}

void run_warn_of_shared_rows(const struct run *run)
{
    if (stats_has_other_row(run->stats))
        log_warning("more than %d endpoints: the rest share the row (other)", STATS_ENDPOINT_LIMIT);
    if (rows_has_other(stats_rows(run->stats)))
        log_warning("more than %d different requests: the rest share the row (other); give those "
                    "that belong together one name (name=)",
                    ROWS_LIMIT);
}

/* The exit status. */
int run_report(const struct run_settings *settings, const struct run *run,
               const struct run_judges *judges)
{
    struct outcome *outcome = outcome_judge(run, (int)settings->exit_code_on_error);
    const char *json_path = settings->json;
    struct err err = {0};
    int status;

    outcome_add_thresholds(outcome, run, judges->thresholds, (int)settings->exit_code_on_error);
    outcome_add_limit(outcome, run, judges->limit, judges->limit_rules,
                      (int)settings->exit_code_on_error);
    status = outcome->exit_status;
    run_warn_of_shared_rows(run);
    if (json_path && result_json_save(json_path, run, outcome, &err) < 0) {
        status = run_status_without_report(status, &err);
        json_path = NULL;
    }
    if (!settings->is_quiet && print_summary(run, outcome, json_path, &err) < 0)
        status = run_status_without_report(status, &err);
    outcome_free(outcome);
    return status;
}

/* Without --find-limit nothing. The caller frees both. */
static int make_search(const struct run_settings *settings, struct controller_config *config,
                       struct limit **limit, struct limit_rules **rules, struct err *err)
{
    if (!settings->finds_limit)
        return 0;
    *rules = limit_options_make(settings, err);
    if (!*rules)
        return -1;
    *limit = limit_new((uint32_t)settings->users);
    config->limit = *limit;
    config->limit_rules = *rules;
    config->spawn_rate_per_s = limit_options_rate(settings);
    return 0;
}

static int start(const struct command_input *input, struct plan *plan, size_t feed_rows,
                 const struct stages *stages, struct err *err)
{
    const struct run_settings *settings = input->settings;
    char *target = join_targets(input->operands, input->operand_count);
    char *command = run_redact_command(input->argc, input->argv);
    /* A search has them judged by the step. */
    struct thresholds *thresholds = threshold_options_make(
        settings->finds_limit ? &(struct text_list){0} : &settings->thresholds,
        settings->pace.warm_up_ns, settings->run_time_ns, (uint32_t)stages->count, err);
    struct run_storm *storms =
        thresholds ? storm_settings_make(&settings->storm, settings->pace.warm_up_ns,
                                         settings->run_time_ns, err)
                   : NULL;
    struct controller_config config = {
        .plan = plan,
        .target = target,
        .command = command,
        .users = (uint32_t)settings->users,
        .spawn_rate_per_s = choose_rate(settings),
        .arrivals_per_s = settings->pace.arrivals_per_s,
        .stages = stages->count > 0 ? stages : NULL,
        .run_time_ns = settings->run_time_ns,
        .warm_up_ns = settings->pace.warm_up_ns,
        .stop_timeout_ns = settings->stop_timeout_ns,
        .wants_live = !settings->is_quiet && !settings->has_no_progress,
        .thresholds = thresholds,
        .storms = storms,
        .storm_count = settings->storm.storms.count,
    };
    struct limit *limit = NULL;
    struct limit_rules *rules = NULL;
    struct run *run = NULL;
    int status = -1;

    if (storms && make_search(settings, &config, &limit, &rules, err) == 0 &&
        run_limits_choose_processes(settings, &config.process_count, err) == 0) {
        announce_feed(settings, feed_rows);
        announce_pace(settings, stages);
        warn_of_warm_up(settings, stages, plan, thresholds);
        warn_of_storms(settings, storms);
        run = controller_run(&config, err);
    }
    if (run)
        status = run_report(
            settings, run,
            &(struct run_judges){.thresholds = thresholds, .limit = limit, .limit_rules = rules});
    run_free(run);
    limit_rules_free(rules);
    limit_free(limit);
    thresholds_free(thresholds);
    free(storms);
    free(target);
    free(command);
    return status;
}

/* How many users there may be is known once it is known where they go. */
static int limit_users(const struct command_input *input, struct plan *plan,
                       const struct run_reach *reach, struct err *err)
{
    const struct run_settings *settings = input->settings;

    pace_options_limit(input->options, input->settings, reach);
    plan->users_max = (uint32_t)settings->users;
    return run_limits_check_ports(settings, reach, err);
}

static int run_execute(const struct command_input *input, struct err *err)
{
    const struct run_settings *settings = input->settings;
    struct plan *plan = plan_new();
    struct stages stages = {0};
    size_t feed_rows = 0;
    struct run_reach reach;
    int status = -1;

    log_set_level(log_level_find(run_log_choices[settings->log_level]));
    if (input->script) {
        plan_free(plan);
        return run_script_execute(input, err);
    }
    /* A wrong target is the first thing to hear of. */
    if (options_check_scope(input->options, SCOPE_URL, err) == 0 &&
        check_host(settings, err) == 0 && make_plan(input, plan, &feed_rows, err) == 0 &&
        pace_options_apply(input->options, input->settings, &stages, err) == 0 &&
        limit_options_apply(input->options, input->settings, err) == 0 &&
        check_settings(input, err) == 0 && run_targets_resolve(plan, &reach, err) == 0 &&
        limit_users(input, plan, &reach, err) == 0 && check_clock_answers(plan, err) == 0 &&
        ask_for_public(settings, &reach, err) == 0)
        status = start(input, plan, feed_rows, &stages, err);
    stages_fini(&stages);
    plan_free(plan);
    return status;
}

static const struct command_example examples[] = {
    {"cicada run http://127.0.0.1:8080/api/v1/events/stream -u 500 -r 100 -t 20s",
     "500 streams, 100 more each second, for 20 s."},
    {"cicada run http://127.0.0.1:8080/api/v1/events/stream --stages 30s:1000,2m:1000,30s:0",
     "Up to 1,000 streams within 30 s, hold them for 2 minutes, and down again."},
    {"cicada run http://127.0.0.1:8080/api/v1/events/stream --find-limit \\\n"
     "      --threshold 'sse_connecting: p(95)<500'",
     "The most streams, up to 10,000, of which 95% are answered within 500 ms."},
    {"cicada run 'http://127.0.0.1:8080/a*3' http://127.0.0.1:8080/b -u 40 -t 1m --json "
     "result.json",
     "Three of four users on /a; the full result goes to a file."},
    {"cicada run 'http://127.0.0.1:8080/{{tenant}}' --feed tenants.csv -u 10 -t 1m",
     "A tenant of its own for each user, from a column of a CSV file."},
    {"cicada run http://127.0.0.1:8080/v1/chat/completions --profile openai \\\n"
     "      --data @question.json -u 10 -t 1m",
     "Ask a language model again and again; the file is the request's JSON, with stream true."},
    {"cicada run locustfile.py --host http://127.0.0.1:8080 -u 100 -r 10 -t 5m",
     "The users of a Locust file."},
    {NULL, NULL},
};

const struct command command_run = {
    .name = "run",
    .summary = "hold streams on URLs, or run a Locust file, and report what arrived",
    .usage = "URL... | FILE.py [USER CLASS...] [options]",
    .description =
        "Starts users that each hold an event stream, counts what arrives on it, and prints a "
        "summary at the end. Several URLs are shared out among users in turn; URL*3 gives one "
        "three times the weight (quote it for the shell).\n\n"
        "Streams reconnect as an EventSource does. Ctrl-C once stops users gracefully and writes "
        "every report; twice ends at once.\n\n"
        "A Locust file runs on Python processes around the same engine, with Locust's statistics "
        "beside the figures of its streams. Its defaults are Locust's: 1 new user a second, until "
        "stopped, tasks cut short at the end, no time limits but those of the script. Options "
        "that it adds itself stand among cicada's; those for requests and streams are for URLs.",
    .operand = "a URL or a Locust file",
    .operand_min = 1,
    .operand_max = 10000,
    .takes_script = true,
    .table = run_table,
    .settings_bytes = sizeof(struct run_settings),
    .has_sources = true,
    .examples = examples,
    .execute = run_execute,
};

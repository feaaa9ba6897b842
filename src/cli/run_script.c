/*
 * cli/run_script.c - `cicada run FILE.py`: a Locust file on worker processes in Python.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/run.h"
#include "cli/script.h"
#include "cli/threshold_options.h"
#include "fleet/controller.h"
#include "fleet/local.h"
#include "load/plan.h"
#include "load/stages.h"
#include "report/csv.h"
#include "report/result_json.h"
#include "stats/run.h"
#include "verdict/threshold.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static int check_file(const char *file, const struct run_settings *settings, struct err *err)
{
    if (settings->script.file && strcmp(settings->script.file, file) != 0) {
        err_set(err, ERR_USAGE, "there are two Locust files, '%.200s' and '%.200s': give one", file,
                settings->script.file);
        return -1;
    }
    if (access(file, R_OK) == 0)
        return 0;
    err_set(err, ERR_USAGE, "cannot read '%.200s': %s", file, strerror(errno));
    return -1;
}

/* Locust's -H is a URL; what looks like curl's gets a hint. */
static int check_host(const struct run_settings *settings, struct err *err)
{
    if (!settings->host || strstr(settings->host, "://"))
        return 0;
    err_set(err, ERR_USAGE,
            "option '--host' takes a URL such as http://%.100s; a script sets headers itself",
            strchr(settings->host, ' ') ? "127.0.0.1:8080" : settings->host);
    return -1;
}

static double rate_of(const struct run_settings *settings)
{
    return settings->spawn_rate_per_s > 0 ? settings->spawn_rate_per_s : 1;
}

/* Also of an option that the command does not have. */
static bool was_given(const struct options *options, const char *name)
{
    return options_find(options->table, name, strlen(name)) && options_given(options, name);
}

/* Unlike URLs, a script has no limits of time that it did not set. */
static int fill_plan(const struct command_input *input, const struct run_settings *settings,
                     struct plan *plan, struct err *err)
{
    struct connection_settings connection = settings->connection;
    struct run_reach reach;

    if (!was_given(input->options, "connect-timeout"))
        connection.connect_timeout_ns = CLOCK_NEVER_NS;
    if (!was_given(input->options, "headers-timeout"))
        connection.headers_timeout_ns = CLOCK_NEVER_NS;
    if (!was_given(input->options, "read-timeout"))
        connection.read_timeout_ns = CLOCK_NEVER_NS;
    plan->network.wants_kernel_times = settings->checks.wants_kernel_times;
    plan->network.local_addresses =
        settings->local_address ? x_strdup(settings->local_address) : NULL;
    plan->log_level = (uint8_t)log_level_find(run_log_choices[settings->log_level]);
    if (getrandom(&plan->seed, sizeof plan->seed, 0) != (ssize_t)sizeof plan->seed)
        plan->seed = clock_now_ns();
    if (check_settings_apply(&settings->checks, &plan->checks, err) < 0 ||
        quality_settings_apply_script(&settings->quality, &plan->checks, err) < 0 ||
        publish_settings_apply(&settings->publish, &plan->checks.publish, err) < 0 ||
        run_profile_fill(settings, plan, err) < 0)
        return -1;
    if (connection_settings_apply(&connection, &plan->network, err) < 0)
        return -1;
    return run_targets_resolve(plan, &reach, err);
}

static void warn_of_shape(const struct command_input *input, const struct script *script)
{
    static const char *const names[] = {"users", "spawn-rate", "run-time"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (script->has_shape && !script->shape_takes_options &&
            options_given(input->options, names[i]) && strcmp(names[i], "run-time") != 0)
            log_warning("--%s has no effect: the Locust file has a load shape of its own",
                        names[i]);
    }
}

/* --- the run --- */

/* What is written while the run goes on. */
struct recorder {
    const struct run_settings *settings;
    struct csv *csv; /* NULL: none, or not begun */
    const struct script_outputs *outputs;
};

/* Not before: a run that cannot start leaves the files of the one before as they are. */
static int on_begin(void *ctx, struct err *err)
{
    struct recorder *recorder = ctx;
    const struct script_settings *settings = &recorder->settings->script;

    if (!settings->csv)
        return 0;
    recorder->csv = csv_open(settings->csv, settings->has_full_history, err);
    return recorder->csv ? 0 : -1;
}

static void on_second(void *ctx, const struct run *run)
{
    struct recorder *recorder = ctx;

    if (recorder->csv)
        csv_second(recorder->csv, run, clock_unix_ms());
    if (recorder->outputs->on_second)
        recorder->outputs->on_second(recorder->outputs->ctx, run);
}

static void print_detail(const char *text)
{
    (void)fprintf(stderr, "%s\n", text);
}

static struct run *control(const struct script_source *source, const struct script *script,
                           struct plan *plan, struct recorder *recorder, struct err *err)
{
    const char *const words[] = {script->python.interpreter, "-m", "cicada.worker", NULL};
    const struct run_settings *settings = source->settings;
    char *command = run_redact_command(source->input->argc, source->input->argv);
    struct local_program program = {.path = script->python.interpreter,
                                    .words = words,
                                    .environment = script->python.environment};
    struct buf description = {0};
    struct controller_script part = {.classes = script->classes,
                                     .class_count = script->class_count,
                                     .has_shape = script->has_shape,
                                     .program = &program,
                                     .on_detail = print_detail};
    struct controller_config config = {
        .plan = plan,
        .target = script->file,
        .command = command,
        .users = (uint32_t)settings->users,
        .spawn_rate_per_s = rate_of(settings),
        .stages = recorder->outputs->stages,
        .run_time_ns = settings->run_time_ns,
        .warm_up_ns = settings->pace.warm_up_ns,
        .stop_timeout_ns = settings->stop_timeout_ns,
        .process_count = run_limits_script_processes(settings),
        .wants_live = recorder->outputs->wants_live,
        .script = &part,
        .thresholds = recorder->outputs->thresholds,
        .storms = recorder->outputs->storms,
        .storm_count = recorder->outputs->storms ? settings->storm.storms.count : 0,
        .on_begin = on_begin,
        .on_second = on_second,
        .ctx = recorder,
    };
    struct run *result;

    script_describe(script, source, plan->seed, &description);
    part.description = buf_text(&description);
    result = controller_run(&config, err);
    buf_fini(&description);
    free(command);
    return result;
}

/* The exit status. */
static int finish(const struct script_outputs *outputs, struct recorder *recorder, struct run *run)
{
    struct err err = {0};
    int status = outputs->report(outputs->ctx, run);

    if (csv_close(recorder->csv, run, &err) < 0)
        status = run_status_without_report(status, &err);
    return status;
}

static int check_outputs(const struct run_settings *settings, struct err *err)
{
    if (settings->json && result_json_check_path(settings->json, err) < 0)
        return -1;
    if (settings->script.has_full_history && !settings->script.csv) {
        err_set(err, ERR_USAGE, "option '--csv-full-history' needs --csv beside it");
        return -1;
    }
    return settings->script.csv ? csv_check(settings->script.csv, err) : 0;
}

int run_script_start(const struct script_source *source, const struct script *script,
                     const struct script_outputs *outputs, struct err *err)
{
    const struct run_settings *settings = source->settings;
    struct recorder recorder = {.settings = settings, .outputs = outputs};
    struct plan *plan = plan_new();
    struct run *run = NULL;
    int status = -1;

    if (fill_plan(source->input, settings, plan, err) < 0 || check_host(settings, err) < 0 ||
        check_outputs(settings, err) < 0 || check_clock_answers(plan, err) < 0)
        goto out;
    warn_of_shape(source->input, script);
    run = control(source, script, plan, &recorder, err);
    if (run)
        status = finish(outputs, &recorder, run);
    else
        csv_free(recorder.csv);
out:
    run_free(run);
    plan_free(plan);
    return status;
}

/* --- `cicada run` --- */

/* Users start in steps, the first of them at once: 6 users at 6 a second take no time. */
static double ramp_s(const struct run_settings *settings)
{
    double rate = rate_of(settings), step = fmax(1, floor(rate));

    return settings->users > 0 ? floor(((double)settings->users - 1) / step) * step / rate : 0;
}

/* Of one run, until its reports are written. */
struct reporter {
    const struct run_settings *settings;
    struct thresholds *thresholds;
    struct run_storm *storms;
    struct stages stages;
};

static int report(void *ctx, struct run *run)
{
    struct reporter *reporter = ctx;

    return run_report(reporter->settings, run,
                      &(struct run_judges){.thresholds = reporter->thresholds});
}

static int apply_pace(const struct options *options, const struct script *script,
                      struct run_settings *settings, struct stages *stages, struct err *err)
{
    if (!script->has_shape)
        return pace_options_apply(options, settings, stages, err);
    if (!settings->pace.stages)
        return 0;
    err_set(err, ERR_USAGE, "option '--stages': the Locust file has a load shape of its own");
    return -1;
}

/* A shape says itself how long it runs. */
static uint64_t run_time_ns(const struct script *script, const struct run_settings *settings)
{
    return script->has_shape ? CLOCK_NEVER_NS : settings->run_time_ns;
}

/* -1 with a sentence. */
static int make_storms(const struct script *script, struct reporter *reporter, struct err *err)
{
    const struct run_settings *settings = reporter->settings;

    reporter->storms = storm_settings_make_script(&settings->storm, settings->pace.warm_up_ns,
                                                  run_time_ns(script, settings), err);
    return reporter->storms ? 0 : -1;
}

/* -1 with a sentence. */
static int make_thresholds(const struct script *script, struct reporter *reporter, struct err *err)
{
    const struct run_settings *settings = reporter->settings;
    uint32_t stage_count =
        script->has_shape ? THRESHOLD_STAGES_UNKNOWN : (uint32_t)reporter->stages.count;

    reporter->thresholds = threshold_options_make(&settings->thresholds, settings->pace.warm_up_ns,
                                                  run_time_ns(script, settings), stage_count, err);
    return reporter->thresholds ? 0 : -1;
}

int run_script_execute(const struct command_input *input, struct err *err)
{
    struct run_settings *settings = input->settings;
    struct script_source source = {.input = input, .settings = settings, .file = input->script};
    struct reporter reporter = {.settings = settings};
    struct script_outputs outputs = {.report = report, .ctx = &reporter};
    struct script script = {0};
    int status = -1;

    if (!options_given(input->options, "stop-timeout"))
        settings->stop_timeout_ns = 0; /* as in Locust: tasks are not waited for */
    if (options_check_scope(input->options, SCOPE_SCRIPT, err) == 0 &&
        check_file(input->script, settings, err) == 0)
        status = script_open(&script, &source, err);
    if (status == 0 &&
        (apply_pace(input->options, &script, settings, &reporter.stages, err) < 0 ||
         make_thresholds(&script, &reporter, err) < 0 || make_storms(&script, &reporter, err) < 0))
        status = -1;
    outputs.thresholds = reporter.thresholds;
    outputs.storms = reporter.storms;
    outputs.stages = reporter.stages.count > 0 ? &reporter.stages : NULL;
    outputs.wants_live =
        !settings->is_quiet && !settings->has_no_progress && !settings->script.has_only_summary;
    if (status == 0 && outputs.stages)
        run_announce_stages(settings, outputs.stages);
    else if (status == 0 && !script.has_shape)
        run_announce_ramp(settings, rate_of(settings), ramp_s(settings));
    if (status == 0)
        status = run_script_start(&source, &script, &outputs, err);
    else if (status == 1)
        status = EXIT_SUCCESS; /* what was asked for has been shown */
    script_close(&script);
    thresholds_free(reporter.thresholds);
    free(reporter.storms);
    stages_fini(&reporter.stages);
    return status;
}

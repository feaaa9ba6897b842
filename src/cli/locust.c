#include "cli/locust.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/script.h"
#include "report/locust_json.h"
#include "report/locust_tables.h"
#include "report/result_save.h"
#include "report/terminal.h"
#include "verdict/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOCUST_TABLES_EVERY_S = 2 };

/* What is written while the run goes on, and where. */
struct locust {
    struct locust_settings *settings;
    FILE *log; /* standard error, or --logfile */
    enum log_level level;
    unsigned seconds;
};

/* --- Locust's log --- */

static const char *locust_level(enum log_level level)
{
    switch (level) {
    case LOG_NONE:
    case LOG_INFO:
        return "INFO";
    case LOG_ERROR:
        return "ERROR";
    case LOG_WARNING:
        return "WARNING";
    case LOG_DEBUG:
        return "DEBUG";
    }
    return "INFO";
}

/* "[2026-11-23 03:26:47,129] host/INFO/locust.main: text", in local time as Python has it. */
static void write_line(const struct locust *locust, enum log_level level, const char *logger,
                       const char *text)
{
    double unix_ms = clock_unix_ms();
    time_t seconds = (time_t)(unix_ms / 1000);
    char stamp[32], host[256] = "localhost";
    struct tm local;

    if (level > locust->level)
        return;
    (void)localtime_r(&seconds, &local);
    (void)strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &local);
    (void)gethostname(host, sizeof host - 1);
    (void)fprintf(locust->log, "[%s,%03d] %s/%s/%s: %s\n", stamp,
                  (int)(unix_ms - (double)seconds * 1000), host, locust_level(level), logger, text);
    (void)fflush(locust->log);
}

static void on_log(void *ctx, enum log_level level, const char *line)
{
    write_line(ctx, level, "cicada", line);
}

static void say(const struct locust *locust, char *text)
{
    write_line(locust, LOG_INFO, "locust.main", text);
    free(text);
}

/* --- tables --- */

static size_t table_width(void)
{
    struct terminal terminal;

    terminal_init(&terminal, STDERR_FILENO);
    return locust_tables_width(isatty(STDERR_FILENO) ? terminal_columns(&terminal) : 0);
}

static void print(const struct buf *text, FILE *file)
{
    (void)fwrite(text->bytes, 1, text->len, file);
    (void)fflush(file);
}

static void on_second(void *ctx, const struct run *run)
{
    struct locust *locust = ctx;
    struct buf text = {0};

    locust->seconds++;
    if (locust->settings->run.script.has_only_summary ||
        locust->seconds % LOCUST_TABLES_EVERY_S != 0)
        return;
    locust_tables_live(&text, run, table_width());
    print(&text, stderr);
    buf_fini(&text);
}

/* --- the end --- */

static int write_json(const struct locust_settings *settings, const struct run *run, int status)
{
    struct buf text = {0};
    struct err err = {0};
    char *path;

    locust_json_write(&text, run);
    if (settings->prints_json)
        print(&text, stdout);
    if (settings->json_path) {
        path = x_asprintf("%s.json", settings->json_path);
        if (result_save(path, buf_text(&text), text.len, &err) < 0)
            status = run_status_without_report(status, &err);
        free(path);
    }
    buf_fini(&text);
    return status;
}

/* Locust has no word for what cicada finds: it goes to the log. */
static void tell_findings(const struct outcome *outcome)
{
    for (size_t i = 0; i < outcome->finding_count; i++)
        log_warning("%s: %s. %s", outcome->findings[i].title, outcome->findings[i].evidence,
                    outcome->findings[i].advice);
}

static int report(void *ctx, struct run *run)
{
    struct locust *locust = ctx;
    struct buf text = {0};
    struct outcome *outcome;
    int status;

    if (run->info.interrupted_by == 0 && run->info.duration_ns >= run->info.planned_ns)
        say(locust, x_strdup("--run-time limit reached, shutting down"));
    run_warn_of_shared_rows(run);
    run->info.interrupted_by = 0; /* to Locust, Ctrl-C is an end like any other */
    outcome = outcome_judge(run, (int)locust->settings->run.exit_code_on_error);
    status = outcome->exit_status;
    tell_findings(outcome);
    say(locust, x_asprintf("Shutting down (exit code %d)", status));
    locust_tables_final(&text, run, table_width());
    print(&text, stderr);
    status = write_json(locust->settings, run, status);
    buf_fini(&text);
    outcome_free(outcome);
    return status;
}

/* --- the start --- */

static int check_settings(const struct command_input *input, struct err *err)
{
    const struct locust_settings *settings = input->settings;
    char *path;
    int result;

    if (settings->is_master || settings->is_worker) {
        err_set(err, ERR_USAGE,
                "option '--%s' is not possible: cicada runs on this machine; --processes %s",
                settings->is_master ? "master" : "worker", "N uses more of its cores");
        return -1;
    }
    if (!settings->json_path)
        return 0;
    path = x_asprintf("%s.json", settings->json_path);
    result = result_save_check(path, err);
    free(path);
    return result;
}

/* A command line as it stands may hold what has no meaning here: that is said, once for each. */
static void tell_ignored(const struct command_input *input)
{
    const struct locust_settings *settings = input->settings;

    if (!settings->run.is_headless)
        log_warning("there is no web page: the run is headless, as with --headless");
    if (settings->html_path)
        log_warning("option '--html' has no use yet: no such report is written");
    for (const struct option *option = input->options->table; option->name; option++) {
        bool is_ignored = option->offset == offsetof(struct locust_settings, ignored_text) ||
                          option->offset == offsetof(struct locust_settings, ignored_switch);

        if (is_ignored && options_given(input->options, option->name))
            log_warning("option '--%s' has no use here: there are no other machines and no web "
                        "page",
                        option->name);
    }
}

static void tell_start(const struct locust *locust, const struct script *script)
{
    const struct run_settings *settings = &locust->settings->run;

    say(locust, x_asprintf("Starting cicada %s with Locust's command line", CICADA_VERSION));
    if (settings->run_time_ns != CLOCK_NEVER_NS)
        say(locust, x_asprintf("Run time limit set to %.0f seconds",
                               (double)settings->run_time_ns / (double)CLOCK_NS_PER_S));
    else if (!script->has_shape)
        say(locust, x_strdup("No run time limit set, use CTRL+C to interrupt"));
}

static int open_log(struct locust *locust, struct err *err)
{
    const char *path = locust->settings->run.script.log_path;

    locust->level = log_level_find(run_log_choices[locust->settings->run.log_level]);
    locust->log = path ? fopen(path, "ae") : stderr;
    if (!locust->log) {
        err_set(err, ERR_USAGE, "option '--logfile': cannot write '%.200s': %s", path,
                strerror(errno));
        return -1;
    }
    log_set_level(locust->level);
    log_set_sink(on_log, locust);
    return 0;
}

static void close_log(struct locust *locust)
{
    log_set_sink(NULL, NULL);
    if (locust->log && locust->log != stderr)
        (void)fclose(locust->log);
}

static int run(const struct command_input *input, struct locust *locust,
               const struct script_source *source, struct script *script, struct err *err)
{
    struct script_outputs outputs = {.on_second = on_second, .report = report, .ctx = locust};
    int status = check_settings(input, err);

    if (status == 0)
        status = open_log(locust, err);
    if (status < 0)
        return -1;
    tell_ignored(input);
    tell_start(locust, script);
    return run_script_start(source, script, &outputs, err);
}

static int locust_execute(const struct command_input *input, struct err *err)
{
    struct locust_settings *settings = input->settings;
    struct locust locust = {.settings = settings};
    struct script_source source = {.input = input,
                                   .settings = &settings->run,
                                   .file = input->script ? input->script : "-",
                                   .allows_shortened = true,
                                   .config = settings->run.config};
    struct script script = {0};
    int status;

    if (settings->wants_version)
        return printf("cicada %s\n", CICADA_VERSION) < 0;
    status = check_settings(input, err);
    if (status == 0)
        status = script_open(&script, &source, err);
    if (status == 0)
        status = run(input, &locust, &source, &script, err);
    else if (status == 1)
        status = EXIT_SUCCESS; /* what was asked for has been shown */
    close_log(&locust);
    script_close(&script);
    return status;
}

static const struct command_example examples[] = {
    {"cicada locust -f locustfile.py --headless -u 100 -r 10 -t 5m -H http://127.0.0.1:8080 "
     "--csv out",
     "A Locust command line with another first word; the same tables, files and exit status."},
    {NULL, NULL},
};

const struct command command_locust = {
    .name = "locust",
    .summary = "run a Locust command line as it stands",
    .usage = "[options] [USER CLASS...]",
    .description =
        "Takes Locust's options and settings (LOCUST_ variables, locust.conf, pyproject.toml) and "
        "prints Locust's tables, files and exit status. It always runs headless, on this machine. "
        "'cicada run FILE.py' does the same with cicada's own summary and result.\n\n"
        "Options that the Locust file adds itself stand beside these.",
    .operand = "a user class",
    .operand_max = 10000,
    .table = locust_table,
    .settings_bytes = sizeof(struct locust_settings),
    .is_for_scripts = true,
    .examples = examples,
    .execute = locust_execute,
};

#include "cli/script.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/json_read.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/near.h"
#include "cli/run.h"
#include "cli/script_sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- asking --- */

static void write_list(struct json *json, const char *name, const struct text_list *list)
{
    json_key(json, name);
    json_begin_array(json);
    for (size_t i = 0; i < list->count; i++)
        json_text(json, list->items[i]);
    json_end_array(json);
}

static const char *wanted_show(const struct script_settings *settings)
{
    return settings->wants_list         ? "list"
           : settings->wants_ratio      ? "ratio"
           : settings->wants_ratio_json ? "ratio-json"
                                        : NULL;
}

/* `show` NULL: everything that a run needs. */
static void write_request(struct buf *out, const struct script_source *source, const char *show)
{
    const struct run_settings *settings = source->settings;
    struct json json;

    json_init(&json, out, 0);
    json_begin_object(&json);
    if (source->config) {
        json_key(&json, "config");
        json_text(&json, source->config);
    }
    if (source->allows_shortened) {
        json_key(&json, "known");
        json_begin_array(&json);
        for (const struct option *option = source->input->options->table; option->name; option++)
            json_text(&json, option->name);
        json_end_array(&json);
    }
    if (show) {
        json_key(&json, "show");
        json_text(&json, show);
        json_key(&json, "users");
        json_uint(&json, options_given(source->input->options, "users") ? settings->users : 0);
        write_list(&json, "tags", &settings->script.tags);
        write_list(&json, "exclude_tags", &settings->script.exclude_tags);
    }
    json_end_object(&json);
}

static const char *text_at(const struct json_document *document, const char *pointer)
{
    return json_value_text(json_find(document, pointer), NULL);
}

/* A word that neither the script nor the table knows. */
static void describe_option(const struct json_document *document, const struct option *table,
                            struct err *err)
{
    const char *word = text_at(document, "/error/word"), *name = word + strspn(word, "-");
    size_t len = strcspn(name, "="), count;
    const struct option *option = options_find(table, name, len);
    const struct json_value *own = json_find(document, "/error/options");
    struct near near = {.wanted = name, .wanted_len = len};

    if (option && word[1] == '-') {
        err_set(err, ERR_USAGE, "option '--%s' is for URLs, not for Locust files", option->name);
        return;
    }
    for (; table->name; table++)
        near_offer(&near, table->scope == SCOPE_URL ? "" : table->name);
    count = json_value_count(own);
    for (size_t i = 0; i < count; i++) {
        char pointer[32];
        const char *offered;

        (void)snprintf(pointer, sizeof pointer, "/%zu", i);
        offered = json_value_text(json_value_find(own, pointer), NULL);
        if (offered)
            near_offer(&near, offered + strspn(offered, "-"));
    }
    err_set(err, ERR_USAGE, "%s%s%s%s", text_at(document, "/error/message"),
            near.best && word[1] == '-' ? "; did you mean '--" : ", and neither has cicada",
            near.best && word[1] == '-' ? near.best : "", near.best && word[1] == '-' ? "'?" : "");
}

/* Names of options, written shorter, that nothing in the script begins with. Were there any new? */
static bool take_shortened(const struct json_document *document, struct text_list *shortened)
{
    const struct json_value *names = json_find(document, "/shortened");
    size_t count = json_value_count(names), before = shortened->count;

    for (size_t i = 0; i < count; i++) {
        char pointer[32];
        const char *name;

        (void)snprintf(pointer, sizeof pointer, "/%zu", i);
        name = json_value_text(json_value_find(names, pointer), NULL);
        if (name && !text_list_has(shortened, name, strlen(name)))
            text_list_add(shortened, name);
    }
    return shortened->count > before;
}

/* Prints what Python has to say, and makes a sentence of the rest. */
static void describe_error(const struct json_document *document, const struct option *table,
                           struct python_answer *answer, struct err *err)
{
    const char *kind = text_at(document, "/error/kind"), *detail;

    python_tell(answer);
    detail = text_at(document, "/error/detail");
    if (detail)
        (void)fputs(detail, stderr);
    if (kind && strcmp(kind, "option") == 0)
        describe_option(document, table, err);
    else
        err_set(err, ERR_USAGE, "%s", text_at(document, "/error/message"));
}

/* The answer; NULL with a sentence. */
static struct json_document *ask(const struct script *script, const struct script_source *source,
                                 const char *show, struct err *err)
{
    struct buf request = {0};
    struct python_question question = {.file = source->file,
                                       .words = source->input->operands,
                                       .word_count = source->input->operand_count};
    struct python_answer answer = {0};
    struct json_document *document = NULL;

    write_request(&request, source, show);
    question.request = buf_text(&request);
    if (python_inspect(&script->python, &question, &answer, err) == 0) {
        document = json_read(answer.json.bytes, answer.json.len, err);
        if (!document)
            err_prefix(err, "the inspection of '%.200s'", source->file);
    }
    if (document && take_shortened(document, source->input->shortened)) {
        json_document_free(document);
        document = NULL;
    } else if (document && text_at(document, "/error/message")) {
        describe_error(document, source->input->options->table, &answer, err);
        json_document_free(document);
        document = NULL;
    } else if (document && show) {
        python_tell(&answer);
        (void)fputs(text_at(document, "/text"), stdout);
    }
    python_answer_fini(&answer);
    buf_fini(&request);
    return document;
}

/* --- what came --- */

static void take_classes(struct script *script, bool has_equal_weights)
{
    const struct json_value *list = json_find(script->document, "/classes");

    script->class_count = json_value_count(list);
    script->classes = x_calloc(script->class_count + 1, sizeof *script->classes);
    for (size_t i = 0; i < script->class_count; i++) {
        struct class_spec *spec = &script->classes[i];
        const struct json_value *each;
        char pointer[32];
        int64_t fixed_count = 0;

        (void)snprintf(pointer, sizeof pointer, "/%zu", i);
        each = json_value_find(list, pointer);
        spec->name = json_value_text(json_value_find(each, "/name"), NULL);
        (void)json_value_number(json_value_find(each, "/weight"), &spec->weight);
        (void)json_value_whole(json_value_find(each, "/fixed_count"), &fixed_count);
        spec->fixed_count = (uint32_t)fixed_count;
        if (has_equal_weights)
            spec->weight = 1;
    }
}

static int take_answer(struct script *script, const struct run_settings *settings, struct err *err)
{
    take_classes(script, settings->script.has_equal_weights);
    script->file = text_at(script->document, "/shown");
    script->has_shape = text_at(script->document, "/shape/name") != NULL;
    (void)json_value_bool(json_find(script->document, "/shape/use_common_options"),
                          &script->shape_takes_options);
    script->members = text_at(script->document, "/worker");
    if (script->members && script->file && script->class_count > 0 &&
        script->class_count <= CLASSES_LIMIT)
        return 0;
    err_set(err, ERR_LIMIT, "the Locust file has %zu user classes; the limit is %d",
            script->class_count, CLASSES_LIMIT);
    return -1;
}

/* What stands in both has been taken for cicada's. */
static void warn_of_hidden(const struct json_document *document, const struct option *table)
{
    const struct json_value *own = json_find(document, "/options");
    size_t count = json_value_count(own);

    for (size_t i = 0; i < count; i++) {
        char pointer[32];
        const char *name;
        const struct option *option;

        (void)snprintf(pointer, sizeof pointer, "/%zu", i);
        name = json_value_text(json_value_find(own, pointer), NULL);
        if (!name || strncmp(name, "--", 2) != 0)
            continue;
        option = options_find(table, name + 2, strlen(name + 2));
        if (option && option->scope != SCOPE_URL)
            log_warning("the script's own option '%s' is hidden by cicada's", name);
    }
}

int script_open(struct script *script, const struct script_source *source, struct err *err)
{
    const char *show = wanted_show(&source->settings->script);
    bool needs_settings = show && strcmp(show, "list") != 0;
    struct json_document *shown;

    *script = (struct script){0};
    if (python_find(&script->python, source->settings->script.python, err) < 0)
        return -1;
    script->document = ask(script, source, show && !needs_settings ? show : NULL, err);
    if (!script->document)
        return -1;
    if (show && !needs_settings)
        return 1;
    if (script_sources_apply(source->input->options, script->document, err) < 0 ||
        take_answer(script, source->settings, err) < 0)
        return -1;
    warn_of_hidden(script->document, source->input->options->table);
    if (!show)
        return 0;
    shown = ask(script, source, show, err);
    json_document_free(shown);
    return shown ? 1 : -1;
}

void script_close(struct script *script)
{
    python_fini(&script->python);
    json_document_free(script->document);
    free(script->classes);
    *script = (struct script){0};
}

/* --- what workers are told --- */

static void write_text(struct json *json, const char *name, const char *text)
{
    json_key(json, name);
    if (text)
        json_text(json, text);
    else
        json_null(json);
}

static void write_seconds(struct json *json, const char *name, uint64_t time_ns)
{
    json_key(json, name);
    if (time_ns == CLOCK_NEVER_NS)
        json_null(json);
    else
        json_number(json, (double)time_ns / (double)CLOCK_NS_PER_S, 9);
}

static void write_switch(struct json *json, const char *name, bool value)
{
    json_key(json, name);
    json_bool(json, value);
}

static void write_tags(struct json *json, const char *name, const struct text_list *tags)
{
    if (tags->count > 0)
        write_list(json, name, tags);
    else
        write_text(json, name, NULL);
}

static const char *level_name(const struct script_source *source)
{
    static const char *const names[] = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"};

    return options_given(source->input->options, "loglevel") ? names[source->settings->log_level]
                                                             : "INFO";
}

/* Under the names that Locust's parsed_options has; those not here have no meaning in a run. */
static void write_options(struct json *json, const struct script *script,
                          const struct script_source *source)
{
    const struct run_settings *settings = source->settings;

    json_begin_object(json);
    write_text(json, "locustfile", script->file);
    write_text(json, "host", settings->host);
    json_key(json, "num_users");
    json_uint(json, settings->users);
    json_key(json, "users");
    json_uint(json, settings->users);
    json_key(json, "spawn_rate");
    json_number(json, settings->spawn_rate_per_s > 0 ? settings->spawn_rate_per_s : 1, 9);
    write_seconds(json, "run_time", settings->run_time_ns);
    write_seconds(json, "stop_timeout", settings->stop_timeout_ns);
    write_tags(json, "tags", &settings->script.tags);
    write_tags(json, "exclude_tags", &settings->script.exclude_tags);
    write_text(json, "loglevel", level_name(source));
    write_text(json, "logfile", settings->script.log_path);
    write_switch(json, "skip_log_setup", settings->script.skips_log_setup);
    write_switch(json, "reset_stats", settings->script.resets_stats);
    write_text(json, "csv_prefix", settings->script.csv);
    write_switch(json, "stats_history_enabled", settings->script.has_full_history);
    write_switch(json, "headless", true);
    write_switch(json, "equal_weights", settings->script.has_equal_weights);
    write_switch(json, "only_summary", settings->script.has_only_summary);
    json_key(json, "exit_code_on_error");
    json_uint(json, settings->exit_code_on_error);
    json_key(json, "processes");
    json_uint(json, run_limits_script_processes(settings));
    json_end_object(json);
}

void script_describe(const struct script *script, const struct script_source *source, uint64_t seed,
                     struct buf *out)
{
    struct buf text = {0};
    struct json json;

    json_init(&json, &text, 0);
    json_begin_object(&json);
    json_key(&json, "options");
    write_options(&json, script, source);
    write_text(&json, "host", source->settings->host);
    write_switch(&json, "stages", source->settings->pace.stages);
    json_key(&json, "seed");
    json_uint(&json, seed & INT64_MAX);
    json_end_object(&json);
    /* Without the braces. */
    (void)buf_appendf(out, "%s, %.*s", script->members, (int)text.len - 2,
                      (const char *)text.bytes + 1);
    buf_fini(&text);
}

#include "cli/script_sources.h"

#include "base/json_read.h"
#include "base/mem.h"
#include "base/near.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCRIPT_VARIABLE_BYTES = 64, SCRIPT_POINTER_BYTES = 48 };

/* Settings of Locust that have no meaning here, or that the inspection has taken up itself. */
static const char *const other_names[] = {
    "locustfile",
    "config",
    "user-classes",
    "web-host",
    "web-port",
    "web-auth",
    "web-login",
    "autostart",
    "autoquit",
    "headful",
    "tls-cert",
    "tls-key",
    "class-picker",
    "master",
    "worker",
    "master-host",
    "master-port",
    "master-bind-host",
    "master-bind-port",
    "expect-workers",
    "expect-workers-max-wait",
    "enable-rebalancing",
    "equal-weights",
    "print-stats",
    "only-summary",
    "html",
    "json",
    "json-file",
    "modern-ui",
    "legacy-ui",
    "profile",
    "build-path",
    "web-base-path",
    "stream",
};

static bool is_other(const char *name)
{
    for (size_t i = 0; i < sizeof other_names / sizeof other_names[0]; i++) {
        if (strcmp(other_names[i], name) == 0)
            return true;
    }
    return false;
}

static const struct option *find(const struct options *options, const char *name)
{
    const struct option *option = options_find(options->table, name, strlen(name));

    return option && option->is_locust ? option : NULL;
}

/* One of the script's own arguments, which has been taken up already. */
static bool is_own(const struct json_document *document, const char *name, struct near *near)
{
    size_t count = json_value_count(json_find(document, "/options"));

    for (size_t i = 0; i < count; i++) {
        char pointer[SCRIPT_POINTER_BYTES];
        const char *option;

        (void)snprintf(pointer, sizeof pointer, "/options/%zu", i);
        option = json_value_text(json_find(document, pointer), NULL);
        if (!option)
            continue;
        option += strspn(option, "-");
        if (strcmp(option, name) == 0)
            return true;
        near_offer(near, option);
    }
    return false;
}

static int refuse(const struct options *options, struct near *near, const char *origin,
                  struct err *err)
{
    for (const struct option *option = options->table; option->name; option++) {
        if (option->is_locust)
            near_offer(near, option->name);
    }
    err_set(err, ERR_USAGE, "%.200s: there is no setting '%.100s'%s%s%s", origin, near->wanted,
            near->best ? "; did you mean '" : "", near->best ? near->best : "",
            near->best ? "'?" : "");
    return -1;
}

static int apply_entry(struct options *options, const struct json_document *document,
                       const struct json_value *entry, struct err *err)
{
    const char *name = json_value_text(json_value_find(entry, "/name"), NULL);
    const char *origin = json_value_text(json_value_find(entry, "/origin"), NULL);
    size_t count = json_value_count(json_value_find(entry, "/values"));
    const struct option *option = find(options, name);
    struct near near = {.wanted = name, .wanted_len = strlen(name)};

    if (!option)
        return is_other(name) || is_own(document, name, &near)
                   ? 0
                   : refuse(options, &near, origin, err);
    for (size_t i = 0; i < count; i++) {
        char pointer[SCRIPT_POINTER_BYTES];
        const char *value;

        (void)snprintf(pointer, sizeof pointer, "/values/%zu", i);
        value = json_value_text(json_value_find(entry, pointer), NULL);
        if (options_offer(options, option, value ? value : "", SOURCE_LOCUST_FILE, err) < 0) {
            err_prefix(err, "%.200s: %s", origin, name);
            return -1;
        }
    }
    return 0;
}

/* "[a, b]" is a list, as Locust's own variables are written; anything else is one word. */
static int offer_words(struct options *options, const struct option *option, const char *text,
                       struct err *err)
{
    size_t len = strlen(text);
    char *copy, *rest;
    int result = 0;

    if (text[0] != '[' || text[len - 1] != ']')
        return options_offer(options, option, text, SOURCE_LOCUST_ENVIRONMENT, err);
    copy = rest = x_strdup(text + 1);
    copy[len - 2] = '\0';
    for (char *word = strsep(&rest, ","); word && result == 0; word = strsep(&rest, ",")) {
        word += strspn(word, " \"'");
        for (char *end = word + strlen(word); end > word && strchr(" \"'", end[-1]); end--)
            end[-1] = '\0';
        if (*word != '\0')
            result = options_offer(options, option, word, SOURCE_LOCUST_ENVIRONMENT, err);
    }
    free(copy);
    return result;
}

static int apply_variable(struct options *options, const struct option *option, struct err *err)
{
    char name[SCRIPT_VARIABLE_BYTES];
    const char *value;
    int result;

    (void)snprintf(name, sizeof name, "LOCUST_%s", option->name);
    for (char *at = name; *at != '\0'; at++)
        *at = (char)(*at == '-' ? '_' : toupper((unsigned char)*at));
    value = getenv(name);
    if (!value || *value == '\0')
        return 0;
    if (option->takes_many)
        result = offer_words(options, option, value, err);
    else
        result = options_offer(options, option, value, SOURCE_LOCUST_ENVIRONMENT, err);
    if (result < 0)
        err_prefix(err, "%s", name);
    return result;
}

int script_sources_apply(struct options *options, const struct json_document *document,
                         struct err *err)
{
    size_t count = json_value_count(json_find(document, "/settings"));

    for (size_t i = 0; i < count; i++) {
        char pointer[SCRIPT_POINTER_BYTES];

        (void)snprintf(pointer, sizeof pointer, "/settings/%zu", i);
        if (apply_entry(options, document, json_find(document, pointer), err) < 0)
            return -1;
    }
    for (const struct option *option = options->table; option->name; option++) {
        if (option->is_locust && apply_variable(options, option, err) < 0)
            return -1;
    }
    return 0;
}

#include "cli/sources.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/near.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char default_path[] = "cicada.conf";
static const char prefix[] = "CICADA_";

static char *trimmed(const char *text, size_t len)
{
    while (len > 0 && isspace((unsigned char)*text)) {
        text++;
        len--;
    }
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    return x_strndup(text, len);
}

static const struct option *find_setting(const struct option *table, const char *name,
                                         struct err *err)
{
    struct near near = {.wanted = name, .wanted_len = strlen(name)};
    const struct option *option = options_find(table, name, strlen(name));

    if (option && strcmp(name, "config") != 0)
        return option;
    for (; table->name; table++)
        near_offer(&near, table->name);
    if (option)
        err_set(err, ERR_USAGE, "'config' must not stand in a configuration file");
    else if (near.best)
        err_set(err, ERR_USAGE, "there is no setting '%.100s'; did you mean '%s'?", name,
                near.best);
    else
        err_set(err, ERR_USAGE, "there is no setting '%.100s'", name);
    return NULL;
}

static int apply_line(struct options *options, const char *line, size_t len, struct err *err)
{
    const char *equals = memchr(line, '=', len);
    const struct option *option;
    char *name, *value = NULL;
    int result = -1;

    name = trimmed(line, equals ? (size_t)(equals - line) : len);
    if (*name == '#' || *name == ';' || (!equals && *name == '\0')) {
        result = 0;
        goto out;
    }
    if (!equals || *name == '\0') {
        err_set(err, ERR_USAGE, "'%.100s' is not of the form 'name = value'", name);
        goto out;
    }
    value = trimmed(equals + 1, len - (size_t)(equals + 1 - line));
    option = find_setting(options->table, name, err);
    if (!option)
        goto out;
    result = options_set(options, option, value, SOURCE_FILE, err);
    if (result < 0)
        err_prefix(err, "%s", name);
out:
    free(name);
    free(value);
    return result;
}

int sources_apply_text(struct options *options, const char *name, const char *text, size_t len,
                       struct err *err)
{
    size_t number = 0;

    if (memchr(text, '\0', len)) {
        err_set(err, ERR_USAGE, "%.200s holds a NUL byte: it is no configuration file", name);
        return -1;
    }
    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t line_len = end ? (size_t)(end - text) : len;

        number++;
        if (apply_line(options, text, line_len, err) < 0) {
            err_prefix(err, "%.200s line %zu", name, number);
            return -1;
        }
        line_len += end ? 1 : 0;
        text += line_len;
        len -= line_len;
    }
    return 0;
}

int sources_apply_file(struct options *options, const char *path, struct err *err)
{
    struct buf text = {0};
    int result = -1;

    if (!path) {
        if (access(default_path, F_OK) < 0)
            return 0;
        path = default_path;
    }
    if (file_read(path, SOURCES_FILE_LIMIT_BYTES, &text, err) == 0)
        result = sources_apply_text(options, path, buf_text(&text), text.len, err);
    buf_fini(&text);
    return result;
}

const char *sources_variable(const struct option *option, char text[static SOURCES_VARIABLE_BYTES])
{
    (void)snprintf(text, SOURCES_VARIABLE_BYTES, "%s%s", prefix, option->name);
    for (char *at = text; *at != '\0'; at++)
        *at = (char)(*at == '-' ? '_' : toupper((unsigned char)*at));
    return text;
}

int sources_apply_environment(struct options *options, struct err *err)
{
    for (const struct option *option = options->table; option->name; option++) {
        char name[SOURCES_VARIABLE_BYTES];
        const char *value = getenv(sources_variable(option, name));

        if (value && options_set(options, option, value, SOURCE_ENVIRONMENT, err) < 0) {
            err_prefix(err, "%s", name);
            return -1;
        }
    }
    return 0;
}

/* The option that a name such as "CICADA_RUNTIME" is near to; NULL for one that is right. */
static const struct option *find_meant(const struct option *table, const char *name, size_t len)
{
    char text[SOURCES_VARIABLE_BYTES];
    struct near near = {.wanted = text, .wanted_len = len - (sizeof prefix - 1)};

    if (len >= sizeof text)
        return NULL;
    memcpy(text, name + sizeof prefix - 1, near.wanted_len);
    text[near.wanted_len] = '\0';
    for (char *at = text; *at != '\0'; at++)
        *at = *at == '_' ? '-' : *at;
    for (const struct option *option = table; option->name; option++) {
        char variable[SOURCES_VARIABLE_BYTES];

        if (strlen(sources_variable(option, variable)) == len && memcmp(variable, name, len) == 0)
            return NULL;
        near_offer(&near, option->name);
    }
    return near.best ? options_find(table, near.best, strlen(near.best)) : NULL;
}

void sources_check_environment(const struct option *table, const char *const *variables,
                               sources_warn_fn warn)
{
    for (; *variables; variables++) {
        size_t len = strcspn(*variables, "=");
        const struct option *meant = NULL;
        char text[SOURCES_VARIABLE_BYTES];

        if (len > sizeof prefix - 1 && strncasecmp(*variables, prefix, sizeof prefix - 1) == 0)
            meant = find_meant(table, *variables, len);
        if (meant)
            warn(*variables, len, sources_variable(meant, text));
    }
}

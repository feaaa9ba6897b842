/*
 * cli/run_redact.c - the command line of a run as its result shows it: results are passed around.
 */
#include "cli/run.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/secret.h"

#include <string.h>

static const char secret_options[][20] = {"--auth", "--login-data"};
static const char header_options[][20] = {"--header", "--login-header", "--publish-header"};

static void append_quoted(struct buf *out, const char *word)
{
    if (*word != '\0' && word[strcspn(word, " \t\n'\"\\$&;|<>()*?[]{}#~`!")] == '\0') {
        (void)buf_append_text(out, word);
        return;
    }
    (void)buf_append_byte(out, '\'');
    for (const char *at = word; *at != '\0'; at++)
        (void)(*at == '\'' ? buf_append_text(out, "'\\''") : buf_append_byte(out, (uint8_t)*at));
    (void)buf_append_byte(out, '\'');
}

/*
 * Is `word` one of `options`? `*value` is set to what stands behind a "=", or to NULL when the next
 * word is the value.
 */
static bool is_option(const char *word, const char (*options)[20], size_t count, const char **value)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(options[i]);

        if (strncmp(word, options[i], len) != 0 || (word[len] != '\0' && word[len] != '='))
            continue;
        *value = word[len] == '=' ? word + len + 1 : NULL;
        return true;
    }
    return false;
}

static bool is_secret_option(const char *word, const char **value)
{
    return is_option(word, secret_options, sizeof secret_options / sizeof secret_options[0], value);
}

static bool is_header_option(const char *word, const char **value)
{
    return is_option(word, header_options, sizeof header_options / sizeof header_options[0], value);
}

/* "Authorization: ***" for a header that lets others in; `before` is the word before `word`. */
static bool append_header(struct buf *out, const char *before, const char *word)
{
    const char *header = word, *colon, *value = NULL;
    struct buf text = {0};

    if (is_header_option(word, &value) && value)
        header = value;
    else if (!is_header_option(before, &value) || value)
        return false;
    colon = strchr(header, ':');
    if (!colon || !secret_is_name(header, (size_t)(colon - header)))
        return false;
    (void)buf_appendf(&text, "%.*s ***", (int)(colon + 1 - word), word);
    append_quoted(out, buf_text(&text));
    buf_fini(&text);
    return true;
}

/* A URL without user and password. */
static bool append_url(struct buf *out, const char *word)
{
    const char *host = strstr(word, "://"), *at;
    struct buf text = {0};

    if (!host)
        return false;
    host += 3;
    at = memrchr(host, '@', strcspn(host, "/?#"));
    if (!at)
        return false;
    (void)buf_append(&text, word, (size_t)(host - word));
    (void)buf_appendf(&text, "***%s", at);
    append_quoted(out, buf_text(&text));
    buf_fini(&text);
    return true;
}

char *run_redact_command(int argc, char **argv)
{
    struct buf text = {0};
    char *result;

    (void)buf_append_text(&text, "cicada");
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;

        (void)buf_append_byte(&text, ' ');
        if (is_secret_option(argv[i], &value)) {
            size_t len = value ? (size_t)(value - argv[i]) : strlen(argv[i]);

            (void)buf_append(&text, argv[i], len);
            (void)buf_append_text(&text, value ? "'***'" : " '***'");
            i += value == NULL && i + 1 < argc;
        } else if (!append_header(&text, argv[i - 1], argv[i]) && !append_url(&text, argv[i])) {
            append_quoted(&text, argv[i]);
        }
    }
    result = x_strdup(buf_text(&text));
    buf_fini(&text);
    return result;
}

#include "cli/options.h"

#include "base/mem.h"
#include "base/near.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void *field_of(const struct options *options, const struct option *option)
{
    return (char *)options->settings + option->offset;
}

static bool holds_text(const struct option *option)
{
    return option->parse == option_parse_text;
}

void options_init(struct options *options, const struct option *table, void *settings)
{
    *options = (struct options){.table = table, .settings = settings};
    assert(options_count(table) <= OPTIONS_MAX);
    for (const struct option *option = table; option->name; option++) {
        struct err err = {0};
        int result = 0;

        if (option->preset)
            result = option->parse(option, option->preset, field_of(options, option), &err);
        assert(result == 0); /* a default that its own parser refuses is a bug in the table */
        (void)result;
    }
}

void text_list_add(struct text_list *list, const char *text)
{
    list->items = x_realloc(list->items, (list->count + 1) * sizeof *list->items);
    list->items[list->count++] = x_strdup(text);
}

bool text_list_has(const struct text_list *list, const char *text, size_t len)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strlen(list->items[i]) == len && memcmp(list->items[i], text, len) == 0)
            return true;
    }
    return false;
}

void text_list_clear(struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct text_list){0};
}

void options_fini(struct options *options)
{
    if (!options->table)
        return;
    for (const struct option *option = options->table; option->name; option++) {
        void *field = field_of(options, option);

        if (option->is_list) {
            text_list_clear(field);
        } else if (holds_text(option)) {
            free(*(char **)field);
            *(char **)field = NULL;
        }
    }
}

size_t options_count(const struct option *table)
{
    size_t count = 0;

    while (table[count].name)
        count++;
    return count;
}

const struct option *options_find(const struct option *table, const char *name, size_t len)
{
    for (; table->name; table++) {
        if (strlen(table->name) == len && memcmp(table->name, name, len) == 0)
            return table;
    }
    return NULL;
}

bool options_given(const struct options *options, const char *name)
{
    const struct option *option = options_find(options->table, name, strlen(name));

    assert(option);
    return options->sources[option - options->table] != SOURCE_NONE;
}

int options_set(struct options *options, const struct option *option, const char *text,
                enum option_source source, struct err *err)
{
    enum option_source *before = &options->sources[option - options->table];
    void *field = field_of(options, option);

    if (option->is_list && *before != source)
        text_list_clear(field);
    if (!(option->takes_many && *text == '\0') && option->parse(option, text, field, err) < 0)
        return -1;
    *before = source;
    return 0;
}

int options_offer(struct options *options, const struct option *option, const char *text,
                  enum option_source source, struct err *err)
{
    if (options->sources[option - options->table] > source)
        return 0;
    return options_set(options, option, text, source, err);
}

int options_check_scope(const struct options *options, enum option_scope scope, struct err *err)
{
    for (const struct option *option = options->table; option->name; option++) {
        if (option->scope == SCOPE_ANY || option->scope == scope ||
            options->sources[option - options->table] == SOURCE_NONE)
            continue;
        err_set(err, ERR_USAGE, "option '--%s' is for %s", option->name,
                option->scope == SCOPE_URL ? "URLs, not for Locust files"
                                           : "Locust files, not for URLs");
        return -1;
    }
    return 0;
}

/* --- the command line --- */

/* What stands between the steps of splitting. */
struct splitter {
    struct words *words;
    const struct option *table;
    enum words_mode mode;
    const struct text_list *shortened;
    struct err *err;
    /* Operands that may be the Locust file, by index, each the first of its kind, or NO_OPERAND. */
    size_t before_unknown; /* no unknown option stands before it */
    size_t not_behind;     /* not right behind one, whose value it might be */
    size_t behind;
    bool has_unknown, is_behind;
};

static const size_t NO_OPERAND = SIZE_MAX;

static bool is_known(const struct splitter *splitter, const struct option *option)
{
    return option && !(splitter->mode >= WORDS_SCRIPT && option->scope == SCOPE_URL);
}

static void add_operand(struct words *words, const char *word)
{
    words->operands[words->operand_count++] = word;
}

/* An option of the script: the next word may be its value. */
static void add_unknown(struct splitter *splitter, const char *word)
{
    add_operand(splitter->words, word);
    splitter->has_unknown = true;
    splitter->is_behind = !strchr(word, '=');
}

bool words_is_script(const char *word)
{
    size_t len = strlen(word);

    return len > 3 && strcmp(word + len - 3, ".py") == 0 && !strstr(word, "://");
}

static void add_assignment(struct words *words, const struct option *option, const char *text,
                           const char *written)
{
    words->assignments =
        x_realloc(words->assignments, (words->assignment_count + 1) * sizeof *words->assignments);
    words->assignments[words->assignment_count++] =
        (struct assignment){.option = option, .text = text, .written = written};
}

static int fail_unknown_long(const struct option *table, const char *name, size_t len,
                             struct err *err)
{
    struct near near = {.wanted = name, .wanted_len = len};
    int shown = len > 100 ? 100 : (int)len;

    for (; table->name; table++)
        near_offer(&near, table->name);
    near_offer(&near, "help");
    if (near.best)
        err_set(err, ERR_USAGE, "there is no option '--%.*s'; did you mean '--%s'?", shown, name,
                near.best);
    else
        err_set(err, ERR_USAGE, "there is no option '--%.*s'", shown, name);
    return -1;
}

/* Every word up to the next option; a Locust file ends them too. How many: none empties the list.
 */
static int take_many(const struct splitter *splitter, const struct option *option, char **argv,
                     int rest)
{
    int taken = 0;

    while (taken < rest && argv[taken + 1][0] != '-' &&
           (taken == 0 || splitter->mode == WORDS_LOCUST || !words_is_script(argv[taken + 1]))) {
        add_assignment(splitter->words, option, argv[taken + 1], argv[0]);
        taken++;
    }
    if (taken == 0)
        add_assignment(splitter->words, option, "", argv[0]);
    return taken;
}

/*
 * The one option that begins so. Those that the Locust file is found by count as soon as they are
 * seen, all others once the file is known to have none of that name.
 */
static const struct option *find_shortened(const struct splitter *splitter, const char *name,
                                           size_t len)
{
    const struct option *found = NULL;

    if (splitter->mode != WORDS_LOCUST || len == 0)
        return NULL;
    for (const struct option *option = splitter->table; option->name; option++) {
        if (strncmp(option->name, name, len) != 0)
            continue;
        if (found)
            return NULL;
        found = option;
    }
    if (found && (strcmp(found->name, "locustfile") == 0 || strcmp(found->name, "config") == 0))
        return found;
    return splitter->shortened && text_list_has(splitter->shortened, name, len) ? found : NULL;
}

/* How many words the option took from `rest`, or -1. */
static int split_long(struct splitter *splitter, char **argv, int rest)
{
    struct words *words = splitter->words;
    struct err *err = splitter->err;
    const char *name = argv[0] + 2, *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct option *option = options_find(splitter->table, name, len);

    splitter->is_behind = false;
    if (!option)
        option = find_shortened(splitter, name, len);
    if (!is_known(splitter, option)) {
        if (splitter->mode == WORDS_STRICT)
            return fail_unknown_long(splitter->table, name, len, err);
        add_unknown(splitter, argv[0]);
        return 0;
    }
    if (!option->value_name) {
        if (equals) {
            err_set(err, ERR_USAGE, "option '--%s' takes no value", option->name);
            return -1;
        }
        add_assignment(words, option, "true", argv[0]);
        return 0;
    }
    if (equals) {
        add_assignment(words, option, equals + 1, argv[0]);
        return 0;
    }
    if (rest == 0 && !option->takes_many) {
        err_set(err, ERR_USAGE, "option '--%s' needs a value (%s)", option->name,
                option->value_name);
        return -1;
    }
    if (option->takes_many)
        return take_many(splitter, option, argv, rest);
    add_assignment(words, option, argv[1], argv[0]);
    return 1;
}

static const struct option *find_short(const struct option *table, char name)
{
    for (; table->name; table++) {
        if (table->short_name == name)
            return table;
    }
    return NULL;
}

/* A group such as -qu50. Answers as split_long. */
static int split_short(struct splitter *splitter, char **argv, int rest)
{
    struct words *words = splitter->words;
    struct err *err = splitter->err;

    splitter->is_behind = false;
    for (const char *at = argv[0] + 1; *at != '\0'; at++) {
        const struct option *option = find_short(splitter->table, *at);

        if (!is_known(splitter, option) && *at != 'h' && at == argv[0] + 1 &&
            splitter->mode != WORDS_STRICT) {
            add_unknown(splitter, argv[0]);
            return 0;
        }
        if (!option && *at == 'h') {
            words->wants_help = true;
            continue;
        }
        if (!option) {
            err_set(err, ERR_USAGE, "there is no option '-%c' (in '%.100s')", *at, argv[0]);
            return -1;
        }
        if (!option->value_name) {
            add_assignment(words, option, "true", argv[0]);
            continue;
        }
        if (at[1] != '\0') {
            add_assignment(words, option, at + 1, argv[0]);
            return 0;
        }
        if (rest == 0 && !option->takes_many) {
            err_set(err, ERR_USAGE, "option '-%c' (--%s) needs a value (%s)", *at, option->name,
                    option->value_name);
            return -1;
        }
        if (option->takes_many)
            return take_many(splitter, option, argv, rest);
        add_assignment(words, option, argv[1], argv[0]);
        return 1;
    }
    return 0;
}

static void note_first(size_t *first, size_t index)
{
    if (*first == NO_OPERAND)
        *first = index;
}

/* A word that is no option. */
static void split_operand(struct splitter *splitter, const char *word)
{
    if (words_is_script(word)) {
        size_t index = splitter->words->operand_count;

        if (!splitter->has_unknown)
            note_first(&splitter->before_unknown, index);
        note_first(splitter->is_behind ? &splitter->behind : &splitter->not_behind, index);
    }
    add_operand(splitter->words, word);
    splitter->is_behind = false;
}

/* Beside -f, only what can be nothing else counts: then there are two. */
static void choose_script(const struct splitter *splitter)
{
    struct words *words = splitter->words;
    size_t index = splitter->not_behind == NO_OPERAND ? splitter->behind : splitter->not_behind;

    if (words_last(words, "locustfile"))
        index = splitter->before_unknown;
    if (index == NO_OPERAND)
        return;
    words->script = words->operands[index];
    words->operand_count--;
    memmove(words->operands + index, words->operands + index + 1,
            (words->operand_count - index) * sizeof *words->operands);
}

int words_split(struct words *words, const struct option *table, enum words_mode mode,
                const struct text_list *shortened, int argc, char **argv, struct err *err)
{
    struct splitter splitter = {.words = words,
                                .table = table,
                                .mode = mode,
                                .shortened = shortened,
                                .err = err,
                                .before_unknown = NO_OPERAND,
                                .not_behind = NO_OPERAND,
                                .behind = NO_OPERAND};
    bool is_open = true; /* no "--" so far */

    *words = (struct words){.operands = x_calloc((size_t)argc + 1, sizeof *words->operands)};
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        int taken = 0;

        if (!is_open || word[0] != '-' || word[1] == '\0')
            split_operand(&splitter, word);
        else if (strcmp(word, "--") == 0)
            is_open = false;
        else if (strcmp(word, "--help") == 0)
            words->wants_help = true;
        else if (word[1] == '-')
            taken = split_long(&splitter, argv + i, argc - i - 1);
        else
            taken = split_short(&splitter, argv + i, argc - i - 1);
        if (taken < 0)
            return words->wants_help ? 0 : -1;
        i += taken;
    }
    if (mode == WORDS_DETECT || mode == WORDS_SCRIPT)
        choose_script(&splitter);
    return 0;
}

const char *words_last(const struct words *words, const char *name)
{
    const char *text = NULL;

    for (size_t i = 0; i < words->assignment_count; i++) {
        if (strcmp(words->assignments[i].option->name, name) == 0)
            text = words->assignments[i].text;
    }
    return text;
}

void words_fini(struct words *words)
{
    free(words->assignments);
    free(words->operands);
    *words = (struct words){0};
}

int options_apply_words(struct options *options, const struct words *words, struct err *err)
{
    for (size_t i = 0; i < words->assignment_count; i++) {
        const struct assignment *each = &words->assignments[i];

        if (options_set(options, each->option, each->text, SOURCE_COMMAND_LINE, err) < 0) {
            err_prefix(err, "option '--%s'", each->option->name);
            return -1;
        }
    }
    return 0;
}

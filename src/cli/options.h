/*
 * cli/options.h - one table a command: from it come parsing, help, the manual and the completion.
 *
 * Values arrive from defaults, a file of `name = value` lines, the environment and the command
 * line; a later source wins. Each is checked by the same parser, whatever its source.
 */
#ifndef CICADA_CLI_OPTIONS_H
#define CICADA_CLI_OPTIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct option;

/* Parses `text` into the option's field. 0, or -1 with a sentence about the value alone. */
typedef int (*option_parse_fn)(const struct option *option, const char *text, void *field,
                               struct err *err);

/* What a shell may offer behind an option. */
enum option_completion { COMPLETE_NONE = 0, COMPLETE_FILE };

/* What a command's target must be for an option to make sense. */
enum option_scope { SCOPE_ANY = 0, SCOPE_URL, SCOPE_SCRIPT };

struct option {
    const char *name;           /* "run-time"; NULL ends a table */
    const char *value_name;     /* "D"; NULL: a switch, its field is a bool */
    const char *group;          /* heading in the help; NULL: as the one before */
    const char *help;           /* without the default, no full stop; NULL: in no text */
    const char *preset;         /* the default as a user would write it; NULL: zero */
    option_parse_fn parse;      /* of a switch: option_parse_switch */
    size_t offset;              /* of the field in the command's settings */
    uint64_t min, max;          /* of a count */
    const char *const *choices; /* ends in NULL; of a choice */
    enum option_completion completion;
    char short_name; /* 't'; 0: none */
    bool is_list;    /* may be given more than once; its field is a struct text_list */
    bool takes_many; /* a list that takes every word up to the next option, as Locust's tags; an
                        empty text is a list of nothing */
    bool is_locust;  /* one of Locust's: for a Locust file also from LOCUST_… and locust.conf */
    enum option_scope scope;
};

enum { OPTION_LIST_LIMIT = 1000 }; /* how often one may be repeated: what a plan carries */

/* A field of an option that may be repeated. */
struct text_list {
    char **items; /* owned */
    size_t count;
};

void text_list_add(struct text_list *list, const char *text);
bool text_list_has(const struct text_list *list, const char *text, size_t len);
void text_list_clear(struct text_list *list);

/* A field of an option of the form A-B. */
struct span {
    uint64_t min_ns, max_ns;
};

enum option_source {
    SOURCE_NONE = 0,    /* nobody gave it: the default stands */
    SOURCE_LOCUST_FILE, /* locust.conf and its kin */
    SOURCE_FILE,
    SOURCE_LOCUST_ENVIRONMENT,
    SOURCE_ENVIRONMENT,
    SOURCE_COMMAND_LINE
};

enum { OPTIONS_MAX = 96 };

/* A settings struct being filled. Text fields are owned by it: options_fini frees them. */
struct options {
    const struct option *table;
    void *settings;
    enum option_source sources[OPTIONS_MAX]; /* by index in the table */
};

/* Sets the defaults. `settings` must be zeroed. */
void options_init(struct options *options, const struct option *table, void *settings);
/* Frees every text and list in the settings. */
void options_fini(struct options *options);

size_t options_count(const struct option *table);
/* NULL when unknown. */
const struct option *options_find(const struct option *table, const char *name, size_t len);
/* Was the option given by anyone? */
bool options_given(const struct options *options, const char *name);

/*
 * Sets one option from `source`. A list of a higher source replaces that of a lower one. 0, or -1
 * with a sentence about the value alone.
 */
int options_set(struct options *options, const struct option *option, const char *text,
                enum option_source source, struct err *err);

/* The same unless a stronger source gave it already. */
int options_offer(struct options *options, const struct option *option, const char *text,
                  enum option_source source, struct err *err);
/* -1 with a sentence for an option that was given and is of the other scope. */
int options_check_scope(const struct options *options, enum option_scope scope, struct err *err);

/* What to make of words that are not in the table. */
enum words_mode {
    WORDS_STRICT = 0, /* an error */
    WORDS_DETECT,     /* operands: to see whether one is a Locust file */
    WORDS_SCRIPT,     /* operands, and options of URLs too: the script may know them */
    WORDS_LOCUST      /* the same, and no operand is the Locust file: only -f names it */
};

/* What the command line holds, in order; read before the other sources, applied after them. */
struct words {
    struct assignment {
        const struct option *option;
        const char *text;    /* borrowed from argv; "true" for a switch */
        const char *written; /* borrowed: "--users" or "-u50", for messages */
    } * assignments;
    size_t assignment_count;
    const char **operands; /* borrowed from argv */
    size_t operand_count;
    /*
     * The operand that is the Locust file, and then not one of `operands`: the first that is not
     * right behind an option of the script, else the first. With -f only one that stands before
     * all options of the script.
     */
    const char *script;
    bool wants_help; /* -h or --help stood there: nothing else counts */
};

/*
 * Splits the arguments (without program and command). `shortened` are names that may stand for the
 * one option that begins so, as in Locust (WORDS_LOCUST); NULL: none. words_fini in either case.
 */
int words_split(struct words *words, const struct option *table, enum words_mode mode,
                const struct text_list *shortened, int argc, char **argv, struct err *err);
/* "tests/load.py", but no URL. */
bool words_is_script(const char *word);
/* The text given last for the option `name`; NULL: none. */
const char *words_last(const struct words *words, const char *name);
void words_fini(struct words *words);
/* 0, or -1 with "option '--users': …". */
int options_apply_words(struct options *options, const struct words *words, struct err *err);

/* --- parsers for tables; the type of the field stands behind each --- */
int option_parse_switch(const struct option *option, const char *text, void *field,
                        struct err *err); /* bool: true yes on 1, false no off 0 */
int option_parse_text(const struct option *option, const char *text, void *field,
                      struct err *err); /* char *, not empty */
int option_parse_list(const struct option *option, const char *text, void *field,
                      struct err *err); /* struct text_list */
int option_parse_count(const struct option *option, const char *text, void *field,
                       struct err *err); /* uint64_t from min to max */
int option_parse_number(const struct option *option, const char *text, void *field,
                        struct err *err); /* double above 0 */
int option_parse_duration(const struct option *option, const char *text, void *field,
                          struct err *err); /* uint64_t nanoseconds; "none" is CLOCK_NEVER_NS */
int option_parse_positive(const struct option *option, const char *text, void *field,
                          struct err *err); /* the same, above 0 */
int option_parse_finite(const struct option *option, const char *text, void *field,
                        struct err *err); /* the same, without "none" */
int option_parse_ratio(const struct option *option, const char *text, void *field,
                       struct err *err); /* double in [0, 1] */
int option_parse_span(const struct option *option, const char *text, void *field,
                      struct err *err); /* struct span: "A-B", or "A" for both */
int option_parse_choice(const struct option *option, const char *text, void *field,
                        struct err *err); /* uint64_t, index in choices */

#endif

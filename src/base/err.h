/*
 * base/err.h - the error of a setup step: a kind and one sentence for a person.
 *
 * Functions that prepare something (options, files, plans) take `struct err *err` last, return -1
 * or NULL on failure and fill it. Only src/cli prints it. The run itself uses status enums instead.
 */
#ifndef CICADA_BASE_ERR_H
#define CICADA_BASE_ERR_H

enum err_kind {
    ERR_NONE = 0,
    ERR_USAGE,  /* what the user gave is wrong: option, URL, file content */
    ERR_SYSTEM, /* the operating system refused */
    ERR_LIMIT   /* a stated limit is in the way */
};

enum { ERR_TEXT_BYTES = 512 };

struct err {
    enum err_kind kind;
    char text[ERR_TEXT_BYTES]; /* one sentence, no final full stop, cut at the end if too long */
};

/* Replaces what `err` holds. `err` must not be NULL. */
void err_set(struct err *err, enum err_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the text. */
void err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

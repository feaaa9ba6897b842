/*
 * report/result_save.h - a file that is whole or absent: written beside its place, then renamed.
 *
 * A path that is there already and is no regular file (a pipe, /dev/stdout) is written in place,
 * and a symbolic link keeps pointing where it did.
 */
#ifndef CICADA_REPORT_RESULT_SAVE_H
#define CICADA_REPORT_RESULT_SAVE_H

#include "base/err.h"

#include <stddef.h>

/* Could `path` be written now? Leaves nothing behind. 0 or -1. */
int result_save_check(const char *path, struct err *err);
/* 0 or -1; what stood at `path` stays on an error. */
int result_save(const char *path, const char *text, size_t len, struct err *err);

#endif

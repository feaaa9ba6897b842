/*
 * base/file.h - whole files, for what is read once at the start: settings, certificates, bodies.
 */
#ifndef CICADA_BASE_FILE_H
#define CICADA_BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

/* Appends a whole file, at most `limit_bytes`. 0, or -1 with "cannot read 'path': reason". */
int file_read(const char *path, size_t limit_bytes, struct buf *out, struct err *err);

#endif

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void err_set(struct err *err, enum err_kind kind, const char *format, ...)
{
    va_list args;

    err->kind = kind;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
}

void err_prefix(struct err *err, const char *format, ...)
{
    char old[ERR_TEXT_BYTES];
    va_list args;
    size_t used, room;

    (void)memcpy(old, err->text, sizeof old);
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    used = strlen(err->text);
    room = sizeof err->text - used;
    /* Too long together: what was there first gives way at its end. */
    if (room > sizeof ": ")
        (void)snprintf(err->text + used, room, ": %.*s", (int)(room - sizeof ": "), old);
}

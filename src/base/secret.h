/*
 * base/secret.h - is this the name of something that must not be shown? For command lines and for
 * what came from a service alike.
 */
#ifndef CICADA_BASE_SECRET_H
#define CICADA_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* The name of a header, a field or a member whose value lets others in, or may do so: X-Api-Key,
 * access_token, sessionId. Whatever the case; "author" is none. */
bool secret_is_name(const char *name, size_t len);

#endif

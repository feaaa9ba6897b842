/*
 * demo/account.h - who may have a token: the one user and the clients that the demo service
 * knows.
 */
#ifndef CICADA_DEMO_ACCOUNT_H
#define CICADA_DEMO_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static const char ACCOUNT_SCOPE[] = "analytics:read";

/* Reads a body and returns the status to answer with, and a sentence unless it is 200. */
typedef int (*account_check_fn)(const uint8_t *body, size_t len, bool is_form, const char **reason);

/* The Content-Type, which may be NULL, says a form; anything else is taken for JSON. */
bool account_is_form(const char *content_type, size_t len);
/* email and password: 400 malformed, 401 wrong. */
int account_check_login(const uint8_t *body, size_t len, bool is_form, const char **reason);
/*
 * client_id, client_secret, grant_type and, optional, scope (RFC 6749, section 4.4): 400 malformed
 * or another grant, 401 wrong, 403 another scope.
 */
int account_check_client(const uint8_t *body, size_t len, bool is_form, const char **reason);

#endif

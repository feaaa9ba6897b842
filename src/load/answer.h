/*
 * load/answer.h - what a response head means to a stream. Pure functions.
 */
#ifndef CICADA_LOAD_ANSWER_H
#define CICADA_LOAD_ANSWER_H

#include "base/error_class.h"
#include "http/head.h"

#include <stdbool.h>
#include <stdint.h>

enum { ANSWER_TEXT_BYTES = 128 };

/* Of a status that is no stream: CLASS_STATUS_… by its first digit. */
enum error_class answer_class_of_status(int status);
/* 408, 429 and 5xx: a later attempt may do better. */
bool answer_may_be_retried(int status);
/* Retry-After as seconds or an HTTP date (RFC 9110, 10.2.3) against the wall clock; 0 without one.
 */
uint64_t answer_retry_after_ns(const struct http_head *head, double unix_ms);
/* The first value of a header as text: "" when absent, cut when long. Returns `text`. */
const char *answer_header(const struct http_head *head, const char *name,
                          char text[static ANSWER_TEXT_BYTES]);

#endif

/*
 * cli/tap_view.h - what `cicada tap` prints: one JSON object a line, or a view for people. Every
 * line goes out at once.
 */
#ifndef CICADA_CLI_TAP_VIEW_H
#define CICADA_CLI_TAP_VIEW_H

#include "base/error_class.h"
#include "http/head.h"
#include "net/tls.h"
#include "sse/parser.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tap_view {
    bool is_json;
    bool has_colour;
    bool is_broken; /* nobody reads standard output any more */
    uint64_t began_ns;
};

/* `began_ns` is where the times of the view start. */
void tap_view_init(struct tap_view *view, bool is_json, uint64_t began_ns);
/* What TLS agreed on, and whose certificate came; nothing as JSON. `unix_s` is the wall clock. */
void tap_view_tls(struct tap_view *view, const struct tls_facts *facts, int64_t unix_s,
                  uint64_t now_ns);
/* The response with a verdict on its headers; nothing as JSON. */
void tap_view_head(struct tap_view *view, const struct http_head *head, uint64_t now_ns);
void tap_view_event(struct tap_view *view, const struct sse_event *event, uint64_t now_ns);
/* Nothing as JSON. */
void tap_view_comment(struct tap_view *view, const uint8_t *text, size_t len, uint64_t now_ns);
/* `retry_ns` is the wait until the next attempt; CLOCK_NEVER_NS: there is none. */
void tap_view_failure(struct tap_view *view, enum error_class error_class, const char *message,
                      uint64_t retry_ns, uint64_t now_ns);

#endif

/*
 * demo/control.h - who may look at the faults and set them, and what they are told.
 */
#ifndef CICADA_DEMO_CONTROL_H
#define CICADA_DEMO_CONTROL_H

#include "base/buf.h"
#include "http/server.h"

struct fault_board;

enum { CONTROL_BODY_LIMIT_BYTES = 16 * 1024 };

/*
 * Without a token only clients on this machine may, and no page of a browser on it (which says so
 * by an Origin); with one everybody who brings it as a bearer token. 0, or the status to refuse
 * with and its reason.
 */
int control_check(const struct http_request *request, const char *token, const char **reason);
/*
 * Sets the faults of `board` by the request's body (see faults_set_json). 0, or the status to
 * refuse with and a sentence: 400, or 413 past CONTROL_BODY_LIMIT_BYTES.
 */
int control_change(const struct http_request *request, struct fault_board *board, struct err *err);
/* {"fault":{…}} as in force. */
void control_append(struct buf *out, const struct fault_board *board);

#endif

/*
 * script/objects.h - the Python types of the module, as its files see each other's.
 *
 * Functions that return a PyObject give a new reference, or NULL with an exception set; those that
 * return int give -1 with one.
 */
#ifndef CICADA_SCRIPT_OBJECTS_H
#define CICADA_SCRIPT_OBJECTS_H

#include "script/engine.h"
#include "script/park.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct _object PyObject;
typedef struct _typeobject PyTypeObject;

struct delivery_view;
struct exchange;

/* --- engine_object.c --- */
extern PyTypeObject EngineType;
struct engine_core {
    struct engine *engine;
    struct park_lot lot;
    struct sse_shared *event_parsers; /* of iterators over events */
};
/* The engine of this process, for the thread it was made in; NULL with RuntimeError. Borrowed. */
struct engine_core *engine_core_require(void);
/* False in a forked child, for what is the parent's: it is left alone then, memory and all. */
bool engine_core_owns(const struct exchange_host *host);
/* Whoever waits there is switched to in the pass under way, or in one that is asked for. */
void engine_core_wake(struct park_slot *slot);

/* Text that may hold anything, as UTF-8 with replacement characters. */
PyObject *text_from(const char *text);

/* --- client_object.c --- */
extern PyTypeObject ClientType;
/* make_error(class, message, True), raised. Always returns -1. */
int client_raise(PyObject *client, const struct exchange *exchange);

/* --- response_object.c --- */
extern PyTypeObject ResponseType;
/* Takes the order over and waits as Client.request says. `body` is bytes or NULL, borrowed. */
PyObject *response_request(PyObject *client, struct exchange_user *user,
                           struct exchange_order *order, PyObject *body);
struct exchange *response_exchange(PyObject *response);
/* Waits for more than `had` bytes, or the end. */
int response_wait(PyObject *response, size_t had);
/* The body ended: StopIteration's NULL without an exception, or the error's. */
int response_check_end(PyObject *response);
/* When the first of the bytes that wait came, seconds since 1970. */
double response_came_s(PyObject *response);

/* --- headers_object.c --- */
extern PyTypeObject HeadersType;
/* Takes `text` over: "Name: value\r\n" each. */
PyObject *headers_new(char *text, size_t len);

/* --- lines_object.c --- */
extern PyTypeObject LinesType;
/* `encoding` and `delimiter` as given to Response.lines. */
PyObject *lines_object_new(PyObject *response, PyObject *encoding, PyObject *delimiter);

/* --- events_object.c --- */
extern PyTypeObject EventsType;
extern PyTypeObject EventType;
struct sse_shared *events_parsers_new(void);
PyObject *events_object_new(PyObject *response);

/* --- audit_object.c --- */
int audit_types_add(PyObject *module);
PyObject *audit_object_new(const struct delivery_view *view);

/* --- rows_functions.c --- the functions record, rows, errors, ... added to the module. */
int rows_functions_add(PyObject *module);

#endif

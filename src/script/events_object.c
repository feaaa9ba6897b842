/*
 * script/events_object.c - Response.events(): events as the standard's parser gives them.
 */
#include <Python.h>

#include "base/mem.h"
#include "script/objects.h"
#include "sse/parser.h"

#include <structmember.h>

/* --- one event --- */

struct event_object {
    PyObject_HEAD PyObject *name, *data, *id, *retry; /* owned */
    double received_s;
};

static void event_dealloc(PyObject *self)
{
    struct event_object *event = (struct event_object *)self;

    Py_XDECREF(event->name);
    Py_XDECREF(event->data);
    Py_XDECREF(event->id);
    Py_XDECREF(event->retry);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *event_repr(PyObject *self)
{
    const struct event_object *event = (struct event_object *)self;

    return PyUnicode_FromFormat("Event(event=%R, data=%R, id=%R)", event->name, event->data,
                                event->id);
}

static PyObject *event_json(PyObject *self, PyObject *unused)
{
    PyObject *json = PyImport_ImportModule("json"), *result;

    (void)unused;
    if (!json)
        return NULL;
    result = PyObject_CallMethod(json, "loads", "O", ((struct event_object *)self)->data);
    Py_DECREF(json);
    return result;
}

static PyMethodDef event_methods[] = {
    {"json", event_json, METH_NOARGS, "The data, parsed as JSON."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef event_members[] = {
    {"event", T_OBJECT, offsetof(struct event_object, name), READONLY, "its name"},
    {"data", T_OBJECT, offsetof(struct event_object, data), READONLY, "lines joined by LF"},
    {"id", T_OBJECT, offsetof(struct event_object, id), READONLY, "the last event ID"},
    {"retry", T_OBJECT, offsetof(struct event_object, retry), READONLY,
     "ms that the server set for reconnecting, here or since the event before; or None"},
    {"received", T_DOUBLE, offsetof(struct event_object, received_s), READONLY,
     "when its last byte was read, seconds since 1970"},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject EventType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_cicada.Event",
    .tp_basicsize = sizeof(struct event_object),
    .tp_dealloc = event_dealloc,
    .tp_repr = event_repr,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "One Server-Sent Event.",
    .tp_methods = event_methods,
    .tp_members = event_members,
};

/* --- the iterator --- */

struct events_object {
    PyObject_HEAD PyObject *response; /* owned */
    struct sse_parser parser;
    PyObject **queue; /* owned: events nobody has taken yet */
    size_t queue_at, queue_len, queue_cap;
    PyObject *retry; /* owned: set since the event before; NULL: none */
    double received_s;
    long last_retry_ms; /* -1: the server set none */
    bool has_failed;    /* an exception is set */
    bool is_broken;     /* past the parser's limit */
};

static PyObject *text_of(const uint8_t *bytes, size_t len)
{
    return PyUnicode_DecodeUTF8((const char *)bytes, (Py_ssize_t)len, "replace");
}

static PyObject *make_event(struct events_object *events, const struct sse_event *from)
{
    struct event_object *event = PyObject_New(struct event_object, &EventType);

    if (!event)
        return NULL;
    event->name = from->name_bytes > 0 ? text_of(from->name, from->name_bytes)
                                       : PyUnicode_InternFromString("message");
    event->data = text_of(from->data, from->data_bytes);
    event->id = text_of(from->id, from->id_bytes);
    event->retry = events->retry;
    events->retry = NULL;
    if (!event->retry) {
        Py_INCREF(Py_None);
        event->retry = Py_None;
    }
    event->received_s = events->received_s;
    if (event->name && event->data && event->id)
        return (PyObject *)event;
    Py_DECREF(event);
    return NULL;
}

static void on_event(struct sse_parser *parser, const struct sse_event *from, uint64_t now_ns)
{
    struct events_object *events = CONTAINER_OF(parser, struct events_object, parser);
    PyObject *event = events->has_failed ? NULL : make_event(events, from);

    (void)now_ns;
    if (!event) {
        events->has_failed = true;
        return;
    }
    if (events->queue_len == events->queue_cap) {
        events->queue_cap = events->queue_cap ? 2 * events->queue_cap : 4;
        events->queue = x_realloc(events->queue, events->queue_cap * sizeof(PyObject *));
    }
    events->queue[events->queue_len++] = event;
}

static void on_retry(struct sse_parser *parser, uint32_t retry_ms, uint64_t now_ns)
{
    struct events_object *events = CONTAINER_OF(parser, struct events_object, parser);

    (void)now_ns;
    events->last_retry_ms = (long)retry_ms;
    Py_XDECREF(events->retry);
    events->retry = PyLong_FromUnsignedLong(retry_ms);
    if (!events->retry)
        events->has_failed = true;
}

static const struct sse_handlers handlers = {.on_event = on_event, .on_retry = on_retry};

struct sse_shared *events_parsers_new(void)
{
    return sse_shared_new(&handlers, SSE_LIMIT_DEFAULT_BYTES);
}

static void events_dealloc(PyObject *self)
{
    struct events_object *events = (struct events_object *)self;

    while (events->queue_at < events->queue_len)
        Py_DECREF(events->queue[events->queue_at++]);
    free(events->queue);
    sse_parser_fini(&events->parser);
    Py_XDECREF(events->retry);
    Py_XDECREF(events->response);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *take(struct events_object *events)
{
    PyObject *event = events->queue[events->queue_at++];

    if (events->queue_at == events->queue_len)
        events->queue_at = events->queue_len = 0;
    return event;
}

/* Parses what came in one read. */
static int feed(struct events_object *events, struct exchange *exchange)
{
    size_t len = exchange_piece(exchange);
    enum sse_status status;

    events->received_s = response_came_s(events->response);
    status = sse_parser_feed(&events->parser, exchange_bytes(exchange), len, exchange->came_ns);
    exchange_take(exchange, len);
    if (events->has_failed) {
        events->has_failed = false;
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        return -1;
    }
    events->is_broken = status == SSE_TOO_LARGE;
    return 0;
}

static PyObject *events_iternext(PyObject *self)
{
    struct events_object *events = (struct events_object *)self;
    struct exchange *exchange = response_exchange(events->response);

    for (;;) {
        if (events->queue_at < events->queue_len)
            return take(events);
        if (events->is_broken) {
            PyErr_SetString(PyExc_ValueError, "a line or an event is over 1 MiB");
            return NULL;
        }
        if (exchange_buffered(exchange) > 0) {
            if (feed(events, exchange) < 0)
                return NULL;
        } else if (exchange_is_done(exchange)) {
            (void)response_check_end(events->response);
            return NULL;
        } else if (response_wait(events->response, 0) < 0) {
            return NULL;
        }
    }
}

static PyObject *get_last_id(PyObject *self, void *closure)
{
    size_t len;
    const char *id = sse_parser_last_id(&((struct events_object *)self)->parser, &len);

    (void)closure;
    return text_of((const uint8_t *)(id ? id : ""), len);
}

static PyObject *get_retry(PyObject *self, void *closure)
{
    const struct events_object *events = (struct events_object *)self;

    (void)closure;
    if (events->last_retry_ms < 0)
        Py_RETURN_NONE;
    return PyLong_FromLong(events->last_retry_ms);
}

static PyGetSetDef events_getset[] = {
    {"last_event_id", get_last_id, NULL, "what a Last-Event-ID header would say now", NULL},
    {"retry", get_retry, NULL, "the server's retry time in ms, None without", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject EventsType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_cicada.Events",
    .tp_basicsize = sizeof(struct events_object),
    .tp_dealloc = events_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "The events of a response, as they come.",
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = events_iternext,
    .tp_getset = events_getset,
};

PyObject *events_object_new(PyObject *response)
{
    struct engine_core *core = engine_core_require();
    struct events_object *events = core ? PyObject_New(struct events_object, &EventsType) : NULL;

    if (!events)
        return NULL;
    Py_INCREF(response);
    events->response = response;
    sse_parser_init(&events->parser, core->event_parsers);
    events->queue = NULL;
    events->queue_at = events->queue_len = events->queue_cap = 0;
    events->retry = NULL;
    events->received_s = 0;
    events->last_retry_ms = -1;
    events->has_failed = events->is_broken = false;
    return (PyObject *)events;
}

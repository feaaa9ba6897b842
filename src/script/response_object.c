/*
 * script/response_object.c - Response: an exchange as Python sees it, and the greenlet that waits
 * for it.
 */
#include <Python.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"
#include "script/objects.h"

#include <math.h>
#include <string.h>
#include <structmember.h>

struct response_object {
    PyObject_HEAD struct exchange exchange;
    struct park_slot slot;
    PyObject *client;  /* owned */
    PyObject *body;    /* owned: what is being sent */
    PyObject *headers; /* owned once made */
    PyObject *content; /* owned once made */
};

struct exchange *response_exchange(PyObject *response)
{
    return &((struct response_object *)response)->exchange;
}

/* A whole body is waited for to its end, a streamed one for every piece. */
static void on_progress(struct exchange *exchange)
{
    struct response_object *self = CONTAINER_OF(exchange, struct response_object, exchange);

    if (exchange->order.is_streamed || exchange_is_done(exchange))
        engine_core_wake(&self->slot);
}

/* -1 with an exception when the wait was broken off. */
static int wait_once(struct response_object *self)
{
    struct engine_core *core = engine_core_require();

    return core ? park_wait(&core->lot, &self->slot) : -1;
}

int response_wait(PyObject *response, size_t had)
{
    struct response_object *self = (struct response_object *)response;

    while (exchange_buffered(&self->exchange) <= had && !exchange_is_done(&self->exchange)) {
        exchange_await(&self->exchange); /* which may end it, with nobody to be woken yet */
        if (!exchange_is_done(&self->exchange) && wait_once(self) < 0)
            return -1;
    }
    return 0;
}

int response_check_end(PyObject *response)
{
    struct response_object *self = (struct response_object *)response;

    if (self->exchange.error_class == CLASS_NONE)
        return 0;
    return client_raise(self->client, &self->exchange);
}

double response_came_s(PyObject *response)
{
    const struct exchange *exchange = response_exchange(response);
    uint64_t now_ns = clock_now_ns();

    return clock_unix_ms() / 1e3 - (double)(now_ns - exchange->came_ns) / 1e9;
}

/* --- a request --- */

static bool has_what_is_asked(const struct exchange *exchange)
{
    return exchange->order.is_streamed ? exchange_is_answered(exchange)
                                       : exchange_is_done(exchange);
}

PyObject *response_request(PyObject *client, struct exchange_user *user,
                           struct exchange_order *order, PyObject *body)
{
    struct engine_core *core = engine_core_require();
    struct response_object *self =
        core ? PyObject_New(struct response_object, &ResponseType) : NULL;

    if (!self)
        return NULL;
    (void)memset(&self->exchange, 0, sizeof self->exchange);
    self->exchange.on_progress = on_progress;
    park_slot_init(&self->slot);
    Py_INCREF(client);
    self->client = client;
    Py_XINCREF(body);
    self->body = body;
    self->headers = self->content = NULL;
    exchange_start(&self->exchange, engine_host(core->engine), user, order);
    while (!has_what_is_asked(&self->exchange)) {
        if (wait_once(self) < 0) {
            Py_DECREF(self); /* closes it */
            return NULL;
        }
    }
    Py_CLEAR(self->body);
    return (PyObject *)self;
}

static void response_dealloc(PyObject *object)
{
    struct response_object *self = (struct response_object *)object;

    if (engine_core_owns(self->exchange.host))
        exchange_fini(&self->exchange);
    Py_XDECREF(self->body);
    Py_XDECREF(self->headers);
    Py_XDECREF(self->content);
    Py_XDECREF(self->client);
    Py_TYPE(object)->tp_free(object);
}

/* --- the body --- */

static PyObject *take_bytes(struct exchange *exchange, size_t most)
{
    size_t len = exchange_buffered(exchange);
    PyObject *bytes;

    len = len < most ? len : most;
    bytes = PyBytes_FromStringAndSize((const char *)exchange_bytes(exchange), (Py_ssize_t)len);
    if (bytes && len > 0)
        exchange_take(exchange, len);
    return bytes;
}

static PyObject *response_read(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
    struct exchange *exchange = response_exchange(object);
    Py_ssize_t most = -1;

    if (count > 1) {
        PyErr_SetString(PyExc_TypeError, "read takes the most bytes to give");
        return NULL;
    }
    if (count == 1 && args[0] != Py_None) {
        most = PyLong_AsSsize_t(args[0]);
        if (most == -1 && PyErr_Occurred())
            return NULL;
    }
    if (most == 0)
        return PyBytes_FromStringAndSize("", 0);
    if (response_wait(object, 0) < 0)
        return NULL;
    if (exchange_buffered(exchange) == 0 && response_check_end(object) < 0)
        return NULL;
    return take_bytes(exchange, most < 0 ? SIZE_MAX : (size_t)most);
}

static int wait_for_whole(PyObject *object)
{
    struct response_object *self = (struct response_object *)object;
    int result = 0;

    exchange_want_whole(&self->exchange, true);
    while (result == 0 && !exchange_is_done(&self->exchange)) {
        exchange_await(&self->exchange);
        if (!exchange_is_done(&self->exchange))
            result = wait_once(self);
    }
    exchange_want_whole(&self->exchange, false); /* who was killed leaves the rest to others */
    return result;
}

/* What is left of the body, to its end. */
static PyObject *read_all(PyObject *object)
{
    struct exchange *exchange = response_exchange(object);

    if (exchange->order.is_streamed &&
        (wait_for_whole(object) < 0 || response_check_end(object) < 0))
        return NULL;
    return take_bytes(exchange, SIZE_MAX);
}

static PyObject *get_content(PyObject *object, void *closure)
{
    struct response_object *self = (struct response_object *)object;

    (void)closure;
    if (!self->content)
        self->content = read_all(object);
    Py_XINCREF(self->content);
    return self->content;
}

static PyObject *response_lines(PyObject *object, PyObject *args, PyObject *named)
{
    static const char *const names[] = {"encoding", "delimiter", NULL};
    PyObject *encoding = NULL, *delimiter = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, named, "|OO", (char **)(uintptr_t)names, &encoding,
                                     &delimiter))
        return NULL;
    return lines_object_new(object, encoding, delimiter);
}

static PyObject *response_events(PyObject *object, PyObject *unused)
{
    (void)unused;
    return events_object_new(object);
}

static PyObject *response_close(PyObject *object, PyObject *args, PyObject *named)
{
    static const char *const names[] = {"aborted", NULL};
    struct response_object *self = (struct response_object *)object;
    struct exchange *exchange = &self->exchange;
    struct engine_core *core = engine_core_require();
    int is_aborted = 0;

    if (!core ||
        !PyArg_ParseTupleAndKeywords(args, named, "|p", (char **)(uintptr_t)names, &is_aborted))
        return NULL;
    /* By RST before the end of a run, as URL mode does it: no TIME_WAIT is left at either end. */
    exchange_close(exchange, is_aborted || !engine_host(core->engine)->is_ending);
    engine_core_wake(&self->slot);
    Py_RETURN_NONE;
}

/* --- what it says --- */

static PyObject *get_status(PyObject *object, void *closure)
{
    (void)closure;
    return PyLong_FromLong(response_exchange(object)->status);
}

static PyObject *get_reason(PyObject *object, void *closure)
{
    const char *own = response_exchange(object)->reason;
    PyObject *module, *phrases, *phrase;

    (void)closure;
    if (own)
        return PyUnicode_DecodeLatin1(own, (Py_ssize_t)strlen(own), NULL);
    module = PyImport_ImportModule("http.client");
    phrases = module ? PyObject_GetAttrString(module, "responses") : NULL;
    Py_XDECREF(module);
    phrase = phrases
                 ? PyObject_CallMethod(phrases, "get", "is", response_exchange(object)->status, "")
                 : NULL;
    Py_XDECREF(phrases);
    return phrase;
}

static PyObject *get_url(PyObject *object, void *closure)
{
    const struct exchange *exchange = response_exchange(object);
    struct buf text = {0};
    PyObject *result;

    (void)closure;
    if (exchange->final_url)
        return PyUnicode_FromString(exchange->final_url);
    (void)url_append(&text, &exchange->order.url);
    result = PyUnicode_FromStringAndSize((const char *)text.bytes, (Py_ssize_t)text.len);
    buf_fini(&text);
    return result;
}

static PyObject *get_method(PyObject *object, void *closure)
{
    const struct exchange *exchange = response_exchange(object);

    (void)closure;
    return PyUnicode_FromString(exchange->final_method ? exchange->final_method
                                                       : exchange->order.method);
}

static PyObject *get_headers(PyObject *object, void *closure)
{
    struct response_object *self = (struct response_object *)object;
    struct exchange *exchange = &self->exchange;

    (void)closure;
    if (!self->headers) {
        self->headers = headers_new(exchange->headers, exchange->headers_bytes);
        exchange->headers = NULL;
        exchange->headers_bytes = 0;
    }
    Py_XINCREF(self->headers);
    return self->headers;
}

static PyObject *make_hop(const struct exchange_hop *hop)
{
    char *copy = x_malloc(hop->headers_bytes + 1);
    PyObject *headers;

    if (hop->headers_bytes > 0)
        (void)memcpy(copy, hop->headers, hop->headers_bytes);
    headers = headers_new(copy, hop->headers_bytes);
    return headers ? Py_BuildValue("isN", hop->status, hop->url, headers) : NULL;
}

static PyObject *get_history(PyObject *object, void *closure)
{
    const struct exchange *exchange = response_exchange(object);
    PyObject *list = PyList_New(0);

    (void)closure;
    for (uint32_t i = 0; list && i < exchange->hop_count; i++) {
        PyObject *hop = make_hop(&exchange->hops[i]);

        if (!hop || PyList_Append(list, hop) < 0)
            Py_CLEAR(list);
        Py_XDECREF(hop);
    }
    return list;
}

static PyObject *get_error(PyObject *object, void *closure)
{
    const struct exchange *exchange = response_exchange(object);

    (void)closure;
    if (exchange->error_class == CLASS_NONE)
        Py_RETURN_NONE;
    return Py_BuildValue("sN", error_class_name(exchange->error_class),
                         text_from(exchange->message));
}

static double seconds_between(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (double)(to_ns - from_ns) / 1e9 : 0;
}

static uint64_t ended_ns(const struct exchange *exchange)
{
    return exchange_is_done(exchange) ? exchange->ended_ns : 0;
}

static PyObject *get_elapsed(PyObject *object, void *closure)
{
    const struct exchange *exchange = response_exchange(object);
    uint64_t until_ns = exchange->answered_ns ? exchange->answered_ns : ended_ns(exchange);

    (void)closure;
    return PyFloat_FromDouble(seconds_between(exchange->began_ns, until_ns));
}

static PyObject *get_total(PyObject *object, void *closure)
{
    const struct exchange *exchange = response_exchange(object);

    (void)closure;
    return PyFloat_FromDouble(seconds_between(exchange->began_ns, ended_ns(exchange)));
}

static PyObject *get_started(PyObject *object, void *closure)
{
    (void)closure;
    return PyFloat_FromDouble(response_exchange(object)->started_unix_ms / 1e3);
}

static PyObject *get_dns(PyObject *object, void *closure)
{
    (void)closure;
    return PyFloat_FromDouble(response_exchange(object)->fetch.exchange.dns_us / 1e6);
}

static PyObject *get_connect(PyObject *object, void *closure)
{
    (void)closure;
    return PyFloat_FromDouble(response_exchange(object)->fetch.exchange.connect_us / 1e6);
}

static PyObject *get_tls(PyObject *object, void *closure)
{
    (void)closure;
    return PyFloat_FromDouble(response_exchange(object)->fetch.exchange.tls_us / 1e6);
}

static PyObject *get_audit(PyObject *object, void *closure)
{
    struct exchange *exchange = response_exchange(object);
    struct delivery_view view;

    (void)closure;
    if (!engine_core_owns(exchange->host) || !exchange_audit(exchange, &view))
        Py_RETURN_NONE;
    return audit_object_new(&view);
}

static PyObject *get_is_open(PyObject *object, void *closure)
{
    (void)closure;
    return PyBool_FromLong(!exchange_is_done(response_exchange(object)));
}

static PyObject *get_buffered(PyObject *object, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(exchange_buffered(response_exchange(object)));
}

static PyObject *get_read_timeout(PyObject *object, void *closure)
{
    uint64_t timeout_ns = response_exchange(object)->order.read_timeout_ns;

    (void)closure;
    if (timeout_ns == CLOCK_NEVER_NS)
        Py_RETURN_NONE;
    return PyFloat_FromDouble((double)timeout_ns / 1e9);
}

static int set_read_timeout(PyObject *object, PyObject *value, void *closure)
{
    struct exchange *exchange = response_exchange(object);
    double seconds = value && value != Py_None ? PyFloat_AsDouble(value) : INFINITY;

    (void)closure;
    if (PyErr_Occurred())
        return -1;
    loop_cancel_timer(exchange->host->loop, &exchange->timer);
    exchange->order.read_timeout_ns =
        seconds < 1e9 ? (uint64_t)(fmax(seconds, 0) * 1e9) : CLOCK_NEVER_NS;
    return 0;
}

static PyMethodDef response_methods[] = {
    {"read", (PyCFunction)(void (*)(void))response_read, METH_FASTCALL,
     "The next bytes of the body, at least one; b'' at its end."},
    {"lines", (PyCFunction)(void (*)(void))response_lines, METH_VARARGS | METH_KEYWORDS,
     "An iterator over the lines of the body, as str.splitlines cuts them."},
    {"events", response_events, METH_NOARGS, "An iterator over its Server-Sent Events."},
    {"close", (PyCFunction)(void (*)(void))response_close, METH_VARARGS | METH_KEYWORDS,
     "Ends it before its end."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef response_getset[] = {
    {"status", get_status, NULL, "0: no answer", NULL},
    {"reason", get_reason, NULL, "the status in words", NULL},
    {"url", get_url, NULL, "of the last hop", NULL},
    {"method", get_method, NULL, "of the last hop", NULL},
    {"headers", get_headers, NULL, "of the answer", NULL},
    {"history", get_history, NULL, "(status, url, headers) of each hop", NULL},
    {"error", get_error, NULL, "(class, message) or None", NULL},
    {"elapsed", get_elapsed, NULL, "seconds to the head", NULL},
    {"total", get_total, NULL, "seconds to the end", NULL},
    {"started", get_started, NULL, "seconds since 1970", NULL},
    {"dns_s", get_dns, NULL, "seconds to resolve the name", NULL},
    {"connect_s", get_connect, NULL, "seconds to connect", NULL},
    {"tls_s", get_tls, NULL, "seconds of the handshake", NULL},
    {"content", get_content, NULL, "the whole body", NULL},
    {"audit", get_audit, NULL, "Audit of an event stream, else None", NULL},
    {"is_open", get_is_open, NULL, "the body is still coming", NULL},
    {"buffered", get_buffered, NULL, "bytes that wait to be read", NULL},
    {"read_timeout", get_read_timeout, set_read_timeout, "longest silence in seconds", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject ResponseType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_cicada.Response",
    .tp_basicsize = sizeof(struct response_object),
    .tp_dealloc = response_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "What came of a request.",
    .tp_methods = response_methods,
    .tp_getset = response_getset,
};

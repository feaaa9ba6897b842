/*
 * script/lines_object.c - Response.lines(): an iterator that needs no frame of Python for a line.
 */
#include <Python.h>

#include "script/lines.h"
#include "script/objects.h"

#include <string.h>

struct lines_object {
    PyObject_HEAD PyObject *response; /* owned */
    PyObject *delimiter;              /* owned bytes; NULL: line ends */
    struct lines lines;
    size_t looked_at; /* bytes known to hold no delimiter */
    bool is_over;
};

static void lines_dealloc(PyObject *self)
{
    struct lines_object *object = (struct lines_object *)self;

    Py_XDECREF(object->response);
    Py_XDECREF(object->delimiter);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *make_line(const struct lines_object *object, const uint8_t *bytes, size_t len)
{
    const char *text = (const char *)bytes;

    switch (object->lines.kind) {
    case LINES_BYTES:
        return PyBytes_FromStringAndSize(text, (Py_ssize_t)len);
    case LINES_UTF_8:
        return PyUnicode_DecodeUTF8(text, (Py_ssize_t)len, "replace");
    case LINES_LATIN_1:
        return PyUnicode_DecodeLatin1(text, (Py_ssize_t)len, NULL);
    }
    return NULL;
}

/* As lines_next, but up to a text that the script chose. */
static bool find_delimiter(struct lines_object *object, const uint8_t *bytes, size_t len,
                           struct lines_found *found)
{
    size_t size = (size_t)PyBytes_GET_SIZE(object->delimiter), from = object->looked_at;
    const uint8_t *at =
        memmem(bytes + from, len - from, PyBytes_AS_STRING(object->delimiter), size);

    object->looked_at = at || len < size ? 0 : len - (size - 1);
    if (!at)
        return false;
    *found = (struct lines_found){.len = (size_t)(at - bytes), .used = (size_t)(at - bytes) + size};
    return true;
}

static PyObject *take(struct lines_object *object, const struct lines_found *found)
{
    struct exchange *exchange = response_exchange(object->response);
    PyObject *line = make_line(object, exchange_bytes(exchange) + found->skip, found->len);

    exchange_take(exchange, found->used);
    return line;
}

static PyObject *last_line(struct lines_object *object)
{
    struct exchange *exchange = response_exchange(object->response);
    struct lines_found found;

    object->is_over = true;
    if (response_check_end(object->response) < 0)
        return NULL;
    if (!lines_last(&object->lines, exchange_bytes(exchange), exchange_buffered(exchange), &found))
        return NULL;
    return take(object, &found);
}

static PyObject *lines_iternext(PyObject *self)
{
    struct lines_object *object = (struct lines_object *)self;
    struct exchange *exchange = response_exchange(object->response);
    struct lines_found found;

    while (!object->is_over) {
        size_t len = exchange_buffered(exchange);
        bool is_found =
            len > 0 &&
            (object->delimiter ? find_delimiter(object, exchange_bytes(exchange), len, &found)
                               : lines_next(&object->lines, exchange_bytes(exchange), len, &found));

        if (is_found)
            return take(object, &found);
        if (exchange_is_done(exchange))
            return last_line(object);
        if (response_wait(object->response, len) < 0)
            return NULL;
    }
    return NULL;
}

PyTypeObject LinesType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_cicada.Lines",
    .tp_basicsize = sizeof(struct lines_object),
    .tp_dealloc = lines_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "The lines of a response, as they come.",
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = lines_iternext,
};

/* -1 with LookupError for an encoding that is left to Python. */
static int choose_kind(PyObject *encoding, enum lines_kind *kind)
{
    const char *name;

    *kind = LINES_BYTES;
    if (!encoding || encoding == Py_None)
        return 0;
    name = PyUnicode_Check(encoding) ? PyUnicode_AsUTF8(encoding) : NULL;
    if (!name) {
        PyErr_SetString(PyExc_TypeError, "the encoding is None or text");
        return -1;
    }
    if (strcasecmp(name, "utf-8") == 0 || strcasecmp(name, "utf8") == 0 ||
        strcasecmp(name, "ascii") == 0 || strcasecmp(name, "us-ascii") == 0) {
        *kind = LINES_UTF_8;
    } else if (strcasecmp(name, "iso-8859-1") == 0 || strcasecmp(name, "latin-1") == 0 ||
               strcasecmp(name, "latin1") == 0) {
        *kind = LINES_LATIN_1;
    } else {
        PyErr_Format(PyExc_LookupError, "lines are not cut in the encoding %R here", encoding);
        return -1;
    }
    return 0;
}

/* The delimiter as bytes; NULL with an exception. */
static PyObject *delimiter_bytes(PyObject *delimiter, enum lines_kind kind)
{
    PyObject *bytes = NULL;

    if (PyBytes_Check(delimiter) && kind == LINES_BYTES) {
        Py_INCREF(delimiter);
        bytes = delimiter;
    } else if (PyUnicode_Check(delimiter) && kind == LINES_UTF_8) {
        bytes = PyUnicode_AsUTF8String(delimiter);
    } else if (PyUnicode_Check(delimiter) && kind == LINES_LATIN_1) {
        bytes = PyUnicode_AsLatin1String(delimiter);
    } else {
        PyErr_SetString(PyExc_TypeError, "the delimiter is text for text, bytes for bytes");
    }
    if (bytes && PyBytes_GET_SIZE(bytes) == 0) {
        PyErr_SetString(PyExc_ValueError, "empty separator");
        Py_CLEAR(bytes);
    }
    return bytes;
}

PyObject *lines_object_new(PyObject *response, PyObject *encoding, PyObject *delimiter)
{
    struct lines_object *object;
    PyObject *bytes = NULL;
    enum lines_kind kind;

    if (choose_kind(encoding, &kind) < 0)
        return NULL;
    if (delimiter && delimiter != Py_None) {
        bytes = delimiter_bytes(delimiter, kind);
        if (!bytes)
            return NULL;
    }
    object = PyObject_New(struct lines_object, &LinesType);
    if (!object) {
        Py_XDECREF(bytes);
        return NULL;
    }
    Py_INCREF(response);
    object->response = response;
    object->delimiter = bytes;
    object->lines = (struct lines){.kind = kind};
    object->looked_at = 0;
    object->is_over = false;
    return (PyObject *)object;
}

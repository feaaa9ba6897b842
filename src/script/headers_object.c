/*
 * script/headers_object.c - the headers of an answer as a mapping over the bytes that came: an open
 * stream keeps no dictionary.
 */
#include <Python.h>

#include "script/objects.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct headers_object {
    PyObject_HEAD char *text; /* owned: "Name: value\r\n" each */
    size_t len;
};

struct field {
    const char *name, *value;
    size_t name_len, value_len;
};

/* The field at `*at`, which moves behind it; false at the end. */
static bool next_field(const struct headers_object *headers, size_t *at, struct field *field)
{
    const char *line = headers->text + *at, *end, *colon;
    size_t left = headers->len - *at;

    if (left == 0)
        return false;
    end = memmem(line, left, "\r\n", 2);
    colon = end ? memchr(line, ':', (size_t)(end - line)) : NULL;
    if (!colon)
        return false;
    *field = (struct field){.name = line,
                            .name_len = (size_t)(colon - line),
                            .value = colon + 2,
                            .value_len = (size_t)(end - colon) - 2};
    *at += (size_t)(end - line) + 2;
    return true;
}

static bool is_named(const struct field *field, const char *name, size_t len)
{
    return field->name_len == len && strncasecmp(field->name, name, len) == 0;
}

/* Was the field's name seen in front of `at`? */
static bool is_repeated(const struct headers_object *headers, const struct field *field)
{
    struct field other;
    size_t at = 0;

    while (next_field(headers, &at, &other) && other.name != field->name) {
        if (is_named(&other, field->name, field->name_len))
            return true;
    }
    return false;
}

static PyObject *latin_1(const char *text, size_t len)
{
    return PyUnicode_DecodeLatin1(text, (Py_ssize_t)len, NULL);
}

static PyObject *all_values(const struct headers_object *headers, const char *name, size_t len)
{
    PyObject *list = PyList_New(0);
    struct field field;
    size_t at = 0;

    while (list && next_field(headers, &at, &field)) {
        PyObject *value;

        if (!is_named(&field, name, len))
            continue;
        value = latin_1(field.value, field.value_len);
        if (!value || PyList_Append(list, value) < 0)
            Py_CLEAR(list);
        Py_XDECREF(value);
    }
    return list;
}

/* Values joined by ", "; NULL without an exception: none. */
static PyObject *find(const struct headers_object *headers, const char *name, size_t len)
{
    PyObject *list = all_values(headers, name, len), *result = NULL;

    if (!list)
        return NULL;
    if (PyList_GET_SIZE(list) == 1) {
        result = PyList_GET_ITEM(list, 0);
        Py_INCREF(result);
    } else if (PyList_GET_SIZE(list) > 1) {
        PyObject *comma = PyUnicode_FromString(", ");

        result = comma ? PyUnicode_Join(comma, list) : NULL;
        Py_XDECREF(comma);
    }
    Py_DECREF(list);
    return result;
}

/* The name as UTF-8; NULL with TypeError. */
static const char *name_of(PyObject *key, size_t *len)
{
    Py_ssize_t size;
    const char *name;

    if (!PyUnicode_Check(key)) {
        PyErr_SetString(PyExc_TypeError, "the name of a header is text");
        return NULL;
    }
    name = PyUnicode_AsUTF8AndSize(key, &size);
    *len = name ? (size_t)size : 0;
    return name;
}

static void headers_dealloc(PyObject *self)
{
    free(((struct headers_object *)self)->text);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *headers_subscript(PyObject *self, PyObject *key)
{
    size_t len;
    const char *name = name_of(key, &len);
    PyObject *value = name ? find((struct headers_object *)self, name, len) : NULL;

    if (!value && !PyErr_Occurred())
        PyErr_SetObject(PyExc_KeyError, key);
    return value;
}

static int headers_contains(PyObject *self, PyObject *key)
{
    struct field field;
    size_t len, at = 0;
    const char *name;

    if (!PyUnicode_Check(key))
        return 0;
    name = name_of(key, &len);
    if (!name)
        return -1;
    while (next_field((struct headers_object *)self, &at, &field)) {
        if (is_named(&field, name, len))
            return 1;
    }
    return 0;
}

static PyObject *headers_get(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    size_t len;
    const char *name;
    PyObject *value;

    if (count < 1 || count > 2) {
        PyErr_SetString(PyExc_TypeError, "get takes a name and what to give without it");
        return NULL;
    }
    name = name_of(args[0], &len);
    value = name ? find((struct headers_object *)self, name, len) : NULL;
    if (value || PyErr_Occurred())
        return value;
    value = count == 2 ? args[1] : Py_None;
    Py_INCREF(value);
    return value;
}

static PyObject *headers_get_all(PyObject *self, PyObject *key)
{
    size_t len;
    const char *name = name_of(key, &len);

    return name ? all_values((struct headers_object *)self, name, len) : NULL;
}

enum part { PART_NAME, PART_VALUE, PART_ITEM };

static PyObject *make_part(const struct headers_object *headers, const struct field *field,
                           enum part part)
{
    PyObject *name = latin_1(field->name, field->name_len), *value = NULL;

    if (part == PART_NAME || !name)
        return name;
    value = find(headers, field->name, field->name_len);
    if (part == PART_VALUE || !value) {
        Py_DECREF(name);
        return value;
    }
    return Py_BuildValue("NN", name, value);
}

/* One for each different name, in the order they came. */
static PyObject *list_parts(const struct headers_object *headers, enum part part)
{
    PyObject *list = PyList_New(0);
    struct field field;
    size_t at = 0;

    while (list && next_field(headers, &at, &field)) {
        PyObject *item;

        if (is_repeated(headers, &field))
            continue;
        item = make_part(headers, &field, part);
        if (!item || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

static PyObject *headers_keys(PyObject *self, PyObject *unused)
{
    (void)unused;
    return list_parts((struct headers_object *)self, PART_NAME);
}

static PyObject *headers_values(PyObject *self, PyObject *unused)
{
    (void)unused;
    return list_parts((struct headers_object *)self, PART_VALUE);
}

static PyObject *headers_items(PyObject *self, PyObject *unused)
{
    (void)unused;
    return list_parts((struct headers_object *)self, PART_ITEM);
}

static PyObject *headers_iter(PyObject *self)
{
    PyObject *names = headers_keys(self, NULL);
    PyObject *iterator = names ? PyObject_GetIter(names) : NULL;

    Py_XDECREF(names);
    return iterator;
}

static Py_ssize_t headers_length(PyObject *self)
{
    const struct headers_object *headers = (struct headers_object *)self;
    struct field field;
    Py_ssize_t count = 0;
    size_t at = 0;

    while (next_field(headers, &at, &field))
        count += !is_repeated(headers, &field);
    return count;
}

static PyObject *headers_repr(PyObject *self)
{
    PyObject *items = headers_items(self, NULL), *dict, *text;

    if (!items)
        return NULL;
    dict = PyObject_CallOneArg((PyObject *)&PyDict_Type, items);
    text = dict ? PyObject_Repr(dict) : NULL;
    Py_XDECREF(dict);
    Py_DECREF(items);
    return text;
}

static PyMethodDef headers_methods[] = {
    {"get", (PyCFunction)(void (*)(void))headers_get, METH_FASTCALL,
     "The value of a header, repeated ones joined by a comma."},
    {"get_all", headers_get_all, METH_O, "The values of a header as a list."},
    {"keys", headers_keys, METH_NOARGS, "The names, in the order they came."},
    {"values", headers_values, METH_NOARGS, "The values."},
    {"items", headers_items, METH_NOARGS, "Names and values."},
    {NULL, NULL, 0, NULL},
};

static PyMappingMethods headers_mapping = {.mp_length = headers_length,
                                           .mp_subscript = headers_subscript};
static PySequenceMethods headers_sequence = {.sq_contains = headers_contains};

PyTypeObject HeadersType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_cicada.Headers",
    .tp_basicsize = sizeof(struct headers_object),
    .tp_dealloc = headers_dealloc,
    .tp_repr = headers_repr,
    .tp_as_mapping = &headers_mapping,
    .tp_as_sequence = &headers_sequence,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "The headers of an answer, whatever the case of their names.",
    .tp_iter = headers_iter,
    .tp_methods = headers_methods,
};

PyObject *headers_new(char *text, size_t len)
{
    struct headers_object *headers = PyObject_New(struct headers_object, &HeadersType);

    if (!headers) {
        free(text);
        return NULL;
    }
    headers->text = text;
    headers->len = len;
    return (PyObject *)headers;
}

/*
 * script/rows_functions.c - Locust's statistics for the script: recorded once for its own eyes and
 * once for the next tick.
 */
#include <Python.h>

#include "base/clock.h"
#include "script/objects.h"
#include "stats/row.h"
#include "stats/rows.h"

#include <math.h>
#include <string.h>

enum { TEXTS_MOST = 3 };

/* Rows are C texts: a NUL inside becomes "?". `bytes` is fresh, but for one byte alone, of which
 * Python has one object each. */
static PyObject *without_nul(PyObject *bytes)
{
    char *at = bytes ? PyBytes_AS_STRING(bytes) : NULL;
    Py_ssize_t left = bytes ? PyBytes_GET_SIZE(bytes) : 0;

    if (left == 1 && *at == '\0') {
        Py_DECREF(bytes);
        return PyBytes_FromString("?");
    }
    while (at && left > 0) {
        char *nul = memchr(at, '\0', (size_t)left);

        if (!nul)
            break;
        *nul = '?';
        left -= nul + 1 - at;
        at = nul + 1;
    }
    return bytes;
}

/* Lone surrogates, which UTF-8 cannot hold, become "?" too. New reference to bytes. */
static PyObject *bytes_of(PyObject *text)
{
    PyObject *name, *bytes;

    if (PyUnicode_Check(text))
        return without_nul(PyUnicode_AsEncodedString(text, "utf-8", "replace"));
    name = text == Py_None ? PyUnicode_FromString("") : PyObject_Str(text);
    bytes = name ? PyUnicode_AsEncodedString(name, "utf-8", "replace") : NULL;
    Py_XDECREF(name);
    return without_nul(bytes);
}

static int read_time(PyObject *value, double *time_ms)
{
    *time_ms = value == Py_None ? (double)NAN : PyFloat_AsDouble(value);
    return PyErr_Occurred() ? -1 : 0;
}

/* Some scripts give a length of None or a float. */
static int read_length(PyObject *value, int64_t *length)
{
    double number = value == Py_None ? 0 : PyFloat_AsDouble(value);

    if (PyErr_Occurred())
        return -1;
    *length = number > -9e15 && number < 9e15 ? (int64_t)number : 0;
    return 0;
}

static PyObject *record(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    struct engine_core *core = engine_core_require();
    PyObject *type = NULL, *name = NULL, *error = NULL, *result = NULL;
    double time_ms, unix_ms = clock_unix_ms();
    int64_t length;

    (void)module;
    if (!core)
        return NULL;
    if (count != 5) {
        PyErr_SetString(PyExc_TypeError, "record takes type, name, time, length and error");
        return NULL;
    }
    if (read_time(args[2], &time_ms) < 0 || read_length(args[3], &length) < 0)
        return NULL;
    type = bytes_of(args[0]);
    name = type ? bytes_of(args[1]) : NULL;
    if (!name)
        goto out;
    if (args[4] != Py_None) {
        error = bytes_of(args[4]);
        if (!error)
            goto out;
    }
    for (int i = 0; i < 2; i++) {
        struct rows *rows = i == 0 ? engine_rows(core->engine) : engine_rows_delta(core->engine);

        if (rows)
            rows_record(rows, PyBytes_AS_STRING(type), PyBytes_AS_STRING(name), time_ms, length,
                        error ? PyBytes_AS_STRING(error) : NULL, unix_ms);
    }
    Py_INCREF(Py_None);
    result = Py_None;
out:
    Py_XDECREF(type);
    Py_XDECREF(name);
    Py_XDECREF(error);
    return result;
}

/* What is recorded in both tables. */
typedef void (*record_fn)(struct rows *rows, const char *const *texts);

/* Every text of the arguments as bytes, given to `put` for each table. */
static PyObject *record_texts(PyObject *args, Py_ssize_t wanted, record_fn put)
{
    struct engine_core *core = engine_core_require();
    PyObject *bytes[TEXTS_MOST] = {NULL};
    const char *texts[TEXTS_MOST] = {NULL};
    Py_ssize_t count = 0;

    if (!core)
        return NULL;
    if (PyTuple_GET_SIZE(args) != wanted)
        return PyErr_Format(PyExc_TypeError, "%zd texts are wanted", wanted);
    for (; count < wanted; count++) {
        bytes[count] = bytes_of(PyTuple_GET_ITEM(args, count));
        if (!bytes[count])
            break;
        texts[count] = PyBytes_AS_STRING(bytes[count]);
    }
    if (count == wanted) {
        put(engine_rows(core->engine), texts);
        if (engine_rows_delta(core->engine))
            put(engine_rows_delta(core->engine), texts);
    }
    for (Py_ssize_t i = 0; i < count; i++)
        Py_DECREF(bytes[i]);
    if (count < wanted)
        return NULL;
    Py_RETURN_NONE;
}

static void put_error(struct rows *rows, const char *const *texts)
{
    rows_record_error(rows, texts[0], texts[1], texts[2], clock_unix_ms());
}

static PyObject *record_error(PyObject *module, PyObject *args)
{
    (void)module;
    return record_texts(args, 3, put_error);
}

static void put_exception(struct rows *rows, const char *const *texts)
{
    rows_record_exception(rows, texts[0], texts[1], 1);
}

static PyObject *record_exception(PyObject *module, PyObject *args)
{
    (void)module;
    return record_texts(args, 2, put_exception);
}

/* --- reading --- */

static struct rows *rows_or_null(void)
{
    struct engine_core *core = engine_core_require();

    return core ? engine_rows(core->engine) : NULL;
}

/* Appends what `item` is, a new reference; both may be NULL with an exception. */
static void append(PyObject **list, PyObject *item)
{
    if (*list && (!item || PyList_Append(*list, item) < 0))
        Py_CLEAR(*list);
    Py_XDECREF(item);
}

static PyObject *list_rows(PyObject *module, PyObject *unused)
{
    const struct rows *rows = rows_or_null();
    PyObject *list = rows ? PyList_New(0) : NULL;

    (void)module;
    (void)unused;
    for (size_t i = 0; list && i < rows_count(rows); i++) {
        const struct row *row = rows_at(rows, i);

        append(&list, Py_BuildValue("NN", text_from(row->type), text_from(row->name)));
    }
    return list;
}

static int put(PyObject *dict, PyObject *key, PyObject *value)
{
    int result = key && value ? PyDict_SetItem(dict, key, value) : -1;

    Py_XDECREF(key);
    Py_XDECREF(value);
    return result;
}

static PyObject *bins_of(const struct row *row)
{
    PyObject *dict = PyDict_New();

    for (size_t i = 0; dict && i < row->bin_count; i++) {
        const struct row_bin *bin = &row->bins[i];

        if (put(dict, PyLong_FromLongLong(bin->ms), PyLong_FromUnsignedLongLong(bin->count)) < 0)
            Py_CLEAR(dict);
    }
    return dict;
}

static PyObject *seconds_of(const struct row *row, bool of_failures)
{
    PyObject *dict = PyDict_New();

    for (size_t i = 0; dict && i < row->second_count; i++) {
        const struct row_second *second = &row->seconds[i];
        uint64_t count = of_failures ? second->failures : second->requests;

        if (count > 0 &&
            put(dict, PyLong_FromLongLong(second->unix_s), PyLong_FromUnsignedLongLong(count)) < 0)
            Py_CLEAR(dict);
    }
    return dict;
}

static PyObject *min_of(const struct row *row)
{
    if (isnan(row->min_ms))
        Py_RETURN_NONE;
    return PyFloat_FromDouble(row->min_ms);
}

static PyObject *row_to_dict(const struct row *row, const struct rows *rows)
{
    return Py_BuildValue(
        "{sNsNsKsKsKsdsNsdsdsdsdsNsNsN}", "type", text_from(row->type), "name",
        text_from(row->name), "num_requests", (unsigned long long)row->request_count,
        "num_none_requests", (unsigned long long)row->none_count, "num_failures",
        (unsigned long long)row->failure_count, "total_response_time", row->total_ms,
        "min_response_time", min_of(row), "max_response_time", row->max_ms, "total_content_length",
        row->content_bytes, "start_time", rows_start_unix_ms(rows) / 1e3, "last_request_timestamp",
        row->last_unix_ms / 1e3, "response_times", bins_of(row), "num_reqs_per_sec",
        seconds_of(row, false), "num_fail_per_sec", seconds_of(row, true));
}

static PyObject *get_row(PyObject *module, PyObject *args)
{
    const struct rows *rows = rows_or_null();
    const char *type, *name;
    const struct row *row;

    (void)module;
    if (!rows || !PyArg_ParseTuple(args, "ss", &type, &name))
        return NULL;
    row = rows_find(rows, type, name);
    if (!row)
        Py_RETURN_NONE;
    return row_to_dict(row, rows);
}

static PyObject *get_total(PyObject *module, PyObject *unused)
{
    const struct rows *rows = rows_or_null();
    struct row *row = rows ? rows_total(rows) : NULL;
    PyObject *dict = row ? row_to_dict(row, rows) : NULL;

    (void)module;
    (void)unused;
    row_free(row);
    return dict;
}

static PyObject *list_errors(PyObject *module, PyObject *unused)
{
    const struct rows *rows = rows_or_null();
    PyObject *list = rows ? PyList_New(0) : NULL;

    (void)module;
    (void)unused;
    for (size_t i = 0; list && i < rows_error_count(rows); i++) {
        const struct row_error *error = rows_error_at(rows, i);

        append(&list, Py_BuildValue("NNNK", text_from(error->type), text_from(error->name),
                                    text_from(error->text), (unsigned long long)error->count));
    }
    return list;
}

static PyObject *list_exceptions(PyObject *module, PyObject *unused)
{
    const struct rows *rows = rows_or_null();
    PyObject *list = rows ? PyList_New(0) : NULL;

    (void)module;
    (void)unused;
    for (size_t i = 0; list && i < rows_exception_count(rows); i++) {
        const struct row_exception *exception = rows_exception_at(rows, i);

        append(&list,
               Py_BuildValue("NNK", text_from(exception->message), text_from(exception->traceback),
                             (unsigned long long)exception->count));
    }
    return list;
}

static PyObject *reset_rows(PyObject *module, PyObject *unused)
{
    struct engine_core *core = engine_core_require();

    (void)module;
    (void)unused;
    if (!core)
        return NULL;
    engine_reset_rows(core->engine);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"record", (PyCFunction)(void (*)(void))record, METH_FASTCALL,
     "One request: type, name, time in ms or None, length, error or None."},
    {"record_error", record_error, METH_VARARGS,
     "One failure without a request: type, name, error."},
    {"record_exception", record_exception, METH_VARARGS, "One exception: message, traceback."},
    {"rows", list_rows, METH_NOARGS, "(type, name) of each row."},
    {"row", get_row, METH_VARARGS, "The figures of one row, or None."},
    {"total", get_total, METH_NOARGS, "The figures of all rows together."},
    {"errors", list_errors, METH_NOARGS, "(type, name, error, occurrences) each."},
    {"exceptions", list_exceptions, METH_NOARGS, "(message, traceback, count) each."},
    {"reset_rows", reset_rows, METH_NOARGS, "Forgets what was recorded."},
    {NULL, NULL, 0, NULL},
};

int rows_functions_add(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}

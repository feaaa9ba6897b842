/*
 * script/audit_object.c - Audit: what was found about the events of one stream, for a script.
 */
#include <Python.h>

#include "load/delivery.h"
#include "script/objects.h"

#include <structseq.h>

static PyTypeObject audit_type, part_type;

static PyStructSequence_Field audit_fields[] = {
    {"received", "events with an id that arrived, repeated ones too"},
    {"missed", "events that did not arrive; None where ids cannot tell"},
    {"duplicates", "events that had arrived before"},
    {"reordered", "events that arrived behind later ones"},
    {"resets", "times that the numbers began anew"},
    {"resumes", "reconnects with Last-Event-ID behind which a new event came"},
    {"inclusive_replays", "of these, those that repeated exactly the event of that ID"},
    {"order", "of the ids: dense, declared, sparse, none, unknown"},
    {"stream", "the part on open connections"},
    {"resume", "the part at reconnects"},
    {NULL, NULL},
};

static PyStructSequence_Desc audit_description = {
    .name = "_cicada.Audit",
    .doc = "What was found about the events of a stream, from its first connection on.",
    .fields = audit_fields,
    .n_in_sequence = 10,
};

static PyStructSequence_Field part_fields[] = {
    {"missed", NULL}, {"duplicates", NULL}, {"reordered", NULL}, {NULL, NULL}};

static PyStructSequence_Desc part_description = {
    .name = "_cicada.AuditPart",
    .doc = "A part of an Audit.",
    .fields = part_fields,
    .n_in_sequence = 3,
};

int audit_types_add(PyObject *module)
{
    if (PyStructSequence_InitType2(&audit_type, &audit_description) < 0 ||
        PyStructSequence_InitType2(&part_type, &part_description) < 0)
        return -1;
    return PyModule_AddType(module, &audit_type) < 0 ? -1 : PyModule_AddType(module, &part_type);
}

static PyObject *count(uint64_t value)
{
    return PyLong_FromUnsignedLongLong(value);
}

/* Losses are none of those orders'. */
static PyObject *count_missed(const struct delivery_view *view, uint64_t value)
{
    if (view->order == ORDER_SPARSE || view->order == ORDER_NONE)
        Py_RETURN_NONE;
    return count(value);
}

/* Takes over `values`, of which each may be NULL with an exception. */
static PyObject *make(PyTypeObject *type, PyObject *const *values, Py_ssize_t value_count)
{
    PyObject *result = PyStructSequence_New(type);
    bool is_whole = result != NULL;

    for (Py_ssize_t i = 0; i < value_count; i++) {
        is_whole = is_whole && values[i];
        if (result)
            PyStructSequence_SetItem(result, i, values[i]);
        else
            Py_XDECREF(values[i]);
    }
    if (!is_whole)
        Py_CLEAR(result);
    return result;
}

static PyObject *make_part(const struct delivery_view *view, enum audit_where where)
{
    PyObject *const values[] = {
        count_missed(view, view->tally.missed[where]),
        count(view->tally.duplicates[where]),
        count(view->tally.reordered[where]),
    };

    return make(&part_type, values, sizeof values / sizeof values[0]);
}

static uint64_t sum(const uint64_t counts[AUDIT_WHERE_COUNT])
{
    return counts[AUDIT_STREAM] + counts[AUDIT_RESUME];
}

PyObject *audit_object_new(const struct delivery_view *view)
{
    const struct audit_tally *tally = &view->tally;
    PyObject *const values[] = {
        count(tally->received),        count_missed(view, sum(tally->missed)),
        count(sum(tally->duplicates)), count(sum(tally->reordered)),
        count(tally->resets),          count(tally->resumes),
        count(tally->inclusive),       PyUnicode_FromString(order_name(view->order)),
        make_part(view, AUDIT_STREAM), make_part(view, AUDIT_RESUME),
    };

    return make(&audit_type, values, sizeof values / sizeof values[0]);
}

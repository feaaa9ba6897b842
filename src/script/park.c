#include "script/park.h"

#include "base/clock.h"
#include "base/mem.h"

/* clang-format off: the order matters */
#include <Python.h>
#include <greenlet/greenlet.h>
/* clang-format on */

/* New reference, or NULL with an exception. */
static PyObject *import_name(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *result = module ? PyObject_GetAttrString(module, name) : NULL;

    Py_XDECREF(module);
    return result;
}

int park_lot_init(struct park_lot *lot)
{
    PyObject *get_hub;

    list_init(&lot->ready);
    PyGreenlet_Import();
    if (!_PyGreenlet_API)
        return -1;
    lot->blocking_error = import_name("gevent.exceptions", "BlockingSwitchOutError");
    get_hub = lot->blocking_error ? import_name("gevent", "get_hub") : NULL;
    lot->hub = get_hub ? PyObject_CallNoArgs(get_hub) : NULL;
    Py_XDECREF(get_hub);
    return lot->hub ? 0 : -1;
}

void park_slot_init(struct park_slot *slot)
{
    list_init(&slot->node);
    slot->greenlet = NULL;
}

int park_wait(struct park_lot *lot, struct park_slot *slot)
{
    PyObject *current, *result;

    if (slot->greenlet) {
        PyErr_SetString(PyExc_RuntimeError, "another greenlet already waits for this response");
        return -1;
    }
    current = (PyObject *)PyGreenlet_GetCurrent();
    if (!current)
        return -1;
    if (current == lot->hub) {
        Py_DECREF(current);
        PyErr_SetString(lot->blocking_error, "a request would block the event loop: spawn a "
                                             "greenlet for it");
        return -1;
    }
    slot->greenlet = current;
    result = PyGreenlet_Switch((PyGreenlet *)lot->hub, NULL, NULL);
    list_remove(&slot->node);
    slot->greenlet = NULL;
    Py_DECREF(current);
    if (!result)
        return -1;
    Py_DECREF(result);
    return 0;
}

void park_wake(struct park_lot *lot, struct park_slot *slot)
{
    if (slot->greenlet && list_empty(&slot->node))
        list_append(&lot->ready, &slot->node);
}

bool park_run(struct park_lot *lot, uint64_t budget_ns)
{
    uint64_t until_ns = clock_now_ns() + budget_ns;

    while (!list_empty(&lot->ready)) {
        struct park_slot *slot = CONTAINER_OF(lot->ready.next, struct park_slot, node);
        PyObject *greenlet = slot->greenlet, *result;

        list_remove(&slot->node);
        Py_INCREF(greenlet);
        result = PyGreenlet_Switch((PyGreenlet *)greenlet, NULL, NULL); /* the slot may be gone */
        if (!result)
            PyErr_WriteUnraisable(greenlet);
        Py_XDECREF(result);
        Py_DECREF(greenlet);
        if (clock_now_ns() >= until_ns)
            break;
    }
    return !list_empty(&lot->ready);
}

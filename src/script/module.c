/*
 * script/module.c - the module _cicada.
 */
#include <Python.h>

#include "script/objects.h"

#include <string.h>

PyMODINIT_FUNC PyInit__cicada(void);

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_cicada",
    .m_doc = "cicada's engine for Locust files.",
    .m_size = -1,
};

PyObject *text_from(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static int add_types(PyObject *module)
{
    PyTypeObject *const types[] = {&EngineType, &ClientType, &ResponseType, &HeadersType,
                                   &LinesType,  &EventsType, &EventType};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (PyModule_AddType(module, types[i]) < 0)
            return -1;
    }
    return 0;
}

PyMODINIT_FUNC PyInit__cicada(void)
{
    PyObject *module = PyModule_Create(&definition);

    if (!module)
        return NULL;
    if (add_types(module) < 0 || audit_types_add(module) < 0 || rows_functions_add(module) < 0 ||
        PyModule_AddStringConstant(module, "__version__", CICADA_VERSION) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}

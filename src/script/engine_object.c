/*
 * script/engine_object.c - Engine: the one of the process, under gevent's hub.
 */
#define PY_SSIZE_T_CLEAN /* lengths of the "#" formats are Py_ssize_t */
#include <Python.h>

#include "base/clock.h"
#include "script/objects.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Of user code in one pass, so that under a flood timers are no more than a few passes late. */
static const uint64_t TURN_BUDGET_NS = 2000000;
/*
 * Where events follow one another closely, the way through gevent's hub for each of them costs as
 * much as its delivery: a second poll of nested descriptors, the callback's frame, a system call of
 * libev's own. So a pass stays for more of them, but no longer than others can be kept waiting.
 */
static const uint64_t STAY_NS = 1000000;
static const uint64_t STAY_GAP_NS = 500000; /* longer than this apart: not worth the wait */

enum { USERS_MOST = 10000000 };

struct engine_object {
    PyObject_HEAD struct engine_core core;
    PyObject *handlers; /* owned; NULL: none */
    PyObject *loop;     /* owned: of gevent's hub */
    unsigned long thread;
    uint64_t busy_ns; /* when something was last handed on */
    bool is_turning;
};

/* The engine of the process, owned: sockets and users of a process share one loop. Python gives a
 * module that is initialised once no other place that every call could reach as quickly. */
static struct engine_object *the_engine;

/* A forked child shares the parent's sockets and the set they are watched in: it must touch
 * neither, and may make an engine of its own. */
static void on_fork(void)
{
    if (the_engine)
        engine_abandon(the_engine->core.engine);
    the_engine = NULL;
}

struct engine_core *engine_core_require(void)
{
    if (!the_engine) {
        PyErr_SetString(PyExc_RuntimeError,
                        "there is no engine in this process: make an Engine first");
        return NULL;
    }
    if (the_engine->thread != PyThread_get_thread_ident()) {
        PyErr_SetString(PyExc_RuntimeError,
                        "requests are made in the thread that runs the users, not in another one");
        return NULL;
    }
    return &the_engine->core;
}

/* The hub calls again when user code is left to be switched to. */
static int come_back(struct engine_object *self)
{
    PyObject *turn = PyObject_GetAttrString((PyObject *)self, "turn");
    PyObject *result = turn ? PyObject_CallMethod(self->loop, "run_callback", "O", turn) : NULL;

    Py_XDECREF(turn);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

bool engine_core_owns(const struct exchange_host *host)
{
    return the_engine && host == engine_host(the_engine->core.engine);
}

void engine_core_wake(struct park_slot *slot)
{
    if (!the_engine || !park_is_waiting(slot))
        return;
    park_wake(&the_engine->core.lot, slot);
    /* Between two passes nothing on the sockets may tell the hub that there is something to do. */
    if (!the_engine->is_turning && come_back(the_engine) < 0)
        PyErr_WriteUnraisable((PyObject *)the_engine);
}

/* --- what the controller says, handed on --- */

static void call(struct engine_object *self, const char *method, PyObject *args)
{
    PyObject *function =
        args && self->handlers ? PyObject_GetAttrString(self->handlers, method) : NULL;
    PyObject *result = function ? PyObject_CallObject(function, args) : NULL;

    if (!result && PyErr_Occurred())
        PyErr_WriteUnraisable(function ? function : (PyObject *)self);
    Py_XDECREF(result);
    Py_XDECREF(function);
    Py_XDECREF(args);
}

static void on_plan(void *ctx, const char *script)
{
    call(ctx, "on_plan", Py_BuildValue("(s)", script));
}

static void on_users(void *ctx, const struct frame_users *users)
{
    PyObject *counts = PyList_New((Py_ssize_t)users->class_count);

    for (size_t i = 0; counts && i < users->class_count; i++) {
        PyObject *count = PyLong_FromUnsignedLong(users->classes[i]);

        if (count)
            PyList_SET_ITEM(counts, (Py_ssize_t)i, count);
        else
            Py_CLEAR(counts);
    }
    call(ctx, "on_users",
         counts ? Py_BuildValue("(NN)", counts, PyBool_FromLong(users->is_final)) : NULL);
}

static void on_stop(void *ctx, uint64_t timeout_ns)
{
    call(ctx, "on_stop", Py_BuildValue("(d)", (double)timeout_ns / 1e9));
}

static void on_message(void *ctx, const struct frame_message *message)
{
    call(ctx, "on_message",
         Py_BuildValue("(s#y#I)", message->type, (Py_ssize_t)message->type_bytes, message->data,
                       (Py_ssize_t)message->data_bytes, (unsigned)message->source));
}

static void on_closed(void *ctx)
{
    call(ctx, "on_closed", PyTuple_New(0));
}

static const struct engine_handlers engine_handlers = {.on_plan = on_plan,
                                                       .on_users = on_users,
                                                       .on_stop = on_stop,
                                                       .on_message = on_message,
                                                       .on_closed = on_closed};

/* --- life --- */

static int engine_init(PyObject *object, PyObject *args, PyObject *named)
{
    static const char *const names[] = {"fd", "handlers", NULL};
    struct engine_object *self = (struct engine_object *)object;
    PyObject *handlers = NULL;
    struct err err = {0};
    int fd;

    if (!PyArg_ParseTupleAndKeywords(args, named, "i|O", (char **)(uintptr_t)names, &fd, &handlers))
        return -1;
    if (the_engine) {
        PyErr_SetString(PyExc_RuntimeError, "this process has an engine already");
        return -1;
    }
    if (park_lot_init(&self->core.lot) < 0)
        return -1;
    self->loop = PyObject_GetAttrString(self->core.lot.hub, "loop");
    if (!self->loop)
        return -1;
    self->core.engine = engine_new(fd, &engine_handlers, self, &err);
    if (!self->core.engine) {
        PyErr_SetString(PyExc_OSError, err.text);
        return -1;
    }
    self->core.event_parsers = events_parsers_new();
    self->thread = PyThread_get_thread_ident();
    Py_XINCREF(handlers);
    self->handlers = handlers == Py_None ? NULL : handlers;
    (void)pthread_atfork(NULL, NULL, on_fork);
    Py_INCREF(object); /* it stays until the process ends: responses and clients point to it */
    the_engine = self;
    return 0;
}

static PyObject *engine_fileno(PyObject *object, PyObject *unused)
{
    (void)unused;
    return PyLong_FromLong(engine_fd(((struct engine_object *)object)->core.engine));
}

/* What gevent is to do at the hub's next pass: greenlets to start, for one. */
static bool hub_is_wanted(struct engine_object *self)
{
    PyObject *callbacks = PyObject_GetAttrString(self->loop, "_callbacks");
    int is_any = callbacks ? PyObject_IsTrue(callbacks) : -1;

    Py_XDECREF(callbacks);
    if (is_any < 0)
        PyErr_Clear();
    return is_any != 0;
}

static bool wait_for_more(struct engine_object *self)
{
    bool has_more;

    Py_BEGIN_ALLOW_THREADS has_more = engine_wait(self->core.engine, STAY_NS);
    Py_END_ALLOW_THREADS return has_more;
}

/* True: greenlets are left that were woken. */
static bool pass(struct engine_object *self, uint64_t began_ns)
{
    struct engine_core *core = &self->core;
    uint64_t now_ns = began_ns;
    bool is_more, is_close;

    do {
        bool has_run = !list_empty(&core->lot.ready) || engine_turn(core->engine);

        is_more = park_run(&core->lot, TURN_BUDGET_NS);
        is_close = has_run && now_ns - self->busy_ns < STAY_GAP_NS;
        now_ns = clock_now_ns();
        if (has_run)
            self->busy_ns = now_ns;
    } while (!is_more && is_close && now_ns - began_ns < STAY_NS && !hub_is_wanted(self) &&
             wait_for_more(self));
    return is_more;
}

static PyObject *engine_turn_method(PyObject *object, PyObject *unused)
{
    struct engine_object *self = (struct engine_object *)object;
    uint64_t began_ns;
    bool is_more;

    (void)unused;
    if (self != the_engine)
        Py_RETURN_NONE; /* the parent's, in a forked child */
    if (self->is_turning) {
        PyErr_SetString(PyExc_RuntimeError, "the engine's turn is under way already");
        return NULL;
    }
    self->is_turning = true;
    began_ns = clock_now_ns();
    is_more = pass(self, began_ns);
    self->is_turning = false;
    engine_note_turn(self->core.engine, clock_now_ns() - began_ns);
    if (is_more && come_back(self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* --- to the controller --- */

/* NULL with RuntimeError in a forked child, whose parent's engine it is. */
static struct engine *engine_of(PyObject *object)
{
    struct engine_object *self = (struct engine_object *)object;

    if (self == the_engine)
        return self->core.engine;
    PyErr_SetString(PyExc_RuntimeError, "this engine belongs to the parent of this process");
    return NULL;
}

static PyObject *engine_ready_method(PyObject *object, PyObject *unused)
{
    struct engine *engine = engine_of(object);

    (void)unused;
    if (!engine)
        return NULL;
    engine_ready(engine);
    Py_RETURN_NONE;
}

/* Text as UTF-8, with "?" for what it cannot hold; NULL with an exception. */
static PyObject *encode(PyObject *text)
{
    if (PyUnicode_Check(text))
        return PyUnicode_AsEncodedString(text, "utf-8", "replace");
    PyErr_SetString(PyExc_TypeError, "text is wanted");
    return NULL;
}

static PyObject *engine_log_method(PyObject *object, PyObject *line)
{
    struct engine *engine = engine_of(object);
    PyObject *text = encode(line);

    if (!text)
        return NULL;
    if (!engine) { /* in a forked child: where a program's log goes that nobody set up */
        PyErr_Clear();
        PySys_FormatStderr("%U\n", line);
    } else {
        engine_log(engine, PyBytes_AS_STRING(text));
    }
    Py_DECREF(text);
    Py_RETURN_NONE;
}

static PyObject *engine_fail_method(PyObject *object, PyObject *sentence)
{
    struct engine *engine = engine_of(object);
    PyObject *text = engine ? encode(sentence) : NULL;

    if (!text)
        return NULL;
    if (engine_out(engine))
        frame_put_fail(engine_out(engine), PyBytes_AS_STRING(text));
    engine_send(engine);
    Py_DECREF(text);
    Py_RETURN_NONE;
}

static PyObject *engine_quit_method(PyObject *object, PyObject *unused)
{
    struct engine *engine = engine_of(object);

    (void)unused;
    if (!engine)
        return NULL;
    if (engine_out(engine))
        frame_put_quit(engine_out(engine));
    engine_send(engine);
    Py_RETURN_NONE;
}

static PyObject *engine_message_method(PyObject *object, PyObject *args)
{
    struct engine *engine = engine_of(object);
    struct frame_message message = {0};
    const char *data;
    Py_ssize_t type_len, data_len;
    unsigned destination;

    if (!engine ||
        !PyArg_ParseTuple(args, "s#y#I", &message.type, &type_len, &data, &data_len, &destination))
        return NULL;
    if (type_len > FRAME_TYPE_LIMIT_BYTES || data_len > FRAME_MESSAGE_LIMIT_BYTES)
        return PyErr_Format(PyExc_ValueError,
                            "a message has at most %d bytes of type and %d of data, not %zd and "
                            "%zd",
                            FRAME_TYPE_LIMIT_BYTES, FRAME_MESSAGE_LIMIT_BYTES, type_len, data_len);
    message.type_bytes = (size_t)type_len;
    message.data = (const uint8_t *)data;
    message.data_bytes = (size_t)data_len;
    message.destination = destination;
    engine_message(engine, &message);
    Py_RETURN_NONE;
}

/* The names of classes; NULL with an exception. The caller frees the array; texts are borrowed. */
static char **class_names(PyObject *list, size_t *count)
{
    Py_ssize_t len = PyList_Check(list) ? PyList_GET_SIZE(list) : -1;
    char **names;

    if (len < 0 || len > FRAME_CLASS_LIMIT) {
        PyErr_SetString(PyExc_TypeError, "classes are a list of names, at most 1000");
        return NULL;
    }
    names = calloc((size_t)len + 1, sizeof *names);
    if (!names)
        return (char **)PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < len; i++) {
        names[i] = (char *)(uintptr_t)PyUnicode_AsUTF8(PyList_GET_ITEM(list, i));
        if (!names[i]) {
            free(names);
            return NULL;
        }
    }
    *count = (size_t)len;
    return names;
}

static PyObject *engine_target_method(PyObject *object, PyObject *args)
{
    struct engine *engine = engine_of(object);
    struct frame_target target = {0};
    long long users;
    PyObject *classes;

    if (!engine || !PyArg_ParseTuple(args, "LdO", &users, &target.spawn_rate_per_s, &classes))
        return NULL;
    if (users < 0 || users > USERS_MOST)
        return PyErr_Format(PyExc_ValueError, "users are 0 to %d, not %lld", USERS_MOST, users);
    if (!isfinite(target.spawn_rate_per_s) || target.spawn_rate_per_s <= 0) {
        PyErr_SetString(PyExc_ValueError, "a spawn rate is a number above 0");
        return NULL;
    }
    target.users = (uint32_t)users;
    target.classes = class_names(classes, &target.class_count);
    if (!target.classes)
        return NULL;
    if (engine_out(engine))
        frame_put_target(engine_out(engine), &target);
    free(target.classes);
    engine_send(engine);
    Py_RETURN_NONE;
}

static PyObject *engine_end_streams_method(PyObject *object, PyObject *unused)
{
    struct engine *engine = engine_of(object);

    (void)unused;
    if (!engine)
        return NULL;
    engine_end_streams(engine);
    Py_RETURN_NONE;
}

static PyObject *engine_done_method(PyObject *object, PyObject *args)
{
    struct engine *engine = engine_of(object);
    struct frame_done done = {0};
    int had_unhandled;

    if (!engine || !PyArg_ParseTuple(args, "ip", &done.exit_code, &had_unhandled))
        return NULL;
    done.had_unhandled = had_unhandled;
    engine_done(engine, &done);
    Py_RETURN_NONE;
}

static PyObject *get_users(PyObject *object, void *closure)
{
    const struct engine *engine = engine_of(object);

    (void)closure;
    return engine ? PyLong_FromUnsignedLong(engine_users(engine)) : NULL;
}

static int set_users(PyObject *object, PyObject *value, void *closure)
{
    struct engine *engine = engine_of(object);
    unsigned long users = value ? PyLong_AsUnsignedLong(value) : 0;

    (void)closure;
    if (!engine || PyErr_Occurred())
        return -1;
    engine_set_users(engine, users < USERS_MOST ? (uint32_t)users : USERS_MOST);
    return 0;
}

static PyObject *get_is_drained(PyObject *object, void *closure)
{
    const struct engine *engine = engine_of(object);

    (void)closure;
    return engine ? PyBool_FromLong(engine_is_drained(engine)) : NULL;
}

static PyMethodDef engine_methods[] = {
    {"fileno", engine_fileno, METH_NOARGS, "Readable when turn has something to do."},
    {"turn", engine_turn_method, METH_NOARGS, "Hands on what is ready; from the hub."},
    {"ready", engine_ready_method, METH_NOARGS, "The script is loaded: the run may begin."},
    {"log", engine_log_method, METH_O, "A line of the script's log."},
    {"fail", engine_fail_method, METH_O, "The script cannot be run, in a sentence."},
    {"quit", engine_quit_method, METH_NOARGS, "Asks for the end of the run."},
    {"message", engine_message_method, METH_VARARGS, "A custom message: type, data, destination."},
    {"target", engine_target_method, METH_VARARGS, "Asks for users, spawn rate, classes."},
    {"end_streams", engine_end_streams_method, METH_NOARGS, "The run ends."},
    {"done", engine_done_method, METH_VARARGS, "The last tick, exit code, unhandled exceptions."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef engine_getset[] = {
    {"users", get_users, set_users, "how many users run now", NULL},
    {"is_drained", get_is_drained, NULL, "everything has left", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject EngineType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_cicada.Engine",
    .tp_basicsize = sizeof(struct engine_object),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "The engine of this process.",
    .tp_methods = engine_methods,
    .tp_getset = engine_getset,
    .tp_init = engine_init,
    .tp_new = PyType_GenericNew,
};

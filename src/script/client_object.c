/*
 * script/client_object.c - Client: what one user keeps between its requests, and how it asks.
 */
#include <Python.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/mem.h"
#include "http/auth.h"
#include "http/cookie.h"
#include "script/networks.h"
#include "script/objects.h"

#include <math.h>
#include <string.h>
#include <strings.h>

enum { CLIENT_REDIRECTS_MOST = 255 };

struct client_object {
    PyObject_HEAD struct exchange_user user;
    const struct exchange_host *host; /* of the engine it was made for */
    PyObject *make_error;             /* owned */
};

static int client_init(PyObject *object, PyObject *args, PyObject *named)
{
    static const char *const names[] = {"make_error", NULL};
    struct client_object *self = (struct client_object *)object;
    struct engine_core *core = engine_core_require();
    PyObject *make_error;

    if (!core ||
        !PyArg_ParseTupleAndKeywords(args, named, "O", (char **)(uintptr_t)names, &make_error))
        return -1;
    self->host = engine_host(core->engine);
    Py_INCREF(make_error);
    Py_XSETREF(self->make_error, make_error);
    return 0;
}

static int client_traverse(PyObject *object, visitproc visit, void *arg)
{
    Py_VISIT(((struct client_object *)object)->make_error);
    return 0;
}

static int client_clear(PyObject *object)
{
    Py_CLEAR(((struct client_object *)object)->make_error);
    return 0;
}

static void client_dealloc(PyObject *object)
{
    struct client_object *self = (struct client_object *)object;

    PyObject_GC_UnTrack(object);
    if (engine_core_owns(self->host))
        exchange_user_fini(&self->user); /* each response holds its client: none is under way */
    Py_XDECREF(self->make_error);
    Py_TYPE(object)->tp_free(object);
}

int client_raise(PyObject *client, const struct exchange *exchange)
{
    PyObject *make_error = ((struct client_object *)client)->make_error;
    PyObject *error = NULL;

    if (make_error)
        error = PyObject_CallFunction(make_error, "sNO", error_class_name(exchange->error_class),
                                      text_from(exchange->message), Py_True);
    else
        PyErr_SetString(PyExc_ConnectionError, exchange->message);
    if (error && PyExceptionInstance_Check(error))
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    else if (error)
        PyErr_SetString(PyExc_TypeError, "make_error gave no exception");
    Py_XDECREF(error);
    return -1;
}

/* --- the parts of an order --- */

/* What the headers say of the request as a whole. */
static void note_header(struct exchange_order *order, const char *name, const char *value)
{
    if (strcasecmp(name, "host") == 0)
        order->message->has_host = true;
    else if (strcasecmp(name, "cookie") == 0)
        order->message->has_cookie = true;
    else if (strcasecmp(name, "accept") == 0)
        order->asks_for_stream = strstr(value, "text/event-stream") != NULL;
    else if (strcasecmp(name, "last-event-id") == 0)
        order->is_resuming = *value != '\0';
}

static bool is_field_text(const char *text, size_t len)
{
    return !memchr(text, '\r', len) && !memchr(text, '\n', len) && !memchr(text, '\0', len);
}

/* A token (RFC 9110, section 5.6.2). */
static bool is_name(const char *name, size_t len)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < len; i++) {
        char byte = name[i];

        if (!((byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') ||
              (byte != '\0' && strchr(others, byte))))
            return false;
    }
    return len > 0;
}

/* Latin-1 where the text fits, as http.client encodes headers, else UTF-8. */
static PyObject *encode_value(PyObject *value)
{
    PyObject *bytes;

    if (PyBytes_Check(value)) {
        Py_INCREF(value);
        return value;
    }
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "the value of a header is text, not %R", value);
        return NULL;
    }
    bytes = PyUnicode_AsLatin1String(value);
    if (bytes)
        return bytes;
    PyErr_Clear();
    return PyUnicode_AsUTF8String(value);
}

static int add_header(struct exchange_order *order, struct buf *lines, PyObject *item)
{
    PyObject *name_object, *value_object, *bytes;
    const char *name;
    Py_ssize_t len;
    int result = -1;

    if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 2) {
        PyErr_SetString(PyExc_TypeError, "a header is a pair of name and value");
        return -1;
    }
    name_object = PyTuple_GET_ITEM(item, 0);
    value_object = PyTuple_GET_ITEM(item, 1);
    name = PyUnicode_Check(name_object) ? PyUnicode_AsUTF8AndSize(name_object, &len) : NULL;
    if (!name || !is_name(name, (size_t)len)) {
        PyErr_Format(PyExc_ValueError, "%R is no name of a header", name_object);
        return -1;
    }
    bytes = encode_value(value_object);
    if (!bytes)
        return -1;
    if (is_field_text(PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes))) {
        (void)buf_appendf(lines, "%s: ", name);
        (void)buf_append(lines, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
        (void)buf_append(lines, "\r\n", 2);
        note_header(order, name, PyBytes_AS_STRING(bytes));
        result = 0;
    } else {
        PyErr_Format(PyExc_ValueError, "the value of the header %s holds a line end", name);
    }
    Py_DECREF(bytes);
    return result;
}

static int take_headers(struct exchange_order *order, PyObject *headers)
{
    PyObject *items = PySequence_Fast(headers, "headers are a list of pairs");
    struct buf lines = {0};
    int result = items ? 0 : -1;

    for (Py_ssize_t i = 0; result == 0 && i < PySequence_Fast_GET_SIZE(items); i++)
        result = add_header(order, &lines, PySequence_Fast_GET_ITEM(items, i));
    Py_XDECREF(items);
    if (result < 0) {
        buf_fini(&lines);
        return -1;
    }
    order->message->headers_bytes = lines.len;
    order->message->headers = (char *)lines.bytes; /* owned from here */
    return 0;
}

static int take_url(struct exchange_order *order, const char *text)
{
    struct err err = {0};

    if (url_parse(text, strlen(text), &order->url, &err) == 0)
        return 0;
    PyErr_SetString(PyExc_ValueError, err.text);
    return -1;
}

static int take_timeout(PyObject *value, uint64_t *timeout_ns)
{
    double seconds = value && value != Py_None ? PyFloat_AsDouble(value) : INFINITY;

    if (PyErr_Occurred())
        return -1;
    if (seconds <= 0) {
        PyErr_SetString(PyExc_ValueError, "a timeout is more than 0 seconds");
        return -1;
    }
    *timeout_ns = seconds < 1e9 ? (uint64_t)(seconds * 1e9) : CLOCK_NEVER_NS;
    return 0;
}

/* The paths of one request, until networks_find has looked at them. */
struct tls_paths {
    PyObject *authority, *cert, *key; /* owned bytes; NULL: none */
};

/* A path as bytes; 0 with NULL for None. */
static int take_path(PyObject *value, PyObject **path)
{
    if (!value || value == Py_None)
        return 0;
    return PyUnicode_FSConverter(value, path) ? 0 : -1;
}

/* verify: True, False, or a path; anything else by its truth, as requests has it. */
static int take_verify(PyObject *verify, struct networks_choice *choice, struct tls_paths *paths)
{
    int is_true;

    if (verify && (PyUnicode_Check(verify) || PyBytes_Check(verify) ||
                   PyObject_HasAttrString(verify, "__fspath__"))) {
        if (take_path(verify, &paths->authority) < 0)
            return -1;
        choice->ca_path = PyBytes_AS_STRING(paths->authority);
        return 0;
    }
    is_true = verify && verify != Py_None ? PyObject_IsTrue(verify) : 1;
    choice->is_insecure = is_true == 0;
    return is_true < 0 ? -1 : 0;
}

/* cert: a path, or a pair of them. */
static int take_cert(PyObject *cert, struct networks_choice *choice, struct tls_paths *paths)
{
    PyObject *pair;
    int result;

    if (cert && (PyTuple_Check(cert) || PyList_Check(cert))) {
        pair = PySequence_Fast(cert, "cert is a path or a pair of them");
        if (pair && PySequence_Fast_GET_SIZE(pair) != 2)
            PyErr_SetString(PyExc_ValueError, "cert is a path or a pair of them");
        result = pair && !PyErr_Occurred() &&
                         take_path(PySequence_Fast_GET_ITEM(pair, 0), &paths->cert) == 0 &&
                         take_path(PySequence_Fast_GET_ITEM(pair, 1), &paths->key) == 0
                     ? 0
                     : -1;
        Py_XDECREF(pair);
    } else {
        result = take_path(cert, &paths->cert);
    }
    choice->cert_path = paths->cert ? PyBytes_AS_STRING(paths->cert) : NULL;
    choice->key_path = paths->key ? PyBytes_AS_STRING(paths->key) : NULL;
    return result;
}

static int find_client(struct exchange_order *order, const struct networks_choice *choice)
{
    struct engine_core *core = engine_core_require();
    struct networks *networks = core ? engine_networks(core->engine) : NULL;
    struct err err = {0};

    if (!networks) {
        PyErr_SetString(PyExc_RuntimeError, "the run has not begun");
        return -1;
    }
    order->client = networks_find(networks, choice, &err);
    if (order->client)
        return 0;
    PyErr_SetString(PyExc_OSError, err.text);
    return -1;
}

static int take_client(struct exchange_order *order, PyObject *verify, PyObject *cert)
{
    struct networks_choice choice = {0};
    struct tls_paths paths = {0};
    int result = -1;

    if (take_verify(verify, &choice, &paths) == 0 && take_cert(cert, &choice, &paths) == 0)
        result = find_client(order, &choice);
    Py_XDECREF(paths.authority);
    Py_XDECREF(paths.cert);
    Py_XDECREF(paths.key);
    return result;
}

/* The endpoint of the figures: the name given, else path and query. */
static void take_place(struct exchange_order *order, const char *name)
{
    const struct exchange_host *host = engine_host(engine_core_require()->engine);

    order->place =
        stat_place_of(host->stats, host->delivery, order->method, name ? name : order->url.target);
    order->place.tokens = host->tokens;
}

static int take_method(struct exchange_order *order, const char *method)
{
    if (!is_name(method, strlen(method))) {
        PyErr_Format(PyExc_ValueError, "'%s' is no method", method);
        return -1;
    }
    order->method = x_strdup(method);
    return 0;
}

static int take_body(struct exchange_order *order, PyObject *body)
{
    if (!body || body == Py_None)
        return 0;
    if (!PyBytes_Check(body)) {
        PyErr_SetString(PyExc_TypeError, "the body is bytes");
        return -1;
    }
    order->message->body = PyBytes_AS_STRING(body);
    order->message->body_bytes = (size_t)PyBytes_GET_SIZE(body);
    return 0;
}

static int take_cookies(struct exchange_order *order, const char *cookies)
{
    if (!cookies || !*cookies)
        return 0;
    if (!is_field_text(cookies, strlen(cookies))) {
        PyErr_SetString(PyExc_ValueError, "a cookie holds a line end");
        return -1;
    }
    order->message->cookies = x_strdup(cookies);
    return 0;
}

/* As given to Client.request. */
struct request_arguments {
    const char *method, *url, *name, *cookies;
    PyObject *headers, *body, *connect_timeout, *read_timeout, *verify, *cert;
    int is_streamed, wants_decoding, redirects;
};

static int parse_request(PyObject *args, PyObject *named, struct request_arguments *given)
{
    static const char *const names[] = {
        "method",       "url",           "headers", "body",   "name", "stream",  "connect_timeout",
        "read_timeout", "max_redirects", "decode",  "verify", "cert", "cookies", NULL};

    *given = (struct request_arguments){.wants_decoding = 1, .redirects = 30};
    return PyArg_ParseTupleAndKeywords(
               args, named, "ssO|O$zpOOipOOz", (char **)(uintptr_t)names, &given->method,
               &given->url, &given->headers, &given->body, &given->name, &given->is_streamed,
               &given->connect_timeout, &given->read_timeout, &given->redirects,
               &given->wants_decoding, &given->verify, &given->cert, &given->cookies)
               ? 0
               : -1;
}

static int fill_order(struct exchange_order *order, const struct request_arguments *given)
{
    if (take_method(order, given->method) < 0 || take_url(order, given->url) < 0 ||
        take_headers(order, given->headers) < 0 || take_body(order, given->body) < 0 ||
        take_cookies(order, given->cookies) < 0 ||
        take_timeout(given->connect_timeout, &order->message->connect_timeout_ns) < 0 ||
        take_timeout(given->read_timeout, &order->read_timeout_ns) < 0 ||
        take_client(order, given->verify, given->cert) < 0)
        return -1;
    if (given->redirects < 0 || given->redirects > CLIENT_REDIRECTS_MOST) {
        PyErr_Format(PyExc_ValueError, "redirects are 0 to %d", CLIENT_REDIRECTS_MOST);
        return -1;
    }
    order->redirect_limit = (uint8_t)given->redirects;
    order->is_streamed = given->is_streamed;
    order->wants_decoding = given->wants_decoding;
    take_place(order, given->name);
    return 0;
}

static PyObject *client_request(PyObject *object, PyObject *args, PyObject *named)
{
    struct client_object *self = (struct client_object *)object;
    struct exchange_order order;
    struct request_arguments given;
    PyObject *response = NULL;

    if (!engine_core_require() || parse_request(args, named, &given) < 0)
        return NULL;
    exchange_order_init(&order);
    if (fill_order(&order, &given) == 0)
        response = response_request(object, &self->user, &order,
                                    given.body == Py_None ? NULL : given.body);
    exchange_order_fini(&order); /* empty once taken over */
    return response;
}

/* --- credentials and cookies --- */

static PyObject *client_set_auth(PyObject *object, PyObject *args)
{
    struct client_object *self = (struct client_object *)object;
    const char *scheme, *user = NULL, *password = NULL;
    enum auth_scheme kind = AUTH_NONE;
    struct err err = {0};

    if (!PyArg_ParseTuple(args, "z|zz", &scheme, &user, &password))
        return NULL;
    if (scheme && strcmp(scheme, "basic") == 0)
        kind = AUTH_BASIC;
    else if (scheme && strcmp(scheme, "digest") == 0)
        kind = AUTH_DIGEST;
    else if (scheme && strcmp(scheme, "any") == 0)
        kind = AUTH_ANY;
    else if (scheme)
        return PyErr_Format(PyExc_ValueError, "there is no scheme '%s'", scheme);
    if (kind != AUTH_NONE && (!user || !password)) {
        PyErr_SetString(PyExc_ValueError, "a user and a password are wanted, not None");
        return NULL;
    }
    if (kind != AUTH_NONE && auth_check(kind, user, password, &err) < 0) {
        PyErr_SetString(PyExc_ValueError, err.text);
        return NULL;
    }
    http_session_set_auth(&self->user.session, SESSION_AUTH_STREAM,
                          kind == AUTH_NONE ? NULL : auth_new(kind, user, password));
    Py_RETURN_NONE;
}

static struct cookie_jar *jar_of(const struct client_object *self)
{
    return self->user.session.own ? self->user.session.own->jar : NULL;
}

static PyObject *latin_1(const char *text)
{
    return PyUnicode_DecodeLatin1(text, (Py_ssize_t)strlen(text), NULL);
}

static PyObject *make_cookie(const struct cookie *cookie)
{
    PyObject *expires = Py_None;

    if (cookie->expires_unix_ms > 0)
        expires = PyFloat_FromDouble(cookie->expires_unix_ms / 1e3);
    else
        Py_INCREF(expires);
    /* As http.client reads headers. */
    return Py_BuildValue("NNNNNO", latin_1(cookie->name), latin_1(cookie->value),
                         latin_1(cookie->domain), latin_1(cookie->path), expires,
                         cookie->is_secure ? Py_True : Py_False);
}

static PyObject *client_cookies(PyObject *object, PyObject *unused)
{
    struct cookie_jar *jar = jar_of((struct client_object *)object);
    PyObject *list = PyList_New(0);
    struct cookie cookie;

    (void)unused;
    if (jar)
        cookie_jar_drop_expired(jar, clock_unix_ms());
    for (size_t i = 0; list && jar && cookie_jar_at(jar, i, &cookie); i++) {
        PyObject *item = make_cookie(&cookie);

        if (!item || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

static PyObject *client_set_cookie(PyObject *object, PyObject *args, PyObject *named)
{
    static const char *const names[] = {"name",    "value",  "domain", "path",
                                        "expires", "secure", NULL};
    struct client_object *self = (struct client_object *)object;
    struct cookie cookie = {.path = "/"};
    struct http_belongings *own;
    PyObject *expires = NULL;
    int is_secure = 0;

    if (!PyArg_ParseTupleAndKeywords(args, named, "sss|sOp", (char **)(uintptr_t)names,
                                     &cookie.name, &cookie.value, &cookie.domain, &cookie.path,
                                     &expires, &is_secure))
        return NULL;
    if (expires && expires != Py_None) {
        cookie.expires_unix_ms = PyFloat_AsDouble(expires) * 1e3;
        if (PyErr_Occurred())
            return NULL;
        if (cookie.expires_unix_ms <= 0)
            cookie.expires_unix_ms = 1; /* long past; 0 would be for ever */
    }
    cookie.is_secure = is_secure;
    own = http_session_own(&self->user.session);
    if (!own->jar)
        own->jar = cookie_jar_new();
    return PyBool_FromLong(cookie_jar_put(own->jar, &cookie, clock_unix_ms()) != COOKIE_REFUSED);
}

static PyObject *client_clear_cookies(PyObject *object, PyObject *unused)
{
    (void)unused;
    cookie_jar_clear(jar_of((struct client_object *)object));
    Py_RETURN_NONE;
}

static PyObject *client_close(PyObject *object, PyObject *unused)
{
    (void)unused;
    http_client_close_idle(&((struct client_object *)object)->user.session, true);
    Py_RETURN_NONE;
}

static PyMethodDef client_methods[] = {
    {"request", (PyCFunction)(void (*)(void))client_request, METH_VARARGS | METH_KEYWORDS,
     "Sends a request and waits for its answer."},
    {"set_auth", client_set_auth, METH_VARARGS, "User and password, and the scheme they go by."},
    {"cookies", client_cookies, METH_NOARGS, "(name, value, domain, path, expires, secure) each."},
    {"set_cookie", (PyCFunction)(void (*)(void))client_set_cookie, METH_VARARGS | METH_KEYWORDS,
     "Keeps a cookie; False: it could not be sent."},
    {"clear_cookies", client_clear_cookies, METH_NOARGS, "Forgets all cookies."},
    {"close", client_close, METH_NOARGS, "Closes the connections kept for later."},
    {NULL, NULL, 0, NULL},
};

PyTypeObject ClientType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_cicada.Client",
    .tp_basicsize = sizeof(struct client_object),
    .tp_dealloc = client_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "One user's connections, cookies and credentials.",
    .tp_traverse = client_traverse,
    .tp_clear = client_clear,
    .tp_methods = client_methods,
    .tp_init = client_init,
    .tp_new = PyType_GenericNew,
};

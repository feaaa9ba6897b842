#include "fleet/python.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PYTHON_EXEC_FAILED = 127, PYTHON_WORDS_BEFORE = 8, PYTHON_VARIABLES = 4 };
enum { PYTHON_LOOK_EVERY_MS = 50, PYTHON_END_LIMIT_MS = 5000 };

/* --- where things are --- */

static bool is_program(const char *path)
{
    return access(path, X_OK) == 0;
}

/* As execvp would find it; NULL when there is none. The caller frees it. */
static char *find_in_path(const char *name)
{
    const char *at = getenv("PATH");

    if (strchr(name, '/'))
        return is_program(name) ? x_strdup(name) : NULL;
    while (at && *at != '\0') {
        size_t len = strcspn(at, ":");
        char *path = x_asprintf("%.*s/%s", (int)len, at, name);

        if (len > 0 && is_program(path))
            return path;
        free(path);
        at += len + (at[len] == ':');
    }
    return NULL;
}

/* Sets `interpreter`, which stays NULL on an error. */
static int choose_interpreter(struct python *python, const char *asked, struct err *err)
{
    const char *virtual = getenv("VIRTUAL_ENV");

    if (asked) {
        python->interpreter = find_in_path(asked);
        if (!python->interpreter)
            err_set(err, ERR_USAGE, "option '--python': there is no program '%.200s'", asked);
    } else if (virtual && *virtual != '\0') {
        python->interpreter = x_asprintf("%s/bin/python3", virtual);
        if (!is_program(python->interpreter)) {
            err_set(err, ERR_USAGE,
                    "the active virtual environment (VIRTUAL_ENV) has no program '%.200s': leave "
                    "it, or give --python",
                    python->interpreter);
            free(python->interpreter);
            python->interpreter = NULL;
        }
    } else {
        python->interpreter = find_in_path(CICADA_PYTHON);
        if (!python->interpreter)
            err_set(err, ERR_USAGE,
                    "a Locust file needs Python, and there is no '%s' here any more: give another "
                    "interpreter with --python",
                    CICADA_PYTHON);
    }
    return python->interpreter ? 0 : -1;
}

static bool has_packages(const char *folder)
{
    char *path = x_asprintf("%s/cicada/worker.py", folder);
    bool result = access(path, R_OK) == 0;

    free(path);
    return result;
}

/* Beside the program where it was built, below lib where it was installed. */
static int find_folder(struct python *python, struct err *err)
{
    static const char *const places[] = {"python", "../lib/cicada/python"};
    char program[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    char *slash;

    program[len > 0 ? len : 0] = '\0';
    slash = strrchr(program, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char *folder = x_asprintf("%s/%s", program, places[i]);

        if (has_packages(folder)) {
            python->folder = folder;
            return 0;
        }
        free(folder);
    }
    err_set(err, ERR_SYSTEM,
            "this cicada cannot run Locust files: its Python packages are neither in %.150s/%s nor "
            "in %.150s/%s",
            program, places[0], program, places[1]);
    return -1;
}

static bool is_variable(const char *entry, const char *name)
{
    size_t len = strlen(name);

    return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

static bool is_ours(const char *entry)
{
    return is_variable(entry, "PYTHONPATH") || is_variable(entry, "PYTHONSAFEPATH") ||
           is_variable(entry, "CICADA_HAD_PYTHONPATH") ||
           is_variable(entry, "CICADA_HAD_PYTHONSAFEPATH");
}

/* For cicada.surroundings, which puts back what the user had. */
static char *make_memory(const char *name)
{
    const char *before = getenv(name);

    return x_asprintf("CICADA_HAD_%s=%s%s", name, before ? "=" : "", before ? before : "");
}

/*
 * Ours first on the path of modules, and (from Python 3.11 on) not the current folder, where a
 * folder called "locust" may lie.
 */
static void make_environment(struct python *python)
{
    const char *before = getenv("PYTHONPATH");
    size_t count = 0, kept = 0;

    while (environ[count])
        count++;
    python->environment = x_calloc(count + PYTHON_VARIABLES + 1, sizeof *python->environment);
    for (size_t i = 0; i < count; i++) {
        if (!is_ours(environ[i]))
            python->environment[kept++] = x_strdup(environ[i]);
    }
    python->environment[kept++] = make_memory("PYTHONPATH");
    python->environment[kept++] = make_memory("PYTHONSAFEPATH");
    python->environment[kept++] =
        x_asprintf("PYTHONPATH=%s%s%s", python->folder, before && *before ? ":" : "",
                   before && *before ? before : "");
    python->environment[kept] = x_strdup("PYTHONSAFEPATH=1");
}

int python_find(struct python *python, const char *asked, struct err *err)
{
    *python = (struct python){0};
    if (choose_interpreter(python, asked, err) < 0 || find_folder(python, err) < 0)
        return -1;
    make_environment(python);
    return 0;
}

void python_fini(struct python *python)
{
    for (char **each = python->environment; each && *each; each++)
        free(*each);
    free(python->environment);
    free(python->interpreter);
    free(python->folder);
    *python = (struct python){0};
}

/* --- what a file holds --- */

struct inspection {
    int pipe[2];         /* the answer comes through it */
    int printed, errors; /* files in memory */
    pid_t pid;
    bool has_ended;
    int status; /* of waitpid, once it has ended */
};

/* In the child, between fork and exec: only calls that are safe there. */
static void become_python(const struct python *python, const struct inspection *inspection,
                          char *const *words)
{
    (void)dup2(inspection->printed, STDOUT_FILENO);
    (void)dup2(inspection->errors, STDERR_FILENO);
    (void)fcntl(inspection->pipe[1], F_SETFD, 0);
    (void)execve(python->interpreter, words, python->environment);
    _exit(PYTHON_EXEC_FAILED);
}

/* The caller frees the array, not what it points to. */
static char **make_words(const struct python *python, const struct python_question *question,
                         const char *number)
{
    const char *const before[PYTHON_WORDS_BEFORE] = {
        python->interpreter, "-m",           "cicada.inspect",
        "--cicada-fd",       number,         "--cicada-request",
        question->request,   question->file,
    };
    char **words = x_calloc(PYTHON_WORDS_BEFORE + question->word_count + 1, sizeof *words);

    memcpy(words, before, sizeof before);
    if (question->word_count > 0)
        memcpy(words + PYTHON_WORDS_BEFORE, question->words,
               question->word_count * sizeof *question->words);
    return words;
}

static int open_inspection(struct inspection *inspection, struct err *err)
{
    inspection->printed = memfd_create("printed", MFD_CLOEXEC);
    inspection->errors = memfd_create("errors", MFD_CLOEXEC);
    if (inspection->printed >= 0 && inspection->errors >= 0 &&
        pipe2(inspection->pipe, O_CLOEXEC) == 0)
        return 0;
    err_set(err, ERR_SYSTEM, "cannot start Python: %s", strerror(errno));
    return -1;
}

static int start_inspection(struct inspection *inspection, const struct python *python,
                            const struct python_question *question, struct err *err)
{
    char number[16];
    char **words;

    if (open_inspection(inspection, err) < 0)
        return -1;
    (void)snprintf(number, sizeof number, "%d", inspection->pipe[1]);
    words = make_words(python, question, number);
    inspection->pid = fork();
    if (inspection->pid == 0)
        become_python(python, inspection, words);
    free(words);
    if (inspection->pid > 0)
        return 0;
    err_set(err, ERR_SYSTEM, "cannot start Python: %s", strerror(errno));
    return -1;
}

/* To the end of what comes; 0, or -1 past the limit or on an error of the system. */
static int read_all(int fd, struct buf *out)
{
    for (;;) {
        uint8_t *room = buf_reserve(out, 64 * 1024);
        ssize_t len = room ? read(fd, room, 64 * 1024) : -1;

        if (len > 0)
            buf_grew(out, (size_t)len);
        else if (len == 0)
            return 0;
        else if (!room)
            errno = EFBIG;
        if (len < 0 && errno != EINTR)
            return -1;
    }
}

static bool has_ended(struct inspection *inspection, int options)
{
    pid_t pid = 0;

    while (!inspection->has_ended) {
        pid = waitpid(inspection->pid, &inspection->status, options);
        if (pid == 0)
            return false;
        inspection->has_ended = pid > 0 || errno != EINTR;
    }
    return true;
}

/* Until there is something to read. A process that the script left behind may hold the pipe. */
static void wait_for_more(struct inspection *inspection)
{
    struct pollfd ready = {.fd = inspection->pipe[0], .events = POLLIN};

    while (poll(&ready, 1, PYTHON_LOOK_EVERY_MS) <= 0) {
        if (has_ended(inspection, WNOHANG))
            return;
    }
}

/* As read_all, but not past the end of the process. */
static int read_answer(struct inspection *inspection, struct buf *out)
{
    for (;;) {
        int result;

        wait_for_more(inspection);
        result = read_all(inspection->pipe[0], out);
        if (result == 0 || errno != EAGAIN)
            return result;
        if (inspection->has_ended)
            return 0;
    }
}

/* It has answered: whatever its script does at exit may take only so long. */
static int wait_for_end(struct inspection *inspection)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    int waited_ms = 0;

    while (!has_ended(inspection, WNOHANG) && waited_ms++ < PYTHON_END_LIMIT_MS)
        (void)nanosleep(&pause, NULL);
    if (!inspection->has_ended)
        (void)kill(inspection->pid, SIGKILL);
    (void)has_ended(inspection, 0);
    return inspection->status;
}

static void close_inspection(struct inspection *inspection)
{
    int fds[] = {inspection->pipe[0], inspection->pipe[1], inspection->printed, inspection->errors};

    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
    }
}

/* There is no answer: how did it end? */
static void describe_end(const struct python *python, const char *file, int status, struct err *err)
{
    if (WIFSIGNALED(status))
        err_set(err, ERR_SYSTEM, "'%.150s' could not be inspected: %.150s ended by signal %d (%s)",
                file, python->interpreter, WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == PYTHON_EXEC_FAILED)
        err_set(err, ERR_USAGE, "cannot start the interpreter '%.300s'", python->interpreter);
    else
        err_set(
            err, ERR_SYSTEM,
            "'%.150s' could not be inspected: %.150s exited with status %d; is it Python 3.9 or "
            "later?",
            file, python->interpreter, WEXITSTATUS(status));
}

int python_inspect(const struct python *python, const struct python_question *question,
                   struct python_answer *answer, struct err *err)
{
    struct inspection inspection = {.pipe = {-1, -1}, .printed = -1, .errors = -1};
    int status, result = -1;

    *answer = (struct python_answer){0};
    buf_init(&answer->json, PYTHON_ANSWER_LIMIT_BYTES);
    if (start_inspection(&inspection, python, question, err) < 0)
        goto out;
    (void)close(inspection.pipe[1]);
    inspection.pipe[1] = -1;
    (void)fcntl(inspection.pipe[0], F_SETFL, O_NONBLOCK);
    result = read_answer(&inspection, &answer->json);
    status = wait_for_end(&inspection);
    (void)lseek(inspection.printed, 0, SEEK_SET);
    (void)lseek(inspection.errors, 0, SEEK_SET);
    (void)read_all(inspection.printed, &answer->printed);
    (void)read_all(inspection.errors, &answer->errors);
    if (result < 0 || answer->json.len == 0) {
        python_tell(answer);
        describe_end(python, question->file, status, err);
        result = -1;
    }
out:
    close_inspection(&inspection);
    return result;
}

void python_tell(struct python_answer *answer)
{
    (void)fwrite(answer->printed.bytes, 1, answer->printed.len, stdout);
    (void)fflush(stdout);
    (void)fwrite(answer->errors.bytes, 1, answer->errors.len, stderr);
    buf_clear(&answer->printed);
    buf_clear(&answer->errors);
}

void python_answer_fini(struct python_answer *answer)
{
    buf_fini(&answer->json);
    buf_fini(&answer->printed);
    buf_fini(&answer->errors);
}

#include "fleet/local.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    LOCAL_EXEC_FAILED = 127,
    LOCAL_WORDS_LIMIT = 6,
    LOCAL_REAP_PAUSE_MS = 1,
    LOCAL_REAP_PAUSES = 2000
};

/* In the child, between fork and exec: only calls that are safe there. */
static void become_worker(int fd, const struct local_program *program, pid_t parent)
{
    char number[16];
    const char *words[LOCAL_WORDS_LIMIT + 2] = {NULL};
    size_t count = 0;
    sigset_t none;

    for (; program->words[count] && count < LOCAL_WORDS_LIMIT; count++)
        words[count] = program->words[count];
    words[count] = number;
    (void)snprintf(number, sizeof number, "%d", fd);
    (void)signal(SIGINT, SIG_IGN);  /* only the controller hears Ctrl-C, from the first moment */
    (void)signal(SIGTERM, SIG_IGN); /* which may go to the whole group likewise */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)fcntl(fd, F_SETFD, 0); /* the one descriptor that stays */
    /* A script that never gives way does not see its channel close: its load ends all the same. */
    if (!program->is_own && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
        _exit(LOCAL_EXEC_FAILED);
    (void)execve(program->path, (char *const *)(uintptr_t)words, program->environment);
    if (program->is_own)
        (void)execve("/proc/self/exe", (char *const *)(uintptr_t)words, program->environment);
    _exit(LOCAL_EXEC_FAILED);
}

int local_worker_start(struct local_worker *worker, const struct local_program *program,
                       struct err *err)
{
    static const char *const own_words[] = {"cicada", "worker", NULL};
    char own_path[PATH_MAX]; /* by its name, for ps and top */
    ssize_t len = readlink("/proc/self/exe", own_path, sizeof own_path - 1);
    struct local_program own = {
        .path = own_path, .words = own_words, .environment = environ, .is_own = true};
    int pair[2];
    pid_t pid, parent = getpid();

    own_path[len > 0 ? len : 0] = '\0';
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        err_set(err, ERR_SYSTEM, "cannot make a channel to a worker: %s", strerror(errno));
        return -1;
    }
    pid = fork();
    if (pid < 0) {
        err_set(err, ERR_SYSTEM, "cannot start a worker process: %s", strerror(errno));
        (void)close(pair[0]);
        (void)close(pair[1]);
        return -1;
    }
    if (pid == 0)
        become_worker(pair[1], program ? program : &own, parent);
    (void)close(pair[1]);
    *worker = (struct local_worker){.pid = pid, .fd = pair[0]};
    return 0;
}

void local_worker_kill(const struct local_worker *worker)
{
    if (worker->pid > 0)
        (void)kill(worker->pid, SIGKILL);
}

bool local_worker_has_ended(const struct local_worker *worker)
{
    siginfo_t info = {0};

    if (worker->pid <= 0)
        return true;
    return waitid(P_PID, (id_t)worker->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == worker->pid;
}

void local_worker_reap(struct local_worker *worker, char *text, size_t cap)
{
    const struct timespec pause = {.tv_nsec = LOCAL_REAP_PAUSE_MS * 1000000};
    int status = 0, pauses = 0;
    pid_t pid;

    text[0] = '\0';
    if (worker->pid <= 0)
        return;
    for (;;) {
        pid = waitpid(worker->pid, &status, WNOHANG);
        if (pid > 0 || (pid < 0 && errno != EINTR))
            break;
        if (pauses++ == LOCAL_REAP_PAUSES)
            local_worker_kill(worker);
        (void)nanosleep(&pause, NULL);
    }
    worker->pid = 0;
    if (WIFSIGNALED(status))
        (void)snprintf(text, cap, "ended by signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0)
        (void)snprintf(text, cap, "exited with status %d", WEXITSTATUS(status));
}

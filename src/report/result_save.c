#include "report/result_save.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct err *err, const char *path)
{
    err_set(err, ERR_SYSTEM, "cannot write '%s': %s", path, strerror(errno));
    return -1;
}

/* Where to write: `place` for good, `beside` until it is whole. NULL beside: write in place. */
struct target {
    char *place, *beside;
};

static void target_fini(struct target *target)
{
    free(target->place);
    free(target->beside);
}

static int target_init(struct target *target, const char *path, struct err *err)
{
    struct stat status;
    bool is_there = stat(path, &status) == 0;
    char *real = is_there ? realpath(path, NULL) : NULL;

    *target = (struct target){.place = x_strdup(real ? real : path)};
    free(real);
    if (*path == '\0') {
        err_set(err, ERR_USAGE, "the name of the file to write is empty");
        return -1;
    }
    if (is_there && S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return fail(err, path);
    }
    if (is_there && access(path, W_OK) < 0)
        return fail(err, path);
    if (!is_there || S_ISREG(status.st_mode))
        target->beside = x_asprintf("%s.%ld.part", target->place, (long)getpid());
    return 0;
}

static int open_target(const struct target *target)
{
    if (target->beside)
        return open(target->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return open(target->place, O_WRONLY | O_CLOEXEC);
}

static int write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, text, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        text += put;
        len -= (size_t)put;
    }
    return 0;
}

int result_save_check(const char *path, struct err *err)
{
    struct target target;
    int result = target_init(&target, path, err), fd = -1;

    if (result < 0 || !target.beside)
        goto out;
    fd = open_target(&target);
    if (fd < 0) {
        result = fail(err, path);
        goto out;
    }
    (void)close(fd);
    (void)unlink(target.beside);
out:
    target_fini(&target);
    return result;
}

int result_save(const char *path, const char *text, size_t len, struct err *err)
{
    struct target target;
    int result = target_init(&target, path, err), fd = -1;
    bool is_written;

    if (result < 0)
        goto out;
    fd = open_target(&target);
    if (fd < 0) {
        result = fail(err, path);
        goto out;
    }
    is_written = write_all(fd, text, len) == 0;
    /* Some file systems report a full disk only here. */
    is_written = close(fd) == 0 && is_written;
    if (is_written && target.beside)
        is_written = rename(target.beside, target.place) == 0;
    if (!is_written) {
        result = fail(err, path);
        if (target.beside)
            (void)unlink(target.beside);
    }
out:
    target_fini(&target);
    return result;
}

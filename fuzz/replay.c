/*
 * fuzz/replay.c - runs a fuzz target over saved inputs, for builds without libFuzzer.
 *
 * Takes files and folders (not their subfolders). A wrong answer aborts inside the target; an input
 * that cannot be read, or none at all, fails the run.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { INPUT_LIMIT_BYTES = 16 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static int complain(const char *path)
{
    (void)fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
    return -1;
}

/* The target gets memory of exactly the input's size, so that a sanitizer sees a read past it. */
static int replay_bytes(FILE *file, const char *path, size_t len)
{
    uint8_t *bytes = malloc(len > 0 ? len : 1);
    int result = -1;

    if (bytes && fread(bytes, 1, len, file) == len) {
        (void)LLVMFuzzerTestOneInput(bytes, len);
        result = 0;
    } else {
        (void)complain(path);
    }
    free(bytes);
    return result;
}

/* Counts the file in *count. 0 or -1. */
static int replay_file(const char *path, size_t *count)
{
    FILE *file = fopen(path, "rbe");
    struct stat info;
    int result = -1;

    if (!file)
        return complain(path);
    if (fstat(fileno(file), &info) < 0)
        (void)complain(path);
    else if (info.st_size > INPUT_LIMIT_BYTES)
        (void)fprintf(stderr, "replay: %s: larger than 16 MiB\n", path);
    else
        result = replay_bytes(file, path, (size_t)info.st_size);
    (void)fclose(file);
    *count += 1;
    return result;
}

static int replay_folder(const char *path, size_t *count)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    int result = 0;

    if (!folder)
        return complain(path);
    for (entry = readdir(folder); entry; entry = readdir(folder)) {
        char name[4096];
        struct stat info;

        (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (stat(name, &info) == 0 && S_ISREG(info.st_mode) && replay_file(name, count) < 0)
            result = -1;
    }
    (void)closedir(folder);
    return result;
}

int main(int argc, char **argv)
{
    int status = EXIT_SUCCESS;
    size_t count = 0;

    for (int i = 1; i < argc; i++) {
        struct stat info;
        int result;

        if (stat(argv[i], &info) < 0)
            result = complain(argv[i]);
        else
            result = S_ISDIR(info.st_mode) ? replay_folder(argv[i], &count)
                                           : replay_file(argv[i], &count);
        if (result < 0)
            status = EXIT_FAILURE;
    }
    (void)printf("replay: %zu inputs\n", count);
    if (count == 0) {
        (void)fputs("replay: no input found\n", stderr);
        status = EXIT_FAILURE;
    }
    return status;
}
